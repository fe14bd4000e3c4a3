//! The answers of a whole team to one atom, as far as they are known without an event.

use std::collections::HashMap;
use std::sync::Arc;

use super::atoms::{Kind, Spec};
use super::bits::Bits;
use super::person::{Attribute, Given, Person};
use super::recent::Quick;
use super::segment::scope;
use crate::{Event, Scope, Value};

/// The values of the attributes that an atom reads: people with the same give the same answer.
type Class = Box<[Given]>;

/// Everybody in the team, for one atom.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// The answers themselves: the atom reads nothing of an event.
    Fixed(Halves),
    /// Who has which text, and who has any.
    Texts { by_text: Quick<Arc<str>, Vec<u32>>, known: Bits },
    /// Who has which values; the answer is worked out for each class and event.
    Classes(Quick<Class, Vec<u32>>),
}

/// For whom something is so, and for whom it is not. For everybody else it is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Halves {
    pub(super) yes: Bits,
    pub(super) no: Bits,
}

impl Halves {
    pub(super) fn unknown(size: usize) -> Self {
        Self { yes: Bits::none(size), no: Bits::none(size) }
    }

    fn put(&mut self, position: usize, answer: Option<bool>) {
        self.yes.set(position, answer == Some(true));
        self.no.set(position, answer == Some(false));
    }
}

/// Works out answers; remembers those that it has given, and counts how many people it was asked about.
#[derive(Debug, Default)]
pub(super) struct Answers {
    fixed: HashMap<(usize, Class), Option<bool>>,
    /// How many answers of one person to one atom were put into columns.
    pub(super) put: usize,
}

impl Answers {
    fn of(&mut self, (number, spec): (usize, &Spec), attributes: &[Attribute], class: Class) -> Option<bool> {
        *self.fixed.entry((number, class)).or_insert_with_key(|(_, class)| {
            let mut scope = Scope::default();
            set_person(&mut scope, attributes, class);
            spec.atom.evaluate(&scope).ok()
        })
    }
}

fn class_of(person: &Person, attributes: &[Attribute]) -> Class {
    attributes.iter().map(|attribute| person.given(*attribute)).collect()
}

fn set_person(scope: &mut Scope, attributes: &[Attribute], class: &[Given]) {
    let given = attributes.iter().zip(class).filter_map(|(attribute, given)| {
        let value = given.value()?;
        Some((Arc::from(attribute.name()), value))
    });
    scope.set_record("person", given);
}

impl Column {
    /// A column without anybody; `None` if the atom does not ask about people.
    pub(super) fn new(spec: &Spec, size: usize) -> Option<Self> {
        match &spec.kind {
            Kind::Event => None,
            Kind::Person(_) => Some(Self::Fixed(Halves::unknown(size))),
            Kind::Says(..) => Some(Self::Texts { by_text: Quick::default(), known: Bits::none(size) }),
            Kind::Both(_) => Some(Self::Classes(Quick::default())),
        }
    }

    /// Puts a person, who is not there yet, to a position.
    pub(super) fn put(
        &mut self,
        (number, spec): (usize, &Spec),
        position: u32,
        person: &Person,
        answers: &mut Answers,
    ) {
        answers.put += 1;
        let attributes = spec.kind.attributes();
        match self {
            Self::Fixed(halves) => {
                let answer = answers.of((number, spec), attributes, class_of(person, attributes));
                halves.put(position as usize, answer);
            }
            Self::Texts { by_text, known } => {
                for given in attributes.iter().map(|attribute| person.given(*attribute)) {
                    known.set(position as usize, given != Given::Nothing);
                    for text in given.texts() {
                        insert(by_text.entry(Arc::clone(text)).or_default(), position);
                    }
                }
            }
            Self::Classes(classes) => {
                insert(classes.entry(class_of(person, attributes)).or_default(), position);
            }
        }
    }

    /// Takes away the person, who is known, from a position.
    pub(super) fn take(&mut self, spec: &Spec, position: u32, person: &Person) {
        let attributes = spec.kind.attributes();
        match self {
            Self::Fixed(halves) => halves.put(position as usize, None),
            Self::Texts { by_text, known } => {
                known.set(position as usize, false);
                for given in attributes.iter().map(|attribute| person.given(*attribute)) {
                    given.texts().iter().for_each(|text| take(by_text, &**text, position));
                }
            }
            Self::Classes(classes) => take(classes, &*class_of(person, attributes), position),
        }
    }

    /// The same for a team of `size` in which everybody stands at another place, in the same order.
    pub(super) fn moved(&self, size: usize, place: &impl Fn(usize) -> Option<usize>) -> Self {
        let position = |position: &u32| place(*position as usize).and_then(|it| u32::try_from(it).ok());
        let positions = |positions: &Vec<u32>| positions.iter().filter_map(position).collect();
        match self {
            Self::Fixed(Halves { yes, no }) => {
                Self::Fixed(Halves { yes: yes.moved(size, place), no: no.moved(size, place) })
            }
            Self::Texts { by_text, known } => Self::Texts {
                by_text: by_text.iter().map(|(text, who)| (Arc::clone(text), positions(who))).collect(),
                known: known.moved(size, place),
            },
            Self::Classes(classes) => {
                Self::Classes(classes.iter().map(|(class, who)| (class.clone(), positions(who))).collect())
            }
        }
    }
}

/// The answers of all classes for an event.
pub(super) fn answers_for(
    spec: &Spec,
    classes: &Quick<Class, Vec<u32>>,
    event: &Event,
    size: usize,
) -> Halves {
    let mut halves = Halves::unknown(size);
    let mut scope = scope(&spec.atom.reads, event, |_| None);
    for (class, who) in classes {
        set_person(&mut scope, spec.kind.attributes(), class);
        let answer = spec.atom.evaluate(&scope).ok();
        for position in who {
            halves.put(*position as usize, answer);
        }
    }
    halves
}

/// The text that a fact is compared as, if it is one: dates are texts in expressions.
pub(super) fn as_text(fact: Value) -> Option<Arc<str>> {
    match fact {
        Value::Text(text) => Some(text),
        Value::Date(date) => Some(date.to_string().into()),
        _ => None,
    }
}

fn insert(positions: &mut Vec<u32>, position: u32) {
    if let Err(place) = positions.binary_search(&position) {
        positions.insert(place, position);
    }
}

fn take<K, Q>(who: &mut Quick<K, Vec<u32>>, key: &Q, position: u32)
where
    K: std::borrow::Borrow<Q> + Eq + std::hash::Hash,
    Q: Eq + std::hash::Hash + ?Sized,
{
    if let Some(positions) = who.get_mut(key) {
        positions.retain(|it| *it != position);
        if positions.is_empty() {
            who.remove(key);
        }
    }
}
