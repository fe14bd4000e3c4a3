//! The people of one department, laid out so that an audience is chosen by a few operations on sets.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use super::Audience;
use super::atoms::Atoms;
use super::bits::Bits;
use super::column::{Answers, Column, Halves};
use super::person::{Attribute, Person};
use super::recent::Recent;

/// How many audiences, and how many answers to an atom, a team remembers. Both are a bit or two for each
/// person; with 10,000 people in 50 departments this bounds the memory at some 50 MiB.
const REMEMBERED: usize = 1024;

/// The people of a department.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) department: Arc<str>,
    /// In order of id.
    people: Vec<Arc<Person>>,
    roster: Arc<[Arc<str>]>,
    /// By number of the atom, in order.
    columns: Vec<(usize, Arc<Column>)>,
    everybody: Arc<Audience>,
    memo: Mutex<Memo>,
}

/// What was worked out lately.
#[derive(Debug)]
pub(super) struct Memo {
    audiences: Recent<Bits, Arc<Audience>>,
    /// By atom and the values that it reads of the event.
    pub(super) answers: Recent<Box<[u8]>, Arc<Halves>>,
}

impl Memo {
    fn new() -> Self {
        Self { audiences: Recent::new(REMEMBERED), answers: Recent::new(REMEMBERED) }
    }
}

impl Team {
    /// The team of these people, for the atoms with these numbers (sorted).
    pub(super) fn new(
        department: &Arc<str>,
        mut people: Vec<Arc<Person>>,
        (atoms, numbers): (&Atoms, &[usize]),
        answers: &mut Answers,
    ) -> Self {
        people.sort_by(|one, other| one.id.cmp(&other.id));
        people.dedup_by(|one, other| one.id == other.id);
        let column = |number: &usize| {
            let spec = atoms.get(*number);
            let mut column = Column::new(spec, people.len())?;
            for (position, person) in (0..).zip(&people) {
                column.put((*number, spec), position, person, answers);
            }
            Some((*number, Arc::new(column)))
        };
        let columns = numbers.iter().filter_map(column).collect();
        Self::of(department, people, columns)
    }

    /// The same department with these people instead.
    pub(super) fn of_others(&self, people: Vec<Arc<Person>>, atoms: &Atoms, answers: &mut Answers) -> Self {
        let numbers: Vec<usize> = self.columns.iter().map(|(number, _)| *number).collect();
        Self::new(&self.department, people, (atoms, &numbers), answers)
    }

    fn of(department: &Arc<str>, people: Vec<Arc<Person>>, columns: Vec<(usize, Arc<Column>)>) -> Self {
        let roster: Arc<[Arc<str>]> = people.iter().map(|person| Arc::clone(&person.id)).collect();
        let everybody = Arc::new(Audience::new(department, &roster, Bits::all(people.len())));
        let memo = Mutex::new(Memo::new());
        Self { department: Arc::clone(department), people, roster, columns, everybody, memo }
    }

    pub(super) fn people(&self) -> &[Arc<Person>] {
        &self.people
    }

    pub(super) fn size(&self) -> usize {
        self.people.len()
    }

    pub(super) fn column(&self, number: usize) -> Option<&Column> {
        let place = self.columns.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.columns[place].1)
    }

    /// Where a person stands, or would.
    pub(super) fn position_of(&self, id: &str) -> Result<usize, usize> {
        self.people.binary_search_by(|person| (*person.id).cmp(id))
    }

    pub(super) fn everybody(&self) -> Arc<Audience> {
        Arc::clone(&self.everybody)
    }

    /// What was worked out lately, unless another thread is looking at it: then it is worked out again, so
    /// that nobody ever waits.
    pub(super) fn memo(&self) -> Option<MutexGuard<'_, Memo>> {
        match self.memo.try_lock() {
            Ok(memo) => Some(memo),
            Err(TryLockError::Poisoned(poisoned)) => {
                let mut memo = poisoned.into_inner();
                *memo = Memo::new();
                Some(memo)
            }
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The audience of these people.
    pub(super) fn audience(&self, selected: Bits, memo: Option<&mut Memo>) -> Arc<Audience> {
        let made = |selected| Arc::new(Audience::new(&self.department, &self.roster, selected));
        let Some(memo) = memo else { return made(selected) };
        memo.audiences.get(&selected).unwrap_or_else(|| {
            let audience = made(selected.clone());
            memo.audiences.insert(selected, Arc::clone(&audience));
            audience
        })
    }

    /// The team with a person changed or added.
    pub(super) fn with(&self, person: &Arc<Person>, atoms: &Atoms, answers: &mut Answers) -> Self {
        match self.position_of(&person.id) {
            Ok(position) => self.changed(position, person, atoms, answers),
            Err(position) => self.added(position, person, atoms, answers),
        }
    }

    fn changed(&self, position: usize, person: &Arc<Person>, atoms: &Atoms, answers: &mut Answers) -> Self {
        let before = &self.people[position];
        let differs = |attribute: &Attribute| before.given(*attribute) != person.given(*attribute);
        let mut people = self.people.clone();
        people[position] = Arc::clone(person);
        let position = at(position);
        let mut columns = self.columns.clone();
        for (number, column) in &mut columns {
            let spec = atoms.get(*number);
            if spec.kind.attributes().iter().any(differs) {
                let column = Arc::make_mut(column);
                column.take(spec, position, before);
                column.put((*number, spec), position, person, answers);
            }
        }
        Self::of(&self.department, people, columns)
    }

    fn added(&self, position: usize, person: &Arc<Person>, atoms: &Atoms, answers: &mut Answers) -> Self {
        let mut people = self.people.clone();
        people.insert(position, Arc::clone(person));
        let place = |before: usize| Some(before + usize::from(before >= position));
        let columns = self.columns.iter().map(|(number, column)| {
            let mut column = column.moved(people.len(), &place);
            column.put((*number, atoms.get(*number)), at(position), person, answers);
            (*number, Arc::new(column))
        });
        let columns = columns.collect();
        Self::of(&self.department, people, columns)
    }

    /// The team without the person at a position.
    pub(super) fn without(&self, position: usize, atoms: &Atoms) -> Self {
        let mut people = self.people.clone();
        let gone = people.remove(position);
        let place = |before: usize| (before != position).then(|| before - usize::from(before > position));
        let columns = self.columns.iter().map(|(number, column)| {
            let mut column = Column::clone(column);
            column.take(atoms.get(*number), at(position), &gone);
            (*number, Arc::new(column.moved(people.len(), &place)))
        });
        let columns = columns.collect();
        Self::of(&self.department, people, columns)
    }

    #[cfg(test)]
    pub(super) fn columns(&self) -> &[(usize, Arc<Column>)] {
        &self.columns
    }
}

/// A position as columns keep it; teams are far smaller than that.
fn at(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
