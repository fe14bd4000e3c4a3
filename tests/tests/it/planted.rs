//! The checker finds bugs that are planted into the real program, and nothing where there is none. The quickest of
//! them; `torture planted` does them all.

use hinge_tests::planted::{Found, named};

const SEED: u64 = 5;

/// What the checker says of this one.
fn tried_out(name: &str) -> Option<Found> {
    let plant = named(name).unwrap();
    let found = plant.try_out(SEED).unwrap()?;
    assert!(plant.is_answered_by(&found), "{}", found.json(plant, SEED));
    Some(found)
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    let Some(found) = tried_out("control") else { return };
    // Not because there was nothing to see.
    assert!(found.counted && found.aborted_inputs > 0, "{found:?}");
    let count = |name: &str| found.verdict[name].as_u64().unwrap();
    assert!(count("events") > 1_000 && count("repetitions") > 0 && count("unrouted") > 0, "{found:?}");
    assert!(count("dead_letters") > 20 && count("notifications") == count("expected"), "{found:?}");
}

#[test]
fn positions_committed_outside_the_transaction_are_found() {
    tried_out("plant-positions-outside");
}

#[test]
fn a_record_sent_twice_is_found() {
    let Some(found) = tried_out("plant-double") else { return };
    assert_eq!((found.violations(), found.by_kind["doubled"]), (1, 1), "{found:?}");
}

#[test]
fn a_dead_letter_forgotten_is_found() {
    tried_out("plant-forget-letter");
}

#[test]
fn records_counted_before_they_are_committed_are_found() {
    let Some(found) = tried_out("plant-count-early") else { return };
    assert_eq!(found.violations(), found.by_kind["counters"], "the log itself is as it should be: {found:?}");
}

#[test]
fn two_workers_in_one_process_share_the_work() {
    let Some(found) = tried_out("control-two-workers") else { return };
    assert!(found.counted && found.working == 2, "{found:?}");
}

#[test]
fn a_worker_that_panics_ends_the_process_and_leaves_no_trace() {
    tried_out("control-panic");
}
