//! What processes counted (`hinge_records_total` in Prometheus' text form), held against the log.

use std::fs;
use std::path::PathBuf;

use crate::outputs::Tally;
use crate::verdict::{Kind, Verdict};

const METRIC: &str = "hinge_records_total{";

/// Adds up what these files say.
///
/// # Errors
/// A file that cannot be read, or has no such metric.
pub fn read(files: &[PathBuf]) -> Result<Tally, String> {
    let mut sum = Tally::new();
    for path in files {
        let wrong = |why: &str| format!("{}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(METRIC)).collect();
        if lines.is_empty() {
            return Err(wrong("no hinge_records_total"));
        }
        for line in lines {
            let (key, count) = series(line).ok_or_else(|| wrong("a line that is no metric"))?;
            *sum.entry(key).or_default() += count;
        }
    }
    Ok(sum)
}

/// The labels and the value of a line: topic, outcome and reason.
fn series(line: &str) -> Option<((String, String, String), u64)> {
    let (labels, value) = line.rsplit_once("} ")?;
    let label = |name: &str| {
        let found =
            labels.split("\",").find_map(|label| label.trim().strip_prefix(name)?.strip_prefix("=\""));
        found.map(|value| value.trim_end_matches('"').to_owned())
    };
    let value: f64 = value.split(' ').next()?.parse().ok()?;
    let whole = value >= 0.0 && value.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number that is not negative"
    )]
    let count = Some(value as u64).filter(|_| whole)?;
    Some(((label("topic")?, label("outcome")?, label("reason")?), count))
}

/// Compares what was counted with what the log says.
pub fn compare(counted: &Tally, logged: &Tally, verdict: &mut Verdict) {
    let keys: std::collections::BTreeSet<_> = counted.keys().chain(logged.keys()).collect();
    for key in keys {
        let of = |tally: &Tally| tally.get(key).copied().unwrap_or_default();
        if of(counted) != of(logged) {
            verdict.add(Kind::Counters, || {
                format!("{key:?} was counted {} times, and the log has {}", of(counted), of(logged))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_metrics_is_read_and_differences_are_found() {
        let line = r#"outcome="filtered",reason="repetition",role="router",topic="order.events"} 17"#;
        let key = ("order.events".to_owned(), "filtered".to_owned(), "repetition".to_owned());
        assert_eq!(series(line), Some((key.clone(), 17)));
        let emitted = r#"outcome="emitted",reason="",role="router",topic="order.events"} 0"#;
        let never = ("order.events".to_owned(), "emitted".to_owned(), String::new());
        assert_eq!(series(emitted), Some((never.clone(), 0)));
        assert_eq!(series("x"), None);

        let counted = Tally::from([(key.clone(), 17), (never, 0)]);
        let found = |logged: u64| {
            let mut verdict = Verdict::default();
            compare(&counted, &Tally::from([(key.clone(), logged)]), &mut verdict);
            verdict.of(Kind::Counters)
        };
        assert_eq!([found(17), found(16)], [0, 1]);
    }
}
