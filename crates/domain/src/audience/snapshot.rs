//! What is kept of an audience: who was chosen, who was not, and why not.

use std::collections::HashMap;
use std::sync::Arc;

use super::atoms::attributes;
use super::bits::Bits;
use super::person::Given;
use super::{Exclusion, People, Segment};
use crate::{Event, Rule};

/// An audience to be kept, so that it can be proved later who was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// See [`crate::Audience::hash`].
    pub hash: Arc<str>,
    /// The department's name.
    pub department: Arc<str>,
    /// The ids of those who were chosen, in order.
    pub people: Vec<Arc<str>>,
    /// Everybody else of the department, by the reason.
    pub excluded: Vec<Excluded>,
}

/// People of the department who were not chosen, all for one reason: the first part of the first rule's audience
/// that is false or unknown for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The rule, which is the first that told the department.
    pub rule: Arc<str>,
    /// Why.
    pub because: Exclusion,
    /// Their ids, in order.
    pub people: Vec<Arc<str>>,
}

impl People {
    /// The audience that these rules (of this policy) choose together, to be kept; `None` where nobody is known.
    pub fn snapshot(&self, event: &Event, department: usize, rules: &[&Rule]) -> Option<Snapshot> {
        let audience = self.audience(event, department, rules)?;
        let team = self.teams.get(department)?;
        let mut rest = Bits::all(team.size());
        rest.remove(&audience.chosen);
        let first = rules.first().and_then(|rule| Some((&rule.id, rule.audience.as_ref()?)));
        let excluded = first
            .filter(|_| !rest.is_empty())
            .map(|(rule, segment)| self.excluded(event, department, (rule, segment), rest));
        Some(Snapshot {
            hash: Arc::clone(audience.hash()),
            department: Arc::clone(&team.department),
            people: audience.people().cloned().collect(),
            excluded: excluded.unwrap_or_default(),
        })
    }

    /// Why each of `rest` is not chosen by a segment. People who look alike to the part of it that fails are
    /// asked once.
    fn excluded(
        &self,
        event: &Event,
        department: usize,
        (rule, segment): (&Arc<str>, &Segment),
        mut rest: Bits,
    ) -> Vec<Excluded> {
        let team = &self.teams[department];
        let mut question = self.question(event);
        let mut reasons: Vec<(Exclusion, Vec<usize>)> = Vec::new();
        let mut note = |because: Exclusion, position: usize| match reasons
            .iter_mut()
            .find(|(known, _)| *known == because)
        {
            Some((_, people)) => people.push(position),
            None => reasons.push((because, vec![position])),
        };
        let plan = segment.plan().unwrap_or_default();
        for (conjunct, logic) in segment.conjuncts().iter().zip(plan) {
            let [mut so, mut not_so] = [rest.clone(), rest.clone()];
            question.narrow((logic, true), team, None, &mut so);
            question.narrow((logic, false), team, None, &mut not_so);
            rest.remove(&so);
            let read = attributes(conjunct.whole.reads());
            let mut unknown: HashMap<Vec<Given>, Exclusion> = HashMap::new();
            for position in rest.positions() {
                let person = &team.people()[position];
                if not_so.contains(position) {
                    note(Exclusion::NotSo(conjunct.whole.source().to_owned()), position);
                    continue;
                }
                let class = read.iter().map(|attribute| person.given(*attribute)).collect();
                let because = unknown.entry(class).or_insert_with(|| {
                    let because = segment.exclusion(person, event);
                    because.unwrap_or_else(|| Exclusion::NotSo(conjunct.whole.source().to_owned()))
                });
                note(because.clone(), position);
            }
            rest = so;
        }
        let ids = |positions: Vec<usize>| {
            let mut positions = positions;
            positions.sort_unstable();
            positions.into_iter().map(|position| Arc::clone(&team.people()[position].id)).collect()
        };
        reasons
            .into_iter()
            .map(|(because, people)| Excluded { rule: Arc::clone(rule), because, people: ids(people) })
            .collect()
    }
}
