//! When a partition stops and when it does not, record by record.

use hinge_stream::{Headers, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::outcome::Filtered;

const BAD: Outcome = Outcome::Rejected(Code::JsonInvalid);
const GOOD: Outcome = Outcome::Emitted;

fn place() -> TopicPartition {
    TopicPartition::new("order.events", 1)
}

fn stops() -> Stops {
    let mut stops = Stops::new(StopLimits::default());
    stops.take_up([place(), TopicPartition::new("order.events", 2)].iter());
    stops
}

/// Counts the outcomes up to the one that stops the partition; its position, from 1, and the reason.
fn stopped_at(stops: &mut Stops, outcomes: impl IntoIterator<Item = Outcome>) -> Option<(i64, StopReason)> {
    for (offset, outcome) in (0..).zip(outcomes) {
        let record = Record {
            place: place(),
            offset: Offset(offset),
            timestamp: Timestamp::Unknown,
            key: None,
            value: None,
            headers: Headers::none(),
        };
        stops.count(&record, outcome);
        if stops.is_stopped(&place()) {
            return Some((offset + 1, stops.stopped()[&place()].reason));
        }
    }
    None
}

/// So many of an outcome.
fn run(outcome: Outcome, count: usize) -> impl Iterator<Item = Outcome> {
    std::iter::repeat_n(outcome, count)
}

#[test]
fn the_fiftieth_rejected_record_in_a_row_stops_its_partition_and_no_other() {
    let mut one = stops();
    assert_eq!(stopped_at(&mut one, run(BAD, 100)), Some((50, StopReason::RejectedInARow)));
    assert!(!one.is_stopped(&TopicPartition::new("order.events", 2)));
    let broken = run(BAD, 49).chain([GOOD]).chain(run(BAD, 49));
    assert_eq!(stopped_at(&mut stops(), broken), None, "a good one between begins anew");
    let repetition = Outcome::Filtered(Filtered::Repetition);
    assert_eq!(stopped_at(&mut stops(), run(BAD, 49).chain([repetition]).chain(run(BAD, 49))), None);
    let held = run(BAD, 49).chain([Outcome::Held]).chain([BAD]);
    assert_eq!(
        stopped_at(&mut stops(), held),
        Some((51, StopReason::RejectedInARow)),
        "held ones do not count"
    );
}

#[test]
fn more_than_one_per_cent_stops_once_a_thousand_records_were_seen() {
    let every = |bad: usize, distance: usize| {
        (0..bad).flat_map(move |_| [BAD].into_iter().chain(run(GOOD, distance - 1)))
    };
    let share = Some((1_000, StopReason::RejectedShare));
    assert_eq!(stopped_at(&mut stops(), every(10, 20).chain(run(GOOD, 2_000))), None, "ten are one per cent");
    assert_eq!(stopped_at(&mut stops(), every(11, 20).chain(run(GOOD, 2_000))), share);
    // The window slides: ten old ones and one new one are eleven only while the first of them is within it.
    let late = |gap: usize| run(GOOD, 3_000).chain(every(10, 2)).chain(run(GOOD, gap)).chain([BAD]);
    assert_eq!(stopped_at(&mut stops(), late(979)), Some((4_000, StopReason::RejectedShare)));
    assert_eq!(stopped_at(&mut stops(), late(980)), None);
    let held = every(11, 20).chain(run(GOOD, 779)).chain(run(Outcome::Held, 500));
    assert_eq!(stopped_at(&mut stops(), held), None, "999 were seen: held ones do not count");
}

#[test]
fn a_stop_says_what_to_look_at() {
    let mut one = stops();
    let other = Outcome::Rejected(Code::DataInvalid);
    stopped_at(&mut one, [BAD, GOOD].into_iter().chain(run(BAD, 48)).chain([other, other]));
    let stop = &one.stopped()[&place()];
    assert_eq!((stop.first, stop.last), (Offset(2), Offset(51)));
    assert_eq!(
        stop.to_string(),
        "too many records in a row were rejected, offsets 2 to 51: json-invalid 48, data-invalid 2"
    );
}

#[test]
fn what_was_rolled_back_was_never_counted_and_what_goes_on_begins_at_zero() {
    let mut one = stops();
    stopped_at(&mut one, run(BAD, 40));
    one.keep();
    assert!(stopped_at(&mut one, run(BAD, 10)).is_some());
    one.forget();
    assert!(!one.any());
    assert_eq!(stopped_at(&mut one, run(BAD, 10)), Some((10, StopReason::RejectedInARow)));
    one.keep();
    assert!(one.next_to_stand().is_some() && one.next_to_stand().is_none());
    one.forget();
    assert!(one.any(), "what stands was committed");
    assert!(one.resume(&place()) && !one.resume(&place()));
    assert_eq!(stopped_at(&mut one, run(BAD, 49)), None);
}

proptest! {
    /// Whatever comes, the counts answer by the rule, word for word.
    #[test]
    fn the_counts_answer_by_the_rule(rejected in proptest::collection::vec(proptest::bool::weighted(0.3), 1..200)) {
        let limits = StopLimits { percent: 40.0, window: 20, in_a_row: 8 };
        let mut counts = Counts::default();
        for (position, is_rejected) in rejected.iter().enumerate() {
            let seen = &rejected[..=position];
            let told = counts.count(&limits, is_rejected.then_some((Offset(0), Code::Panic)));
            let in_a_row = seen.iter().rev().take_while(|rejected| **rejected).count();
            let in_window = seen.iter().rev().take(20).filter(|rejected| **rejected).count();
            let expected = if *is_rejected && in_a_row >= 8 {
                Some(StopReason::RejectedInARow)
            } else {
                (seen.len() >= 20 && in_window > 8).then_some(StopReason::RejectedShare)
            };
            prop_assert_eq!(told, expected);
        }
    }
}
