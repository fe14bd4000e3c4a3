//! Why a department is told of an event, or is not: rule by rule, down to the part of a condition that decides.
//!
//! Nothing of it runs when events are decided. It looks at the same event under the same policy once more, and
//! since both are all that [`decide`](crate::decide) looks at, what it finds is proof and not memory.

use std::fmt;
use std::sync::Arc;

use crate::expression::Parts;
use crate::{Event, Expression, Kind, Pii, Policy, Rule, Scope, Unknown, Value};

/// Why a department is told, or is not.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The policy's reason, where nobody wants to be told of such events; no rule is looked at then.
    pub ignored: Option<&'a Arc<str>>,
    /// The rules that name the department, in the policy's order.
    pub rules: Vec<Considered<'a>>,
}

impl Explanation<'_> {
    /// Whether the department is told.
    pub fn is_told(&self) -> bool {
        self.rules.iter().any(|considered| matches!(considered.answer, Answer::Matches(_)))
    }
}

/// A rule that names the department, and what it makes of the event.
#[derive(Debug)]
pub struct Considered<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What it makes of the event.
    pub answer: Answer<'a>,
}

/// What a rule makes of an event.
#[derive(Debug, PartialEq)]
pub enum Answer<'a> {
    /// It does not look at events of this type.
    OtherTypes,
    /// An earlier rule matched, and stops.
    NotReached {
        /// That rule.
        stopped_by: &'a Arc<str>,
    },
    /// It matches, on what its condition read.
    Matches(Vec<(String, Seen)>),
    /// Its condition is false.
    Fails(Shortfall),
    /// Its condition has no answer, which does not match.
    Unknown {
        /// Why, for the condition as a whole.
        why: Unknown,
        /// Which part of it.
        shortfall: Shortfall,
    },
}

/// What keeps a condition from being true.
#[derive(Clone, Debug, PartialEq)]
pub enum Shortfall {
    /// This part alone.
    Part(Part),
    /// One of these would have been enough, and none is true.
    NoneOf(Vec<Shortfall>),
}

/// A part of a condition that is not true.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The part, in the words of the policy.
    pub text: String,
    /// Why it has no answer; `None`: it is false.
    pub unknown: Option<Unknown>,
    /// What it read of the event.
    pub read: Vec<(String, Seen)>,
}

/// A value as it may be shown to whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nobody said.
    NotGiven,
    /// It names or reaches a person, and is not shown.
    Personal,
    /// This.
    Given(Value),
}

impl fmt::Display for Seen {
    /// Text in quotes, so that an empty one is seen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGiven => f.write_str("(not given)"),
            Self::Personal => f.write_str("(personal)"),
            Self::Given(Value::Text(text)) => write!(f, "'{text}'"),
            Self::Given(value) => value.fmt(f),
        }
    }
}

/// Tells rule by rule why `department` is told of `event`, or is not; `None` where the policy has no such
/// department.
pub fn explain<'a>(event: &Event, policy: &'a Policy, department: &str) -> Option<Explanation<'a>> {
    let position = policy.departments.iter().position(|known| *known.name == *department)?;
    if let Some(reason) = policy.ignored.get(event.event_type()) {
        return Some(Explanation { ignored: Some(reason), rules: Vec::new() });
    }
    let mut scope = Scope::default();
    scope.set_record("event", event.attributes());
    let mut stopped_by = None;
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let looks = rule.event_types.contains(event.event_type());
        let names_it = rule.to.contains(&position);
        let answer = match stopped_by {
            _ if !looks => Answer::OtherTypes,
            Some(stopped_by) => Answer::NotReached { stopped_by },
            None => answer(event, rule, &scope),
        };
        if stopped_by.is_none() && rule.stop && matches!(answer, Answer::Matches(_)) {
            stopped_by = Some(&rule.id);
        }
        if names_it {
            rules.push(Considered { rule, answer });
        }
    }
    Some(Explanation { ignored: None, rules })
}

fn answer<'a>(event: &Event, rule: &Rule, scope: &Scope) -> Answer<'a> {
    let Some(when) = &rule.when else { return Answer::Matches(Vec::new()) };
    match truth(when, scope) {
        Ok(true) => Answer::Matches(read(event, when)),
        Ok(false) => Answer::Fails(shortfall(event, when, scope)),
        Err(why) => Answer::Unknown { why, shortfall: shortfall(event, when, scope) },
    }
}

/// A condition's answer; one that is neither true nor false has none.
fn truth(condition: &Expression, scope: &Scope) -> Result<bool, Unknown> {
    match condition.evaluate(scope)? {
        Value::Bool(answer) => Ok(answer),
        _ => Err(Unknown::Failed("the condition is neither true nor false".to_owned())),
    }
}

/// What keeps a condition that is not true from being true: of what must all hold the first part that makes the
/// whole false, or else that has no answer; of what would each be enough every part.
fn shortfall(event: &Event, condition: &Expression, scope: &Scope) -> Shortfall {
    let whole = truth(condition, scope);
    match condition.parts() {
        Parts::All(parts) => {
            let to_blame = parts.iter().find(|part| match (&whole, truth(part, scope)) {
                (_, Ok(true)) => false,
                (Ok(_), answer) => answer == Ok(false),
                (Err(_), answer) => answer.is_err(),
            });
            match to_blame {
                Some(part) => shortfall(event, part, scope),
                None => part(event, condition, whole),
            }
        }
        Parts::Any(parts) => {
            Shortfall::NoneOf(parts.iter().map(|part| shortfall(event, part, scope)).collect())
        }
        Parts::One => part(event, condition, whole),
    }
}

fn part(event: &Event, condition: &Expression, answer: Result<bool, Unknown>) -> Shortfall {
    Shortfall::Part(Part {
        text: condition.source().trim().to_owned(),
        unknown: answer.err(),
        read: read(event, condition),
    })
}

fn read(event: &Event, condition: &Expression) -> Vec<(String, Seen)> {
    let fields = condition.reads().iter().filter(|read| read.variable == "event" && !read.field.is_empty());
    fields.map(|read| (read.field.clone(), seen(event, &read.field))).collect()
}

/// An attribute or fact of an event, unless it names or reaches a person.
pub fn seen(event: &Event, name: &str) -> Seen {
    let Some(value) = event.attribute(name) else { return Seen::NotGiven };
    let shape = event.facts.shape();
    match shape.position(name).map(|position| &shape.fields[position]) {
        Some(field) if field.pii == Pii::Direct || holds_personal(&field.kind) => Seen::Personal,
        Some(_) | None => Seen::Given(value),
    }
}

/// Whether something within names or reaches a person.
fn holds_personal(kind: &Kind) -> bool {
    match kind {
        Kind::List(item) => holds_personal(item),
        Kind::Record(fields) => {
            fields.iter().any(|field| field.pii == Pii::Direct || holds_personal(&field.kind))
        }
        Kind::Bool
        | Kind::Int
        | Kind::Float
        | Kind::Decimal { .. }
        | Kind::Text
        | Kind::Uuid
        | Kind::Symbol { .. }
        | Kind::Instant
        | Kind::Date => false,
    }
}

#[cfg(test)]
mod tests;
