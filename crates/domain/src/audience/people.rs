//! All people of a policy, by department, and the answers to what its audiences ask about them.
//!
//! Choosing for an event costs a few operations on sets of bits for each rule that matches: what an audience
//! asks of people alone is answered when the policy is made, equality with a fact of the event is looked
//! up, and the rest is evaluated once for all people with the same attributes and remembered for events with
//! the same facts.

use std::sync::Arc;

use super::Audience;
use super::atoms::Atoms;
use super::column::Answers;
use super::person::Person;
use super::question::Question;
use super::team::Team;
use crate::{Department, Event, Rule};

/// The people of a policy. Cheap to copy: copies share what is the same.
#[derive(Clone, Debug, Default)]
pub struct People {
    pub(super) atoms: Arc<Atoms>,
    pub(super) teams: Vec<Arc<Team>>,
}

/// People after a change.
#[derive(Debug)]
pub struct Changed {
    /// All of them.
    pub people: People,
    /// How many answers (of one person to one part of an audience) were worked out anew.
    pub recomputed: usize,
}

impl People {
    /// The people of these departments, for these rules. Whoever belongs to none of them is left out.
    pub(crate) fn new(departments: &[Department], rules: &mut [Rule], people: Vec<Person>) -> Self {
        let mut atoms = Atoms::default();
        let mut asked = vec![Vec::new(); departments.len()];
        for rule in rules {
            let Some(segment) = &mut rule.audience else { continue };
            let numbers = atoms.take_up(segment);
            for department in &rule.to {
                asked[*department].extend(&numbers);
            }
        }
        for numbers in &mut asked {
            numbers.sort_unstable();
            numbers.dedup();
        }
        let mut members = vec![Vec::new(); departments.len()];
        for person in people {
            let department = departments.iter().position(|department| department.name == person.department);
            if let Some(department) = department {
                members[department].push(Arc::new(person));
            }
        }
        let mut answers = Answers::default();
        let teams = departments.iter().zip(members).zip(&asked).map(|((department, members), asked)| {
            Arc::new(Team::new(&department.name, members, (&atoms, asked), &mut answers))
        });
        Self { teams: teams.collect(), atoms: Arc::new(atoms) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.teams.iter().map(|team| team.size()).sum()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Somebody, by id.
    pub fn get(&self, id: &str) -> Option<&Person> {
        self.teams.iter().find_map(|team| Some(&*team.people()[team.position_of(id).ok()?]))
    }

    /// The people of a department, by its place in [`crate::Policy::departments`], in order of id.
    pub fn of(&self, department: usize) -> impl ExactSizeIterator<Item = &Person> {
        let people = self.teams.get(department).map_or(&[][..], |team| team.people());
        people.iter().map(|person| &**person)
    }

    /// The same people with one of them changed, added or moved to another department. Only what hangs on
    /// what changed is worked out anew.
    pub fn with_person(&self, person: Person) -> Changed {
        let mut answers = Answers::default();
        let person = Arc::new(person);
        let mut teams = self.teams.clone();
        for team in &mut teams {
            if team.department == person.department {
                *team = Arc::new(team.with(&person, &self.atoms, &mut answers));
            } else if let Ok(position) = team.position_of(&person.id) {
                *team = Arc::new(team.without(position, &self.atoms));
            }
        }
        Changed { people: Self { teams, atoms: Arc::clone(&self.atoms) }, recomputed: answers.put }
    }

    /// The same people without one of them.
    pub fn without_person(&self, id: &str) -> Self {
        let mut teams = self.teams.clone();
        for team in &mut teams {
            if let Ok(position) = team.position_of(id) {
                *team = Arc::new(team.without(position, &self.atoms));
            }
        }
        Self { teams, atoms: Arc::clone(&self.atoms) }
    }

    /// These people instead, for the same rules.
    #[must_use]
    pub fn replaced_by(&self, people: Vec<Person>) -> Self {
        let mut answers = Answers::default();
        let people: Vec<Arc<Person>> = people.into_iter().map(Arc::new).collect();
        let team = |team: &Arc<Team>| {
            let members = people.iter().filter(|person| person.department == team.department);
            Arc::new(team.of_others(members.cloned().collect(), &self.atoms, &mut answers))
        };
        Self { teams: self.teams.iter().map(team).collect(), atoms: Arc::clone(&self.atoms) }
    }

    /// Asks for audiences of one event.
    pub(crate) fn question<'a>(&'a self, event: &'a Event) -> Question<'a> {
        Question::new(self, event)
    }

    /// Whom of a department these rules choose together for an event; `None` where nobody is known.
    pub fn audience(&self, event: &Event, department: usize, rules: &[&Rule]) -> Option<Arc<Audience>> {
        self.question(event).audience(department, rules)
    }
}
