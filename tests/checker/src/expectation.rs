//! What the input calls for: for each record its fate, for each event its decision and its notifications.
//! Keeps numbers and digests of records, never records.

use std::collections::HashMap;

use crate::cloud_events::{self, Event, Flaw};
use crate::digest;
use crate::identifier::Notifications;
use crate::instant::{Nanos, WINDOW};
use crate::log::Record;
use crate::notification::Telling;
use crate::policy::{Decision, Policy};
use crate::schemas::Schemas;

/// How many offsets apart two records may lie to tell the same event twice.
const WINDOW_OFFSETS: i64 = 2_000_000;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It tells this event.
    Event(usize),
    /// It tells an event again: nothing.
    Repetition,
    /// It tells something else under the identity of an event: a dead letter.
    Conflict,
    /// It cannot be decided: a dead letter.
    Flawed(Flaw),
}

/// A record of the input.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Its offset.
    pub offset: i64,
    /// What becomes of it.
    pub fate: Fate,
    /// What it is, so that a copy can be told from something else.
    pub digest: u64,
    /// Whether its dead letter was found.
    pub lettered: bool,
}

/// A partition of the input.
#[derive(Debug, Default)]
pub struct Partition {
    /// Its records.
    pub inputs: Vec<Input>,
    /// What is before this offset is committed.
    pub position: i64,
    /// Events of it whose decision was found.
    pub decided: u64,
    /// Records of it whose dead letter was found.
    pub lettered: u64,
}

impl Partition {
    /// The record at an offset.
    pub fn input(&mut self, offset: i64) -> Option<&mut Input> {
        let place = self.inputs.binary_search_by_key(&offset, |input| input.offset).ok()?;
        self.inputs.get_mut(place)
    }
}

/// Which of the three ends an event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Departments are told.
    Emitted,
    /// The policy ignores it.
    Ignored,
    /// No rule matches.
    Unrouted,
}

impl Outcome {
    /// As decisions and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emitted => "emitted",
            Self::Ignored => "filtered",
            Self::Unrouted => "unrouted",
        }
    }
}

/// An event that has to be decided.
#[derive(Clone, Debug)]
pub struct Owing {
    /// Its topic, by its place among the inputs.
    pub topic: usize,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The digest of its correlation id.
    pub correlation: u64,
    /// Source and id, for people.
    pub name: Box<str>,
    /// Its end.
    pub outcome: Outcome,
    /// The digest of its decision.
    pub decision: u64,
    /// Where its notifications begin, and how many there are.
    pub owed: (usize, usize),
    /// Whether its decision was found.
    pub decided: bool,
    /// Whether it was found among the unrouted.
    pub copied: bool,
    /// Whether it was rejected because what it leaves is too large.
    pub too_large: bool,
}

/// A notification that has to be there.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    /// Its event.
    pub event: usize,
    /// Who is told, by the place among the departments.
    pub department: usize,
    /// The digest of what is told.
    pub telling: u64,
    /// The next one with the same id, where the log tells an event again beyond the window.
    pub next: Option<usize>,
    /// Whether it was found.
    pub found: bool,
}

/// One identity in a partition: what it told, and where it was met.
struct Met {
    content: u64,
    sightings: Vec<(i64, Nanos)>,
}

/// All that the input calls for.
#[derive(Debug, Default)]
pub struct Expectation {
    /// The input topics.
    pub topics: Vec<String>,
    /// Their partitions, by topic and number.
    pub partitions: HashMap<(usize, i32), Partition>,
    /// The events.
    pub events: Vec<Owing>,
    /// The notifications.
    pub owed: Vec<Owed>,
    /// The first notification with an id.
    pub by_id: HashMap<u128, usize, foldhash::quality::FixedState>,
    /// An event by its identity.
    pub by_identity: HashMap<u128, usize, foldhash::quality::FixedState>,
    /// Events that no rule matches, by what they are.
    pub unrouted: HashMap<u64, Vec<usize>>,
}

/// What the input is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Who is told of what.
    pub policy: &'a Policy,
    /// What events consist of.
    pub schemas: &'a Schemas,
}

/// The identities of one topic while it is read.
#[derive(Default)]
pub struct Memory(HashMap<(i32, u128), Met, foldhash::quality::FixedState>);

impl Memory {
    /// How a record that tells an event relates to those before it in its partition.
    fn meet(&mut self, place: (i32, i64), event: &Event, recorded: Nanos) -> Meeting {
        let (partition, offset) = place;
        let content = event.content();
        let near = |sighting: &(i64, Nanos)| {
            offset - sighting.0 <= WINDOW_OFFSETS && recorded - sighting.1 <= WINDOW
        };
        let identity = (partition, event.identity());
        match self.0.get_mut(&identity).filter(|met| met.sightings.iter().any(near)) {
            Some(met) if met.content != content => Meeting::Conflict,
            Some(met) => {
                met.sightings.push((offset, recorded));
                Meeting::Repetition
            }
            None => {
                self.0.insert(identity, Met { content, sightings: vec![(offset, recorded)] });
                Meeting::New
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meeting {
    New,
    Repetition,
    Conflict,
}

impl Expectation {
    /// Reads one record of a topic, which comes after all earlier ones of its partition.
    ///
    /// # Errors
    /// It is one of those that this program does not judge.
    pub fn read(
        &mut self,
        topic: usize,
        record: &Record<'_>,
        memory: &mut Memory,
        rules: Rules<'_>,
    ) -> Result<(), String> {
        if record.header("hinge-repairs-code") == Some("conflict") {
            let place = format!("{}/{}/{}", self.topics[topic], record.partition, record.offset);
            return Err(format!(
                "{place} decides a conflict, which is not known here, so nothing is checked"
            ));
        }
        let fate = match cloud_events::read(record.readable_headers(), record.value, rules.schemas) {
            Err(flaw) => Fate::Flawed(flaw),
            Ok(event) => {
                let logged = record.timestamp.map(|millis| Nanos::from(millis) * 1_000_000);
                let recorded = event.recorded.or(logged).unwrap_or(event.occurred);
                match memory.meet((record.partition, record.offset), &event, recorded) {
                    Meeting::Repetition => Fate::Repetition,
                    Meeting::Conflict => Fate::Conflict,
                    Meeting::New => Fate::Event(self.owe(topic, record, &event, rules)),
                }
            }
        };
        let input =
            Input { offset: record.offset, fate, digest: record.digest_as_it_came(), lettered: false };
        if let Fate::Event(event) = fate
            && self.events[event].outcome == Outcome::Unrouted
        {
            self.unrouted.entry(input.digest).or_default().push(event);
        }
        self.partitions.entry((topic, record.partition)).or_default().inputs.push(input);
        Ok(())
    }

    /// Notes what an event calls for.
    fn owe(&mut self, topic: usize, record: &Record<'_>, event: &Event, rules: Rules<'_>) -> usize {
        let Rules { policy, schemas } = rules;
        let place = self.events.len();
        let first = self.owed.len();
        let event_type = &*schemas.at(event.schema).name;
        let step = policy.step(event_type);
        let name = |rule: &usize| policy.rules[*rule].id.as_str();
        let mut ids = Vec::new();
        let (outcome, matched) = match policy.decide(event, schemas) {
            Decision::Ignored => (Outcome::Ignored, Vec::new()),
            Decision::Unrouted => (Outcome::Unrouted, Vec::new()),
            Decision::Told(matched, told) => {
                for told in told {
                    let telling = Telling {
                        event_type,
                        subject: &event.subject,
                        correlation: &event.correlation,
                        occurred: Some(event.occurred),
                        step,
                        kind: told.kind,
                        priority: told.priority,
                    };
                    let telling = telling.digest(told.rules.iter().map(name));
                    let department = &policy.departments[told.department].name;
                    let id = Notifications::default().id(&event.source, &event.id, department);
                    ids.push(id);
                    self.add(
                        id,
                        Owed { event: place, department: told.department, telling, next: None, found: false },
                    );
                }
                (Outcome::Emitted, matched)
            }
        };
        let rules: Vec<&str> = matched.iter().map(name).collect();
        self.events.push(Owing {
            topic,
            partition: record.partition,
            offset: record.offset,
            correlation: digest::of(&event.correlation),
            name: format!("{} {}", event.source, event.id).into(),
            outcome,
            decision: decision(outcome.name(), step.0, ids, &rules),
            owed: (first, self.owed.len() - first),
            decided: false,
            copied: false,
            too_large: false,
        });
        self.by_identity.insert(event.identity(), place);
        place
    }

    fn add(&mut self, id: u128, owed: Owed) {
        let place = self.owed.len();
        self.owed.push(owed);
        match self.by_id.get(&id).copied() {
            None => {
                self.by_id.insert(id, place);
            }
            Some(mut earlier) => {
                while let Some(next) = self.owed[earlier].next {
                    earlier = next;
                }
                self.owed[earlier].next = Some(place);
            }
        }
    }

    /// Whether what a group committed reaches beyond a place.
    pub fn is_committed(&self, topic: usize, partition: i32, offset: i64) -> bool {
        self.partitions.get(&(topic, partition)).is_some_and(|found| offset < found.position)
    }

    /// A place in the input for people.
    pub fn place(&self, topic: usize, partition: i32, offset: i64) -> String {
        format!("{}/{partition}/{offset}", self.topics[topic])
    }
}

/// The digest of a decision: its outcome, the step of the chain, who is told, and the rules that matched.
pub fn decision(outcome: &str, step: &str, mut ids: Vec<u128>, rules: &[&str]) -> u64 {
    ids.sort_unstable();
    digest::of(&(outcome, step, ids, rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_hours(hours: i128) -> Nanos {
        1_772_446_500_000_000_000 + hours * 3_600_000_000_000
    }

    fn event(subject: &str) -> Event {
        Event {
            source: "/shop".to_owned(),
            id: "1".to_owned(),
            schema: 0,
            subject: subject.to_owned(),
            correlation: "1".to_owned(),
            occurred: 0,
            recorded: None,
            facts: Vec::new(),
        }
    }

    /// How each of these meets those before it: offset, hours, subject.
    fn met(records: &[(i64, i128, &str)]) -> Vec<Meeting> {
        let mut memory = Memory::default();
        records
            .iter()
            .map(|(offset, hours, subject)| memory.meet((0, *offset), &event(subject), at_hours(*hours)))
            .collect()
    }

    use Meeting::{Conflict, New, Repetition};

    #[test]
    fn a_repetition_lies_within_the_window_and_its_edges() {
        assert_eq!(met(&[(0, 0, "a"), (2_000_000, 24, "a")]), [New, Repetition]);
        assert_eq!(met(&[(0, 0, "a"), (2_000_001, 24, "a")]), [New, New]);
        assert_eq!(met(&[(0, 0, "a"), (1, 25, "a")]), [New, New]);
        // The window slides with each repetition.
        assert_eq!(
            met(&[(0, 0, "a"), (1, 20, "a"), (2, 40, "a"), (3, 65, "a")]),
            [New, Repetition, Repetition, New]
        );
        // Clocks that go back hide nothing.
        assert_eq!(met(&[(0, 40, "a"), (1, 0, "a"), (2, 60, "a")]), [New, Repetition, Repetition]);
    }

    #[test]
    fn a_conflict_tells_something_else_and_is_forgotten() {
        assert_eq!(
            met(&[(0, 0, "a"), (1, 1, "b"), (2, 2, "a"), (3, 3, "b")]),
            [New, Conflict, Repetition, Conflict]
        );
        // It does not carry the window on.
        assert_eq!(met(&[(0, 0, "a"), (1, 20, "b"), (2, 30, "b")]), [New, Conflict, New]);
    }

    #[test]
    fn partitions_do_not_know_of_one_another() {
        let mut memory = Memory::default();
        let met: Vec<_> = [0, 1].map(|partition| memory.meet((partition, 0), &event("a"), 0)).into();
        assert_eq!(met, [New, New]);
    }
}
