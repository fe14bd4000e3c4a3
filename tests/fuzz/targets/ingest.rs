//! The readers of `hinge ingest`, which is a program and no library.
#![expect(dead_code, reason = "the program calls more of them")]

use std::path::Path;

use hinge_domain::Row;
use indicatif::ProgressBar;

#[path = "../../../crates/hinge/src/ingest/csv_rows.rs"]
mod csv_rows;
#[path = "../../../crates/hinge/src/ingest/json_rows.rs"]
mod json_rows;
#[path = "../../../crates/hinge/src/ingest/lines.rs"]
mod lines;
#[path = "../../../crates/hinge/src/ingest/rows.rs"]
mod rows;

/// The rows that can be read.
pub fn read(path: &Path, delimiter: u8) -> Vec<Row> {
    let Ok(mut rows) = rows::Rows::open(path, delimiter, &ProgressBar::hidden()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    while let Some(numbered) = rows.next() {
        all.extend(numbered.row);
    }
    all
}
