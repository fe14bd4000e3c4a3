//! Whatever the policy and the event: the rules found are those that CEL finds, one by one, in order.

use proptest::prelude::*;

use super::*;
use crate::Kind;
use crate::decide::decide;
use crate::invented::{self, field, parts, rule, shape};

const ATTRIBUTES: &[&str] = &[
    "state", "channel", "value", "weight", "count", "due", "done", "urgent", "ids", "part", "id", "time",
    "subject", "nothing",
];

const LITERALS: &[&str] = &[
    "'SP'",
    "'RJ'",
    "''",
    "'2026-03-02'",
    "'2026-03-1'",
    "'web'",
    "'a'",
    "0",
    "1",
    "3",
    "-2",
    "9007199254740993",
    "0.0",
    "-0.0",
    "2.5",
    "3.0",
    "9007199254740992.0",
    "true",
    "false",
    "null",
    "2u",
];

const OTHERS: &[&str] = &[
    "event.count + 1 > 3",
    "event.count / 0 == 1",
    "event.ids.exists(id, id == event.state)",
    "local_date(event.time, 'UTC') > event.due",
    "size(event) > 3",
    "event.state",
    "true",
    "event.urgent",
    "event.part.name == 'a'",
    "event.part == event.part",
    "event.ids == ['a']",
    "event.state < 5",
    "(event.urgent ? event.count : 2) == 2",
    "event.state.startsWith('S')",
    "event.due.endsWith('2')",
    "event.due.contains('-03-')",
    "event.ids.contains('a')",
    "event.count.startsWith('S')",
    "event['state'] == 'SP'",
    "nothing == 1",
];

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(texts).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = String> {
    let attribute = || one_of(ATTRIBUTES).prop_map(|name| format!("event.{name}"));
    let operator = || one_of(&["==", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        4 => (attribute(), one_of(LITERALS)).prop_map(|(attribute, literal)| format!("{attribute} == {literal}")),
        4 => (attribute(), operator(), one_of(LITERALS)).prop_map(|(a, op, literal)| format!("{a} {op} {literal}")),
        1 => (one_of(LITERALS), operator(), attribute()).prop_map(|(literal, op, a)| format!("{literal} {op} {a}")),
        1 => (attribute(), operator(), attribute()).prop_map(|(one, op, other)| format!("{one} {op} {other}")),
        2 => (attribute(), proptest::collection::vec(one_of(LITERALS), 0..4))
            .prop_map(|(attribute, literals)| format!("{attribute} in [{}]", literals.join(", "))),
        1 => (one_of(LITERALS), attribute()).prop_map(|(literal, attribute)| format!("{literal} in {attribute}")),
        1 => (attribute(), attribute()).prop_map(|(item, list)| format!("{item} in {list}")),
        1 => (attribute(), operator(), one_of(LITERALS)).prop_map(|(a, op, n)| format!("size({a}) {op} {n}")),
        1 => attribute().prop_map(|attribute| format!("{attribute}.size() > 1")),
        1 => attribute().prop_map(|attribute| format!("has({attribute})")),
        2 => one_of(OTHERS),
    ]
}

/// The same few attributes with many values, as many rules of a real policy have them.
fn usual() -> impl Strategy<Value = String> {
    let state = one_of(&["SP", "RJ", "", "BA"]).prop_map(|state| format!("event.state == '{state}'"));
    let band = (-3i32..6, 0i32..4).prop_map(|(low, more)| {
        format!("event.value >= {low} && event.value < {:.1}", f64::from(low + more))
    });
    let until = (1u8..5).prop_map(|day| format!("event.due <= '2026-03-0{day}'"));
    (state, band, until, leaf()).prop_flat_map(|(state, band, until, leaf)| {
        proptest::sample::subsequence(vec![state, band, until, leaf], 1..=3)
            .prop_shuffle()
            .prop_map(|parts| parts.join(" && "))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let nested = leaf().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            1 => inner.prop_map(|inner| format!("!({inner})")),
        ]
    });
    prop_oneof![nested, usual()]
}

fn text() -> impl Strategy<Value = Value> {
    one_of(&["SP", "RJ", "", "web", "a", "2026-03-02", "Österreich"]).prop_map(Value::text)
}

fn date() -> impl Strategy<Value = Value> {
    one_of(&["2026-03-01", "2026-03-02", "0001-01-01", "9999-12-31", "-000044-03-15"])
        .prop_map(|date| Value::Date(date.parse().unwrap()))
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3i64..6).prop_map(Value::Int),
        prop_oneof![Just(i64::MAX), Just(9_007_199_254_740_993)].prop_map(Value::Int),
        one_of(&["0", "-0.00", "2.5", "3.00", "9007199254740992.5"])
            .prop_map(|number| Value::Decimal(number.parse().unwrap())),
        prop_oneof![
            Just(-0.0),
            Just(2.5),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(9_007_199_254_740_992.0)
        ]
        .prop_map(Value::Float),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Absent),
        2 => text(),
        1 => date(),
        2 => number(),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => (0i64..3).prop_map(|second| Value::Instant(jiff::Timestamp::from_second(second).unwrap())),
        1 => proptest::collection::vec(prop_oneof![text(), number(), Just(Value::Absent)], 0..4)
            .prop_map(Value::List),
        1 => text().prop_map(|name| Value::Record(vec![("name".into(), name)])),
    ]
}

fn maybe<T: Strategy<Value = Value>>(usual: T) -> impl Strategy<Value = Value> {
    prop_oneof![6 => usual, 2 => Just(Value::Absent), 1 => any_value()]
}

fn events() -> impl Strategy<Value = Vec<Value>> {
    let list = proptest::collection::vec(text(), 0..3).prop_map(Value::List);
    let part = text().prop_map(|name| Value::Record(vec![("name".into(), name)]));
    (
        (maybe(text()), maybe(text()), maybe(number()), maybe(number()), maybe(number())),
        (maybe(date()), maybe(date()), maybe(any::<bool>().prop_map(Value::Bool)), maybe(list), maybe(part)),
    )
        .prop_map(|((a, b, c, d, e), (f, g, h, i, j))| vec![a, b, c, d, e, f, g, h, i, j])
}

fn event(values: Vec<Value>) -> Event {
    let fields = ATTRIBUTES[..10].iter().map(|name| field(name, Kind::Text)).collect();
    let event = invented::event(shape("order.placed", fields), values);
    Event { id: "SP".into(), subject: "a".into(), correlation_id: "a".into(), ..event }
}

fn policy(conditions: &[(Option<String>, bool)]) -> Policy {
    let rules = conditions.iter().enumerate().map(|(number, (when, stop))| Rule {
        when: when.as_deref().map(|when| Expression::parse(when).unwrap()),
        stop: *stop,
        ..rule(&format!("rule-{number}"), &[0])
    });
    Policy::new(parts(&["quality"], rules.collect()))
}

type Found = (Vec<(Arc<str>, String)>, Vec<(Arc<str>, Unknown)>);

/// Every rule by CEL, in order, on the whole event.
fn one_by_one(event: &Event, policy: &Policy) -> Found {
    let mut scope = Scope::default();
    scope.set_record("event", event.attributes());
    let (mut matched, mut unknown) = (Vec::new(), Vec::new());
    for rule in policy.rules_for(event.event_type()) {
        match rule.when.as_ref().map_or(Ok(true), |when| by_cel(when, &scope)) {
            Ok(true) => {
                let values = rule.when.as_ref().map_or_else(Vec::new, |when| values_read(event, when));
                matched.push((Arc::clone(&rule.id), format!("{values:?}")));
                if rule.stop {
                    break;
                }
            }
            Ok(false) => {}
            Err(why) => unknown.push((Arc::clone(&rule.id), why)),
        }
    }
    (matched, unknown)
}

fn found(event: &Event, policy: &Policy) -> Found {
    let decision = decide(event, policy, event.occurred);
    let matched = decision.matched.iter().map(|it| (Arc::clone(&it.rule.id), format!("{:?}", it.values)));
    let unknown = decision.unknown.iter().map(|it| (Arc::clone(&it.rule.id), it.why.clone()));
    (matched.collect(), unknown.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_found_are_those_that_cel_finds_one_by_one(
        conditions in proptest::collection::vec(
            (proptest::option::weighted(0.97, condition()), prop::bool::weighted(0.03)), 1..60),
        events in proptest::collection::vec(events(), 1..6),
    ) {
        let policy = policy(&conditions);
        for values in events {
            let event = event(values);
            prop_assert_eq!(found(&event, &policy), one_by_one(&event, &policy), "{:?}", event.facts);
        }
    }
}

/// How many of the rules are looked at for an event.
fn looked_at(conditions: &[&str], values: Vec<Value>) -> usize {
    let rules = conditions.iter().map(|when| (Some((*when).to_owned()), false));
    let policy = policy(&rules.collect::<Vec<_>>());
    let routes = policy.routes_of("order.placed").unwrap();
    let event = event(values);
    routes.candidates(&routes.reads.see(&event)).count()
}

#[test]
fn of_many_rules_only_those_are_looked_at_whose_most_selective_part_may_hold() {
    let of_twenty = |condition: &dyn Fn(usize) -> String, values: [(usize, Value); 2]| {
        let conditions: Vec<String> = (0..20).map(condition).collect();
        let mut all = vec![Value::Absent; 10];
        for (position, value) in values {
            all[position] = value;
        }
        looked_at(&conditions.iter().map(String::as_str).collect::<Vec<_>>(), all)
    };
    let state = |state: &str| (0, Value::text(state));
    let web = || (1, Value::text("web"));
    let equal = |number| format!("event.channel == 'web' && event.state == 'S{number}'");
    assert_eq!(of_twenty(&equal, [state("S7"), web()]), 1);
    assert_eq!(of_twenty(&equal, [state("S99"), web()]), 0);
    // Each of them cannot tell; of those that are false all the same none is looked at.
    assert_eq!(of_twenty(&equal, [(0, Value::Absent), web()]), 20);
    assert_eq!(of_twenty(&equal, [(0, Value::Absent), (1, Value::text("app"))]), 0);
    let two = |number| format!("event.state == 'S{number}' && event.value > {number}.0");
    assert_eq!(of_twenty(&two, [(0, Value::Absent), (2, Value::Float(4.5))]), 5);
    assert_eq!(of_twenty(&two, [(0, Value::Absent), (2, Value::Absent)]), 20);
    let listed = |number| format!("event.state in ['S{number}', 'T{}'] || event.state == 'U'", number / 2);
    assert_eq!(of_twenty(&listed, [state("S7"), web()]), 1);
    assert_eq!(of_twenty(&listed, [state("T3"), web()]), 2);
    let band = |number| format!("event.value >= {number}.0 && event.value < {}", number + 1);
    assert_eq!(of_twenty(&band, [(2, Value::Float(7.5)), web()]), 1);
    assert_eq!(of_twenty(&band, [(2, Value::Int(70)), web()]), 0);
    let due = |number| format!("'2026-03-{:02}' < event.due && event.channel == 'web'", number + 1);
    assert_eq!(of_twenty(&due, [(5, Value::Date("2026-03-04".parse().unwrap())), web()]), 4);
    let cel = |number| format!("event.state == 'S{number}' && local_date(event.time, 'UTC') != ''");
    assert_eq!(of_twenty(&cel, [state("S7"), web()]), 1);
}
