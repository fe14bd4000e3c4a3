//! What happens where a real part (Kafka, Java, a browser) is missing: CI fails, a developer's machine skips.
//!
//! A test that needs a part asks for it, gets an `Option` and returns early on `None`; whoever makes the
//! part calls [`missing`] before handing out `None`, so that no test is skipped in silence.

use std::io::Write as _;

/// Tells in one line that the current test is skipped, and why.
///
/// Panics when `CI` is `true`: there, a part that is missing is a fault of the set-up.
pub fn missing(part: &str, why: &str) {
    assert!(!in_ci(), "{part} is missing, and in CI it must not be: {why}");
    skipped(part, why);
}

/// Tells in one line that the current test is skipped, and why: for a part that CI too may go without.
pub fn skipped(part: &str, why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`, which the test harness swallows when the test passes. Where standard error is
    // closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "skipped {test}: {part} is missing: {why}");
}

/// Whether this runs in CI.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
