//! Records behind a rejected one of their key: they wait, in their order, until somebody decides.

use std::collections::BTreeMap;

use hinge_domain::{Event, notification_id};
use hinge_router::operator::{self, By};
use hinge_router::{DEAD_LETTERS, Filtered, HeldKey, Outcome, Summary, Wish};
use hinge_schema::{Code, Encoding};
use hinge_tests::invented::{at, event, event_with, input};
use hinge_tests::world::{Input, World};
use serde_json::json;

use crate::scenarios::{on_both, starter};

pub(crate) const EDITOR: By<'static> =
    By { name: "Erika", at: jiff::Timestamp::UNIX_EPOCH, reason: Some("looked at it") };

fn step(world: &World, event_type: &str, order: &str) -> Event {
    event(world.catalogue(), event_type, order, at("2026-03-02T08:00:00Z"))
}

fn written(world: &World, event: &Event) -> Input {
    input(world.catalogue(), event, Encoding::JsonBinary, Some(event.occurred))
}

fn good(world: &World, event_type: &str, order: &str) -> Input {
    written(world, &step(world, event_type, order))
}

/// The same cut off in the middle, so that nobody can read it.
fn broken(world: &World, event_type: &str, order: &str) -> Input {
    let mut input = good(world, event_type, order);
    let value = input.value.as_mut().unwrap();
    value.truncate(value.len() / 2);
    input
}

fn holding(world: World) -> World {
    world.with_holding(1_000, 1_000)
}

/// Writes and drains; how many records ended how.
fn drained(world: &World, inputs: &[Input]) -> (Summary, BTreeMap<&'static str, u64>) {
    world.write(inputs);
    let summary = world.drain();
    let mut outcomes = BTreeMap::new();
    for ((_, outcome), count) in &summary.outcomes {
        *outcomes.entry(outcome.name()).or_default() += count;
    }
    (summary, outcomes)
}

fn held_keys(world: &World) -> Vec<HeldKey> {
    let keys = operator::held_keys(world.log().reader().unwrap().as_mut()).unwrap();
    // Worlds on one broker share the topic.
    let ours = |key: &HeldKey| key.partition.topic.as_ref() == world.input();
    keys.into_iter().map(|held| held.key).filter(ours).collect()
}

fn wish(world: &World, key: &str, wish: Wish) {
    let keys = held_keys(world);
    let held = keys.iter().find(|held| held.key_text() == key).unwrap_or_else(|| panic!("{key} is not held"));
    operator::wish(world.log().appender().unwrap().as_mut(), held, wish, &EDITOR).unwrap();
}

/// The types of what was told about an order to a department, in order.
fn told(world: &World, department: &str, order: &str) -> Vec<String> {
    let all = world.notifications().into_iter();
    let about = all.filter(|it| it.department == department && it.correlation_id == order);
    about.map(|it| it.event.event_type).collect()
}

/// Replays the last dead letter with this code, as it came or with another body.
fn replay(world: &World, code: Code, body: Option<&[u8]>) {
    replay_from(world, world.input(), code, body);
}

/// The same of another topic.
pub(crate) fn replay_from(world: &World, topic: &str, code: Code, body: Option<&[u8]>) {
    let mut letters = Vec::new();
    operator::each_letter(world.log().reader().unwrap().as_mut(), &mut |letter| {
        if letter.place.partition.topic.as_ref() == topic && letter.code == code.as_str() {
            letters.push(letter);
        }
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let letter = letters.last().expect("there is such a letter");
    let replay = operator::Replay { record: &letter.record, body, by: EDITOR };
    operator::replay(world.log().appender().unwrap().as_mut(), letter, &replay).unwrap();
}

#[test]
fn what_comes_behind_a_rejected_record_waits_across_restarts_and_is_released_in_its_order() {
    on_both(&starter(), holding, |world| {
        let (first, outcomes) = drained(
            world,
            &[
                broken(world, "order.confirmed", "A-1"),
                good(world, "order.changed", "A-1"),
                good(world, "order.confirmed", "A-2"),
                good(world, "delivery.scheduled", "A-1"),
            ],
        );
        assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("held", 2), ("emitted", 1)]));
        // Another process, and what it reads back tells it the same; a repetition waits like any other.
        let (second, outcomes) =
            drained(world, &[good(world, "delivery.dispatched", "A-1"), good(world, "order.changed", "A-1")]);
        assert_eq!(outcomes, BTreeMap::from([("held", 2)]));
        assert!(told(world, "warehouse", "A-1").is_empty());
        let keys = held_keys(world);
        assert_eq!((keys.len(), keys[0].records, keys[0].code.as_str()), (1, 4, "json-invalid"));
        let records = operator::held_records(world.log().reader().unwrap().as_mut(), &keys[0]);
        assert_eq!(records.unwrap()[0].value, good(world, "order.changed", "A-1").value, "as it came");

        wish(world, "A-1", Wish::Release);
        let (third, outcomes) = drained(world, &[good(world, "order.confirmed", "A-3")]);
        assert_eq!(outcomes, BTreeMap::from([("emitted", 1)]), "what was held was counted when it was");
        assert_eq!(third.released, BTreeMap::from([("emitted", 3), ("filtered", 1)]));
        assert_eq!(told(world, "warehouse", "A-1"), ["order.changed", "delivery.scheduled"]);
        assert!(held_keys(world).is_empty());
        // They have been met, now and after another restart.
        let again = [good(world, "order.changed", "A-1"), good(world, "delivery.dispatched", "A-1")];
        let (fourth, outcomes) = drained(world, &again);
        assert_eq!(outcomes, BTreeMap::from([("filtered", 2)]));
        vec![first, second, third, fourth]
    });
}

#[test]
fn what_is_held_was_not_met_and_what_is_discarded_never_was() {
    on_both(&starter(), holding, |world| {
        let inputs = [broken(world, "order.confirmed", "A-1"), good(world, "order.changed", "A-1")];
        let (first, _) = drained(world, &inputs);
        wish(world, "A-1", Wish::Discard);
        let (second, _) = drained(world, &[]);
        assert_eq!(second.released, BTreeMap::from([("discarded", 1)]));
        assert_eq!(second.records(), 0);
        let letters = world.records(DEAD_LETTERS);
        let last = letters.last().unwrap();
        assert_eq!(last.headers.get("hinge-error-code"), Some("discarded".as_bytes()));
        let detail = String::from_utf8_lossy(last.headers.get("hinge-error-detail").unwrap());
        assert!(detail.contains("Erika") && detail.contains("looked at it"), "{detail}");
        assert_eq!(last.value, inputs[1].value, "as it came");
        // Nobody was told of it, so it is new; and the key is free.
        let (third, outcomes) = drained(world, &[good(world, "order.changed", "A-1")]);
        assert_eq!(outcomes, BTreeMap::from([("emitted", 1)]));
        vec![first, second, third]
    });
}

#[test]
fn cancellations_and_what_has_no_key_are_never_held_and_what_cannot_be_read_waits_for_its_turn() {
    on_both(&starter(), holding, |world| {
        let keyless = |input: Input| Input { key: None, ..input };
        let (first, outcomes) = drained(
            world,
            &[
                broken(world, "order.confirmed", "A-1"),
                good(world, "order.cancelled", "A-1"),
                broken(world, "order.cancelled", "A-1"),
                good(world, "order.placed", "A-1"),
            ],
        );
        assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("emitted", 1), ("held", 2)]));
        assert_eq!(told(world, "warehouse", "A-1"), ["order.cancelled"]);
        let inputs = [broken(world, "order.confirmed", "A-2"), good(world, "order.placed", "A-2")];
        let (second, outcomes) = drained(world, &inputs.map(keyless));
        assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("emitted", 1)]));
        assert_eq!(held_keys(world).len(), 1);
        vec![first, second]
    });
}

#[test]
fn a_second_record_of_a_held_key_that_cannot_be_read_is_repaired_in_its_turn() {
    on_both(&starter(), holding, |world| {
        let (first, outcomes) = drained(
            world,
            &[
                broken(world, "order.confirmed", "A-1"),
                good(world, "order.changed", "A-1"),
                broken(world, "delivery.scheduled", "A-1"),
                good(world, "order.cancelled", "A-2"),
                good(world, "delivery.dispatched", "A-1"),
            ],
        );
        assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("held", 3), ("emitted", 1)]));
        replay(world, Code::JsonInvalid, good(world, "order.confirmed", "A-1").value.as_deref());
        let (second, outcomes) = drained(world, &[]);
        assert_eq!(outcomes, BTreeMap::from([("emitted", 1)]), "the repair itself");
        assert_eq!(second.released, BTreeMap::from([("emitted", 1), ("rejected", 1)]));
        assert_eq!(told(world, "warehouse", "A-1"), ["order.confirmed", "order.changed"]);
        assert_eq!(held_keys(world)[0].records, 1, "behind the second one");
        assert!(!told(world, "customer-support", "A-1").contains(&"delivery.dispatched".to_owned()));
        replay(world, Code::JsonInvalid, good(world, "delivery.scheduled", "A-1").value.as_deref());
        let (third, _) = drained(world, &[]);
        assert_eq!(third.released, BTreeMap::from([("emitted", 1)]));
        let warehouse = ["order.confirmed", "order.changed", "delivery.scheduled"];
        assert_eq!(told(world, "warehouse", "A-1"), warehouse);
        assert_eq!(told(world, "customer-support", "A-1").last().unwrap(), "delivery.dispatched");
        assert!(held_keys(world).is_empty());
        vec![first, second, third]
    });
}

#[test]
fn other_topics_go_on_behind_a_rejected_record() {
    on_both(
        &starter(),
        |world| world,
        |world| {
            let inputs = [broken(world, "order.confirmed", "A-1"), good(world, "order.changed", "A-1")];
            let (summary, outcomes) = drained(world, &inputs);
            assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("emitted", 1)]));
            vec![summary]
        },
    );
}

#[test]
fn a_released_record_that_is_rejected_again_holds_its_key_from_there_on() {
    on_both(&starter(), holding, |world| {
        let changed = step(world, "order.changed", "A-1");
        let other = event_with(
            world.catalogue(),
            "order.changed",
            "A-1",
            changed.occurred,
            &json!({"changes": ["items"]}),
        );
        let (first, _) = drained(
            world,
            &[
                broken(world, "order.confirmed", "A-1"),
                written(world, &changed),
                written(world, &other),
                good(world, "delivery.scheduled", "A-1"),
            ],
        );
        wish(world, "A-1", Wish::Release);
        let (second, _) = drained(world, &[]);
        assert_eq!(second.released, BTreeMap::from([("emitted", 1), ("rejected", 1)]));
        let keys = held_keys(world);
        assert_eq!((keys[0].code.as_str(), keys[0].records), ("conflict", 1));
        // The wish is done with: another start releases nothing more, a new wish does.
        let (third, _) = drained(world, &[]);
        assert!(third.released.is_empty());
        wish(world, "A-1", Wish::Release);
        let (fourth, _) = drained(world, &[]);
        assert_eq!(fourth.released, BTreeMap::from([("emitted", 1)]));
        assert_eq!(told(world, "warehouse", "A-1"), ["order.changed", "delivery.scheduled"]);
        vec![first, second, third, fourth]
    });
}

#[test]
fn a_wish_for_an_earlier_holding_of_a_key_says_nothing_about_a_later_one() {
    let world = holding(World::embedded(starter()));
    drained(&world, &[broken(&world, "order.confirmed", "A-1"), good(&world, "order.changed", "A-1")]);
    let before = held_keys(&world).remove(0);
    wish(&world, "A-1", Wish::Release);
    drained(&world, &[]);
    drained(&world, &[broken(&world, "order.placed", "A-1"), good(&world, "delivery.scheduled", "A-1")]);
    let mut appender = world.log().appender().unwrap();
    operator::wish(appender.as_mut(), &before, Wish::Discard, &EDITOR).unwrap();
    assert!(drained(&world, &[]).0.released.is_empty());
    assert_eq!(held_keys(&world)[0].records, 1);
}

#[test]
fn a_repaired_record_is_decided_under_its_id_and_what_waits_behind_it_follows() {
    on_both(&starter(), holding, |world| {
        let confirmed = step(world, "order.confirmed", "A-1");
        let (first, _) =
            drained(world, &[broken(world, "order.confirmed", "A-1"), good(world, "order.changed", "A-1")]);
        // Spoilt once more: nothing follows, and it is the new one that the key waits for.
        replay(world, Code::JsonInvalid, Some(b"{\"value\": "));
        let (second, outcomes) = drained(world, &[good(world, "delivery.scheduled", "A-1")]);
        assert_eq!(outcomes, BTreeMap::from([("rejected", 1), ("held", 1)]));
        replay(world, Code::JsonInvalid, written(world, &confirmed).value.as_deref());
        let (third, outcomes) = drained(world, &[]);
        assert_eq!(outcomes, BTreeMap::from([("emitted", 1)]));
        assert_eq!(third.released, BTreeMap::from([("emitted", 2)]));
        assert_eq!(
            told(world, "warehouse", "A-1"),
            ["order.confirmed", "order.changed", "delivery.scheduled"]
        );
        let all = world.notifications();
        let repaired = all.iter().find(|it| it.event.event_type == "order.confirmed").unwrap();
        assert_eq!(repaired.id, notification_id(&confirmed.source, &confirmed.id, &repaired.department));
        assert!(held_keys(world).is_empty());
        vec![first, second, third]
    });
}

#[test]
fn the_repair_of_a_conflict_takes_effect_and_says_what_it_corrects() {
    on_both(
        &starter(),
        |world| world,
        |world| {
            let first = step(world, "order.confirmed", "A-1");
            let facts = json!({"promised_date": "2026-03-09"});
            let other = event_with(world.catalogue(), "order.confirmed", "A-1", first.occurred, &facts);
            let (before, _) = drained(world, &[written(world, &first), written(world, &other)]);
            replay(world, Code::Conflict, None);
            let (repaired, outcomes) = drained(world, &[]);
            assert_eq!(outcomes, BTreeMap::from([("emitted", 1)]));
            let told = world.records("hinge.notifications.warehouse");
            let id =
                |index: usize| String::from_utf8(told[index].headers.get("ce_id").unwrap().to_vec()).unwrap();
            assert_eq!(told.len(), 2);
            assert_eq!(id(0), notification_id(&first.source, &first.id, "warehouse").to_string());
            assert_ne!(id(0), id(1), "who keeps one of each id reads both");
            assert_eq!(told[1].headers.get("ce_corrects"), Some(id(0).as_bytes()));
            assert_eq!(told[0].headers.get("ce_corrects"), None);
            // From now on the second telling is in force, after a restart too; the same repair again is a repetition.
            replay(world, Code::Conflict, None);
            let (after, _) = drained(world, &[written(world, &other), written(world, &first)]);
            let outcomes: BTreeMap<Outcome, u64> =
                after.outcomes.iter().map(|((_, outcome), count)| (*outcome, *count)).collect();
            let repetition = Outcome::Filtered(Filtered::Repetition);
            assert_eq!(outcomes, BTreeMap::from([(repetition, 2), (Outcome::Rejected(Code::Conflict), 1)]));
            vec![before, repaired, after]
        },
    );
}
