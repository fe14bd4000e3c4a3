//! What a decision must be, rule by rule; each test is one sentence of the semantics.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::invented::{self, field, parts, shape};
use crate::{Ask, ChainStep, Expression, Kind, Parts, Priority, Templates, notification_id};

fn event(state: Option<&str>, value: i64) -> Event {
    let fields =
        vec![field("state", Kind::Text), field("value", Kind::Int), field("promised_date", Kind::Date)];
    let facts = vec![state.map_or(Value::Absent, Value::text), Value::Int(value)];
    invented::event(shape("order.placed", fields), facts)
}

fn rule(id: &str, when: Option<&str>, to: &[usize]) -> Rule {
    Rule { when: when.map(|when| Expression::parse(when).unwrap()), ..invented::rule(id, to) }
}

fn policy(rules: Vec<Rule>) -> Policy {
    let mut templates = Templates::default();
    templates.add("text", "# {{ department }}: {{ event.subject }} to {{ event.state }}").unwrap();
    templates.add("broken", "# {{ event.value.nothing() }}").unwrap();
    let step = |name: &str, types: &[&str]| ChainStep {
        name: name.into(),
        event_types: types.iter().map(|name| Arc::from(*name)).collect(),
    };
    let chain = vec![step("campaign", &[]), step("operations", &["order.placed"])];
    Policy::new(Parts { chain, templates, ..parts(&["warehouse", "finance", "quality"], rules) })
}

fn recorded() -> Timestamp {
    "2026-03-02T08:00:05Z".parse().unwrap()
}

fn told(decision: &Decision<'_>) -> Vec<Notification> {
    match &decision.verdict {
        Verdict::Emitted(notifications) => notifications.clone(),
        Verdict::Ignored(_) | Verdict::Unrouted => Vec::new(),
    }
}

fn departments_told(rules: Vec<Rule>, event: &Event) -> Vec<String> {
    let policy = policy(rules);
    let decision = decide(event, &policy, recorded());
    told(&decision).iter().map(|it| it.department.to_string()).collect()
}

#[test]
fn all_matching_rules_fire_and_a_department_gets_one_notification_with_all_reasons() {
    let mut asking = rule("asking", Some("event.value > 10"), &[0]);
    (asking.ask, asking.template) = (Ask::Do, Some("text".into()));
    let mut urgent = rule("urgent", None, &[0, 2]);
    urgent.priority = Priority::Urgent;
    let policy = policy(vec![urgent, asking, rule("no", Some("event.value > 1000"), &[1])]);
    let decision = decide(&event(Some("ZH"), 50), &policy, recorded());
    let told = told(&decision);
    let of = |department: &str| told.iter().find(|it| *it.department == *department).unwrap();
    assert_eq!(told.len(), 2);
    let warehouse = of("warehouse");
    let reasons: Vec<&str> = warehouse.reasons.iter().map(|reason| reason.rule.as_ref()).collect();
    assert_eq!(reasons, ["urgent", "asking"]);
    assert_eq!((warehouse.ask, warehouse.priority), (Ask::Do, Priority::Urgent));
    assert_eq!(warehouse.title, "WAREHOUSE: A-1 to ZH");
    assert_eq!((of("quality").ask, of("quality").title.as_str()), (Ask::Know, "order.placed A-1"));
    assert_eq!((warehouse.chain_step.as_ref(), warehouse.rank), ("operations", 2));
}

#[test]
fn a_missing_attribute_is_unknown_and_never_matches_in_either_direction() {
    for when in ["event.state == 'ZH'", "event.state != 'ZH'", "!(event.state == 'ZH')"] {
        let policy = policy(vec![rule("r", Some(when), &[0])]);
        let decision = decide(&event(None, 1), &policy, recorded());
        assert_eq!(decision.verdict, Verdict::Unrouted, "{when}");
        assert_eq!(decision.unknown.len(), 1, "{when}");
        assert_eq!(decision.unknown[0].why, Unknown::Missing("state".into()), "{when}");
    }
}

#[test]
fn a_condition_that_is_neither_true_nor_false_does_not_match() {
    let policy =
        policy(vec![rule("r", Some("event.value"), &[0]), rule("s", Some("event.value / 0 == 1"), &[0])]);
    let decision = decide(&event(None, 1), &policy, recorded());
    assert_eq!((decision.unknown.len(), decision.verdict), (2, Verdict::Unrouted));
}

#[test]
fn a_rule_that_stops_hides_the_later_ones() {
    let rules = |stop| {
        let mut first = rule("first", None, &[0]);
        first.stop = stop;
        vec![first, rule("second", None, &[1])]
    };
    assert_eq!(departments_told(rules(true), &event(None, 1)), ["warehouse"]);
    assert_eq!(departments_told(rules(false), &event(None, 1)), ["warehouse", "finance"]);
}

#[test]
fn a_missing_required_fact_is_named_and_the_notification_goes_out() {
    let mut rule = rule("r", None, &[0]);
    rule.requires = ["state", "promised_date", "value"].map(Arc::from).to_vec();
    let policy = policy(vec![rule]);
    let decision = decide(&event(Some("ZH"), 7), &policy, recorded());
    let told = told(&decision);
    assert_eq!(told[0].missing, [Arc::from("promised_date")]);
    assert_eq!(told[0].facts, [(Arc::from("state"), Value::text("ZH")), (Arc::from("value"), Value::Int(7))]);
}

#[test]
fn a_text_that_cannot_be_rendered_never_holds_the_notification_back() {
    let mut rule = rule("r", None, &[0]);
    rule.template = Some("broken".into());
    let policy = policy(vec![rule]);
    let decision = decide(&event(Some("ZH"), 7), &policy, recorded());
    assert_eq!(told(&decision)[0].title, "order.placed A-1");
    assert!(decision.unrendered[0].contains("broken"), "{:?}", decision.unrendered);
}

#[test]
fn an_ignored_type_is_filtered_with_its_reason() {
    let mut policy = policy(vec![rule("r", None, &[0])]);
    policy.ignored.insert("order.placed".into(), "nobody asked".into());
    let decision = decide(&event(None, 1), &policy, recorded());
    assert_eq!(decision.verdict, Verdict::Ignored("nobody asked".into()));
}

#[test]
fn history_begins_just_after_a_day_unless_the_source_says_otherwise() {
    let policy = policy(vec![rule("r", None, &[0])]);
    let history = |after: SignedDuration, said: Option<bool>| {
        let mut event = event(None, 1);
        event.history = said;
        decide(&event, &policy, event.occurred + after).history
    };
    let day = SignedDuration::from_hours(24);
    assert!(!history(day, None));
    assert!(history(day + SignedDuration::from_secs(1), None));
    assert!(!history(day * 100, Some(false)));
    assert!(history(SignedDuration::ZERO, Some(true)));
}

#[test]
fn the_notification_id_depends_on_source_event_id_and_department_alone() {
    let ids = |id: &str, version: &str| {
        let mut policy = policy(vec![rule("r", None, &[0, 1])]);
        policy.version = version.into();
        let mut event = event(None, 1);
        event.id = id.into();
        told(&decide(&event, &policy, recorded())).iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("1", "v1"), ids("1", "v2"));
    assert_ne!(ids("1", "v1")[0], ids("1", "v1")[1]);
    assert_ne!(ids("1", "v1")[0], ids("2", "v1")[0]);
    // The identity that subscribers have stored for ever: computed with another implementation of UUIDs; it must not change.
    assert_eq!(notification_id("/shop", "1", "warehouse").to_string(), NOTIFICATION_ID);
}

const NOTIFICATION_ID: &str = "61c632ca-6592-57df-960b-dd1680b4fa1a";

proptest! {
    /// A card that keeps the largest revision shows the same, whatever order its notifications arrive in.
    #[test]
    fn a_card_is_the_same_for_every_order_of_arrival(
        mut seen in proptest::collection::vec((0i64..4, 1u32..4, "[ab]", "[a-c]{1,2}"), 1..8),
        seed in any::<u64>(),
    ) {
        let newest = |seen: &[(i64, u32, String, String)]| {
            seen.iter()
                .map(|(second, rank, source, id)| crate::Revision {
                    occurred: Timestamp::from_second(*second).unwrap(),
                    rank: *rank,
                    source,
                    id,
                })
                .max()
                .map(|it| (it.occurred, it.rank, it.source.to_owned(), it.id.to_owned()))
        };
        let before = newest(&seen);
        let turn = usize::try_from(seed % 7).unwrap() % seen.len();
        seen.rotate_left(turn);
        seen.reverse();
        prop_assert_eq!(before, newest(&seen));
    }
}
