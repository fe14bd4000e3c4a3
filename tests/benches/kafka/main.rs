//! How near the real `hinge run` comes on a real broker to a copy that neither reads nor decides anything.
//!
//! `make bench-kafka`. The copy writes what `hinge` wrote for the same orders, record for record and with as many
//! header bytes, exactly once and with the same batch rule. Both work on the same events in turn, each in a
//! process of its own, and after each run every record of theirs is checked. Ratios hold on any machine; times
//! are those of this one.

mod arms;
mod check;
mod clients;
mod copy;
mod generator;
mod latency;
mod options;
mod process;
mod report;
mod restart;
mod site;
mod soak;
mod speed;

use std::process::ExitCode;

use hinge_domain::Format;

use options::{Arm, Options};
use report::Report;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == site::COPY) {
        copy::run(&arguments[1..]);
    }
    // `cargo test --benches` and the like only want to know whether it starts.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let options = match Options::of(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\nusage: {}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let mut report = Report::default();
    let measured = match options.soak {
        Some(lasting) => soak::measure(&options, lasting, &mut report),
        None => options.arms.iter().try_for_each(|arm| match arm {
            Arm::Json => arms::speed(&options, ("JSON", Format::Json, 0.5), &mut report),
            Arm::Avro => arms::speed(&options, ("Avro", Format::Avro, 0.55), &mut report),
            Arm::Latency => arms::latency(&options, &mut report),
            Arm::Processes => arms::processes(&options, &mut report),
            Arm::Restart => restart::measure(&options, &mut report),
        }),
    };
    match measured {
        Some(()) if report.print() => ExitCode::SUCCESS,
        // Without a broker nothing was measured, which is no success either.
        Some(()) | None => ExitCode::FAILURE,
    }
}
