//! What the log says became of its input: how each record ended, and what was told. Ids, hashes and places are held, no
//! bodies.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use hinge_domain::{Identity, Policy};
use hinge_router::{DEAD_LETTERS, DECISIONS, RecordPlace, operator};
use hinge_schema::{Code, decode_notification};
use hinge_stream::{Log, Offset, Reader, Record, TopicPartition};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::canonical::Equality;
use crate::tail::read_all;

/// Names that occur again and again, by number.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Arc<str>>);

/// A name's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

impl Names {
    pub(super) fn number(&mut self, name: &str) -> Name {
        let position = self.0.iter().position(|known| **known == *name).unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        });
        Name(u32::try_from(position).unwrap_or(u32::MAX))
    }

    pub(super) fn name(&self, Name(number): Name) -> &Arc<str> {
        &self.0[number as usize]
    }
}

/// How one event of the input ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) offset: Offset,
    /// Which event; `None` for a record that was rejected, which may not even say.
    pub(super) identity: Option<Identity>,
    /// The version that decided; `None` for a record that was rejected.
    pub(super) version: Option<Name>,
    /// `emitted`, `ignored`, `unrouted` or `rejected (code)`.
    pub(super) ending: Name,
}

/// A notification that a decision lists, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) id: Uuid,
    /// When its event was recorded, in milliseconds: with the id, which decision it belongs to.
    pub(super) recorded: i64,
    pub(super) department: Name,
    /// Whether its event lies in the stretch that is compared.
    pub(super) in_scope: bool,
    /// Whether deciding again gave it too.
    pub(super) matched: bool,
    /// Its short form, and where it lies in the department's topic; `None`: it is not there.
    pub(super) found: Option<(u64, i32, Offset)>,
}

/// Everything that is compared with.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) names: Names,
    /// By partition, in the order of offsets.
    pub(super) ended: BTreeMap<TopicPartition, Vec<Ended>>,
    /// In the order of (id, recorded).
    pub(super) told: Vec<Told>,
    /// Notifications that no decision lists: department, partition, offset.
    pub(super) strangers: Vec<(Name, i32, Offset)>,
    /// The instant of the newest event that was decided.
    pub(super) newest: Option<Timestamp>,
    /// Records on which no policy decided: they are held, or an operator discarded them while they were.
    pub(super) set_apart: HashSet<RecordPlace>,
    /// Departments of whose topic nothing is gone yet.
    complete: Vec<Name>,
}

#[derive(Deserialize)]
struct DecisionRecord<'a> {
    #[serde(borrow)]
    event: EventPart<'a>,
    #[serde(borrow)]
    topic: Cow<'a, str>,
    partition: i32,
    offset: i64,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    policy_version: Cow<'a, str>,
    recorded: Timestamp,
    #[serde(borrow)]
    notifications: Vec<NotificationPart<'a>>,
}

#[derive(Deserialize)]
struct EventPart<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
}

#[derive(Deserialize)]
struct NotificationPart<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    department: Cow<'a, str>,
}

/// Which part of the log is compared.
pub(super) struct Stretch<'a> {
    pub(super) topics: &'a [String],
    /// Where each input partition begins now: what lay before is gone.
    pub(super) oldest: &'a BTreeMap<TopicPartition, Offset>,
}

impl Recorded {
    /// Reads decisions and dead letters. What was told is marked as in scope if its event can still be read.
    pub(super) fn read(reader: &mut dyn Reader, stretch: &Stretch<'_>) -> Result<Self> {
        let mut recorded = Self::default();
        read_all(reader, DECISIONS, &mut |record| {
            let value = record.value.as_deref().unwrap_or_default();
            let decision: DecisionRecord<'_> = serde_json::from_slice(value).with_context(|| {
                format!("the decision at {}/{} cannot be read", record.place, record.offset)
            })?;
            recorded.decision(&decision, stretch);
            Ok(true)
        })?;
        read_all(reader, DEAD_LETTERS, &mut |record| {
            recorded.letter(record);
            Ok(true)
        })?;
        recorded.set_apart.extend(operator::held_places(reader)?.into_keys());
        for ended in recorded.ended.values_mut() {
            ended.sort_by_key(|ended| ended.offset);
        }
        recorded.told.sort_by_key(|told| (told.id, told.recorded));
        Ok(recorded)
    }

    fn decision(&mut self, decision: &DecisionRecord<'_>, stretch: &Stretch<'_>) {
        let place = TopicPartition::new(decision.topic.as_ref(), decision.partition);
        let ending = if decision.outcome == "filtered" { "ignored" } else { decision.outcome.as_ref() };
        let ended = Ended {
            offset: Offset(decision.offset),
            identity: Some(Identity::of(&decision.event.source, &decision.event.id)),
            version: Some(self.names.number(&decision.policy_version)),
            ending: self.names.number(ending),
        };
        let is_there = stretch.oldest.get(&place).is_some_and(|oldest| ended.offset >= *oldest);
        let in_scope = is_there && stretch.topics.iter().any(|topic| **topic == *place.topic);
        for told in &decision.notifications {
            let Ok(id) = told.id.parse() else { continue };
            let department = self.names.number(&told.department);
            let recorded = decision.recorded.as_millisecond();
            self.told.push(Told { id, recorded, department, in_scope, matched: false, found: None });
        }
        if in_scope {
            self.newest = self.newest.max(Some(decision.recorded));
        }
        self.ended.entry(place).or_default().push(ended);
    }

    fn letter(&mut self, letter: &Record) {
        let said = |name| std::str::from_utf8(letter.headers.get(name)?).ok();
        let place = || Some((said("hinge-error-topic")?, said("hinge-error-partition")?.parse().ok()?));
        let offset = said("hinge-error-offset").and_then(|offset| offset.parse().ok());
        if let (Some((topic, partition)), Some(offset)) = (place(), offset) {
            let code = said("hinge-error-code").unwrap_or_default();
            if code == Code::Discarded.as_str() {
                let partition = TopicPartition::new(topic, partition);
                self.set_apart.insert(RecordPlace { partition, offset: Offset(offset) });
                return;
            }
            let ending = self.names.number(&format!("rejected ({code})"));
            let ended = Ended { offset: Offset(offset), identity: None, version: None, ending };
            self.ended.entry(TopicPartition::new(topic, partition)).or_default().push(ended);
        }
    }

    /// Narrows what is compared to events that were recorded within a span.
    pub(super) fn narrow(&mut self, within: impl Fn(Timestamp) -> bool) {
        for told in &mut self.told {
            told.in_scope &= Timestamp::from_millisecond(told.recorded).is_ok_and(&within);
        }
    }

    /// Finds the notifications that the decisions list, and those within the span that none lists: these only
    /// where every decision is still there, and the whole input is compared.
    pub(super) fn find_notifications(
        &mut self,
        log: &dyn Log,
        equality: Equality,
        is_strange: Option<&dyn Fn(Timestamp) -> bool>,
    ) -> Result<()> {
        let mut reader = log.reader()?;
        let decisions = reader.bounds(DECISIONS)?;
        let all_decisions = decisions.iter().all(|(_, oldest, _)| *oldest == Offset::ZERO);
        let is_strange = is_strange.filter(|_| all_decisions);
        for topic in log.topics()?.list()? {
            let Some(department) = topic.name.strip_prefix(&Policy::topic_of("")) else { continue };
            let department = self.names.number(department);
            if reader.bounds(&topic.name)?.iter().all(|(_, oldest, _)| *oldest == Offset::ZERO) {
                self.complete.push(department);
            }
            read_all(reader.as_mut(), &topic.name, &mut |record| {
                let strange = self.notification(record, equality);
                if strange.is_some_and(|recorded| is_strange.is_some_and(|within| within(recorded))) {
                    self.strangers.push((department, record.place.partition, record.offset));
                }
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// Notes where a notification lies; gives when its event was recorded if no decision lists it. What is no
    /// notification at all was not written by a router.
    fn notification(&mut self, record: &Record, equality: Equality) -> Option<Timestamp> {
        let mut read = decode_notification(record.value.as_deref().unwrap_or_default()).ok()?;
        let range = self.range(read.notification.id, read.recorded.as_millisecond());
        let place = (record.place.partition, record.offset);
        let hash = equality.hash(&mut read.notification);
        match self.told[range].iter_mut().find(|told| told.found.is_none()) {
            Some(told) => told.found = Some((hash, place.0, place.1)),
            None => return Some(read.recorded),
        }
        None
    }

    /// The notifications of an id whose events were recorded at an instant; almost always one.
    pub(super) fn range(&self, id: Uuid, recorded: i64) -> std::ops::Range<usize> {
        let start = self.told.partition_point(|told| (told.id, told.recorded) < (id, recorded));
        let length = self.told[start..].iter().take_while(|told| (told.id, told.recorded) == (id, recorded));
        start..start + length.count()
    }

    /// Whether everything that was ever told to a department is still in its topic.
    pub(super) fn is_complete(&self, department: Name) -> bool {
        self.complete.contains(&department)
    }
}
