//! Rows of other files, held in memory by their key, to be looked up for each row that is mapped.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use hinge_domain::{Join, Mapping, Row, Value};
use indicatif::ProgressBar;

use super::rejects::Rejects;
use super::rows::Rows;

/// The rows of one joined file.
#[derive(Debug)]
pub(super) struct Joined {
    by_key: HashMap<Box<str>, Vec<Row>>,
    /// How many rows there are.
    pub(super) rows: u64,
}

impl Joined {
    /// Reads a whole file. Rows that cannot be read, or that have no key, are rejected; so is a second row
    /// of one key where one is expected. A file that breaks off is an error, since what it lacks would be
    /// missing from events without a word.
    pub(super) fn read(
        (mapping, join): (&Mapping, &Join),
        path: &Path,
        progress: &ProgressBar,
        rejects: &mut Rejects,
    ) -> Result<Self> {
        let mut rows = Rows::open(path, mapping.delimiter, progress)?;
        if rows.is_empty() {
            bail!("`{}` is empty, and the mapping looks rows up in it", path.display());
        }
        rows.check_columns(&mapping.columns_of(&join.name))?;
        let mut joined = Self { by_key: HashMap::new(), rows: 0 };
        while let Some(numbered) = rows.next() {
            joined.rows += 1;
            let row = match numbered.row {
                Ok(row) => row,
                Err(bad) if bad.cut_off => {
                    bail!("`{}`, line {}: {}", path.display(), numbered.line, bad.reason)
                }
                Err(bad) => {
                    rejects.unreadable(path, numbered.line, bad)?;
                    continue;
                }
            };
            let Some(key) = key_of(&row, &join.key) else {
                rejects.row(path, numbered.line, &format!("its key `{}` is not given", join.key), &row)?;
                continue;
            };
            let same = joined.by_key.entry(key).or_default();
            if join.many || same.is_empty() {
                same.push(row);
            } else {
                let reason = format!("an earlier row has the same `{}`, and one is expected", join.key);
                rejects.row(path, numbered.line, &reason, &row)?;
            }
        }
        Ok(joined)
    }

    /// The rows of a key, in the order of the file.
    pub(super) fn get(&self, key: &str) -> &[Row] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }
}

fn key_of(row: &Row, name: &str) -> Option<Box<str>> {
    let (_, value) = row.iter().find(|(column, _)| **column == *name)?;
    match value {
        Value::Text(text) => Some(text.as_ref().into()),
        Value::Int(number) => Some(number.to_string().into()),
        _ => None,
    }
}
