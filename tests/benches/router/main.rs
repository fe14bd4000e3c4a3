//! How fast the router is: one order without a log, its parts, and many events on the embedded log beside a bare
//! copy of the same records.
//!
//! `make bench`. The table at the end says what is wanted and whether it was met; ratios hold on any machine,
//! times are those of this one. Arguments: parts of the table to measure (`order`, `parts`, `copy`); all without.

mod copy;
mod one_order;
mod parts;

use std::fs;
use std::path::Path;

use hinge_domain::Format;
use hinge_schema::Encoding;

/// One line of the table: what, measured, wanted, verdict.
type Row = [String; 4];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` and the like only want to know whether it starts.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let chosen: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|chosen| *chosen == part);
    let mut rows: Vec<Row> = Vec::new();
    if wanted("parts") {
        parts::measure();
    }
    if chosen.is_empty() {
        rows.extend(rows_of_domain());
    }
    if wanted("order") {
        rows.extend(orders("JSON", (Encoding::JsonBinary, Format::Json), 10.0));
        rows.extend(orders("Avro", (Encoding::Avro, Format::Avro), 8.0));
    }
    if wanted("copy") {
        let ratio = copy::median_ratio();
        rows.push(row(
            "the router on the embedded log beside a bare copy",
            (format!("{ratio:.3}"), "at least 0.5"),
            ratio >= 0.5,
        ));
    }
    println!("\n{:<74} {:<40} {:<14} verdict", "what", "measured", "wanted");
    for [what, measured, wanted, verdict] in rows {
        println!("{what:<74} {measured:<40} {wanted:<14} {verdict}");
    }
}

fn orders(name: &str, (encoding, format): (Encoding, Format), most: f64) -> [Row; 2] {
    let one = one_order::measure(encoding, format);
    println!(
        "one order in {name}: {} bytes in, {:.2} records out, {:.2} us in the fastest batch, {:.2} in the median one",
        one.bytes, one.outputs, one.fastest, one.median
    );
    let time = format!("{:.2} us (median)", one.median);
    let allocations = format!("{:.1}", one.allocations);
    [
        row(
            &format!("one order in {name}, without a log"),
            (time, &format!("at most {most:.0} us")),
            one.median <= most,
        ),
        row(
            &format!("allocations of one order in {name}"),
            (allocations, "at most 40"),
            one.allocations <= 40.0,
        ),
    ]
}

fn row(what: &str, (measured, wanted): (String, &str), met: bool) -> Row {
    [what.to_owned(), measured, wanted.to_owned(), if met { "met" } else { "NOT MET" }.to_owned()]
}

/// What the benchmark of the domain has left, which runs before this one.
fn rows_of_domain() -> Vec<Row> {
    let left = fs::read_to_string(Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts-domain.txt"));
    let row = |line: &str| {
        let parts: Vec<String> = line.split('|').map(str::to_owned).collect();
        parts.try_into().ok()
    };
    left.unwrap_or_default().lines().filter_map(row).collect()
}
