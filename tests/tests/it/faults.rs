//! A selection of the table of faults, short: the rest is `make torture ARGS=faults`.

use std::sync::{Mutex, PoisonError};

use hinge_tests::faults::{self, FAULTS, Wanted};

/// One at a time: each has a broker and several workers, and measures how long they take.
static TURN: Mutex<()> = Mutex::new(());

/// Goes through a fault with a seed of its own for each run, which is printed.
fn passes(fault: &str, events: u32) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = faults::named(fault).unwrap();
    let seed = fastrand::u64(..1_000_000);
    println!("{} with seed {seed}", fault.name);
    let Some(verdict) = faults::run(fault, &Wanted::new(events, seed)) else { return };
    println!("{verdict}");
    assert_eq!(verdict["violations"], 0, "{} with seed {seed}: {verdict:#}", fault.name);
}

#[test]
fn a_worker_that_dies_at_any_point_of_a_transaction_leaves_no_trace() {
    passes("F1-small", 2_000);
}

#[test]
fn of_two_workers_of_a_name_the_older_one_goes() {
    passes("F4", 1_500);
}

#[test]
fn a_commit_that_arrives_late_decides_nothing() {
    passes("F5", 1_500);
}

#[test]
fn a_commit_that_arrives_late_is_seen_where_nothing_is_done_about_it() {
    passes("F5-control", 1_500);
}

#[test]
fn a_broker_that_is_killed_costs_time_only() {
    passes("F7", 1_500);
}

#[test]
fn a_worker_ends_when_it_is_asked_to() {
    passes("F31", 2_000);
}

#[test]
fn the_table_names_each_fault_once() {
    let mut names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
