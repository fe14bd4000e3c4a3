//! An explanation says what the decision did, and names the part of a condition that made the difference.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::invented::{self, field, parts, shape};
use crate::{Field, Parts as PolicyParts, Person, Segment, Verdict, decide};

const DEPARTMENTS: [&str; 2] = ["warehouse", "quality"];

fn event(state: Option<&str>, value: Option<i64>) -> Event {
    let words = Field { pii: Pii::Direct, ..field("words", Kind::Text) };
    let fields = vec![field("state", Kind::Text), field("value", Kind::Int), words];
    let values = vec![
        state.map_or(Value::Absent, Value::text),
        value.map_or(Value::Absent, Value::Int),
        Value::text("call Erika"),
    ];
    invented::event(shape("order.placed", fields), values)
}

fn rule(id: &str, event_type: &str, when: Option<&str>, to: &[usize]) -> Rule {
    Rule {
        event_types: vec![event_type.into()],
        when: when.map(|when| Expression::parse(when).unwrap()),
        ..invented::rule(id, to)
    }
}

fn policy(rules: Vec<Rule>, ignored: Option<&str>) -> Policy {
    policy_of(rules, ignored, Vec::new())
}

fn policy_of(rules: Vec<Rule>, ignored: Option<&str>, people: Vec<Person>) -> Policy {
    let ignored = ignored.map(|event_type| (Arc::from(event_type), Arc::from("nobody asked")));
    let ignored = HashMap::from_iter(ignored);
    Policy::new(PolicyParts { ignored, people, ..parts(&DEPARTMENTS, rules) })
}

/// The parts that are to blame, each with `false` or why it has no answer.
fn blamed(shortfall: &Shortfall) -> Vec<String> {
    match shortfall {
        Shortfall::Part(part) => {
            let answer = part.unknown.as_ref().map_or("false".to_owned(), ToString::to_string);
            vec![format!("{}: {answer}", part.text)]
        }
        Shortfall::NoneOf(parts) => parts.iter().flat_map(blamed).collect(),
    }
}

#[test]
fn the_part_that_decides_is_named_as_the_policy_says_it() {
    let check = |when: &str, expected: &[&str]| {
        let policy = policy(vec![rule("one", "order.placed", Some(when), &[0])], None);
        let explanation = explain(&event(Some("SP"), None), &policy, "warehouse").unwrap();
        let (Answer::Fails(shortfall) | Answer::Unknown { shortfall, .. }) = &explanation.rules[0].answer
        else {
            panic!("{when}: {:?}", explanation.rules[0].answer);
        };
        assert_eq!(blamed(shortfall), expected, "{when}");
    };
    check("event.state == 'RJ'", &["event.state == 'RJ': false"]);
    check("event.state == 'SP' && event.value > 3", &["event.value > 3: `value` is not given"]);
    // What is false decides, whatever has no answer before it.
    check("event.value > 3 && event.state == 'RJ'", &["event.state == 'RJ': false"]);
    check("event.value > 3 && event.state == 'SP'", &["event.value > 3: `value` is not given"]);
    check(
        "event.state == 'SP' && (event.state == 'RJ' || event.value > 3)",
        &["event.state == 'RJ': false", "event.value > 3: `value` is not given"],
    );
    check("!(event.state == 'SP')", &["!(event.state == 'SP'): false"]);
    check("event.state", &["event.state: the condition is neither true nor false"]);
    check("has(event.value) && event.value > 3", &["has(event.value): false"]);
}

#[test]
fn what_reaches_a_person_is_named_and_not_shown() {
    let when = "event.words == '' && event.state == 'SP'";
    let policy = policy(vec![rule("one", "order.placed", Some(when), &[0])], None);
    let explanation = explain(&event(Some("SP"), None), &policy, "warehouse").unwrap();
    let Answer::Fails(Shortfall::Part(part)) = &explanation.rules[0].answer else {
        panic!("{explanation:?}")
    };
    assert_eq!(part.read, [("words".to_owned(), Seen::Personal)]);
    assert!(!format!("{explanation:?}").contains("Erika"));
}

#[test]
fn other_types_earlier_stops_and_ignored_types_are_told_apart() {
    let mut first = rule("first", "order.placed", Some("event.state == 'SP'"), &[1]);
    first.stop = true;
    let rules = vec![
        rule("of-contacts", "contact.received", None, &[0]),
        first,
        rule("second", "order.placed", None, &[0]),
    ];
    let stopped = policy(rules, None);
    let event = event(Some("SP"), None);
    let explanation = explain(&event, &stopped, "warehouse").unwrap();
    let answers: Vec<_> = explanation.rules.iter().map(|it| (it.rule.id.as_ref(), &it.answer)).collect();
    let first_rule: Arc<str> = "first".into();
    assert_eq!(
        answers,
        [("of-contacts", &Answer::OtherTypes), ("second", &Answer::NotReached { stopped_by: &first_rule })]
    );
    assert!(explain(&event, &stopped, "nowhere").is_none());
    let ignoring = policy(Vec::new(), Some("order.placed"));
    let ignored = explain(&event, &ignoring, "warehouse").unwrap();
    assert_eq!(ignored.ignored.map(AsRef::as_ref), Some("nobody asked"));
}

/// A condition of up to a few operators over facts that may be missing, some of it without an answer.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("event.state == 'SP'".to_owned()),
        Just("event.state in ['RJ', '&& ||']".to_owned()),
        Just("event.value > 3".to_owned()),
        Just("has(event.value)".to_owned()),
        Just("event.state > 5".to_owned()),
        Just("event.value".to_owned()),
        Just("event.value / 0 == 1".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) && ({other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} && {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} || {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(if_it, then, or_else)| format!("(({if_it}) ? ({then}) : ({or_else}))")),
        ]
    })
}

fn any_rule() -> impl Strategy<Value = (Option<String>, bool, bool, Vec<usize>)> {
    let to = prop_oneof![Just(vec![0]), Just(vec![1]), Just(vec![0, 1])];
    (proptest::option::weighted(0.9, condition()), any::<bool>(), proptest::bool::weighted(0.2), to)
}

proptest! {
    /// Whatever the policy and the event are, the explanation says what the decision did: who is told, which rules
    /// matched, which had no answer and why; and every part that it blames is indeed not true.
    #[test]
    fn an_explanation_always_agrees_with_the_decision(
        rules in proptest::collection::vec(any_rule(), 1..7),
        state in proptest::option::of(prop_oneof![Just("SP"), Just("RJ")]),
        value in proptest::option::of(0i64..8),
        ignored in proptest::bool::weighted(0.1),
    ) {
        let rules = rules.into_iter().enumerate().map(|(number, (when, other_type, stop, to))| {
            let event_type = if other_type && number % 3 == 0 { "order.changed" } else { "order.placed" };
            let mut rule = rule(&format!("rule-{number}"), event_type, when.as_deref(), &to);
            rule.stop = stop;
            rule
        });
        let policy = policy(rules.collect(), ignored.then_some("order.placed"));
        let event = event(state, value);
        let decision = decide(&event, &policy, Timestamp::UNIX_EPOCH);
        let told: BTreeSet<&str> = match &decision.verdict {
            Verdict::Emitted(told) => told.iter().map(|it| it.department.as_ref()).collect(),
            Verdict::Ignored(_) | Verdict::Unrouted => BTreeSet::new(),
        };
        let mut scope = Scope::default();
        scope.set_record("event", event.attributes());
        for (position, department) in DEPARTMENTS.into_iter().enumerate() {
            let explanation = explain(&event, &policy, department).unwrap();
            prop_assert_eq!(explanation.is_told(), told.contains(department));
            prop_assert_eq!(explanation.ignored.is_some(), ignored);
            let (mut matched, mut unknown) = (Vec::new(), Vec::new());
            for considered in &explanation.rules {
                match &considered.answer {
                    Answer::Matches(_) => matched.push(&considered.rule.id),
                    Answer::Unknown { why, shortfall } => {
                        unknown.push((&considered.rule.id, why));
                        blames_what_is_not_true(shortfall, &scope)?;
                    }
                    Answer::Fails(shortfall) => blames_what_is_not_true(shortfall, &scope)?,
                    Answer::OtherTypes | Answer::NotReached { .. } => {}
                }
            }
            let mine = |rule: &Rule| rule.to.contains(&position);
            let decided = decision.matched.iter().filter(|it| mine(it.rule));
            prop_assert_eq!(matched, decided.map(|it| &it.rule.id).collect::<Vec<_>>());
            let undecided = decision.unknown.iter().filter(|it| mine(it.rule));
            prop_assert_eq!(unknown, undecided.map(|it| (&it.rule.id, &it.why)).collect::<Vec<_>>());
        }
    }
}

fn person(id: &str, department: &str, location: Option<&str>, seniority: Option<i64>) -> Person {
    Person { location: location.map(Into::into), seniority, ..invented::person(id, department) }
}

#[test]
fn a_person_hears_of_each_rule_that_matches_why_it_does_not_choose() {
    let mut near = rule("near", "order.placed", Some("event.state == 'SP'"), &[0]);
    near.audience = Some(Segment::parse("person.location == event.state").unwrap());
    let mut senior = rule("senior", "order.placed", None, &[0]);
    senior.audience = Some(Segment::parse("person.seniority > 3").unwrap());
    let mut elsewhere = rule("elsewhere", "order.placed", Some("event.state == 'RJ'"), &[0]);
    elsewhere.audience = Some(Segment::parse("true").unwrap());
    let policy =
        policy_of(vec![near, senior, elsewhere], None, vec![person("p-1", "warehouse", Some("RJ"), None)]);
    let event = event(Some("SP"), None);
    let explanation = explain(&event, &policy, "warehouse").unwrap();
    let choices = explanation.choices(&event, &policy, policy.people.get("p-1").unwrap());
    let said: Vec<String> = choices
        .iter()
        .map(|choice| format!("{}: {}", choice.rule.id, choice.exclusion.as_ref().unwrap()))
        .collect();
    assert_eq!(
        said,
        ["near: `person.location == event.state` is not so", "senior: `person.seniority` is not given"]
    );
}

/// What a rule asks of people; `None`: it chooses everybody.
fn any_audience() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(prop_oneof![
        Just("person.location == event.state"),
        Just("person.seniority > 3 || person.location == 'RJ'"),
        Just("person.seniority > event.value"),
        Just("!(person.location == 'SP') && person.department == 'warehouse'"),
    ])
}

proptest! {
    /// A person is in the audience of a decision exactly if the explanation has a rule that chooses that person.
    #[test]
    fn what_is_said_of_a_person_always_agrees_with_the_audience(
        rules in proptest::collection::vec((any_rule(), any_audience()), 1..5),
        people in proptest::collection::vec(
            (0usize..2, proptest::option::of(prop_oneof![Just("SP"), Just("RJ")]), proptest::option::of(0i64..8)),
            1..6,
        ),
        state in proptest::option::of(prop_oneof![Just("SP"), Just("RJ")]),
        value in proptest::option::of(0i64..8),
    ) {
        let rules = rules.into_iter().enumerate().map(|(number, ((when, _, stop, to), audience))| {
            let mut rule = rule(&format!("rule-{number}"), "order.placed", when.as_deref(), &to);
            rule.stop = stop;
            rule.audience = audience.map(|audience| Segment::parse(audience).unwrap());
            rule
        });
        let people = people.into_iter().enumerate().map(|(number, (department, location, seniority))| {
            person(&format!("p-{number}"), DEPARTMENTS[department], location, seniority)
        });
        let policy = policy_of(rules.collect(), None, people.collect());
        let event = event(state, value);
        let decision = decide(&event, &policy, Timestamp::UNIX_EPOCH);
        let Verdict::Emitted(told) = &decision.verdict else { return Ok(()) };
        for (position, department) in DEPARTMENTS.into_iter().enumerate() {
            let explanation = explain(&event, &policy, department).unwrap();
            let told = told.iter().find(|told| *told.department == *department);
            for person in policy.people.of(position) {
                let choices = explanation.choices(&event, &policy, person);
                let chosen = choices.iter().any(|choice| choice.exclusion.is_none());
                let audience = told.and_then(|told| told.audience.as_ref());
                prop_assert_eq!(chosen, audience.is_some_and(|it| it.contains(&person.id)), "{:?}", person);
            }
        }
    }
}

fn blames_what_is_not_true(shortfall: &Shortfall, scope: &Scope) -> Result<(), TestCaseError> {
    match shortfall {
        Shortfall::NoneOf(parts) => parts.iter().try_for_each(|part| blames_what_is_not_true(part, scope)),
        Shortfall::Part(part) => {
            let answer = truth(&Expression::parse(&part.text).unwrap(), scope);
            prop_assert_eq!(answer, part.unknown.clone().map_or(Ok(false), Err), "{}", part.text);
            Ok(())
        }
    }
}
