//! One decision with few rules and with many, of which the same five match.
//!
//! The rules that do not match are of every kind, or ask for a fact that the event does not say.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion};
use hinge_domain::{
    Ask, Department, Event, Expression, Facts, Field, Format, Kind, Parts, Pii, Policy, Priority, Rule,
    Shape, Stream, Templates, Value, decide,
};

use crate::{Row, median, row};

const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];
const TURNS: usize = 200;
const DECISIONS: u32 = 200;

/// The most that a decision with the most rules may cost, beside one with the fewest.
const MOST: f64 = 2.0;

/// How a policy's rules that do not match are made, by number.
type Other = fn(usize) -> String;

/// Measures the decisions one after another and, for the ratio, in turns.
pub(crate) fn measure(criterion: &mut Criterion) -> Vec<Row> {
    let event = event();
    let policies = COUNTS.map(|count| policy(count, of_every_kind));
    let mut group = criterion.benchmark_group("decide");
    for (count, policy) in COUNTS.iter().zip(&policies) {
        assert_eq!(decide(&event, policy, event.occurred).matched.len(), 5);
        group.bench_with_input(BenchmarkId::from_parameter(count), policy, |bencher, policy| {
            bencher.iter(|| black_box(decide(black_box(&event), policy, event.occurred)));
        });
    }
    group.finish();
    let silent = [COUNTS[0], COUNTS[3]].map(|count| policy(count, on_what_is_not_said));
    let decision = decide(&event, &silent[1], event.occurred);
    assert_eq!((decision.matched.len(), decision.unknown.len()), (5, 0));
    let [fewest, hundred, thousand, most] = medians(&policies, &event);
    let [few, many] = medians(&silent, &event);
    vec![
        row(
            "a decision with 10,000 rules beside one with 10",
            most / fewest,
            &format!("{fewest:.2}, {hundred:.2}, {thousand:.2}, {most:.2} us"),
            MOST,
        ),
        row(
            "the same of rules that ask for what the event does not say",
            many / few,
            &format!("{few:.2}, {many:.2} us"),
            MOST,
        ),
    ]
}

/// The median time of a decision under each policy, in microseconds. In turns, so that whatever else the machine
/// does meets all.
fn medians<const N: usize>(policies: &[Policy; N], event: &Event) -> [f64; N] {
    let mut turns = [const { Vec::new() }; N];
    for _ in 0..TURNS {
        for (policy, times) in policies.iter().zip(&mut turns) {
            let began = Instant::now();
            for _ in 0..DECISIONS {
                black_box(decide(black_box(event), policy, event.occurred));
            }
            times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS));
        }
    }
    turns.map(median)
}

/// Equality, lists, spans, and parts that only CEL can answer.
fn of_every_kind(number: usize) -> String {
    match number % 5 {
        0 => format!("event.state == 'S{number}' && event.value > 10"),
        1 => format!("event.zone in ['Zone/{number}', 'Zone/{}']", number + 1),
        2 => format!("event.value >= {}.5 && event.value < {}", 1_000 + number, 1_010 + number),
        3 => format!("event.customer_id == 'customer-{number}' || event.customer_id == 'nobody'"),
        _ => format!("event.state == 'T{number}' && local_date(event.time, 'UTC') > '2026-01-01'"),
    }
}

/// The part by which a rule is found is about a fact that the event lacks; the other one is false.
fn on_what_is_not_said(number: usize) -> String {
    format!("event.coupon == 'C{number}' && event.state == 'S{}'", number % 50)
}

fn policy(count: usize, other: Other) -> Policy {
    let matching = [
        "event.state == 'SP'",
        "event.value >= 500.0",
        "size(event.promise_ids) > 0",
        "event.promised_date > '2026-03-01' && event.zone == 'America/Sao_Paulo'",
        "event.customer_group in ['consumer', 'business']",
    ];
    let conditions = matching.iter().map(|when| (*when).to_owned()).chain((5..count).map(other));
    let rules = conditions.enumerate().map(|(number, when)| Rule {
        id: format!("rule-{number}").into(),
        owner: "operations".into(),
        event_types: vec!["order.placed".into()],
        when: Some(Expression::parse(&when).unwrap()),
        audience: None,
        to: vec![number % 3],
        ask: Ask::Know,
        priority: Priority::Normal,
        requires: vec!["promised_date".into()],
        template: Some("text".into()),
        because: None,
        stop: false,
    });
    let department = |name: &str| Department {
        name: name.into(),
        title: name.to_uppercase(),
        format: Format::Json,
        partitions: 1,
    };
    let mut templates = Templates::default();
    templates
        .add("text", "# Order {{ event.subject }}\n\nPromised for {{ event.promised_date }}.\n")
        .unwrap();
    Policy::new(Parts {
        version: "v1".into(),
        departments: ["warehouse", "finance", "quality"].map(department).to_vec(),
        chain: Vec::new(),
        rules: rules.collect(),
        templates,
        ignored: HashMap::new(),
        people: Vec::new(),
    })
}

fn event() -> Event {
    let facts = [
        ("customer_id", Kind::Text, Value::text("customer-77")),
        ("customer_group", Kind::Text, Value::text("consumer")),
        ("state", Kind::Text, Value::text("SP")),
        ("value", Kind::Decimal { scale: 2 }, Value::Decimal("612.40".parse().unwrap())),
        ("promised_date", Kind::Date, Value::Date("2026-03-09".parse().unwrap())),
        ("zone", Kind::Text, Value::text("America/Sao_Paulo")),
        ("promise_ids", Kind::List(Box::new(Kind::Text)), Value::List(vec![Value::text("two-days")])),
    ];
    let field = |(name, kind, _): &(&str, Kind, Value)| Field {
        name: (*name).into(),
        kind: kind.clone(),
        default: Some(Value::Absent),
        pii: Pii::None,
        doc: String::new(),
    };
    let shape = Shape {
        event_type: "order.placed".into(),
        stream: Stream::Order,
        version: 1,
        doc: String::new(),
        fields: facts.iter().map(field).collect(),
    };
    Event {
        id: "order-1".into(),
        source: "/invented-shop".into(),
        subject: "order-1".into(),
        correlation_id: "order-1".into(),
        occurred: "2026-03-02T08:00:00Z".parse().unwrap(),
        history: None,
        facts: Facts::new(Arc::new(shape), facts.into_iter().map(|(_, _, value)| value).collect()),
        extensions: Vec::new(),
    }
}
