//! Tests that stand beside the rules: an event, and what the rule must do about it.
//!
//! ```yaml
//! tests:
//!   - name: an order of 500 is checked before it leaves
//!     event: {value: 500, currency: CHF, promised_date: 2026-03-05, zone: Europe/Zurich}
//!     expect: {told: finance, kind: do, title: {contains: "promised for 2026-03-05"}}
//!   - name: a smaller one is not
//!     event: {value: 499.99, currency: CHF, promised_date: 2026-03-05, zone: Europe/Zurich}
//!     expect: {matched: false}
//! ```
//!
//! A rule that chooses people is tested with people of its own, so that nobody who comes or goes changes the outcome:
//!
//! ```yaml
//!   - name: those of the third level look at it
//!     people:
//!       - {id: senior, department: finance, seniority: 3}
//!       - {id: junior, department: finance, seniority: 2}
//!     event: {value: 500, currency: CHF}
//!     expect: {told: finance, people: senior}
//! ```
//!
//! The event is written as rules read it: facts and attributes beside one another. `type` is needed only where
//! the rule looks at several. `recorded` is the clock; where it is silent, the event was recorded when it
//! happened. A rule is expected to match unless `matched: false` is.

mod event;
mod expected;

use hinge_domain::{Policy, Verdict, decide};
use hinge_schema::Catalogue;
use serde_saphyr::Spanned;

use crate::diagnostic::{Diagnostic, Page};
use crate::directory::Directory;
use crate::form::{Form, Holds, Key, or_unnamed};
use crate::people;
use crate::routes::{KINDS, PRIORITIES};
use crate::yaml::{Node, Yaml};
use expected::Expected;

/// The form of a test.
pub(crate) const TEST: Form = Form {
    what: "a rule test",
    doc: "An event, and what the rule must do about it.",
    keys: &[
        Key::must("name", Holds::Text, "what it shows, as a sentence"),
        Key::may(
            "people",
            Holds::List(&Holds::Record(&people::PERSON)),
            "who works in the departments as far as this test goes, as in people.yaml; those who do, unless said",
        ),
        Key::must(
            "event",
            Holds::Values,
            "the event as rules read it: facts and attributes beside one another, such as `{value: 500, state: SP}`",
        ),
        Key::may(
            "recorded",
            Holds::Text,
            "the clock: when the event was recorded; when it happened, unless said",
        ),
        Key::must(
            "expect",
            Holds::Record(&EXPECT),
            "what must come of it, such as `{told: finance, kind: do}`",
        ),
    ],
};

const EXPECT: Form = Form {
    what: "an expectation",
    doc: "What must come of the event. What is not mentioned is not looked at.",
    keys: &[
        Key::may("matched", Holds::Flag, "whether the rule matches; true unless said"),
        Key::may(
            "told",
            Holds::Texts,
            "departments that are told, by whichever rule; others may be told too; `[]` for nobody at all",
        ),
        Key::may("not_told", Holds::Texts, "departments that are not told, by any rule"),
        Key::may(
            "people",
            Holds::Texts,
            "the people whom the notifications are for, by their ids: these and nobody else; `[]` for nobody",
        ),
        Key::may("kind", Holds::OneOf(KINDS), "what the notification asks: know, do or answer"),
        Key::may("priority", Holds::OneOf(PRIORITIES), "how much it hurries: low, normal, high or urgent"),
        Key::may("title", Holds::TextOr(&TEXT), "its title, or `{contains: ..}`"),
        Key::may("body", Holds::TextOr(&TEXT), "its text, or `{contains: ..}`"),
        Key::may("missing", Holds::Texts, "the facts that are required and not given; `[]` for none"),
        Key::may("history", Holds::Flag, "whether it is history: recorded more than a day after it happened"),
    ],
};

const TEXT: Form = Form {
    what: "an expected text",
    doc: "Parts that the text must contain.",
    keys: &[Key::must("contains", Holds::Texts, "a part of the text, or a list of them")],
};

/// What a test is run with.
pub(crate) struct Tested<'a> {
    pub(crate) catalogue: &'a Catalogue,
    /// The policy; its people are others while a test runs that has people of its own.
    pub(crate) policy: &'a mut Policy,
    /// Whether nothing else is wrong. If something is, only what the tests are made of is looked at: what comes of
    /// them would hardly be what was meant.
    pub(crate) holds: bool,
}

/// The tests of one rule, as they are written.
pub(crate) struct RuleTests {
    /// The file, by its name within the directory.
    pub(crate) file: String,
    /// What stands under `tests`.
    pub(crate) tests: Option<Node>,
}

/// Runs the tests of all rules, which are given in the order of the policy's; what does not come out as expected
/// is noted. Gives how many there are.
pub(crate) fn run(
    directory: &Directory,
    tested: &mut Tested<'_>,
    rules: &[RuleTests],
    problems: &mut Vec<Diagnostic>,
) -> usize {
    let mut count = 0;
    for (position, of_rule) in rules.iter().enumerate() {
        let Some(file) = directory.file(&of_rule.file) else { continue };
        for test in of_rule.tests.as_ref().map(|tests| tests.value.items()).unwrap_or_default() {
            count += 1;
            let before = problems.len();
            let Some(given) = test.value.get("people") else {
                run_one(&mut file.page(problems), tested, position, test);
                continue;
            };
            let given = people::given(file, given, &tested.policy.departments, problems);
            if problems.len() > before {
                continue;
            }
            let replaced = tested.policy.people.replaced_by(given);
            let everybody = std::mem::replace(&mut tested.policy.people, replaced);
            run_one(&mut file.page(problems), tested, position, test);
            tested.policy.people = everybody;
        }
    }
    count
}

fn run_one(page: &mut Page<'_>, tested: &Tested<'_>, position: usize, test: &Node) {
    let Some(rule) = tested.policy.rules.get(position) else { return };
    let name = or_unnamed(test.value.text_at("name"), test);
    let nothing = Spanned::new(Yaml::Null, test.referenced, test.defined);
    let expect = test.value.get("expect").unwrap_or(&nothing);
    let can_fail = expected::can_fail(page, &expect.value);
    let Some((event, recorded)) = event::event(page, tested.catalogue, rule, &test.value) else { return };
    if !tested.holds || !can_fail {
        return;
    }
    let decision = decide(&event, tested.policy, recorded);
    let told = match &decision.verdict {
        Verdict::Emitted(notifications) => notifications.as_slice(),
        Verdict::Ignored(_) | Verdict::Unrouted => &[],
    };
    Expected { name: &name, expect, page }.compare(tested.policy, rule, &decision, told);
}
