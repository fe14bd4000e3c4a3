//! Rules that hold but hardly mean what was meant: they can never match, or say what another says.

use std::collections::BTreeSet;
use std::sync::Arc;

use hinge_domain::{Expression, Rule};

use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::place::Place;
use crate::routes::Written;
use crate::yaml::part_of;

/// Warns of rules that can never match and of rules that repeat another.
pub(crate) fn warn(directory: &Directory, rules: &[Written], problems: &mut Vec<Diagnostic>) {
    for (position, written) in rules.iter().enumerate() {
        let Some(file) = directory.file(&written.file) else { continue };
        let mut page = file.page(problems);
        let id = &written.rule.id;
        if let (Some(when), Some(never)) =
            (&written.when, written.rule.when.as_ref().and_then(Expression::never_true))
        {
            let place = part_of(page.text, when, never.span);
            let message = format!("the rule `{id}` never matches: {}", never.why);
            page.warn("rule-never-matches", place, message, "correct the condition, or remove the rule");
        }
        if let Some(stop) = stopped_by(&rules[..position], &written.rule) {
            let message =
                format!("the rule `{id}` is never looked at: the rule `{}` stops before it", stop.rule.id);
            let help = format!("move it before `{}`, or give that one a condition", stop.rule.id);
            page.warn("rule-never-matches", &written.id, message, &help);
        } else if let Some(same) = rules[..position].iter().find(|other| says_the_same(other, written)) {
            let message = format!("the rule `{id}` says the same as `{}`", same.rule.id);
            let (line, _) = Place::from(&same.id).start();
            let help = format!("remove one of the two; the other stands in {} on line {line}", same.file);
            page.warn("rule-duplicate", &written.id, message, &help);
        }
    }
}

/// The rule that stops before this one is looked at, whatever the event says, for each of its event types.
fn stopped_by<'a>(before: &'a [Written], rule: &Rule) -> Option<&'a Written> {
    let stops = |event_type: &Arc<str>| {
        before.iter().find(|other| {
            other.rule.stop
                && other.rule.when.is_none()
                && other.when.is_none()
                && other.rule.event_types.contains(event_type)
        })
    };
    let found: Option<Vec<&Written>> = rule.event_types.iter().map(stops).collect();
    found?.into_iter().next()
}

fn says_the_same(one: &Written, other: &Written) -> bool {
    let set = |names: &[Arc<str>]| names.iter().cloned().collect::<BTreeSet<_>>();
    let departments = |rule: &Rule| rule.to.iter().copied().collect::<BTreeSet<_>>();
    let when = |written: &Written| {
        written.when.as_ref().map(|when| when.value.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    !one.rule.event_types.is_empty()
        && set(&one.rule.event_types) == set(&other.rule.event_types)
        && departments(&one.rule) == departments(&other.rule)
        && one.rule.ask == other.rule.ask
        && when(one) == when(other)
}
