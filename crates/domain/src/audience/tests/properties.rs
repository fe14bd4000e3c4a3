//! For random people, audiences and events: choosing among many comes to the same as asking each person, and people
//! changed one by one to the same as people made anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{decided, event, ids, policy, rule};
use crate::{Event, Medium, Person, Policy, Rule, Value};

fn text(of: &'static [&'static str]) -> impl Strategy<Value = Arc<str>> {
    prop::sample::select(of).prop_map(Arc::from)
}

const PLACES: &[&str] = &["SP", "sp", "SP ", "RJ", "", "2026-03-02", "3"];
const LANGUAGES: &[&str] = &["pt", "en", "PT", "de"];

prop_compose! {
    fn any_person()(
        number in 0..40,
        department in text(&["warehouse", "finance", "quality", "nowhere"]),
        role in prop::option::of(text(&["driver", "Driver", "packer", ""])),
        seniority in prop::option::of(0i64..5),
        location in prop::option::of(text(PLACES)),
        interests in prop::option::of(prop::collection::vec(text(PLACES), 0..3)),
        languages in prop::option::of(prop::collection::vec(text(LANGUAGES), 0..3)),
        medium in prop::option::of(prop::sample::select(&Medium::ALL[..])),
    ) -> Person {
        Person { id: format!("p-{number}").into(), department, role, seniority, location, interests, languages, medium }
    }
}

prop_compose! {
    fn any_event()(
        state in prop::option::of(text(PLACES)),
        value in prop::option::of(0i64..5),
        dated in any::<bool>(),
        language in prop::option::of(text(LANGUAGES)),
        wanted in prop::option::of(prop::collection::vec(text(&["driver", "pt", "SP"]), 0..3)),
    ) -> Event {
        let text = |it: Option<Arc<str>>| it.map_or(Value::Absent, Value::Text);
        let date = if dated { Value::Date("2026-03-02".parse().unwrap()) } else { Value::Absent };
        let wanted = wanted.map_or(Value::Absent, |all| Value::List(all.into_iter().map(Value::Text).collect()));
        event(vec![text(state), value.map_or(Value::Absent, Value::Int), date, text(language), wanted])
    }
}

const ATOMS: &[&str] = &[
    "true",
    "person.location == event.state",
    "event.state == person.location",
    "person.location != event.state",
    "person.location == event.value",
    "person.location == event.promised_date",
    "person.location == event.nothing",
    "person.nothing == event.state",
    "person.role == 'driver'",
    "person.role",
    "person.role in ['driver', '']",
    "person.role in event.wanted",
    "person.id == 'p-3'",
    "person.department == 'finance'",
    "person.seniority >= 3",
    "person.seniority >= event.value",
    "person.seniority == event.value",
    "person.seniority / event.value > 1",
    "'pt' in person.languages",
    "event.language in person.languages",
    "event.value in person.interests",
    "event.promised_date in person.interests",
    "person.language == event.language",
    "person.languages == event.wanted",
    "person.languages.exists(it, it == event.language)",
    "person.languages.all(it, it in event.wanted)",
    "size(person.interests) > 1",
    "has(person.location)",
    "has(event.state)",
    "has(person.location) == event.state",
    "event.value > 2",
    "event.value",
    "event.state == 'SP'",
    "person.medium == 'chat'",
    "person == event",
    "'role' in person",
    "event.state + 'x' == person.location + 'x'",
];

fn any_audience() -> impl Strategy<Value = String> {
    prop::sample::select(ATOMS).prop_map(str::to_owned).prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) && ({other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.clone().prop_map(|it| format!("!({it})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

fn any_rules() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_audience(), 1..4)
}

fn made(audiences: &[String], people: Vec<Person>) -> Policy {
    let rules = audiences.iter().enumerate();
    policy(rules.map(|(n, source)| rule(&format!("r{n}"), Some(source), &[n % 2, 2])).collect(), people)
}

fn unique(people: Vec<Person>) -> Vec<Person> {
    let by_id: BTreeMap<Arc<str>, Person> = people.into_iter().map(|it| (Arc::clone(&it.id), it)).collect();
    by_id.into_values().collect()
}

/// Every department's audience and snapshot are what asking each person says.
fn check_against_each_person(policy: &Policy, event: &Event) -> Result<(), TestCaseError> {
    let (_, told) = decided(policy, event);
    for notification in told {
        let position = policy.departments.iter().position(|it| it.name == notification.department).unwrap();
        let rules: Vec<&Rule> = policy.rules.iter().filter(|rule| rule.to.contains(&position)).collect();
        let selects = |person: &&Person| {
            rules.iter().any(|rule| rule.audience.as_ref().unwrap().selects(person, event))
        };
        let everybody: Vec<&Person> = policy.people.of(position).collect();
        let expected: Vec<&str> = everybody.iter().copied().filter(selects).map(|it| &*it.id).collect();
        let Some(audience) = notification.audience.as_deref() else {
            prop_assert!(everybody.is_empty());
            continue;
        };
        prop_assert_eq!(ids(audience), expected.clone());
        prop_assert_eq!(audience.size(), expected.len());
        for person in &everybody {
            prop_assert_eq!(audience.contains(&person.id), expected.contains(&&*person.id));
        }
        let snapshot = policy.snapshot(event, &notification).unwrap();
        let mut excluded = BTreeMap::new();
        for it in &snapshot.excluded {
            excluded.extend(it.people.iter().map(|id| (id.to_string(), it.because.to_string())));
        }
        let first = rules[0].audience.as_ref().unwrap();
        let reasons = everybody
            .iter()
            .filter(|person| !selects(person))
            .map(|person| (person.id.to_string(), first.exclusion(person, event).unwrap().to_string()));
        prop_assert_eq!(excluded, reasons.collect::<BTreeMap<_, _>>());
        for (rule, person) in rules.iter().flat_map(|rule| everybody.iter().map(move |it| (rule, it))) {
            let segment = rule.audience.as_ref().unwrap();
            prop_assert_eq!(segment.exclusion(person, event).is_none(), segment.selects(person, event));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn choosing_among_many_comes_to_the_same_as_asking_each_person(
        audiences in any_rules(),
        people in prop::collection::vec(any_person(), 0..30),
        events in prop::collection::vec(any_event(), 1..6),
    ) {
        let policy = made(&audiences, unique(people));
        for event in events.iter().chain(&events) {
            check_against_each_person(&policy, event)?;
        }
    }

    #[test]
    fn people_changed_one_by_one_are_the_same_as_people_made_anew(
        audiences in any_rules(),
        people in prop::collection::vec(any_person(), 0..20),
        changes in prop::collection::vec(any_person(), 1..20),
        gone in prop::collection::vec(0..40, 0..5),
        event in any_event(),
    ) {
        let mut by_id: BTreeMap<Arc<str>, Person> =
            people.into_iter().map(|it| (Arc::clone(&it.id), it)).collect();
        let mut policy = made(&audiences, by_id.values().cloned().collect());
        for person in changes {
            policy.people = policy.people.with_person(person.clone()).people;
            by_id.insert(Arc::clone(&person.id), person);
        }
        for number in gone {
            let id: Arc<str> = format!("p-{number}").into();
            policy.people = policy.people.without_person(&id);
            by_id.remove(&id);
        }
        let people: Vec<Person> = by_id.into_values().collect();
        let replaced = policy.people.replaced_by(people.clone());
        let anew = made(&audiences, people);
        for (one, other) in replaced.teams.iter().zip(&anew.people.teams) {
            prop_assert_eq!(one.people(), other.people());
            prop_assert_eq!(one.columns(), other.columns());
        }
        for (one, other) in policy.people.teams.iter().zip(&anew.people.teams) {
            prop_assert_eq!(one.people(), other.people());
            prop_assert_eq!(one.columns(), other.columns());
        }
        check_against_each_person(&policy, &event)?;
        prop_assert_eq!(decided(&policy, &event).1, decided(&anew, &event).1);
    }
}
