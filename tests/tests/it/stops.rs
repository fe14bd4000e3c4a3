//! Partitions that stop before a bad release drains them into the dead letters, or before more is held than may be.

use std::collections::BTreeMap;

use hinge_router::operator::{self};
use hinge_router::{DEAD_LETTERS, StopLimits, StopReason, Summary, Wish};
use hinge_tests::world::{Input, World};

use crate::held::EDITOR;
use crate::scenarios::{good, on_both, starter};

/// So many records of one order, of which those at `bad` cannot be read.
fn records(world: &World, key: &str, count: usize, bad: impl Fn(usize) -> bool) -> Vec<Input> {
    let record = |number: usize| {
        let mut record = good(world.catalogue(), &format!("{key}-{number}"));
        record.key = Some(key.as_bytes().to_vec());
        if bad(number) {
            record.value = Some(b"{".to_vec());
        }
        record
    };
    (0..count).map(record).collect()
}

fn reasons(summary: &Summary) -> Vec<StopReason> {
    summary.stopped.values().map(|stop| stop.reason).collect()
}

/// Two keys that lie in different partitions of two.
fn keys() -> [&'static str; 2] {
    let partition = |key: &str| hinge_stream::partition_for_key(key.as_bytes(), 2);
    let other = ["b", "c", "d", "e", "f"].into_iter().find(|key| partition(key) != partition("a"));
    ["a", other.expect("one of five lies elsewhere")]
}

#[test]
fn the_fiftieth_rejected_record_in_a_row_stops_its_partition_and_the_other_goes_on() {
    on_both(
        &starter(),
        |world| world,
        |world| {
            let [bad, fine] = keys();
            world.write(&records(world, bad, 120, |number| number < 110));
            world.write(&records(world, fine, 80, |_| false));
            let first = world.drain();
            assert_eq!((first.records(), reasons(&first)), (50 + 80, vec![StopReason::RejectedInARow]));
            assert_eq!(world.records(DEAD_LETTERS).len(), 50, "the rest lies where it was");
            let said = first.stopped.values().next().unwrap().to_string();
            assert!(said.contains("offsets 0 to 49: json-invalid 50"), "{said}");
            // A restart begins at zero, where it stopped: nothing is lost, nothing comes twice.
            let second = world.drain();
            assert_eq!((second.records(), reasons(&second)), (50, vec![StopReason::RejectedInARow]));
            let third = world.drain();
            assert_eq!((third.records(), reasons(&third)), (20, vec![]));
            vec![first, second, third]
        },
    );
}

#[test]
fn more_than_one_per_cent_of_a_thousand_stops() {
    on_both(
        &starter(),
        |world| world,
        |world| {
            let [key, _] = keys();
            world.write(&records(world, key, 1_500, |number| number % 91 == 90));
            let summary = world.drain();
            // Ten are one per cent, and the eleventh, at 1,001, is more.
            assert_eq!((summary.records(), reasons(&summary)), (1_001, vec![StopReason::RejectedShare]));
            vec![summary]
        },
    );
}

#[test]
fn thresholds_are_settings() {
    let never = StopLimits { percent: 100.0, window: 1_000, in_a_row: 0 };
    let world = World::embedded(starter()).with_stops(never);
    world.write(&records(&world, "a", 1_500, |_| true));
    let summary = world.drain();
    assert_eq!((summary.records(), reasons(&summary)), (1_500, vec![]));
    let soon = StopLimits { percent: 100.0, window: 1_000, in_a_row: 3 };
    let world = World::embedded(starter()).with_stops(soon);
    world.write(&records(&world, "a", 10, |_| true));
    assert_eq!(world.drain().records(), 3);
}

#[test]
fn held_records_count_for_no_stop() {
    let world = World::embedded(starter()).with_holding(1_000, 5_000);
    let mut inputs = records(&world, "a", 1_100, |number| number == 0);
    // Beside them, too few to say anything.
    inputs.extend(records(&world, keys()[1], 12, |_| true));
    world.write(&inputs);
    let summary = world.drain();
    assert_eq!((summary.records(), reasons(&summary)), (1_112, vec![]));
}

#[test]
fn a_partition_stops_before_more_records_of_a_key_are_held_than_may_be() {
    on_both(
        &starter(),
        |world| world.with_holding(2, 3),
        |world| {
            let [key, fine] = keys();
            world.write(&records(world, key, 7, |number| number == 0));
            world.write(&records(world, fine, 5, |_| false));
            let first = world.drain();
            assert_eq!((first.records(), reasons(&first)), (4 + 5, vec![StopReason::HeldRecords]));
            let second = world.drain();
            assert_eq!(
                (second.records(), reasons(&second)),
                (0, vec![StopReason::HeldRecords]),
                "still full"
            );
            release_all(world);
            let third = world.drain();
            assert_eq!((third.records(), reasons(&third)), (3, vec![]));
            assert_eq!(third.released, BTreeMap::from([("emitted", 3)]));
            vec![first, second, third]
        },
    );
}

#[test]
fn a_partition_stops_before_more_of_its_keys_are_held_than_may_be() {
    let world = World::embedded(starter()).with_holding(2, 3);
    let partition = |key: &str| hinge_stream::partition_for_key(key.as_bytes(), 2);
    let same: Vec<String> =
        (0..).map(|number| format!("k{number}")).filter(|key| partition(key) == 0).take(3).collect();
    for key in &same {
        world.write(&records(&world, key, 2, |number| number == 0));
    }
    let first = world.drain();
    assert_eq!((first.records(), reasons(&first)), (4, vec![StopReason::HeldKeys]));
    assert_eq!(world.records(DEAD_LETTERS).len(), 2, "the third was not rejected yet");
    release_all(&world);
    let second = world.drain();
    assert_eq!((second.records(), reasons(&second)), (2, vec![]));
    assert_eq!(world.records(DEAD_LETTERS).len(), 3);
}

fn release_all(world: &World) {
    let keys = operator::held_keys(world.log().reader().unwrap().as_mut()).unwrap();
    let mut appender = world.log().appender().unwrap();
    for held in keys.iter().filter(|held| held.key.partition.topic.as_ref() == world.input()) {
        operator::wish(appender.as_mut(), &held.key, Wish::Release, &EDITOR).unwrap();
    }
}
