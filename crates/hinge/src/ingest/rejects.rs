//! Rows that cannot be mapped: a file of JSON lines with file, line, reason and the row itself.
//!
//! It holds what the rows hold, so only its owner may read it, and nothing of it goes into the log.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use hinge_domain::{Row, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::rows::BadRow;
use crate::exit::Coded;

/// The rejects of one run. The file is made with the first of them, over that of an earlier run.
#[derive(Debug)]
pub(super) struct Rejects {
    kept: bool,
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
    /// Where the first one stands, for the summary; without anything of the row.
    first: Option<String>,
}

#[derive(Serialize)]
struct Reject<'a> {
    file: &'a str,
    line: u64,
    /// What kind of reason: `row-unreadable` or `row-unmapped`, which `hinge explain` knows.
    code: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<AsWritten<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A row as it can be brought in again: numbers are numbers, with the digits that they came with.
enum AsWritten<'a> {
    Row(&'a [(Arc<str>, Value)]),
    Value(&'a Value),
}

impl Serialize for AsWritten<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(Value::Record(row)) => Self::Row(row).serialize(serializer),
            Self::Row(row) => {
                let given = row.iter().filter(|(_, value)| !value.is_absent());
                serializer.collect_map(given.map(|(name, value)| (name, Self::Value(value))))
            }
            Self::Value(Value::List(values)) => serializer.collect_seq(values.iter().map(Self::Value)),
            Self::Value(Value::Decimal(number)) => {
                let digits = RawValue::from_string(number.to_string());
                digits.map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl Rejects {
    /// Rejects that are counted and not kept.
    pub(super) fn nowhere() -> Self {
        Self { kept: false, ..Self::new(PathBuf::new()) }
    }

    pub(super) fn new(path: PathBuf) -> Self {
        Self { kept: true, path, file: None, count: 0, first: None }
    }

    /// A row that was read but says nothing that could be an event.
    pub(super) fn row(&mut self, file: &Path, line: u64, reason: &str, row: &Row) -> Result<()> {
        let row = Some(AsWritten::Row(row));
        self.add(&Reject {
            file: &file.to_string_lossy(),
            line,
            code: "row-unmapped",
            reason,
            row,
            text: None,
        })
    }

    /// Text that is no row.
    pub(super) fn unreadable(&mut self, file: &Path, line: u64, bad: BadRow) -> Result<()> {
        let text = Some(bad.text);
        self.add(&Reject {
            file: &file.to_string_lossy(),
            line,
            code: "row-unreadable",
            reason: &bad.reason,
            row: None,
            text,
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Where the first stands, as `orders.csv:17`.
    pub(super) fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// Ends the file; gives its path if there is one.
    pub(super) fn finish(&mut self) -> Result<Option<&Path>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        file.flush().map_err(|error| unwritable(&self.path, &error))?;
        Ok(Some(&self.path))
    }

    fn add(&mut self, reject: &Reject<'_>) -> Result<()> {
        self.count += 1;
        self.first.get_or_insert_with(|| format!("{}:{}", reject.file, reject.line));
        if !self.kept {
            return Ok(());
        }
        let failed = |error: std::io::Error| unwritable(&self.path, &error);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(create(&self.path).map_err(failed)?)),
        };
        serde_json::to_writer(&mut *file, reject)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(failed)
    }
}

/// Refuses a path to which the rejects cannot be written, or that is one of the files that are read, before anything
/// is done: the rejects replace what is there.
///
/// # Errors
/// `rejects-unusable`.
pub(super) fn check<'a>(path: &Path, read: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let existing = match OpenOptions::new().write(true).open(path) {
        Ok(_) => path.canonicalize(),
        // The file is made with the first reject; until then its folder must do.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return match folder.map(Path::metadata) {
                None => Ok(()),
                Some(Ok(found)) if found.is_dir() => Ok(()),
                Some(Ok(_)) => Err(unwritable(path, &std::io::ErrorKind::NotADirectory.into())),
                Some(Err(error)) => Err(unwritable(path, &error)),
            };
        }
        Err(error) => Err(error),
    };
    let existing = existing.map_err(|error| unwritable(path, &error))?;
    let same = |file: &&PathBuf| file.canonicalize().is_ok_and(|file| file == existing);
    match read.into_iter().find(same) {
        None => Ok(()),
        Some(file) => {
            let message = format!(
                "the rejects would overwrite `{}`, which is read; `--rejects FILE` writes them elsewhere",
                file.display()
            );
            Err(Coded::new("rejects-unusable", 2, message).into())
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let message = format!(
        "cannot write the rejects to `{}`: {error}; `--rejects FILE` writes them elsewhere",
        path.display()
    );
    Coded::new("rejects-unusable", 74, message).into()
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_as_it_was_written() {
        let written = r#"{"a":{"b":[1234567890123456.78,1.50,"1.5",true]},"c":7}"#;
        let row = hinge_schema::json_row(written.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&AsWritten::Row(&row)).unwrap(), written);
    }
}
