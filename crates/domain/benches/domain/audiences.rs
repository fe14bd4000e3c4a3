//! What audiences add to a decision: 10,000 people in 50 departments, 200 rules with an audience each, beside the
//! same rules without audiences.
//!
//! Audiences read three facts of the events, which are one of 810 combinations, as the states, languages and levels of
//! orders are.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use hinge_domain::{
    Ask, Department, Event, Facts, Field, Format, Kind, Parts, Person, Pii, Policy, Priority, Rule, Segment,
    Shape, Stream, Templates, Value, decide,
};
use jiff::Timestamp;

use crate::{Row, median, row};

/// The most that audiences may make of what a decision costs.
const MOST: f64 = 2.0;
const DEPARTMENTS: usize = 50;
const PEOPLE: usize = 10_000;
const RULES: usize = 200;
const KINDS: usize = RULES / 5;
const EVENTS: usize = 2_000;
const STATES: usize = 27;
const LANGUAGES: [&str; 5] = ["pt", "en", "es", "de", "fr"];
const ROLES: [&str; 8] = ["driver", "packer", "lead", "clerk", "agent", "planner", "buyer", "nurse"];

/// In turn, over the rules: of people alone, relative to the event, and joined.
fn audience(number: usize) -> String {
    let role = ROLES[number % ROLES.len()];
    let (place, level) = (number % STATES, number % 7);
    match number % 5 {
        0 => format!("person.role == '{role}' && person.location != 'S{place}'"),
        1 => format!(
            "person.location == event.state && person.role != '{role}' && person.seniority != {level}"
        ),
        2 => format!(
            "person.seniority >= {} && event.language in person.languages && person.location != 'S{place}'",
            level % 4
        ),
        3 => format!(
            "person.location == event.state || (person.role == '{role}' && person.seniority > {level})"
        ),
        _ => format!(
            "!('pt' in person.languages) && person.seniority >= event.level && person.location != 'S{place}'"
        ),
    }
}

/// The type of the events of a kind; there are as many kinds as rules fit five to each.
fn event_type(kind: usize) -> String {
    format!("order.placed-{kind}")
}

fn shape(kind: usize) -> Arc<Shape> {
    let field = |name: &str, kind| Field {
        name: name.into(),
        kind,
        default: Some(Value::Absent),
        pii: Pii::None,
        doc: String::new(),
    };
    Arc::new(Shape {
        event_type: event_type(kind).into(),
        stream: Stream::Order,
        version: 1,
        doc: String::new(),
        fields: vec![field("state", Kind::Text), field("language", Kind::Text), field("level", Kind::Int)],
    })
}

fn events(random: &mut fastrand::Rng) -> Vec<Event> {
    let shapes: Vec<Arc<Shape>> = (0..KINDS).map(shape).collect();
    let event = |number: usize, random: &mut fastrand::Rng| Event {
        id: number.to_string(),
        source: "/invented-shop".into(),
        subject: format!("A-{number}"),
        correlation_id: format!("A-{number}"),
        occurred: Timestamp::UNIX_EPOCH,
        history: None,
        facts: Facts::new(
            Arc::clone(&shapes[random.usize(..KINDS)]),
            vec![
                Value::text(format!("S{}", random.usize(..STATES))),
                Value::text(LANGUAGES[random.usize(..LANGUAGES.len())]),
                Value::Int(random.i64(0..6)),
            ],
        ),
        extensions: Vec::new(),
    };
    (0..EVENTS).map(|number| event(number, random)).collect()
}

fn people(random: &mut fastrand::Rng) -> Vec<Person> {
    let person = |number: usize| Person {
        id: format!("p-{number:05}").into(),
        department: format!("department-{}", number % DEPARTMENTS).into(),
        role: Some(ROLES[random.usize(..ROLES.len())].into()),
        seniority: (random.u8(..10) > 0).then(|| random.i64(0..6)),
        location: Some(format!("S{}", random.usize(..STATES)).into()),
        interests: None,
        languages: Some(vec![LANGUAGES[random.usize(..LANGUAGES.len())].into()]),
        medium: None,
    };
    (0..PEOPLE).map(person).collect()
}

/// 200 rules, each for one department. All match every event, or five match it: they look at its type.
fn policy(people: Vec<Person>, with_audiences: bool, all_match: bool) -> Policy {
    let rules = (0..RULES).map(|number| {
        let kinds = if all_match { 0..KINDS } else { number / 5..number / 5 + 1 };
        Rule {
            id: format!("rule-{number}").into(),
            owner: "operations".into(),
            event_types: kinds.map(|kind| event_type(kind).into()).collect(),
            when: None,
            to: vec![number % DEPARTMENTS],
            audience: with_audiences.then(|| Segment::parse(&audience(number)).expect("an audience")),
            ask: Ask::Know,
            priority: Priority::Normal,
            requires: Vec::new(),
            template: None,
            because: None,
            stop: false,
        }
    });
    let department = |number: usize| Department {
        name: format!("department-{number}").into(),
        title: String::new(),
        format: Format::Json,
        partitions: 1,
    };
    Policy::new(Parts {
        version: "measured".into(),
        departments: (0..DEPARTMENTS).map(department).collect(),
        chain: Vec::new(),
        rules: rules.collect(),
        templates: Templates::default(),
        ignored: HashMap::new(),
        people,
    })
}

/// The mean time of a decision, over all events once.
fn mean(policy: &Policy, events: &[Event]) -> Duration {
    let began = Instant::now();
    for event in events {
        black_box(decide(black_box(event), policy, Timestamp::UNIX_EPOCH));
    }
    began.elapsed() / u32::try_from(events.len()).unwrap_or(1)
}

/// Measures the decisions one after another and, for the ratios, in turns.
pub(crate) fn measure(criterion: &mut Criterion) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(7);
    let events = events(&mut random);
    let people = people(&mut random);
    let mut ratios = Vec::new();
    for (name, all_match) in [("5 of 200 rules match", false), ("200 of 200 rules match", true)] {
        let [without, with] =
            [false, true].map(|with_audiences| policy(people.clone(), with_audiences, all_match));
        let mut group = criterion.benchmark_group(name);
        for (what, policy) in [("without audiences", &without), ("with audiences", &with)] {
            let mut next = events.iter().cycle();
            group.bench_function(what, |bencher| {
                bencher.iter(|| next.next().map(|event| decide(event, policy, Timestamp::UNIX_EPOCH)));
            });
        }
        group.finish();
        // Side by side, so that whatever else the machine does meets both.
        let rounds = (0..15).map(|_| {
            let (without, with) = (mean(&without, &events), mean(&with, &events));
            with.as_secs_f64() / without.as_secs_f64()
        });
        ratios.push((name, median(rounds.collect()), mean(&without, &events), mean(&with, &events)));
    }
    let began = Instant::now();
    let made = policy(people, true, true);
    println!("policy with 10,000 people made in {:.2?}", began.elapsed());
    if let Some(mut person) = made.people.get("p-00042").cloned() {
        person.seniority = Some(person.seniority.unwrap_or_default() + 1);
        let began = Instant::now();
        let changed = made.people.with_person(person);
        println!(
            "one person changed in {:.2?}, {} answers worked out anew",
            began.elapsed(),
            changed.recomputed
        );
    }
    let told = |(name, ratio, without, with): (&str, f64, Duration, Duration)| {
        let what = format!("a decision with audiences beside one without, {name}");
        row(&what, ratio, &format!("{with:.2?}, {without:.2?}"), MOST)
    };
    ratios.into_iter().map(told).collect()
}
