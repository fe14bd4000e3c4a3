//! The atoms of all audiences of a policy, each once, and how each is answered for many people.

use std::collections::HashMap;
use std::sync::Arc;

use super::person::Attribute;
use super::segment::Segment;
use crate::Read;
use crate::expression::{Atom, Form};

/// All atoms, each under its number.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    all: Vec<Spec>,
    /// The facts of events that are looked up among people's texts, each under its number.
    facts: Vec<Arc<str>>,
    numbers: HashMap<String, usize>,
}

/// An atom and how it is answered.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) atom: Atom,
    pub(super) kind: Kind,
}

/// What the answer to an atom hangs on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The event alone: it is the same for everybody.
    Event,
    /// These attributes of the person alone.
    Person(Vec<Attribute>),
    /// Whether this attribute of the person is, or holds, the fact of the event with this number.
    Says(Attribute, usize),
    /// These attributes of the person, and the event.
    Both(Vec<Attribute>),
}

impl Kind {
    fn of(atom: &Atom, facts: &mut Vec<Arc<str>>) -> Self {
        let mut number = |name: &str| {
            facts.iter().position(|known| **known == *name).unwrap_or_else(|| {
                facts.push(name.into());
                facts.len() - 1
            })
        };
        let attributes = attributes(&atom.reads);
        if !atom.reads.iter().any(|read| read.variable == "person") {
            return Self::Event;
        }
        match atom.form() {
            Form::Equal(("person", name), ("event", fact))
            | Form::Equal(("event", fact), ("person", name)) => {
                match Attribute::of(name).filter(|attribute| attribute.is_text()) {
                    Some(attribute) => Self::Says(attribute, number(fact)),
                    None => Self::Both(attributes),
                }
            }
            Form::In(("event", fact), ("person", name)) => {
                match Attribute::of(name).filter(|attribute| attribute.is_list()) {
                    Some(attribute) => Self::Says(attribute, number(fact)),
                    None => Self::Both(attributes),
                }
            }
            Form::Equal(..) | Form::In(..) | Form::Other => {
                if atom.reads.iter().any(|read| read.variable == "event") {
                    Self::Both(attributes)
                } else {
                    Self::Person(attributes)
                }
            }
        }
    }

    /// The attributes of a person that the answer hangs on.
    pub(super) fn attributes(&self) -> &[Attribute] {
        match self {
            Self::Event => &[],
            Self::Person(attributes) | Self::Both(attributes) => attributes,
            Self::Says(attribute, _) => std::slice::from_ref(attribute),
        }
    }
}

/// The attributes that are read of a person; all of them if the person is taken as a whole.
pub(super) fn attributes(reads: &[Read]) -> Vec<Attribute> {
    let mut fields = reads.iter().filter(|read| read.variable == "person").map(|read| read.field.as_str());
    if fields.clone().any(str::is_empty) {
        return Attribute::ALL.to_vec();
    }
    let mut attributes: Vec<Attribute> = fields.by_ref().filter_map(Attribute::of).collect();
    attributes.sort_unstable();
    attributes
}

impl Atoms {
    /// Takes up the atoms of a segment; gives their numbers.
    pub(super) fn take_up(&mut self, segment: &mut Segment) -> Vec<usize> {
        let mut numbers = Vec::new();
        let plan = segment.conjuncts().iter().map(|conjunct| {
            conjunct.logic.map(&mut |atom: &Atom| {
                let number = self.number(atom);
                numbers.push(number);
                number
            })
        });
        let plan = plan.collect();
        segment.bind(plan);
        numbers
    }

    fn number(&mut self, atom: &Atom) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(atom.key()).or_insert(next);
        if number == next {
            let kind = Kind::of(atom, &mut self.facts);
            self.all.push(Spec { atom: atom.clone(), kind });
        }
        number
    }

    /// The names of the facts that are looked up, in order of their numbers.
    pub(super) fn facts(&self) -> &[Arc<str>] {
        &self.facts
    }

    pub(super) fn get(&self, number: usize) -> &Spec {
        &self.all[number]
    }
}
