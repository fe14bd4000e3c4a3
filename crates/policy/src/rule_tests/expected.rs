//! What a rule test expects, beside what came of its event.

use std::collections::BTreeSet;
use std::fmt::Write;

use hinge_domain::{Decision, Notification, Policy, Rule};
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
use crate::place::Place;
use crate::routes::known_department;
use crate::yaml::{Node, Yaml, text_of, texts_of, whole};

/// So many names of people or departments are listed; the rest is a number.
const MOST_NAMES: usize = 5;

/// Notes what is expected in words that anything would meet; whether nothing is.
pub(super) fn can_fail(page: &mut Page<'_>, expect: &Yaml) -> bool {
    let before = page.problems.len();
    for key in ["title", "body"] {
        let contains = expect.get(key).and_then(|text| text.value.get("contains"));
        let Some(contains) = contains else { continue };
        let parts = texts_of(contains);
        if parts.is_empty() || parts.iter().any(|part| part.value.trim().is_empty()) {
            let message = format!("`contains` asks for no text, so that any {key} would do");
            let help = "write a part of the text that must be there, such as `{contains: \"order A-1\"}`";
            page.note("test-invalid", whole(page.text, contains), message, help);
        }
    }
    if let Some(not_told) = expect.get("not_told").filter(|it| texts_of(it).is_empty()) {
        let message = "`not_told` names no department".to_owned();
        let help = "name the departments that are not told; `told: []` says that nobody is";
        page.note("test-invalid", whole(page.text, not_told), message, help);
    }
    page.problems.len() == before
}

/// One test's expectation, being compared.
pub(super) struct Expected<'a, 'p> {
    pub(super) name: &'a Spanned<String>,
    pub(super) expect: &'a Node,
    pub(super) page: &'a mut Page<'p>,
}

impl Expected<'_, '_> {
    /// Notes everything that is not as expected.
    pub(super) fn compare(
        mut self,
        policy: &Policy,
        rule: &Rule,
        decision: &Decision<'_>,
        told: &[Notification],
    ) {
        let expect = &self.expect.value;
        let before = self.page.problems.len();
        let told_to = expect.texts_at("told");
        let not_told_to = expect.texts_at("not_told");
        for department in told_to.iter().chain(&not_told_to) {
            known_department(self.page, &policy.departments, department);
        }
        if self.page.problems.len() > before || !self.matched(rule, decision) {
            return;
        }
        let names: Vec<&str> = told.iter().map(|it| it.department.as_ref()).collect();
        let all = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        if let Some(nobody) = expect.get("told").filter(|_| told_to.is_empty() && !names.is_empty()) {
            let place = whole(self.page.text, nobody);
            self.fail(place, "nobody to be told", &all);
            return;
        }
        for department in told_to.iter().filter(|it| !names.contains(&it.value.as_str())) {
            self.fail(department, &format!("`{}` to be told", department.value), &all);
        }
        for department in not_told_to.iter().filter(|it| names.contains(&it.value.as_str())) {
            self.fail(department, &format!("`{}` not to be told", department.value), &all);
        }
        let of_rule = |it: &&Notification| {
            rule.to.iter().any(|position| policy.departments[*position].name == it.department)
        };
        let meant: Vec<&Notification> = if told_to.is_empty() {
            told.iter().filter(of_rule).collect()
        } else {
            told.iter().filter(|it| told_to.iter().any(|name| *name.value == *it.department)).collect()
        };
        self.people(&meant);
        self.notifications(&meant);
        if let Some(history) = expect.flag_at("history").filter(|history| history.value != decision.history) {
            let of = |history| if history { "history" } else { "no history" };
            self.fail(&history, of(history.value), of(decision.history));
        }
    }

    /// Whether the rule matches as expected; if not, nothing else is worth looking at.
    fn matched(&mut self, rule: &Rule, decision: &Decision<'_>) -> bool {
        let expected = self.expect.value.flag_at("matched");
        let matched = decision.matched.iter().any(|matched| matched.rule.id == rule.id);
        if matched == expected.as_ref().is_none_or(|expected| expected.value) {
            return true;
        }
        let got = if matched {
            "it matches".to_owned()
        } else if let Some(unknown) = decision.unknown.iter().find(|unknown| unknown.rule.id == rule.id) {
            format!("it cannot tell, because {}", unknown.why)
        } else if let Some(stop) = decision.matched.iter().find(|matched| matched.rule.stop) {
            format!("the rule `{}` stops before it", stop.rule.id)
        } else {
            "its condition is false".to_owned()
        };
        let wanted = if matched { "the rule not to match" } else { "the rule to match" };
        let place = expected.as_ref().map_or_else(|| Place::from(self.name), Place::from);
        self.fail(place, wanted, &got);
        false
    }

    /// The people whom the notifications are for: these and nobody else.
    fn people(&mut self, meant: &[&Notification]) {
        let Some(people) = self.expect.value.get("people") else { return };
        let place = whole(self.page.text, people);
        let expected: BTreeSet<String> =
            self.expect.value.texts_at("people").into_iter().map(|person| person.value).collect();
        let wanted = match expected.len() {
            0 => "nobody to be chosen".to_owned(),
            _ => format!("{} to be chosen and nobody else", some_of(expected.iter().map(String::as_str))),
        };
        let audiences = meant.iter().filter_map(|it| it.audience.as_deref());
        let chosen: BTreeSet<&str> =
            audiences.flat_map(|audience| audience.people().map(|id| &**id)).collect();
        // Who reads it is not known there, so it is not nobody.
        if let Some(it) = meant.iter().find(|it| chosen.is_empty() && it.audience.is_none()) {
            let got = format!("nobody is known in `{}`, which is told as a whole", it.department);
            self.fail(place, &wanted, &got);
            return;
        }
        let lacking = expected.iter().map(String::as_str).filter(|id| !chosen.contains(id));
        let beyond = chosen.iter().copied().filter(|id| !expected.contains(*id));
        let (lacking, beyond) = (some_of(lacking), some_of(beyond));
        if lacking.is_empty() && beyond.is_empty() {
            return;
        }
        let mut got = match chosen.len() {
            0 => "nobody".to_owned(),
            1 => "1 person".to_owned(),
            several => format!("{several} people"),
        };
        for (what, names) in [("too many", beyond), ("lacking", lacking)] {
            if !names.is_empty() {
                let _ = write!(got, "; {what}: {names}");
            }
        }
        self.fail(place, &wanted, &got);
    }

    /// The notifications that are meant: those of the departments in `told`, else those of the rule.
    fn notifications(&mut self, meant: &[&Notification]) {
        let expect = &self.expect.value;
        let (kind, priority) = (expect.text_at("kind"), expect.text_at("priority"));
        for it in meant {
            let to = format!("`{}` is told", it.department);
            if let Some(kind) = kind.as_ref().filter(|kind| kind.value != it.ask.name()) {
                self.fail(kind, &format!("the kind `{}`", kind.value), &format!("{to} `{}`", it.ask.name()));
            }
            if let Some(priority) = priority.as_ref().filter(|priority| priority.value != it.priority.name())
            {
                let got = format!("{to} with the priority `{}`", it.priority.name());
                self.fail(priority, &format!("the priority `{}`", priority.value), &got);
            }
            self.text("title", &it.title, &to);
            self.text("body", &it.body, &to);
            if let Some(missing) = expect.get("missing") {
                let mut expected: Vec<String> =
                    expect.texts_at("missing").into_iter().map(|fact| fact.value).collect();
                let mut got: Vec<&str> = it.missing.iter().map(AsRef::as_ref).collect();
                expected.sort();
                got.sort_unstable();
                if expected != got {
                    let list = |facts: String| if facts.is_empty() { "nothing".to_owned() } else { facts };
                    let got = format!("{to} that {} is missing", list(got.join(", ")));
                    self.fail(missing, &format!("{} to be missing", list(expected.join(", "))), &got);
                }
            }
        }
        // What is asked of a notification that nobody gets is not met.
        let asked =
            ["kind", "priority", "title", "body", "missing"].into_iter().find_map(|key| expect.get(key));
        if let Some(asked) = asked.filter(|_| meant.is_empty() && expect.get("told").is_none()) {
            self.fail(asked, "a notification that is like this", "no department of the rule is told");
        }
    }

    fn text(&mut self, key: &str, got: &str, to: &str) {
        let Some(expected) = self.expect.value.get(key) else { return };
        if let Some(text) = text_of(expected) {
            if text.value.trim() != got {
                self.fail(&text, &format!("this {key}"), &format!("{to} \"{got}\""));
            }
            return;
        }
        for part in expected.value.texts_at("contains") {
            if !got.contains(&part.value) {
                self.fail(&part, &format!("a {key} that contains this"), &format!("{to} \"{got}\""));
            }
        }
    }

    fn fail(&mut self, place: impl Into<Place>, expected: &str, got: &str) {
        let message = format!("the test fails: {}", self.name.value);
        self.page.note("test-failed", place, message, &format!("expected {expected}; got: {got}"));
    }
}

/// The first names, and how many more there are.
fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names;
    let first: Vec<String> = names.by_ref().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
