//! One scenario suite, two backends: what departments are told must be the same, ids included.

use std::collections::BTreeMap;
use std::sync::Arc;

use hinge_domain::{Policy, Window};
use hinge_router::{Clock, DEAD_LETTERS, DECISIONS, Filtered, Outcome, Summary, UNROUTED};
use hinge_schema::{Catalogue, Code, Encoding, NotificationRecord};
use hinge_tests::invented::{at, event, event_with, input};
use hinge_tests::kafka::Broker;
use hinge_tests::world::{Input, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

/// The starter policy, as `hinge init` writes it.
pub(crate) fn starter() -> Arc<Policy> {
    let folder = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(folder.path()).unwrap();
    Arc::new(hinge_policy::load(folder.path(), &Catalogue::builtin()).unwrap().policy)
}

/// The starter policy with one of its files written anew.
pub(crate) fn starter_with(file: &str, text: &str) -> Arc<Policy> {
    let folder = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(folder.path()).unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    Arc::new(hinge_policy::load(folder.path(), &Catalogue::builtin()).unwrap().policy)
}

/// Runs a scenario on both backends; both must end the same.
pub(crate) fn on_both(
    policy: &Arc<Policy>,
    prepare: impl Fn(World) -> World,
    scenario: impl Fn(&World) -> Vec<Summary>,
) {
    let tell = |world: &World| {
        let outcomes: Vec<BTreeMap<Outcome, u64>> = scenario(world).iter().map(by_outcome).collect();
        (outcomes, sorted(world.notifications()))
    };
    let embedded = tell(&prepare(World::embedded(Arc::clone(policy))));
    if let Some(broker) = Broker::shared() {
        let kafka = tell(&prepare(World::kafka(Arc::clone(policy), broker)));
        assert_eq!(embedded, kafka, "embedded and Kafka");
    }
}

/// Outcomes without the topic, whose name differs from world to world.
pub(crate) fn by_outcome(summary: &Summary) -> BTreeMap<Outcome, u64> {
    summary.outcomes.iter().map(|((_, outcome), count)| (*outcome, *count)).collect()
}

/// By department and card, each card's notifications in the order in which they came.
fn sorted(mut told: Vec<NotificationRecord>) -> Vec<NotificationRecord> {
    told.sort_by(|one, other| {
        (&one.department, &one.correlation_id).cmp(&(&other.department, &other.correlation_id))
    });
    told
}

fn told_to<'a>(told: &'a [NotificationRecord], department: &str) -> Vec<&'a NotificationRecord> {
    told.iter().filter(|it| it.department == department).collect()
}

fn unchanged(world: World) -> World {
    world
}

/// The walk of one order through the chain, a step an hour.
fn walk(catalogue: &Catalogue, order: &str) -> Vec<hinge_domain::Event> {
    let types = [
        "order.placed",
        "order.confirmed",
        "order.changed",
        "delivery.scheduled",
        "delivery.dispatched",
        "delivery.delayed",
        "delivery.completed",
        "contact.received",
        "order.cancelled",
    ];
    let start = at("2026-03-02T08:00:00Z");
    let hours = (0..).map(SignedDuration::from_hours);
    types
        .iter()
        .zip(hours)
        .map(|(event_type, hour)| event(catalogue, event_type, order, start + hour))
        .collect()
}

#[test]
fn a_campaign_and_an_order_walk_the_chain_in_every_encoding() {
    on_both(&starter(), unchanged, |world| {
        let catalogue = world.catalogue();
        let mut inputs = Vec::new();
        let campaign = event(catalogue, "campaign.launched", "spring", at("2026-03-01T08:00:00Z"));
        inputs.push(input(catalogue, &campaign, Encoding::JsonStructured, None));
        for encoding in Encoding::ALL {
            let events = walk(catalogue, &format!("{encoding:?}"));
            inputs.extend(events.iter().map(|event| input(catalogue, event, encoding, None)));
        }
        world.write(&inputs);
        let summary = world.drain();
        assert_eq!(by_outcome(&summary), BTreeMap::from([(Outcome::Emitted, 28)]));
        let told = world.notifications();
        assert_eq!(told_to(&told, "operations").len(), 4, "the campaign and three orders placed");
        assert_eq!(told_to(&told, "quality").len(), 0, "nothing came late");
        let placed = |order: &str| {
            let it =
                told.iter().find(|it| it.correlation_id == order && it.department == "operations").unwrap();
            (it.title.replace(order, ""), it.facts.clone())
        };
        assert_eq!(placed("JsonBinary"), placed("Avro"));
        assert_eq!(placed("JsonBinary"), placed("JsonStructured"));
        let order: Vec<&str> = told_to(&told, "warehouse")
            .iter()
            .filter(|it| it.correlation_id == "Avro")
            .map(|it| it.event.event_type.as_str())
            .collect();
        assert_eq!(order, ["order.confirmed", "order.changed", "delivery.scheduled", "order.cancelled"]);
        vec![summary]
    });
}

#[test]
fn a_repetition_is_filtered_and_another_telling_is_a_conflict_also_after_a_restart() {
    on_both(&starter(), unchanged, |world| {
        let catalogue = world.catalogue();
        let first = event(catalogue, "order.placed", "A-1", at("2026-03-02T08:00:00Z"));
        let other = event_with(catalogue, "order.placed", "A-1", first.occurred, &json!({"value": "50.00"}));
        let [first_json, again_avro, conflict] = [
            input(catalogue, &first, Encoding::JsonBinary, None),
            input(catalogue, &first, Encoding::Avro, None),
            input(catalogue, &other, Encoding::JsonBinary, None),
        ];
        world.write(&[first_json.clone(), again_avro.clone(), conflict.clone()]);
        let before = world.drain();
        world.write(&[first_json, again_avro, conflict]);
        let after = world.drain();
        let repetition = Outcome::Filtered(Filtered::Repetition);
        let conflict = Outcome::Rejected(Code::Conflict);
        assert_eq!(
            by_outcome(&before),
            BTreeMap::from([(Outcome::Emitted, 1), (repetition, 1), (conflict, 1)])
        );
        assert_eq!(by_outcome(&after), BTreeMap::from([(repetition, 2), (conflict, 1)]));
        assert_eq!(world.records(DEAD_LETTERS).len(), 2);
        assert_eq!(world.records(DECISIONS).len(), 1, "a repetition leaves no decision record");
        vec![before, after]
    });
}

#[test]
fn just_inside_the_window_is_a_repetition_and_just_outside_the_same_notification_id_again() {
    let window = Window { offsets: 4, time: SignedDuration::from_hours(24) };
    on_both(
        &starter(),
        |world| world.with_window(window).with_clock(Clock::FollowsEvents),
        |world| {
            let catalogue = world.catalogue();
            let start = at("2026-03-02T08:00:00Z");
            let recorded = |event: &hinge_domain::Event, hours: i64| {
                input(catalogue, event, Encoding::JsonBinary, Some(start + SignedDuration::from_hours(hours)))
            };
            // One key, so one partition, where every offset counts.
            let card = |event_type: &str, id: &str| {
                let mut event = event(catalogue, event_type, "A-1", start);
                event.id = id.to_owned();
                event
            };
            let (first, filler) = (card("order.placed", "first"), |id: &str| card("order.confirmed", id));
            let inside_by_offset = [recorded(&first, 0), recorded(&filler("f1"), 0), recorded(&first, 0)];
            world.write(&inside_by_offset);
            let mut summaries = vec![world.drain()];
            assert_eq!(summaries[0].outcomes.len(), 2, "one filtered");
            // The repetition lies at offset 2, and it counts: four further is inside, five further is outside.
            world.write(&[
                recorded(&filler("f2"), 0),
                recorded(&filler("f3"), 0),
                recorded(&filler("f4"), 0),
            ]);
            summaries.push(world.drain());
            world.write(&[recorded(&first, 24)]);
            summaries.push(world.drain());
            assert_eq!(
                by_outcome(&summaries[2]),
                BTreeMap::from([(Outcome::Filtered(Filtered::Repetition), 1)])
            );
            world.write(&[recorded(&first, 49)]);
            summaries.push(world.drain());
            assert_eq!(by_outcome(&summaries[3]), BTreeMap::from([(Outcome::Emitted, 1)]), "25 hours later");
            let told = world.notifications();
            let ids: Vec<_> = told_to(&told, "operations").iter().map(|it| it.id).collect();
            assert_eq!((ids.len(), ids[0]), (2, ids[1]));
            summaries
        },
    );
}

#[test]
fn what_no_rule_matches_lies_in_unrouted_as_it_came() {
    let only_large =
        "routes: [{id: large, owner: finance, on: order.placed, when: event.value > 500.0, to: finance},
        {id: rest, owner: finance, on: [order.confirmed, order.changed, order.cancelled], to: finance}]";
    on_both(&starter_with("routes/20-orders.yaml", only_large), unchanged, |world| {
        let catalogue = world.catalogue();
        let small = event(catalogue, "order.placed", "A-1", at("2026-03-02T08:00:00Z"));
        let written = input(catalogue, &small, Encoding::Avro, None);
        world.write(std::slice::from_ref(&written));
        let summary = world.drain();
        let unrouted = world.records(UNROUTED);
        assert_eq!(unrouted.len(), 1);
        assert_eq!(unrouted[0].value, written.value);
        for (name, value) in &written.headers {
            assert_eq!(unrouted[0].headers.get(name), Some(value.as_slice()), "{name}");
        }
        assert!(unrouted[0].headers.get("hinge-policy-version").is_some());
        vec![summary]
    });
}

#[test]
fn history_is_routed_and_marked() {
    on_both(&starter(), unchanged, |world| {
        let catalogue = world.catalogue();
        let recorded = at("2026-03-02T08:00:00Z");
        let mut inputs = Vec::new();
        for (hours, said) in [(1, None), (25, None), (25, Some(false)), (1, Some(true))] {
            let occurred = recorded - SignedDuration::from_hours(hours);
            let mut event = event(catalogue, "order.placed", &format!("A-{hours}-{said:?}"), occurred);
            event.history = said;
            inputs.push(input(catalogue, &event, Encoding::JsonBinary, Some(recorded)));
        }
        world.write(&inputs);
        let summary = world.drain();
        let told = world.notifications();
        let history = |order: &str| told.iter().find(|it| it.correlation_id == order).map(|it| it.history);
        assert_eq!(history("A-1-None"), Some(false));
        assert_eq!(history("A-25-None"), Some(true));
        assert_eq!(history("A-25-Some(false)"), Some(false));
        assert_eq!(history("A-1-Some(true)"), Some(true));
        vec![summary]
    });
}

#[test]
fn attributes_of_the_event_travel_with_the_notification_and_its_decision() {
    on_both(&starter(), unchanged, |world| {
        let catalogue = world.catalogue();
        let mut event = event(catalogue, "order.placed", "A-1", at("2026-03-02T08:00:00Z"));
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        event.extensions.push(("traceparent".into(), trace.into()));
        world.write(&[input(catalogue, &event, Encoding::JsonStructured, Some(event.occurred))]);
        let summary = world.drain();
        let record = &world.records("hinge.notifications.operations")[0];
        let header =
            |name: &str| record.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(header("ce_correlationid").as_deref(), Some("A-1"));
        assert_eq!(header("ce_causationid").as_deref(), Some(event.id.as_str()));
        assert_eq!(header("ce_traceparent").as_deref(), Some(trace));
        let decision: Json =
            serde_json::from_slice(world.records(DECISIONS)[0].value.as_ref().unwrap()).unwrap();
        assert_eq!(decision["outcome"], "emitted");
        assert_eq!(decision["event"]["id"], json!(event.id));
        assert_eq!(decision["recorded"], json!(event.occurred.to_string()));
        vec![summary]
    });
}

#[test]
fn an_empty_log_and_a_second_run_change_nothing() {
    on_both(&starter(), unchanged, |world| {
        let empty = world.drain();
        let catalogue = world.catalogue();
        let event = event(catalogue, "order.placed", "A-1", Timestamp::UNIX_EPOCH);
        world.write(&[input(catalogue, &event, Encoding::JsonBinary, None)]);
        let (first, second) = (world.drain(), world.drain());
        assert_eq!((empty.records(), first.records(), second.records()), (0, 1, 0));
        vec![empty, first, second]
    });
}

/// For the other modules: a good order event between bad ones.
pub(crate) fn good(catalogue: &Catalogue, order: &str) -> Input {
    let event = event(catalogue, "order.placed", order, at("2026-03-02T08:00:00Z"));
    input(catalogue, &event, Encoding::JsonBinary, None)
}
