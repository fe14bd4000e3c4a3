//! The rows of a file of JSON lines: one object a line, as topics have them too.

use anyhow::{Result, bail};
use hinge_schema::json_row;

use super::lines::Lines;
use super::rows::{BadRow, Numbered};

/// The rows of one file.
pub(super) struct JsonRows {
    lines: Lines,
}

impl JsonRows {
    /// Rows of JSON lines; one large JSON list is refused.
    pub(super) fn new(mut lines: Lines) -> Result<Self> {
        if lines.first_byte() == Some(b'[') {
            bail!(
                "it is one JSON list, and JSON lines are read: one object a line; `jq -c '.[]' FILE` makes them"
            );
        }
        Ok(Self { lines })
    }

    /// The next row, or what stands there instead.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        loop {
            let line = self.lines.next()?;
            if let Some(broken) = &line.broken {
                let row = Err(BadRow::broken(broken, &line.bytes));
                return Some(Numbered { line: line.number, row });
            }
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            let row = json_row(&line.bytes).map_err(|why| why.detail);
            return Some(Numbered {
                line: line.number,
                row: row.map_err(|reason| BadRow::new(reason, &line.bytes)),
            });
        }
    }
}
