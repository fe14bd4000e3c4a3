//! Whom audiences choose for one event.
//!
//! What the event says is looked at once, however many departments ask.

use std::sync::Arc;

use super::atoms::{Kind, Spec};
use super::bits::Bits;
use super::column::{Column, Halves, answers_for, as_text};
use super::people::People;
use super::recent::Quick;
use super::segment::scope;
use super::team::{Memo, Team};
use super::{Audience, Segment};
use crate::expression::Logic;
use crate::{Event, Rule, Value};

/// Facts that are longer together than this many bytes are not remembered with what was worked out for them.
const LONGEST_KEY: usize = 256;

/// An event, and what was worked out for it so far.
pub(crate) struct Question<'a> {
    people: &'a People,
    event: &'a Event,
    /// What the event says, by the fact's number; empty until somebody asks.
    facts: Vec<Said>,
    /// By the atom's number.
    of_event: Quick<usize, OfEvent>,
}

/// A fact that is looked up among texts.
#[derive(Clone)]
enum Said {
    Nothing,
    Text(Arc<str>),
    /// Something that is no text, and so equal to none.
    Else,
}

/// What an event is to an atom.
enum OfEvent {
    /// The answer, where people do not matter.
    Answer(Option<bool>),
    /// The facts that it reads, as a key; `None` if they are too much to be remembered.
    Key(Option<Box<[u8]>>),
}

impl<'a> Question<'a> {
    pub(super) fn new(people: &'a People, event: &'a Event) -> Self {
        Self { people, event, facts: Vec::new(), of_event: Quick::default() }
    }

    /// Whom of a department these rules choose together: a rule without an audience chooses everybody.
    /// `None` where nobody is known.
    pub(crate) fn audience(&mut self, department: usize, rules: &[&Rule]) -> Option<Arc<Audience>> {
        let team = self.people.teams.get(department).filter(|team| team.size() > 0)?;
        if rules.iter().any(|rule| rule.audience.is_none()) {
            return Some(team.everybody());
        }
        let mut memo = team.memo();
        let mut segments = rules.iter().filter_map(|rule| rule.audience.as_ref());
        let first = segments.next().map(|segment| self.chosen_by(segment, team, memo.as_deref_mut()));
        let mut chosen = first.unwrap_or_else(|| Bits::none(team.size()));
        for segment in segments {
            chosen.add(&self.chosen_by(segment, team, memo.as_deref_mut()));
        }
        Some(team.audience(chosen, memo.as_deref_mut()))
    }

    fn chosen_by(&mut self, segment: &Segment, team: &Team, mut memo: Option<&mut Memo>) -> Bits {
        let mut chosen = Bits::all(team.size());
        let Some(plan) = segment.plan() else {
            // Not a rule of this policy.
            let selected = |position: &usize| segment.selects(&team.people()[*position], self.event);
            return chosen.moved(team.size(), |position| selected(&position).then_some(position));
        };
        for conjunct in plan {
            self.narrow((conjunct, true), team, memo.as_deref_mut(), &mut chosen);
            if chosen.is_empty() {
                break;
            }
        }
        chosen
    }

    /// Keeps those for whom the logic is `so`.
    pub(super) fn narrow(
        &mut self,
        (logic, so): (&Logic<usize>, bool),
        team: &Team,
        mut memo: Option<&mut Memo>,
        chosen: &mut Bits,
    ) {
        match (logic, so) {
            (Logic::Atom(number), _) => self.narrow_atom((*number, so), team, memo, chosen),
            (Logic::Not(inner), _) => self.narrow((inner, !so), team, memo, chosen),
            // All are true; or not one of any is: each must be.
            (Logic::All(parts), true) | (Logic::Any(parts), false) => {
                for part in parts {
                    self.narrow((part, so), team, memo.as_deref_mut(), chosen);
                }
            }
            // One is enough.
            (Logic::Any(parts), true) | (Logic::All(parts), false) => {
                let mut enough = Bits::none(team.size());
                for part in parts {
                    let mut these = chosen.clone();
                    self.narrow((part, so), team, memo.as_deref_mut(), &mut these);
                    enough.add(&these);
                }
                *chosen = enough;
            }
        }
    }

    fn narrow_atom(
        &mut self,
        (number, so): (usize, bool),
        team: &Team,
        memo: Option<&mut Memo>,
        chosen: &mut Bits,
    ) {
        match team.column(number) {
            Some(Column::Fixed(halves)) => chosen.keep(if so { &halves.yes } else { &halves.no }),
            Some(Column::Texts { by_text, known }) => {
                let said = self.said(number);
                let who = match &said {
                    Said::Text(text) => by_text.get(text).map_or(&[][..], Vec::as_slice),
                    Said::Nothing => return chosen.clear(),
                    Said::Else => &[],
                };
                if so {
                    chosen.keep_only(who);
                } else {
                    chosen.keep(known);
                    chosen.remove_only(who);
                }
            }
            Some(Column::Classes(_)) => {
                let halves = self.answers(number, team, memo);
                chosen.keep(if so { &halves.yes } else { &halves.no });
            }
            None => {
                if self.answer(number) != Some(so) {
                    chosen.clear();
                }
            }
        }
    }

    fn spec(&self, number: usize) -> &'a Spec {
        self.people.atoms.get(number)
    }

    /// What the event says of the fact that an atom looks up.
    fn said(&mut self, number: usize) -> Said {
        if self.facts.is_empty() {
            let said = |name: &Arc<str>| match self.event.attribute(name) {
                None => Said::Nothing,
                Some(fact) => as_text(fact).map_or(Said::Else, Said::Text),
            };
            self.facts = self.people.atoms.facts().iter().map(said).collect();
        }
        match self.spec(number).kind {
            Kind::Says(_, fact) => self.facts[fact].clone(),
            Kind::Event | Kind::Person(_) | Kind::Both(_) => Said::Nothing,
        }
    }

    /// The answer to an atom that reads the event alone.
    fn answer(&mut self, number: usize) -> Option<bool> {
        let (spec, event) = (self.spec(number), self.event);
        let of_event = self.of_event.entry(number).or_insert_with(|| {
            let answer = spec.atom.evaluate(&scope(&spec.atom.reads, event, |_| None));
            OfEvent::Answer(answer.ok())
        });
        match of_event {
            OfEvent::Answer(answer) => *answer,
            OfEvent::Key(_) => None,
        }
    }

    /// The answers to an atom that reads both, remembered for events that say the same.
    fn answers(&mut self, number: usize, team: &Team, memo: Option<&mut Memo>) -> Arc<Halves> {
        let (spec, event) = (self.spec(number), self.event);
        let work_out = || match team.column(number) {
            Some(Column::Classes(classes)) => answers_for(spec, classes, event, team.size()),
            _ => Halves::unknown(team.size()),
        };
        let of_event = self.of_event.entry(number);
        let of_event = of_event.or_insert_with(|| OfEvent::Key(key(number, event, &spec.atom.reads)));
        let (Some(memo), OfEvent::Key(Some(key))) = (memo, of_event) else { return Arc::new(work_out()) };
        memo.answers.get(&**key).unwrap_or_else(|| {
            let halves = Arc::new(work_out());
            memo.answers.insert(key.clone(), Arc::clone(&halves));
            halves
        })
    }
}

/// The atom's number and the facts that it reads; `None` if they are too much to be remembered.
fn key(number: usize, event: &Event, reads: &[crate::Read]) -> Option<Box<[u8]>> {
    let mut key = number.to_le_bytes().to_vec();
    let mut write = |kind: u8, text: &[u8]| {
        key.push(kind);
        key.extend_from_slice(&text.len().to_le_bytes());
        key.extend_from_slice(text);
        key.len() <= LONGEST_KEY
    };
    let whole = reads.iter().any(|read| read.variable == "event" && read.field.is_empty());
    let mut facts = reads.iter().filter(|read| read.variable == "event");
    let fits = facts.all(|read| match event.attribute(&read.field).unwrap_or_default() {
        Value::Absent => write(0, &[]),
        Value::Bool(so) => write(1, &[u8::from(so)]),
        Value::Int(number) => write(2, &number.to_le_bytes()),
        Value::Float(number) => write(3, &number.to_bits().to_le_bytes()),
        Value::Text(text) => write(4, text.as_bytes()),
        value @ Value::Decimal(_) => write(5, value.to_string().as_bytes()),
        value @ Value::Instant(_) => write(6, value.to_string().as_bytes()),
        value @ Value::Date(_) => write(7, value.to_string().as_bytes()),
        value @ Value::List(_) => write(8, value.to_string().as_bytes()),
        value @ Value::Record(_) => write(9, value.to_string().as_bytes()),
    });
    (fits && !whole).then(|| key.into())
}
