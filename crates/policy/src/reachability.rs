//! Rules that hold but hardly mean what was meant: they can never match, or say what another says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hinge_domain::{Ask, Expression, Rule};

use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::place::Place;
use crate::routes::Written;
use crate::yaml::part_of;

/// Warns of rules that can never match and of rules that repeat another.
pub(crate) fn warn(directory: &Directory, rules: &[Written], problems: &mut Vec<Diagnostic>) {
    let mut said: HashMap<Said, &Written> = HashMap::new();
    // The first rule that stops whatever an event of a type says.
    let mut stops: HashMap<&Arc<str>, &Written> = HashMap::new();
    for written in rules {
        let Some(file) = directory.file(&written.file) else { continue };
        let mut page = file.page(problems);
        let rule = &written.rule;
        let id = &rule.id;
        if let (Some(when), Some(never)) =
            (&written.when, rule.when.as_ref().and_then(Expression::never_true))
        {
            let place = part_of(page.text, when, never.span);
            let message = format!("the rule `{id}` never matches: {}", never.why);
            page.warn("rule-never-matches", place, message, "correct the condition, or remove the rule");
        }
        let stopped: Option<Vec<&&Written>> = rule.event_types.iter().map(|of| stops.get(of)).collect();
        let same = said.get(&Said::by(written));
        if let Some(stop) = stopped.and_then(|stopped| stopped.into_iter().next()) {
            let message =
                format!("the rule `{id}` is never looked at: the rule `{}` stops before it", stop.rule.id);
            let help = format!("move it before `{}`, or give that one a condition", stop.rule.id);
            page.warn("rule-never-matches", &written.id, message, &help);
        } else if let Some(same) = same.filter(|_| !rule.event_types.is_empty()) {
            let message = format!("the rule `{id}` says the same as `{}`", same.rule.id);
            let (line, _) = Place::from(&same.id).start();
            let help = format!("remove one of the two; the other stands in {} on line {line}", same.file);
            page.warn("rule-duplicate", &written.id, message, &help);
        }
        said.entry(Said::by(written)).or_insert(written);
        if rule.stop && written.when.is_none() {
            for event_type in &rule.event_types {
                stops.entry(event_type).or_insert(written);
            }
        }
    }
}

/// What a rule says, apart from its words: two rules with the same tell the same people of the same events.
#[derive(PartialEq, Eq, Hash)]
struct Said {
    event_types: BTreeSet<Arc<str>>,
    departments: BTreeSet<usize>,
    ask: Ask,
    /// The condition, with white space as one space.
    when: Option<String>,
    /// Whom it chooses there.
    audience: Option<String>,
}

impl Said {
    fn by(Written { rule, when, .. }: &Written) -> Self {
        let Rule { event_types, to, ask, audience, .. } = rule;
        let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            event_types: event_types.iter().cloned().collect(),
            departments: to.iter().copied().collect(),
            ask: *ask,
            when: when.as_ref().map(|when| in_one_line(&when.value)),
            audience: audience.as_ref().map(|chosen| in_one_line(chosen.expression().source())),
        }
    }
}
