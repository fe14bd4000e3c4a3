//! Which rules match an event: as if each were evaluated by CEL in the policy's order, up to and including
//! the first that stops.
//!
//! Rules that cannot match are not looked at ([`Index`]); conditions in the native form are answered on the
//! event itself; only what is left over is given to CEL, on a scope with no more of the event than
//! conditions read.

use std::sync::Arc;

use super::index::Index;
use super::native::{Compiler, Native, Trouble, conjuncts};
use super::{Decision, Matched, Undecided};
use crate::sight::{Places, Seen};
use crate::{Event, Expression, Policy, Rule, Scope, Unknown, Value};

/// The rules that look at one event type.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Their positions in the policy, in order.
    rules: Vec<usize>,
    conditions: Vec<Condition>,
    index: Option<Index>,
    /// What conditions read of an event.
    reads: Places,
    /// Whether a condition takes the event as a whole.
    whole: bool,
}

/// How the condition of a rule is answered.
#[derive(Debug)]
enum Condition {
    Always,
    Native(Native),
    /// By CEL, unless one of these parts of it is false already.
    Cel(Vec<Native>),
}

impl Condition {
    fn of(rule: &Rule, compiler: Compiler<'_>) -> Self {
        let Some(when) = &rule.when else { return Self::Always };
        compiler.condition(when.syntax()).map_or_else(
            || {
                let parts = conjuncts(when.syntax()).into_iter();
                Self::Cel(parts.filter_map(|part| compiler.condition(part)).collect())
            },
            Self::Native,
        )
    }

    /// The parts of it that make it false when one of them is false.
    fn parts(&self) -> Vec<&Native> {
        let mut parts = Vec::new();
        let mut open: Vec<&Native> = match self {
            Self::Always => Vec::new(),
            Self::Native(native) => vec![native],
            Self::Cel(parts) => parts.iter().rev().collect(),
        };
        while let Some(part) = open.pop() {
            match part {
                Native::And(left, right) => open.extend([right.as_ref(), left.as_ref()]),
                part => parts.push(part),
            }
        }
        parts
    }
}

impl Routes {
    /// The rules at these positions of the policy.
    pub(crate) fn new(rules: Vec<usize>, all: &[Rule]) -> Self {
        let (mut names, mut whole) = (Vec::<Arc<str>>::new(), false);
        let conditions = rules.iter().filter_map(|position| all[*position].when.as_ref());
        for read in conditions.flat_map(Expression::reads).filter(|read| read.variable == "event") {
            if read.field.is_empty() {
                whole = true;
            } else if !names.iter().any(|name| **name == *read.field) {
                names.push(read.field.as_str().into());
            }
        }
        let compiler = Compiler { names: &names };
        let conditions: Vec<_> =
            rules.iter().map(|position| Condition::of(&all[*position], compiler)).collect();
        let parts: Vec<_> = conditions.iter().map(Condition::parts).collect();
        let index = Index::new(&parts);
        Self { rules, conditions, index, reads: Places::new(names), whole }
    }

    /// The positions of the rules in the policy, in order.
    pub(crate) fn rules(&self) -> &[usize] {
        &self.rules
    }

    fn candidates(&self, seen: &Seen<'_>) -> Candidates {
        match &self.index {
            Some(index) => Candidates::These(index.candidates(seen).into_iter()),
            None => Candidates::All(0..self.rules.len()),
        }
    }

    /// The event as CEL sees it: no more than conditions read.
    fn scope(&self, event: &Event) -> Scope {
        let mut scope = Scope::default();
        if self.whole {
            scope.set_record("event", event.attributes());
        } else {
            let names = self.reads.names().iter();
            let read = names.filter_map(|name| Some((Arc::clone(name), event.attribute(name)?)));
            scope.set_record("event", read);
        }
        scope
    }
}

/// The rules to look at, in order.
enum Candidates {
    All(std::ops::Range<usize>),
    These(std::vec::IntoIter<u32>),
}

impl Iterator for Candidates {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(range) => range.next(),
            Self::These(rules) => rules.next().map(|rule| rule as usize),
        }
    }
}

/// Notes the rules that match the event, and those that cannot tell.
pub(super) fn match_rules<'a>(event: &Event, policy: &'a Policy, decision: &mut Decision<'a>) {
    let Some(routes) = policy.routes_of(event.event_type()) else { return };
    let seen = routes.reads.see(event);
    let mut scope = None;
    for candidate in routes.candidates(&seen) {
        let rule = &policy.rules[routes.rules[candidate]];
        let native = match &routes.conditions[candidate] {
            Condition::Always => Ok(true),
            Condition::Native(condition) => condition.answer(&seen),
            Condition::Cel(parts) if parts.iter().any(|part| part.answer(&seen) == Ok(false)) => Ok(false),
            Condition::Cel(_) => Err(Trouble::Unfit),
        };
        let answer = match (native, &rule.when) {
            (Ok(answer), _) => Ok(answer),
            (Err(Trouble::Missing(slot)), _) => {
                Err(Unknown::Missing(Arc::clone(&routes.reads.names()[slot])))
            }
            (Err(Trouble::Unfit), Some(when)) => {
                by_cel(when, scope.get_or_insert_with(|| routes.scope(event)))
            }
            (Err(Trouble::Unfit), None) => Ok(true),
        };
        match answer {
            Ok(true) => {
                let values = rule.when.as_ref().map_or_else(Vec::new, |when| values_read(event, when));
                decision.matched.push(Matched { rule, values });
                if rule.stop {
                    break;
                }
            }
            Ok(false) => {}
            Err(why) => decision.unknown.push(Undecided { rule, why }),
        }
    }
}

fn by_cel(when: &Expression, scope: &Scope) -> Result<bool, Unknown> {
    match when.evaluate(scope)? {
        Value::Bool(answer) => Ok(answer),
        _ => Err(Unknown::Failed("the condition is neither true nor false".into())),
    }
}

fn values_read<'a>(event: &Event, when: &'a Expression) -> Vec<(&'a str, Value)> {
    let fields = when.reads().iter().filter(|read| read.variable == "event");
    fields.filter_map(|read| Some((read.field.as_str(), event.attribute(&read.field)?))).collect()
}

#[cfg(test)]
mod tests;
