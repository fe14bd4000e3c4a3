//! The part of a rule that chooses people, and why somebody is not chosen.
//!
//! What is said here about one person is evaluated for that person alone, as the expression stands. Choosing
//! among many at once is in [`super::people`], and must come to the same.

use std::fmt;
use std::sync::Arc;

use super::person::Person;
use crate::expression::{Conjunct, Logic};
use crate::{Event, Expression, Read, Scope, SyntaxError, Unknown, Value};

/// A condition on `person.*` and `event.*`: it chooses those people of a department for whom it is so.
///
/// What a person or the event does not say is *unknown*: whoever it is unknown of is not chosen.
#[derive(Debug)]
pub struct Segment {
    expression: Expression,
    conjuncts: Vec<Conjunct>,
    /// The conjuncts over the atoms of the policy that the rule belongs to.
    plan: Option<Vec<Logic<usize>>>,
}

impl Segment {
    /// Parses a condition.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        let expression = Expression::parse(source)?;
        let conjuncts = Expression::parse(source)?.into_conjuncts();
        Ok(Self { expression, conjuncts, plan: None })
    }

    /// The condition as a whole.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether it chooses this person for this event.
    pub fn selects(&self, person: &Person, event: &Event) -> bool {
        let scope = scope(self.expression.reads(), event, |name| person.attribute(name));
        self.expression.evaluate(&scope) == Ok(Value::Bool(true))
    }

    /// Why it does not choose this person for this event: its first part that is not so. `None` if it does.
    pub fn exclusion(&self, person: &Person, event: &Event) -> Option<Exclusion> {
        self.conjuncts.iter().find_map(|conjunct| {
            let scope = scope(conjunct.whole.reads(), event, |name| person.attribute(name));
            match conjunct.evaluate(&scope) {
                Ok(true) => None,
                Ok(false) => Some(Exclusion::NotSo(conjunct.whole.source().to_owned())),
                Err(Unknown::Missing(name)) => {
                    Some(Exclusion::NotGiven(missing(conjunct.whole.reads(), &name, person, event)))
                }
                Err(Unknown::Failed(why)) => Some(Exclusion::Failed(conjunct.whole.source().to_owned(), why)),
            }
        })
    }

    pub(super) fn conjuncts(&self) -> &[Conjunct] {
        &self.conjuncts
    }

    pub(super) fn plan(&self) -> Option<&[Logic<usize>]> {
        self.plan.as_deref()
    }

    pub(super) fn bind(&mut self, plan: Vec<Logic<usize>>) {
        self.plan = Some(plan);
    }
}

/// What was read and is not there, with the name of whom it was asked.
fn missing(reads: &[Read], name: &str, person: &Person, event: &Event) -> String {
    let reads = |variable: &str| reads.iter().any(|read| read.variable == variable && read.field == name);
    if reads("person") && person.attribute(name).is_none() {
        format!("person.{name}")
    } else if reads("event") && event.attribute(name).is_none() {
        format!("event.{name}")
    } else {
        name.to_owned()
    }
}

/// What these reads can see: of the event, and of a person whose attributes are asked for by name.
pub(super) fn scope(reads: &[Read], event: &Event, person: impl Fn(&str) -> Option<Value>) -> Scope {
    let mut scope = Scope::default();
    let named = |variable: &'static str| reads.iter().filter(move |read| read.variable == variable);
    if named("event").any(|read| read.field.is_empty()) {
        scope.set_record("event", event.attributes());
    } else if named("event").next().is_some() {
        let given = named("event").filter_map(|read| {
            let value = event.attribute(&read.field)?;
            Some((Arc::from(read.field.as_str()), value))
        });
        scope.set_record("event", given);
    }
    let attributes: Vec<&str> = if named("person").any(|read| read.field.is_empty()) {
        Person::ATTRIBUTES.to_vec()
    } else {
        named("person").map(|read| read.field.as_str()).collect()
    };
    if named("person").next().is_some() {
        let given = attributes.into_iter().filter_map(|name| Some((Arc::from(name), person(name)?)));
        scope.set_record("person", given);
    }
    scope
}

/// Why a person is not chosen. Says what the rule says, and never the value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Exclusion {
    /// This part of the audience is false.
    NotSo(String),
    /// This attribute, of the person or the event, is not given.
    NotGiven(String),
    /// This part of the audience cannot be computed, and why.
    Failed(String, String),
    /// The rule does not tell the person's department.
    Elsewhere(Arc<str>),
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSo(part) => write!(f, "`{part}` is not so"),
            Self::NotGiven(name) => write!(f, "`{name}` is not given"),
            Self::Failed(part, why) => write!(f, "`{part}` cannot be told: {why}"),
            Self::Elsewhere(department) => {
                write!(f, "the department `{department}` is not told by this rule")
            }
        }
    }
}
