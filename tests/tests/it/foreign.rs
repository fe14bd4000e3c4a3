//! Records of other systems, by the policy's sources: what departments are told, and the one outcome of each record.

use std::collections::BTreeMap;
use std::sync::Arc;

use hinge_domain::{Policy, notification_id};
use hinge_policy::{Mapped, load_mapped};
use hinge_router::{DEAD_LETTERS, DECISIONS, Filtered, Outcome, UNROUTED};
use hinge_schema::{Catalogue, Code, Sources};
use hinge_stream::Record;
use hinge_tests::kafka::unique_topic;
use hinge_tests::program::run;
use hinge_tests::world::Input;
use serde_json::{Value as Json, json};

use crate::held::replay_from;
use crate::scenarios::{by_outcome, on_both, starter, starter_with};

/// Orders of an invented shop, as Debezium tells of them.
const ORDERS: &str = r#"
topics: [TOPIC]
format: debezium
source: urn:example:shop
zone: Europe/Zurich
ignored: [note]
subject: row.number
facts: {state: row.state, promised_date: date_from_days(row.promised), zone: zone}
events:
  - type: order.placed
    when: op != 'd'
    id: key.number + '/placed'
    time: timestamp_micros(row.placed_at)
    facts: {value: "decimal_base64(row.total, 2)", currency: "'CHF'"}
  - type: order.confirmed
    when: op != 'd' && has(row.paid_at)
    id: key.number + '/confirmed'
    time: timestamp_micros(row.paid_at)
  - type: order.cancelled
    when: op == 'd'
    id: key.number + '/cancelled'
    time: timestamp_millis(ts_ms)
"#;

/// The one source of a text, in which `TOPIC` stands for a topic of this test's own.
pub(crate) fn source(text: &str) -> (Sources, String) {
    let topic = unique_topic("foreign");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.yaml");
    std::fs::write(&path, text.replace("TOPIC", &topic)).unwrap();
    let Mapped::Topics(source) = load_mapped(&path, &Catalogue::builtin()).unwrap() else {
        panic!("it is a source")
    };
    (Sources::new([*source]), topic)
}

/// A change record, with its key.
fn change(op: &str, number: &str, before: &Json, after: &Json) -> Input {
    let payload = json!({"op": op, "before": before, "after": after, "source": {"table": "orders"}, "ts_ms": 1_772_449_200_000_i64});
    Input {
        key: Some(json!({"schema": {}, "payload": {"number": number}}).to_string().into_bytes()),
        headers: Vec::new(),
        value: Some(json!({"schema": {}, "payload": payload}).to_string().into_bytes()),
    }
}

/// An order as a row: 149.80 CHF, placed on 2 March 2026 at 10:00 UTC, promised for the 5th.
fn row(number: &str, paid: bool) -> Json {
    let mut row = json!({"number": number, "state": "ZH", "promised": 20517, "placed_at": 1_772_445_600_000_000_i64,
        "total": "OoQ=", "note": "ring twice", "colour": "blue"});
    if paid {
        row["paid_at"] = json!(1_772_449_200_000_000_i64);
    }
    row
}

#[test]
fn a_change_record_is_as_many_events_as_its_source_says_each_told_once() {
    let (sources, topic) = source(ORDERS);
    on_both(
        &starter(),
        |world| world.with_sources(sources.clone()),
        |world| {
            let tombstone = Input { value: None, ..change("d", "A-1", &Json::Null, &Json::Null) };
            let changes = [
                change("c", "A-1", &Json::Null, &row("A-1", false)),
                change("u", "A-1", &row("A-1", false), &row("A-1", true)),
                change("u", "A-1", &row("A-1", true), &row("A-1", true)),
                change("r", "A-2", &Json::Null, &row("A-2", true)),
                change("d", "A-1", &row("A-1", true), &Json::Null),
                tombstone,
            ];
            world.write_to(&topic, &changes[..3]);
            let before = world.drain();
            // After a restart the events of A-1 are still known, whichever record told them.
            world.write_to(&topic, &changes[2..]);
            let after = world.drain();
            let repetition = Outcome::Filtered(Filtered::Repetition);
            assert_eq!(by_outcome(&before), BTreeMap::from([(Outcome::Emitted, 2), (repetition, 1)]));
            let nothing = Outcome::Filtered(Filtered::Nothing);
            assert_eq!(
                by_outcome(&after),
                BTreeMap::from([(Outcome::Emitted, 2), (repetition, 1), (nothing, 1)])
            );
            let decided: Vec<Json> = world
                .records(DECISIONS)
                .iter()
                .map(|record| serde_json::from_slice(record.value.as_ref().unwrap()).unwrap())
                .collect();
            let mut ids: Vec<&str> =
                decided.iter().map(|decision| decision["event"]["id"].as_str().unwrap()).collect();
            ids.sort_unstable();
            assert_eq!(ids, ["A-1/cancelled", "A-1/confirmed", "A-1/placed", "A-2/confirmed", "A-2/placed"]);
            let told = world.notifications();
            let placed = told.iter().find(|it| it.event.id == "A-1/placed").unwrap();
            assert_eq!(placed.event.source, "urn:example:shop");
            assert_eq!(placed.event.occurred.to_string(), "2026-03-02T10:00:00Z");
            assert!(placed.title.contains("A-1") && placed.title.contains("2026-03-05"), "{}", placed.title);
            vec![before, after]
        },
    );
}

#[test]
fn one_event_that_cannot_be_mapped_or_conflicts_sends_the_whole_record_to_the_dead_letters() {
    let (sources, topic) = source(ORDERS);
    on_both(
        &starter(),
        |world| world.with_sources(sources.clone()),
        |world| {
            let mut unmapped = row("A-1", true);
            unmapped["paid_at"] = json!("yesterday");
            let mut dearer = row("A-2", true);
            dearer["total"] = json!("OoU=");
            world.write_to(
                &topic,
                &[
                    change("c", "A-1", &Json::Null, &unmapped),
                    change("c", "A-2", &Json::Null, &row("A-2", false)),
                    // Its confirmation would be new, but the order placed is told differently.
                    change("u", "A-2", &Json::Null, &dearer),
                ],
            );
            let before = world.drain();
            let (failed, conflict) =
                (Outcome::Rejected(Code::MappingFailed), Outcome::Rejected(Code::Conflict));
            assert_eq!(
                by_outcome(&before),
                BTreeMap::from([(Outcome::Emitted, 1), (failed, 1), (conflict, 1)])
            );
            let told = world.notifications();
            assert!(told.iter().all(|it| it.event.id == "A-2/placed"), "all of a record or none");
            let letters = world.records(DEAD_LETTERS);
            let header = |letter: usize, name: &str| {
                String::from_utf8(letters[letter].headers.get(name).unwrap_or_default().to_vec()).unwrap()
            };
            let of =
                |code: &str| (0..letters.len()).find(|at| header(*at, "hinge-error-code") == code).unwrap();
            assert!(
                header(of("mapping-failed"), "hinge-error-detail").starts_with("`time` of `order.confirmed`")
            );
            assert!(!header(of("mapping-failed"), "hinge-error-detail").contains("yesterday"));
            assert_eq!(header(of("conflict"), "hinge-error-event-id"), "A-2/placed");
            // What was rejected was never met: neither here nor after a restart is anything of it known.
            world.write_to(
                &topic,
                &[
                    change("u", "A-2", &Json::Null, &row("A-2", true)),
                    change("c", "A-1", &Json::Null, &row("A-1", true)),
                ],
            );
            let after = world.drain();
            assert_eq!(by_outcome(&after), BTreeMap::from([(Outcome::Emitted, 2)]));
            assert_eq!(world.records(DECISIONS).len(), 4);
            vec![before, after]
        },
    );
}

#[test]
fn an_operator_decides_the_conflict_of_one_event_and_the_others_of_its_record_are_told_as_the_first_time() {
    let (sources, topic) = source(ORDERS);
    on_both(
        &starter(),
        |world| world.with_sources(sources.clone()),
        |world| {
            let mut dearer = row("A-2", true);
            dearer["total"] = json!("OoU=");
            world.write_to(
                &topic,
                &[
                    change("c", "A-2", &Json::Null, &row("A-2", false)),
                    change("u", "A-2", &Json::Null, &dearer),
                ],
            );
            let before = world.drain();
            replay_from(world, &topic, Code::Conflict, None);
            let after = world.drain();
            assert_eq!(by_outcome(&after), BTreeMap::from([(Outcome::Emitted, 1)]));
            let id = |event: &str, department: &str| {
                notification_id("urn:example:shop", event, department).to_string()
            };
            for record in world.told() {
                let department = record.place.topic.strip_prefix("hinge.notifications.").unwrap();
                let header = |name: &str| {
                    record.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
                };
                let event = header("ce_causationid").unwrap();
                match header("ce_corrects") {
                    Some(corrects) => {
                        assert_eq!((event.as_str(), corrects), ("A-2/placed", id(&event, department)));
                    }
                    None => assert_eq!(header("ce_id").unwrap(), id(&event, department)),
                }
            }
            let corrected = |record: &Record| record.headers.get("ce_corrects").is_some();
            assert!(world.told().iter().any(corrected));
            let told = world.notifications();
            assert!(told.iter().any(|it| it.event.id == "A-2/confirmed"), "it is told now");
            vec![before, after]
        },
    );
}

/// Departments are told of orders confirmed; of orders placed only where they are large.
fn few_routes() -> Arc<Policy> {
    starter_with(
        "routes/20-orders.yaml",
        "routes: [{id: large, owner: finance, on: order.placed, when: event.value > 500.0, to: finance},
        {id: rest, owner: finance, on: [order.changed, order.cancelled], to: finance},
        {id: paid, owner: finance, on: order.confirmed, when: event.state == 'ZH', to: finance}]",
    )
}

#[test]
fn a_record_is_unrouted_once_and_only_if_none_of_its_events_is_told() {
    let (sources, topic) = source(ORDERS);
    on_both(
        &few_routes(),
        |world| world.with_sources(sources.clone()),
        |world| {
            let mut elsewhere = row("A-3", true);
            elsewhere["state"] = json!("BE");
            world.write_to(
                &topic,
                &[
                    change("c", "A-1", &Json::Null, &row("A-1", false)),
                    change("c", "A-2", &Json::Null, &row("A-2", true)),
                    change("c", "A-3", &Json::Null, &elsewhere),
                ],
            );
            let summary = world.drain();
            assert_eq!(by_outcome(&summary), BTreeMap::from([(Outcome::Emitted, 1), (Outcome::Unrouted, 2)]));
            // A-2's order placed was not asked for either: its record lies there as well, for that event.
            assert_eq!(world.records(UNROUTED).len(), 3);
            assert_eq!(world.records(DECISIONS).len(), 5);
            vec![summary]
        },
    );
}

#[test]
fn a_source_that_reads_an_input_of_hinge_is_refused_before_anything_runs() {
    let policy = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(policy.path()).unwrap();
    let folder = policy.path().join("sources");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("orders.yaml"), ORDERS.replace("TOPIC", "order.events")).unwrap();
    let dir = policy.path().to_str().unwrap();
    run(["check", "--policy", dir]).refused(78, &["settings-invalid", "`order.events` is one of [inputs]"]);
    let data = tempfile::tempdir().unwrap();
    let place = data.path().to_str().unwrap();
    run(["run", "--policy", dir, "--data", place, "--drain"]).refused(78, &["`order.events`"]);
}
