//! Why one person is among those whom a department's notification is for, or is not.

use super::{Answer, Explanation};
use crate::{Event, Exclusion, Person, Policy, Rule};

/// What a rule that matches makes of one person.
#[derive(Debug)]
pub struct Choice<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Why it does not choose the person; `None`: it does.
    pub exclusion: Option<Exclusion>,
}

impl<'a> Explanation<'a> {
    /// What each rule that matches makes of `person`. One that chooses is enough; where the department is not told,
    /// there is none.
    ///
    /// `event` and `policy` must be those that were explained.
    pub fn choices(&self, event: &Event, policy: &Policy, person: &Person) -> Vec<Choice<'a>> {
        let matching = self.rules.iter().filter(|it| matches!(it.answer, Answer::Matches(_)));
        let choice = |rule: &'a Rule| Choice { rule, exclusion: policy.exclusion(rule, event, person) };
        matching.map(|it| choice(it.rule)).collect()
    }
}
