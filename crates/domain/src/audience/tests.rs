//! Whom audiences choose: one sentence of the semantics each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::invented::{self, field, parts, shape};
use crate::{Decision, Event, Kind, Notification, Parts, Policy, Rule, Value, Verdict, decide};

mod properties;

fn event(facts: Vec<Value>) -> Event {
    let fields = vec![
        field("state", Kind::Text),
        field("value", Kind::Int),
        field("promised_date", Kind::Date),
        field("language", Kind::Text),
        field("wanted", Kind::List(Box::new(Kind::Text))),
    ];
    invented::event(shape("order.placed", fields), facts)
}

fn in_state(state: &str) -> Event {
    event(vec![Value::text(state)])
}

fn person(id: &str) -> Person {
    invented::person(id, "warehouse")
}

fn working(id: &str, role: &str, location: &str) -> Person {
    Person { role: Some(role.into()), location: Some(location.into()), ..person(id) }
}

fn rule(id: &str, audience: Option<&str>, to: &[usize]) -> Rule {
    Rule { audience: audience.map(|source| Segment::parse(source).unwrap()), ..invented::rule(id, to) }
}

fn policy(rules: Vec<Rule>, people: Vec<Person>) -> Policy {
    Policy::new(Parts { people, ..parts(&["warehouse", "finance", "quality"], rules) })
}

fn decided<'a>(policy: &'a Policy, event: &Event) -> (Decision<'a>, Vec<Notification>) {
    let recorded: Timestamp = "2026-03-02T08:00:05Z".parse().unwrap();
    let decision = decide(event, policy, recorded);
    let told = match &decision.verdict {
        Verdict::Emitted(told) => told.clone(),
        Verdict::Ignored(_) | Verdict::Unrouted => Vec::new(),
    };
    (decision, told)
}

fn ids(audience: &Audience) -> Vec<&str> {
    audience.people().map(|id| &**id).collect()
}

/// Whom an audience chooses among three people of whom little, something else and all is known.
fn chosen(audience: &str, event: &Event) -> Vec<String> {
    let people = vec![person("nothing"), working("other", "packer", "RJ"), working("right", "driver", "SP")];
    let policy = policy(vec![rule("r", Some(audience), &[0])], people);
    let (_, told) = decided(&policy, event);
    ids(told[0].audience.as_deref().unwrap()).into_iter().map(str::to_owned).collect()
}

#[test]
fn an_attribute_that_is_not_given_never_chooses_in_either_direction() {
    let sp = in_state("SP");
    assert_eq!(chosen("person.role == 'driver'", &sp), ["right"]);
    assert_eq!(chosen("person.role != 'packer'", &sp), ["right"]);
    assert_eq!(chosen("!(person.role == 'packer')", &sp), ["right"]);
    assert_eq!(chosen("!(person.role in ['packer', ''])", &sp), ["right"]);
    assert_eq!(chosen("person.role == ''", &sp), [""; 0]);
    assert_eq!(chosen("person.location == event.state", &sp), ["right"]);
    assert_eq!(chosen("!(person.location != event.state)", &sp), ["right"]);
    assert_eq!(chosen("person.location != event.state", &sp), ["other"]);
    assert_eq!(chosen("!has(person.role)", &sp), ["nothing"], "a presence test is the way to ask");
    assert_eq!(chosen("person.role == 'driver' || person.id == 'nothing'", &sp), ["nothing", "right"]);
}

#[test]
fn a_fact_that_the_event_lacks_chooses_nobody_in_either_direction() {
    let silent = event(Vec::new());
    for audience in [
        "person.location == event.state",
        "person.location != event.state",
        "!(person.location == event.state)",
        "event.state == 'SP'",
        "event.state != 'SP'",
        "!(event.state == 'SP')",
        "person.seniority >= event.value",
        "event.language in person.languages",
        "!(event.language in person.languages)",
    ] {
        assert_eq!(chosen(audience, &silent), [""; 0], "{audience}");
    }
}

#[test]
fn values_are_equal_only_if_every_character_is() {
    for state in ["sp", "SP ", " SP", "Sp", "", "S P"] {
        assert_eq!(chosen("person.location == event.state", &in_state(state)), [""; 0], "{state:?}");
    }
    for role in ["Driver", "driver ", "DRIVER"] {
        assert_eq!(chosen(&format!("person.role == '{role}'"), &in_state("SP")), [""; 0], "{role:?}");
    }
}

#[test]
fn numbers_and_languages_are_compared_as_their_author_means() {
    let speaks = |id: &str, seniority, languages: &[&str]| Person {
        seniority: Some(seniority),
        languages: Some(languages.iter().map(|it| Arc::from(*it)).collect()),
        ..person(id)
    };
    let people = || vec![speaks("a", 1, &["pt", "en"]), speaks("b", 3, &["en"]), speaks("c", 5, &[])];
    for (audience, expected) in [
        ("person.seniority >= 3", vec!["b", "c"]),
        ("'en' in person.languages && person.seniority < 3", vec!["a"]),
        ("person.language == 'en'", vec!["b"]),
        ("!('pt' in person.languages)", vec!["b", "c"]),
        ("event.language in person.languages", vec!["a"]),
        ("!(event.language in person.languages)", vec!["b", "c"]),
        ("person.language == event.language", vec!["a"]),
        ("person.languages.exists(it, it == event.language)", vec!["a"]),
        ("person.seniority > event.value", vec!["b", "c"]),
    ] {
        let policy = policy(vec![rule("r", Some(audience), &[0])], people());
        let event = event(vec![Value::Absent, Value::Int(2), Value::Absent, Value::text("pt")]);
        let (_, told) = decided(&policy, &event);
        assert_eq!(ids(told[0].audience.as_deref().unwrap()), expected, "{audience}");
    }
}

#[test]
fn recipients_are_the_union_over_the_matching_rules_and_everybody_where_one_has_no_audience() {
    let people = || {
        let mut people = vec![working("a", "driver", "SP"), working("b", "packer", "SP"), person("c")];
        people.push(Person { department: "finance".into(), ..person("f") });
        people
    };
    let drivers = || rule("drivers", Some("person.role == 'driver'"), &[0, 1]);
    let packers = || rule("packers", Some("person.role == 'packer'"), &[0]);
    let everybody = || rule("everybody", None, &[0, 2]);
    let told = |rules: Vec<Rule>| {
        let policy = policy(rules, people());
        let (_, told) = decided(&policy, &in_state("SP"));
        let of = |it: &Notification| {
            let audience = it.audience.as_deref().map(|audience| ids(audience).join(" "));
            (it.department.to_string(), (audience, it.reasons.len()))
        };
        told.iter().map(of).collect::<BTreeMap<_, _>>()
    };
    let some = |ids: &str, reasons| (Some(ids.to_owned()), reasons);
    let two = told(vec![drivers(), packers()]);
    assert_eq!(two["warehouse"], some("a b", 2));
    assert_eq!(two["finance"], some("", 1), "nobody is chosen, and the department is told");
    let three = told(vec![drivers(), packers(), everybody()]);
    assert_eq!(three["warehouse"], some("a b c", 3));
    assert_eq!(three["quality"], (None, 1), "nobody is known there");
}

#[test]
fn the_hash_is_that_of_the_department_and_the_sorted_ids_and_of_nothing_else() {
    let hash = |rules: Vec<Rule>, people: Vec<Person>| {
        let policy = policy(rules, people);
        let (_, told) = decided(&policy, &in_state("SP"));
        told[0].audience.as_deref().unwrap().hash().to_string()
    };
    let by_role = hash(
        vec![rule("r", Some("person.role == 'driver'"), &[0])],
        vec![working("p-2", "driver", "SP"), working("p-1", "driver", "RJ"), person("p-3")],
    );
    let by_id = hash(
        vec![rule("s", Some("person.id in ['p-1', 'p-2']"), &[0])],
        vec![person("p-1"), person("p-2"), person("p-9")],
    );
    assert_eq!(by_role, by_id);
    assert_eq!(by_role, **Audience::of("warehouse", ["p-2", "p-1", "p-2"]).hash());
    // printf 'warehouse\np-1\np-2\n' | sha256sum | cut -c1-32
    assert_eq!(by_role, "b9453197a3c5f581ae9b1ede9e05678e");
}

#[test]
fn whoever_is_not_chosen_is_kept_with_the_first_reason() {
    let audience = "person.role == 'driver' && person.location == event.state && person.seniority >= 3";
    let senior = |id, role, location| Person { seniority: Some(4), ..working(id, role, location) };
    let people = vec![
        senior("chosen", "driver", "SP"),
        senior("elsewhere", "driver", "RJ"),
        senior("elsewhere-too", "driver", "BA"),
        working("junior", "driver", "SP"),
        senior("packs", "packer", "SP"),
        person("unknown"),
    ];
    let rules = vec![rule("r", Some(audience), &[0]), rule("s", Some("person.id == 'packs'"), &[0])];
    let policy = policy(rules, people);
    let event = in_state("SP");
    let (_, told) = decided(&policy, &event);
    let snapshot = policy.snapshot(&event, &told[0]).unwrap();
    assert_eq!(snapshot.hash, *told[0].audience.as_deref().unwrap().hash());
    assert_eq!(snapshot.people, ["chosen", "packs"].map(Arc::from));
    let excluded: Vec<(String, Vec<&str>)> = snapshot
        .excluded
        .iter()
        .map(|it| (it.because.to_string(), it.people.iter().map(|id| &**id).collect()))
        .collect();
    assert_eq!(
        excluded,
        [
            ("`person.role` is not given".to_owned(), vec!["unknown"]),
            ("`person.location == event.state` is not so".to_owned(), vec!["elsewhere", "elsewhere-too"]),
            ("`person.seniority` is not given".to_owned(), vec!["junior"]),
        ]
    );
    assert!(snapshot.excluded.iter().all(|it| *it.rule == *"r"));
    let why = |id: &str, rule: usize| {
        let person = policy.people.get(id).unwrap();
        policy.exclusion(&policy.rules[rule], &event, person).map(|it| it.to_string())
    };
    assert_eq!(why("packs", 0).unwrap(), "`person.role == 'driver'` is not so");
    assert_eq!(why("packs", 1), None);
    let silent = self::event(Vec::new());
    let chosen = policy.people.get("chosen").unwrap();
    let why = policy.exclusion(&policy.rules[0], &silent, chosen).unwrap().to_string();
    assert_eq!(why, "`event.state` is not given");
    let stranger = Person { department: "finance".into(), ..person("f") };
    let why = policy.exclusion(&policy.rules[0], &event, &stranger).unwrap().to_string();
    assert_eq!(why, "the department `finance` is not told by this rule");
}

#[test]
fn changing_one_person_works_out_only_what_hangs_on_what_changed() {
    let mut people: Vec<Person> = (0..100).map(|n| working(&format!("w-{n}"), "driver", "SP")).collect();
    people.extend(
        (0..100)
            .map(|n| Person { department: "finance".into(), ..working(&format!("f-{n}"), "clerk", "SP") }),
    );
    let rules = vec![
        rule("one", Some("person.role == 'driver' && person.location == event.state"), &[0, 1]),
        rule("two", Some("person.role != 'packer' || person.seniority > event.value"), &[0]),
        rule("three", Some("person.role == 'driver' && event.value > 3"), &[0]),
        rule("elsewhere", Some("person.role == 'clerk'"), &[1]),
    ];
    let before = policy(rules, people).people;
    let change = |change: &dyn Fn(&mut Person)| {
        let mut person = before.get("w-7").unwrap().clone();
        change(&mut person);
        before.with_person(person)
    };
    assert_eq!(change(&|person| person.medium = Some(Medium::Chat)).recomputed, 0);
    assert_eq!(change(&|person| person.location = Some("RJ".into())).recomputed, 1);
    let role = change(&|person| person.role = Some("packer".into()));
    assert_eq!(role.recomputed, 2, "`== 'driver'` stands in two rules and is one question");
    assert!(Arc::ptr_eq(&role.people.teams[1], &before.teams[1]), "finance is as it was");
    let shared = before.teams[0].columns().iter().zip(role.people.teams[0].columns());
    assert_eq!(shared.filter(|((_, one), (_, other))| Arc::ptr_eq(one, other)).count(), 2);
    let moved = change(&|person| person.department = "finance".into());
    assert_eq!(moved.recomputed, 3, "what is asked of finance, for one person");
    assert_eq!((moved.people.of(0).len(), moved.people.of(1).len(), moved.people.len()), (99, 101, 200));
    let gone = before.without_person("w-7");
    assert_eq!((gone.len(), gone.get("w-7")), (199, None));
}

#[test]
fn what_is_remembered_is_bounded_however_many_facts_come() {
    let people = (0..20).map(|n| Person { seniority: Some(n), ..person(&format!("p-{n}")) }).collect();
    let policy = policy(vec![rule("r", Some("person.seniority >= event.value % 20"), &[0])], people);
    for value in 0..5000 {
        let event = event(vec![Value::Absent, Value::Int(value)]);
        let rules: Vec<&Rule> = policy.rules.iter().collect();
        let audience = policy.people.audience(&event, 0, &rules).unwrap();
        assert_eq!(audience.size(), usize::try_from(20 - value % 20).unwrap());
    }
    let memo = policy.people.teams[0].memo().unwrap();
    assert!(memo.answers.len() <= 2048, "{}", memo.answers.len());
}
