//! Whom audiences choose for one event.

use std::sync::Arc;

use super::atoms::Kind;
use super::bits::Bits;
use super::column::{Column, Halves, answers_for, as_text};
use super::people::People;
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
    /// The answers to atoms that read the event alone, by the atom's number.
    of_event: Vec<(usize, Option<bool>)>,
    key: Vec<u8>,
}

impl<'a> Question<'a> {
    pub(super) fn new(people: &'a People, event: &'a Event) -> Self {
        Self { people, event, of_event: Vec::new(), key: Vec::new() }
    }

    /// Whom of a department these rules choose together: a rule without an audience chooses everybody.
    /// `None` where nobody is known.
    pub(crate) fn audience(&mut self, department: usize, rules: &[&Rule]) -> Option<Arc<Audience>> {
        let team = self.people.teams.get(department).filter(|team| team.size() > 0)?;
        let mut segments = Vec::new();
        for rule in rules {
            match &rule.audience {
                None => return Some(team.everybody()),
                Some(segment) => segments.push(segment),
            }
        }
        let mut memo = team.memo();
        let mut chosen = Bits::none(team.size());
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
        let spec = self.people.atoms.get(number);
        match (team.column(number), &spec.kind) {
            (Some(Column::Fixed(halves)), _) => chosen.keep(if so { &halves.yes } else { &halves.no }),
            (Some(Column::Texts { by_text, known }), Kind::Equal(_, fact) | Kind::Holds(_, fact)) => {
                let fact = self.event.attribute(fact);
                let given = fact.is_some();
                let text = fact.and_then(as_text);
                let who = text.and_then(|text| by_text.get(&text)).map_or(&[][..], Vec::as_slice);
                match (given, so) {
                    (false, _) => chosen.clear(),
                    (true, true) => chosen.keep_only(who),
                    (true, false) => {
                        chosen.keep(known);
                        chosen.remove_only(who);
                    }
                }
            }
            (Some(Column::Classes(_)), _) => {
                let halves = self.answers(number, team, memo);
                chosen.keep(if so { &halves.yes } else { &halves.no });
            }
            (Some(Column::Texts { .. }) | None, _) => {
                if self.of_event(number) != Some(so) {
                    chosen.clear();
                }
            }
        }
    }

    /// The answer to an atom that reads the event alone.
    fn of_event(&mut self, number: usize) -> Option<bool> {
        if let Some((_, answer)) = self.of_event.iter().find(|(known, _)| *known == number) {
            return *answer;
        }
        let atom = &self.people.atoms.get(number).atom;
        let answer = atom.evaluate(&scope(&atom.reads, self.event, |_| None)).ok();
        self.of_event.push((number, answer));
        answer
    }

    /// The answers to an atom that reads both, remembered for events that say the same.
    fn answers(&mut self, number: usize, team: &Team, memo: Option<&mut Memo>) -> Arc<Halves> {
        let spec = self.people.atoms.get(number);
        let work_out = || match team.column(number) {
            Some(Column::Classes(classes)) => answers_for(spec, classes, self.event, team.size()),
            _ => Halves::unknown(team.size()),
        };
        let remembered = write_key(&mut self.key, number, self.event, &spec.atom.reads);
        let Some(memo) = memo.filter(|_| remembered) else { return Arc::new(work_out()) };
        memo.answers.get(self.key.as_slice()).unwrap_or_else(|| {
            let halves = Arc::new(work_out());
            memo.answers.insert(self.key.as_slice().into(), Arc::clone(&halves));
            halves
        })
    }
}

/// Writes the atom's number and the facts that it reads; `false` if they are too much to be remembered.
fn write_key(key: &mut Vec<u8>, number: usize, event: &Event, reads: &[crate::Read]) -> bool {
    key.clear();
    key.extend_from_slice(&number.to_le_bytes());
    for read in reads.iter().filter(|read| read.variable == "event") {
        if read.field.is_empty() || key.len() > LONGEST_KEY {
            return false;
        }
        let (tag, text) = match event.attribute(&read.field) {
            None | Some(Value::Absent) => (0, None),
            Some(Value::Text(text)) => (1, Some(text)),
            Some(value) => (2 + kind(&value), Some(value.to_string().into())),
        };
        let text = text.as_deref().unwrap_or_default();
        key.push(tag);
        key.extend_from_slice(&text.len().to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    key.len() <= LONGEST_KEY
}

/// Tells values of different kinds apart that are written alike.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Absent => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Decimal(_) => 4,
        Value::Text(_) => 5,
        Value::Instant(_) => 6,
        Value::Date(_) => 7,
        Value::List(_) => 8,
        Value::Record(_) => 9,
    }
}
