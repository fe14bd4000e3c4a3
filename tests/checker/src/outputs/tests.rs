//! Two contacts of a customer, told as the starter policy says; then each thing that may go wrong with that.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::*;
use crate::expectation::Memory;
use crate::identifier::Notifications;
use crate::policy::Policy;
use crate::schemas::Schemas;
use crate::verdict::KINDS;

const INPUT: &str = "service.events";

/// A record with its own bytes.
#[derive(Clone, Debug)]
struct Written {
    offset: i64,
    key: String,
    headers: Vec<(&'static str, String)>,
    value: String,
}

impl Written {
    fn look<T>(&self, at: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers = self.headers.iter().map(|(name, value)| (*name, Some(value.as_bytes()))).collect();
        at(&Record {
            partition: 0,
            offset: self.offset,
            timestamp: Some(1_772_446_500_000),
            key: Some(self.key.as_bytes()),
            value: Some(self.value.as_bytes()),
            headers,
            readable: true,
        })
    }
}

/// All that lies in the log.
#[derive(Clone, Debug)]
struct World {
    position: i64,
    inputs: Vec<Written>,
    support: Vec<Written>,
    marketing: Vec<Written>,
    /// It reads Avro.
    delivery: Vec<Written>,
    decisions: Vec<Written>,
    letters: Vec<Written>,
}

/// A contact that cites a promise: `customer-support` answers it, `marketing` knows of it.
fn contact(offset: i64, id: &str) -> Written {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "/shop"),
        ("ce_type", "contact.received"),
        ("ce_time", "2026-03-02T10:15:00Z"),
        ("ce_subject", "A-1"),
        ("content-type", "application/json"),
    ];
    let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
    let value = r#"{"channel":"email","promise_ids":["P-7"]}"#.to_owned();
    Written { offset, key: "A-1".to_owned(), headers, value }
}

const RULES: [(&str, &str, &str); 2] =
    [("customer-support", "answer", "contact-to-support"), ("marketing", "know", "contact-cites-a-promise")];

fn told(offset: i64, event: &str, (department, kind, rule): (&str, &str, &str)) -> Written {
    let id = identifier::text(Notifications::default().id("/shop", event, department));
    let value = json!({
        "id": id, "department": department, "kind": kind, "priority": "normal", "title": "", "body": "",
        "event": {"id": event, "source": "/shop", "type": "contact.received", "subject": "A-1",
            "time": "2026-03-02T10:15:00Z"},
        "correlation_id": "A-1", "chain_step": "customer-support", "rank": 5,
        "reasons": [{"rule": rule, "owner": "somebody", "kind": kind}],
        "policy_version": "v",
    });
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id.as_str()),
        ("ce_source", "/hinge/router"),
        ("ce_type", "hinge.notification"),
        ("ce_subject", "A-1"),
        ("ce_correlationid", "A-1"),
        ("ce_causationid", event),
        ("content-type", "application/json"),
        ("hinge-policy-version", "v"),
    ];
    let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
    Written { offset, key: "A-1".to_owned(), headers, value: value.to_string() }
}

fn decided(offset: i64, event: &str) -> Written {
    let telling = |(department, ..): &(&str, &str, &str)| -> Json {
        json!({"id": identifier::text(Notifications::default().id("/shop", event, department)),
            "department": department})
    };
    let value = json!({
        "event": {"id": event, "source": "/shop"}, "topic": INPUT, "partition": 0, "offset": offset,
        "outcome": "emitted", "chain_step": "customer-support",
        "matched": RULES.map(|(_, _, rule)| json!({"rule": rule})),
        "notifications": RULES.iter().map(telling).collect::<Vec<_>>(),
    });
    Written { offset, key: "A-1".to_owned(), headers: Vec::new(), value: value.to_string() }
}

/// The letter of a record, as it came.
fn letter(offset: i64, of: &Written, code: &str) -> Written {
    let ours = [
        ("hinge-error-code", code.to_owned()),
        ("hinge-error-topic", INPUT.to_owned()),
        ("hinge-error-partition", "0".to_owned()),
        ("hinge-error-offset", of.offset.to_string()),
    ];
    let headers = of.headers.iter().cloned().chain(ours).collect();
    Written { offset, headers, ..of.clone() }
}

/// Two contacts, the first one told twice, and a record that nobody can read: all as it should be.
fn world() -> World {
    let mut cut = contact(3, "3");
    cut.value.truncate(9);
    let both = |rule| vec![told(0, "1", rule), told(1, "2", rule)];
    World {
        position: 4,
        letters: vec![letter(0, &cut, "json-invalid")],
        inputs: vec![contact(0, "1"), contact(1, "2"), contact(2, "1"), cut],
        support: both(RULES[0]),
        marketing: both(RULES[1]),
        delivery: Vec::new(),
        decisions: vec![decided(0, "1"), decided(1, "2")],
    }
}

/// How many violations of which kinds there are.
fn found(world: &World) -> Vec<(&'static str, u64)> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schemas = Schemas::read(&repository.join("schemas")).unwrap();
    let policy = Policy::read(&repository.join("deploy/starter/policy")).unwrap();
    let rules = Rules { policy: &policy, schemas: &schemas };
    let mut expected = Expectation { topics: vec![INPUT.to_owned()], ..Expectation::default() };
    let mut memory = Memory::default();
    for input in &world.inputs {
        input.look(|record| expected.read(0, record, &mut memory, rules)).unwrap();
    }
    expected.partitions.get_mut(&(0, 0)).unwrap().position = world.position;
    let mut outputs = Outputs::new(expected, rules);
    let told = [
        ("customer-support", &world.support),
        ("marketing", &world.marketing),
        ("delivery", &world.delivery),
    ];
    for (name, records) in told {
        let department = policy.departments.iter().position(|department| department.name == name).unwrap();
        let mut sequence = Sequence::default();
        for written in records {
            written.look(|record| outputs.notification(department, record, name, &mut sequence));
        }
    }
    for written in &world.decisions {
        written.look(|record| outputs.decision(record, "decisions"));
    }
    for written in &world.letters {
        written.look(|record| outputs.letter(record, "letters"));
    }
    let (verdict, _) = outputs.end();
    let counts = KINDS.iter().map(|(kind, name)| (*name, verdict.of(*kind)));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[track_caller]
fn assert_found(change: impl FnOnce(&mut World), expected: &[(&'static str, u64)]) {
    let mut world = world();
    change(&mut world);
    assert_eq!(found(&world), expected);
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_found(|_| {}, &[]);
}

#[test]
fn what_is_missing_is_lost_and_what_is_told_in_part_is_torn() {
    assert_found(|world| drop(world.marketing.remove(1)), &[("lost", 1), ("torn", 1)]);
    assert_found(|world| drop(world.decisions.remove(0)), &[("lost", 1), ("torn", 1), ("closure", 1)]);
    assert_found(|world| drop(world.letters.remove(0)), &[("lost", 1), ("closure", 1)]);
    let whole_event = |world: &mut World| {
        world.decisions.remove(1);
        world.marketing.remove(1);
        world.support.remove(1);
    };
    assert_found(whole_event, &[("lost", 3), ("closure", 1)]);
}

#[test]
fn what_is_there_twice_is_doubled() {
    assert_found(|world| world.support.push(told(2, "1", RULES[0])), &[("doubled", 1)]);
    assert_found(|world| world.decisions.push(decided(0, "1")), &[("doubled", 1)]);
    assert_found(|world| world.letters.push(world.letters[0].clone()), &[("doubled", 1)]);
}

#[test]
fn notifications_of_one_correlation_id_keep_their_order() {
    assert_found(|world| world.support.swap(0, 1), &[("order", 1)]);
}

#[test]
fn what_another_department_is_told_is_leaked() {
    let moved = |world: &mut World| {
        let told = world.marketing.remove(1);
        world.support.push(told);
    };
    assert_found(moved, &[("lost", 1), ("torn", 1), ("leak", 1)]);
    // Even where it is not in the format that is read there; one's own in another format is no leak.
    assert_found(|world| world.delivery.push(told(0, "1", RULES[0])), &[("leak", 1)]);
    let own = ("delivery", "answer", "contact-to-support");
    assert_found(|world| world.delivery.push(told(0, "1", own)), &[("unexplained", 1)]);
    // By no rule: a contact without a promise is not marketing's.
    let uncited = |world: &mut World| world.inputs[1].value = r#"{"channel":"email"}"#.to_owned();
    let mut leaking = world();
    uncited(&mut leaking);
    assert!(found(&leaking).contains(&("leak", 1)), "{:?}", found(&leaking));
}

#[test]
fn what_nothing_in_the_input_explains_is_found() {
    assert_found(|world| world.support.push(told(2, "9", RULES[0])), &[("unexplained", 1)]);
    assert_found(
        |world| world.letters.push(letter(1, &contact(1, "2"), "data-invalid")),
        &[("closure", 1), ("unexplained", 1)],
    );
    assert_found(
        |world| world.letters[0].headers.retain(|(name, _)| *name != "ce_id"),
        &[("unexplained", 1)],
    );
    let otherwise = |world: &mut World| {
        let (department, _, rule) = RULES[0];
        world.support[0] = told(0, "1", (department, "know", rule));
    };
    assert_found(otherwise, &[("unexplained", 1)]);
    assert_found(|world| world.support[0].key = "A-2".to_owned(), &[("unexplained", 1)]);
}

#[test]
fn nothing_is_there_of_what_the_group_has_not_committed() {
    // The cut record: its letter is beyond the position.
    assert_found(|world| world.position = 3, &[("closure", 2)]);
}
