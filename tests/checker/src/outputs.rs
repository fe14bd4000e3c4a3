//! What lies in the topics that Hinge writes, held against what the input calls for.

mod ending;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::cloud_events::Flaw;
use crate::digest;
use crate::expectation::{Expectation, Fate, Outcome, Rules, decision};
use crate::identifier;
use crate::log::Record;
use crate::notification::Notification;
use crate::verdict::{Kind, Verdict};

/// Below so many bytes no record leaves so much behind that it is too large to be written.
const LARGE: usize = 32 * 1024;

/// Records by topic, outcome and reason.
pub type Tally = BTreeMap<(String, String, String), u64>;

/// The outputs as they are read, topic by topic.
#[derive(Debug)]
pub struct Outputs<'a> {
    expected: Expectation,
    rules: Rules<'a>,
    /// What was found so far.
    pub verdict: Verdict,
    /// What became of records, by what lies in the log.
    pub tally: Tally,
}

/// Where each correlation id is in one department's topic: the last offset of its partition of an input topic
/// that was told, and the partition of the department's topic that told it.
#[derive(Debug, Default)]
pub struct Sequence(HashMap<(usize, i32, u64), (i64, i32), foldhash::quality::FixedState>);

/// What is read of a decision.
#[derive(Deserialize)]
struct Decided {
    event: DecidedEvent,
    topic: String,
    partition: i32,
    offset: i64,
    outcome: String,
    chain_step: String,
    matched: Vec<DecidedRule>,
    notifications: Vec<DecidedTelling>,
}

#[derive(Deserialize)]
struct DecidedEvent {
    id: String,
    source: String,
}

#[derive(Deserialize)]
struct DecidedRule {
    rule: String,
}

#[derive(Deserialize)]
struct DecidedTelling {
    id: String,
}

impl<'a> Outputs<'a> {
    /// Nothing was read yet.
    pub fn new(expected: Expectation, rules: Rules<'a>) -> Self {
        Self { expected, rules, verdict: Verdict::default(), tally: Tally::new() }
    }

    fn unexplained(&mut self, place: &str, why: &str) {
        self.verdict.add(Kind::Unexplained, || format!("{place}: {why}"));
    }

    /// Notes an output of a record that the group has not committed.
    fn beyond(&mut self, place: &str, event: usize) {
        let event = &self.expected.events[event];
        if !self.expected.is_committed(event.topic, event.partition, event.offset) {
            let origin = self.expected.place(event.topic, event.partition, event.offset);
            self.verdict.add(Kind::Closure, || {
                format!("{place} is about {origin}, which the group has not committed")
            });
        }
    }

    /// A record of the topic of a department that the policy does not have.
    pub fn of_nobody(&mut self, place: &str) {
        self.verdict.add(Kind::Leak, || format!("{place}: the policy has no such department"));
    }

    /// A record of a department's topic.
    pub fn notification(
        &mut self,
        department: usize,
        record: &Record<'_>,
        place: &str,
        sequence: &mut Sequence,
    ) {
        let reader = &self.rules.policy.departments[department];
        let read_as =
            |avro| record.value.and_then(|value| Notification::read(value, avro, self.rules.schemas));
        // What is for somebody else is a leak in the other's format too.
        let in_format = read_as(reader.avro);
        let is_in_format = in_format.is_some();
        let read = in_format.or_else(|| read_as(!reader.avro));
        if let Some(told) = &read
            && told.department != reader.name
        {
            let (named, reader) = (&told.department, &reader.name);
            let words = || format!("{place} is for `{named}`, and `{reader}` reads it");
            return self.verdict.add(Kind::Leak, words);
        }
        let Some(told) = read.filter(|_| is_in_format) else {
            return self.unexplained(place, "not a notification in the department's format");
        };
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", told.id.as_str()),
            ("ce_source", "/hinge/router"),
            ("ce_type", "hinge.notification"),
            ("ce_subject", told.event.subject.as_str()),
            ("ce_correlationid", told.correlation_id.as_str()),
            ("ce_causationid", told.event.id.as_str()),
            ("content-type", if reader.avro { "application/avro" } else { "application/json" }),
            ("hinge-policy-version", told.policy_version.as_str()),
        ];
        if let Some((name, _)) = headers.iter().find(|(name, value)| record.header(name) != Some(value)) {
            self.unexplained(place, &format!("its header `{name}` does not say what its body says"));
        }
        if record.key != Some(told.correlation_id.as_bytes()) {
            self.unexplained(place, "its key is not its correlation id");
        }
        let id = identifier::parse(&told.id);
        let Some(first) = id.and_then(|id| self.expected.by_id.get(&id).copied()) else {
            return self.of_no_owed(&told, place);
        };
        if self.expected.owed[first].department != department {
            return self.unexplained(place, "it has the id of what another department is told");
        }
        let Some(found) = self.next_missing(first) else {
            let event = &self.expected.events[self.expected.owed[first].event].name;
            return self
                .verdict
                .add(Kind::Doubled, || format!("{place} tells {event} once more, as {}", told.id));
        };
        let owed = &mut self.expected.owed[found];
        owed.found = true;
        let (event, telling) = (owed.event, owed.telling);
        let is_only = self.expected.owed[first].next.is_none();
        if told.digest() != telling {
            let name = self.expected.events[event].name.clone();
            self.unexplained(
                place,
                &format!("it tells of {name} something else than the policy says: {told:?}"),
            );
        }
        self.beyond(place, event);
        if is_only {
            self.in_order(event, record, place, sequence);
        }
    }

    /// The first notification of an id that was not found yet.
    fn next_missing(&self, first: usize) -> Option<usize> {
        let mut place = Some(first);
        while let Some(owed) = place {
            if !self.expected.owed[owed].found {
                return Some(owed);
            }
            place = self.expected.owed[owed].next;
        }
        None
    }

    /// A notification whose id nobody is owed: of an event that the department is not to know, or of none.
    fn of_no_owed(&mut self, told: &Notification, place: &str) {
        let identity = digest::wide(&(&told.event.source, &told.event.id));
        let about = format!("{} {}", told.event.source, told.event.id);
        match self.expected.by_identity.get(&identity) {
            Some(event) => {
                let event = &self.expected.events[*event];
                let owed = &self.expected.owed[event.owed.0..event.owed.0 + event.owed.1];
                let departments = &self.rules.policy.departments;
                if owed.iter().any(|owed| departments[owed.department].name == told.department) {
                    self.unexplained(place, &format!("it tells of {about} under another id, {}", told.id));
                } else {
                    let department = &told.department;
                    self.verdict.add(Kind::Leak, || {
                        format!("{place}: `{department}` is told of {about}, by no rule")
                    });
                }
            }
            None => self.unexplained(place, &format!("no record of the input tells {about}")),
        }
    }

    fn in_order(&mut self, event: usize, record: &Record<'_>, place: &str, sequence: &mut Sequence) {
        let event = &self.expected.events[event];
        let key = (event.topic, event.partition, event.correlation);
        let last = sequence.0.insert(key, (event.offset, record.partition));
        let Some((offset, partition)) = last else { return };
        if offset > event.offset || partition != record.partition {
            let origin = self.expected.place(event.topic, event.partition, event.offset);
            let name = &event.name;
            self.verdict.add(Kind::Order, || {
                format!(
                    "{place} tells {name} of {origin}, after {offset} of it was told in partition {partition}"
                )
            });
        }
    }

    /// A record of `hinge.decisions`.
    pub fn decision(&mut self, record: &Record<'_>, place: &str) {
        let read = record.value.and_then(|value| serde_json::from_slice::<Decided>(value).ok());
        let Some(decided) = read else { return self.unexplained(place, "not a decision") };
        let about = format!("{} {}", decided.event.source, decided.event.id);
        let origin = (decided.topic.as_str(), decided.partition, decided.offset);
        let Some((topic, fate)) = self.fate(origin) else {
            return self.unexplained(place, &format!("it decides {about} of {origin:?}, where no record is"));
        };
        let Fate::Event(event) = fate else {
            return self
                .unexplained(place, &format!("it decides {about} of {origin:?}, which is {}", called(fate)));
        };
        let known = &mut self.expected.events[event];
        if *known.name != *about {
            let why = format!("it decides {about} of {origin:?}, which is {}", known.name);
            return self.unexplained(place, &why);
        }
        if known.decided {
            return self.verdict.add(Kind::Doubled, || format!("{place} decides {about} once more"));
        }
        known.decided = true;
        let outcome = known.outcome;
        let ids = decided.notifications.iter().filter_map(|told| identifier::parse(&told.id)).collect();
        let rules: Vec<&str> = decided.matched.iter().map(|matched| matched.rule.as_str()).collect();
        if decision(&decided.outcome, &decided.chain_step, ids, &rules) != known.decision {
            let why = format!(
                "it decides {about} as `{}` by the rules {rules:?}; the policy says `{}` or says it otherwise",
                decided.outcome,
                outcome.name()
            );
            self.unexplained(place, &why);
        }
        self.beyond(place, event);
        if let Some(partition) = self.expected.partitions.get_mut(&(topic, decided.partition)) {
            partition.decided += 1;
        }
        let reason = if decided.outcome == "filtered" { "ignored" } else { "" };
        *self.tally.entry((decided.topic, decided.outcome, reason.to_owned())).or_default() += 1;
    }

    /// A record of `hinge.dead-letters`.
    pub fn letter(&mut self, record: &Record<'_>, place: &str) {
        let number = |name| record.header(name).and_then(|text| text.parse::<i64>().ok());
        let (Some(topic), Some(partition), Some(offset), Some(code)) = (
            record.header("hinge-error-topic"),
            number("hinge-error-partition").and_then(|number| i32::try_from(number).ok()),
            number("hinge-error-offset"),
            record.header("hinge-error-code"),
        ) else {
            return self.unexplained(place, "it does not say which record it is, or why");
        };
        let origin = (topic, partition, offset);
        let Some((topic_place, fate)) = self.fate(origin) else {
            return self.unexplained(place, &format!("a letter of {origin:?}, where no record is"));
        };
        let omitted = record.header("hinge-error-body-omitted").is_some();
        let large = omitted || record.value.is_some_and(|value| value.len() >= LARGE);
        let fits = match fate {
            Fate::Conflict => code == "conflict",
            Fate::Flawed(flaw) => Flaw::of_code(code) == Some(flaw),
            Fate::Event(event) => {
                let too_large = code == "output-too-large" && large;
                self.expected.events[event].too_large |= too_large;
                too_large
            }
            Fate::Repetition => false,
        };
        if !fits {
            self.unexplained(place, &format!("{origin:?} is rejected as `{code}` and is {}", called(fate)));
        }
        let is_copy = record.digest_as_it_came();
        let Some(partition) = self.expected.partitions.get_mut(&(topic_place, partition)) else { return };
        let committed = offset < partition.position;
        let Some(input) = partition.input(offset) else { return };
        if input.lettered {
            return self.verdict.add(Kind::Doubled, || format!("{place} rejects {origin:?} once more"));
        }
        input.lettered = true;
        let differs = !omitted && input.digest != is_copy;
        partition.lettered += 1;
        *self.tally.entry((topic.to_owned(), "rejected".to_owned(), code.to_owned())).or_default() += 1;
        if differs {
            self.unexplained(place, &format!("it does not hold {origin:?} as it came"));
        }
        if !committed {
            self.verdict.add(Kind::Closure, || {
                format!("{place} rejects {origin:?}, which the group has not committed")
            });
        }
    }

    /// A record of `hinge.unrouted`.
    pub fn unrouted(&mut self, record: &Record<'_>, place: &str) {
        let Some(same) = self.expected.unrouted.get(&record.digest_as_it_came()) else {
            return self.unexplained(place, "no rule is missing for it, or it is not as it came");
        };
        let missing = same.iter().copied().find(|event| !self.expected.events[*event].copied);
        let Some(event) = missing else {
            let name =
                same.first().map_or_else(Box::default, |event| self.expected.events[*event].name.clone());
            return self.verdict.add(Kind::Doubled, || format!("{place} holds {name} once more"));
        };
        self.expected.events[event].copied = true;
        self.beyond(place, event);
    }

    /// What becomes of the record at a place, and where its topic is among the inputs.
    fn fate(&mut self, (topic, partition, offset): (&str, i32, i64)) -> Option<(usize, Fate)> {
        let topic = self.expected.topics.iter().position(|known| known == topic)?;
        let input = self.expected.partitions.get_mut(&(topic, partition))?.input(offset)?;
        Some((topic, input.fate))
    }
}

/// A fate for people.
fn called(fate: Fate) -> String {
    match fate {
        Fate::Event(_) => "an event that can be decided".to_owned(),
        Fate::Repetition => "a repetition".to_owned(),
        Fate::Conflict => "a conflict".to_owned(),
        Fate::Flawed(flaw) => format!("wrong in its {flaw:?}"),
    }
}

impl Outcome {
    /// Whether it leaves a copy of the record among the unrouted.
    fn leaves_copy(self) -> bool {
        self == Self::Unrouted
    }
}
