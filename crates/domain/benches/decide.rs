//! What one decision costs with few rules and with many, of which the same five match.
//!
//! `make bench`. The rules that do not match are of every kind: equality, lists, spans, and parts that only CEL
//! can answer. The ratio goes into the table at the end.

#![expect(clippy::unwrap_used, reason = "a benchmark stops where something is wrong")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use hinge_domain::{
    Ask, Department, Event, Expression, Facts, Field, Format, Kind, Parts, Pii, Policy, Priority, Rule,
    Shape, Stream, Templates, Value, decide,
};
use std::hint::black_box;

const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];

/// The most that a decision with the most rules may cost, beside one with the fewest.
const MOST: f64 = 2.0;

fn main() {
    let event = event();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = folder.join("criterion");
    let mut criterion = Criterion::default()
        .output_directory(&home)
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("decide");
    for count in COUNTS {
        let policy = policy(count);
        assert_eq!(decide(&event, &policy, event.occurred).matched.len(), 5);
        group.bench_with_input(BenchmarkId::from_parameter(count), &policy, |bencher, policy| {
            bencher.iter(|| black_box(decide(black_box(&event), policy, event.occurred)));
        });
    }
    group.finish();
    criterion.final_summary();
    // Under `cargo test` nothing is measured.
    let [fewest, .., most] = COUNTS.map(|count| nanoseconds(&home, count));
    if let (Some(fewest), Some(most)) = (fewest, most) {
        let ratio = most / fewest;
        let verdict = if ratio <= MOST { "met" } else { "NOT MET" };
        let row = format!(
            "a decision with 10,000 rules beside one with 10|{ratio:.2} ({most:.0} ns, {fewest:.0} ns)|{MOST:.1}|{verdict}\n"
        );
        print!("{row}");
        fs::write(folder.join("verdict-decide.txt"), row).unwrap();
    }
}

/// What criterion found: the slope, or the mean where it fitted none.
fn nanoseconds(home: &Path, count: usize) -> Option<f64> {
    let estimates = fs::read(home.join(format!("decide/{count}/new/estimates.json"))).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&estimates).ok()?;
    let estimate = |name: &str| estimates[name]["point_estimate"].as_f64();
    estimate("slope").or_else(|| estimate("mean"))
}

fn policy(count: usize) -> Policy {
    let matching = [
        "event.state == 'SP'",
        "event.value >= 500.0",
        "size(event.promise_ids) > 0",
        "event.promised_date > '2026-03-01' && event.zone == 'America/Sao_Paulo'",
        "event.customer_group in ['consumer', 'business']",
    ];
    let other = |number: usize| match number % 5 {
        0 => format!("event.state == 'S{number}' && event.value > 10"),
        1 => format!("event.zone in ['Zone/{number}', 'Zone/{}']", number + 1),
        2 => format!("event.value >= {}.5 && event.value < {}", 1_000 + number, 1_010 + number),
        3 => format!("event.customer_id == 'customer-{number}' || event.customer_id == 'nobody'"),
        _ => format!("event.state == 'T{number}' && local_date(event.time, 'UTC') > '2026-01-01'"),
    };
    let conditions = matching.iter().map(|when| (*when).to_owned()).chain((5..count).map(other));
    let rules = conditions.enumerate().map(|(number, when)| Rule {
        id: format!("rule-{number}").into(),
        owner: "operations".into(),
        event_types: vec!["order.placed".into()],
        when: Some(Expression::parse(&when).unwrap()),
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
