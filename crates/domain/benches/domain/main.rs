//! What decisions cost: with few rules and with many, without people and with ten thousand.
//!
//! `make bench`. Each part leaves rows for the table that stands at the end of it.

#![expect(clippy::unwrap_used, reason = "a benchmark stops where something is wrong")]

mod audiences;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::Criterion;

/// One line of the table: what, measured, wanted, verdict.
type Row = [String; 4];

fn main() {
    // `cargo test --benches` and the like only want to know whether it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut criterion = Criterion::default()
        .output_directory(&folder().join("criterion"))
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let rows: Vec<Row> = [rules::measure(&mut criterion), audiences::measure(&mut criterion)].concat();
    criterion.final_summary();
    let lines: String = rows.iter().map(|row| row.join("|") + "\n").collect();
    print!("{lines}");
    fs::write(folder().join("verdicts-domain.txt"), lines).unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned()
}

/// A row on a ratio that may be `most` at the most.
fn row(what: &str, ratio: f64, times: &str, most: f64) -> Row {
    let verdict = if ratio <= most { "met" } else { "NOT MET" };
    [what.to_owned(), format!("{ratio:.2} ({times})"), format!("at most {most:.1}"), verdict.to_owned()]
}

/// The median of what `rounds` give.
pub(crate) fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
