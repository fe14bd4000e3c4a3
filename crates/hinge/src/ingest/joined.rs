//! Rows of other files, held in memory by their key, to be looked up for each row that is mapped.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, anyhow};
use hinge_domain::{Join, Mapping, Row, Value};
use indicatif::ProgressBar;

use super::rejects::Rejects;
use super::rows::Rows;
use super::unusable;

/// The rows of one joined file.
#[derive(Debug)]
pub(super) struct Joined {
    by_key: HashMap<Box<str>, Vec<Row>>,
    /// How many rows there are.
    pub(super) rows: u64,
}

impl Joined {
    /// Reads a whole file. Rows that have no key are rejected; so is a second row of one key where one is
    /// expected.
    ///
    /// # Errors
    /// `input-unusable` where a line cannot be read or the file breaks off: nobody knows to which key such a line
    /// belongs, and an event that is computed without it would tell a wrong value.
    pub(super) fn read(
        (mapping, join): (&Mapping, &Join),
        path: &Path,
        progress: &ProgressBar,
        rejects: &mut Rejects,
    ) -> Result<Self> {
        let opened = Rows::open(path, mapping.delimiter, progress);
        let mut rows = opened.map_err(|why| unusable(&why))?;
        if rows.is_empty() {
            let why = anyhow!("`{}` is empty, and the mapping looks rows up in it", path.display());
            return Err(unusable(&why));
        }
        rows.check_columns(&mapping.columns_of(&join.name)).map_err(|why| unusable(&why))?;
        let mut joined = Self { by_key: HashMap::new(), rows: 0 };
        while let Some(numbered) = rows.next() {
            joined.rows += 1;
            let row = numbered.row.map_err(|bad| {
                unusable(&anyhow!(
                    "`{}`, line {}: {}; the mapping looks rows up in this file, and without this line events \
                     would tell wrong values: correct it, then ingest again",
                    path.display(),
                    numbered.line,
                    bad.reason
                ))
            })?;
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
