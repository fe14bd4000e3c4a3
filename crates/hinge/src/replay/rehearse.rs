//! The recorded input decided again, record by record, and compared with what is there. Nothing is written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use anyhow::Result;
use hinge_domain::{Audience, Identity, Meeting, Policy};
use hinge_router::{Clock, Decider, Filtered, Outcome, Reading, RecordPlace, Rehearsal};
use hinge_schema::{Catalogue, Code, NotificationRecord, Sources, decode_notification};
use hinge_stream::{Log, Offset, Reader, Record, TopicPartition};
use jiff::Timestamp;

use super::canonical::{Equality, differences};
use super::people::{Shift, Shifts};
use super::recorded::{Ended, FoundAt, Name, Recorded, Told};
use super::report::{Change, Example, Report};
use crate::settings::Settings;
use crate::tail::{read_one, read_partition};
use crate::versions::Stored;

/// Under which policy the input is decided again.
pub(super) enum Under {
    /// Each event under the version that decided it.
    ThatDecided(Stored),
    /// All of them under this one, records of other systems by its sources.
    One(Arc<Policy>, Sources),
}

/// What decides under one version, and reads the records of other systems by its sources.
pub(super) type Version = (Decider, Sources);

/// Everything that deciding again needs.
pub(super) struct Rehearse<'a> {
    pub(super) settings: &'a Settings,
    pub(super) catalogue: Catalogue,
    pub(super) log: &'a dyn Log,
    pub(super) under: Under,
    /// Whether an event that was recorded then is compared.
    pub(super) within: &'a dyn Fn(Timestamp) -> bool,
    pub(super) recorded: Recorded,
    pub(super) report: Report,
    pub(super) shifts: Shifts,
    pub(super) versions: BTreeMap<Name, Version>,
    /// Reads the notifications that examples need.
    pub(super) examples: Option<Box<dyn Reader>>,
}

/// The partition that is being read.
struct Partition {
    rehearsal: Rehearsal,
    ended: Vec<Ended>,
    /// The place in `ended` that was reached.
    reached: usize,
    /// The version that decided last.
    version: Option<Name>,
    /// Whether its records are another system's, which each version may read in its own way.
    is_foreign: bool,
    /// The version by whose sources they are read now.
    read_by: Option<Name>,
}

impl Partition {
    /// How the events of the record at `offset` ended then.
    fn at(&mut self, offset: Offset) -> std::ops::Range<usize> {
        while self.ended.get(self.reached).is_some_and(|ended| ended.offset < offset) {
            self.reached += 1;
        }
        let here = self.ended[self.reached..].iter().take_while(|ended| ended.offset == offset).count();
        let range = self.reached..self.reached + here;
        self.version = self.ended[range.clone()].iter().find_map(|ended| ended.version).or(self.version);
        range
    }

    /// Whether something before and something after was decided: an event that was not decided here was left out.
    fn is_between(&self, offset: Offset) -> bool {
        let first = self.ended.first().is_some_and(|first| first.offset < offset);
        first && self.ended.last().is_some_and(|last| last.offset > offset)
    }

    /// The version for an event that none decided then: the last before it, else the first after it.
    fn nearest_version(&self) -> Option<Name> {
        self.version.or_else(|| self.ended.iter().find_map(|ended| ended.version))
    }
}

/// One event, and how it ended then.
struct Case<'a> {
    record: &'a Record,
    reading: &'a Reading,
    then: Option<Ended>,
}

impl Rehearse<'_> {
    /// Reads one partition from its oldest record on.
    pub(super) fn partition(
        &mut self,
        reader: &mut dyn Reader,
        place: &TopicPartition,
        oldest: Offset,
    ) -> Result<()> {
        let window = self.settings.window();
        let mut partition = Partition {
            rehearsal: Rehearsal::new(self.catalogue.clone(), Clock::Wall, window),
            ended: self.recorded.ended.remove(place).unwrap_or_default(),
            reached: 0,
            version: None,
            is_foreign: !self.settings.input_topics().iter().any(|input| **input == *place.topic),
            read_by: None,
        };
        read_partition(reader, (place, oldest), &mut |record| {
            self.record(&mut partition, record)?;
            Ok(true)
        })?;
        Ok(())
    }

    fn record(&mut self, partition: &mut Partition, record: &Record) -> Result<()> {
        let is_set_apart = !self.recorded.set_apart.is_empty();
        if is_set_apart && self.recorded.set_apart.contains(&RecordPlace::of(record)) {
            self.report.set_apart += u64::from(logged(record).is_none_or(self.within));
            return Ok(());
        }
        let then = partition.at(record.offset);
        let then: Vec<Ended> = partition.ended[then].to_vec();
        if partition.is_foreign
            && let Some(version) = partition.nearest_version()
            && partition.read_by != Some(version)
        {
            let (_, sources) = self.version(version)?;
            partition.rehearsal.with_sources(sources.clone());
            partition.read_by = Some(version);
        }
        match partition.rehearsal.read(record) {
            Ok(readings) if readings.is_empty() => {
                self.said_nothing(record, &then);
                Ok(())
            }
            Ok(readings) => self.events(partition, record, &readings, &then),
            Err(rejection) => {
                if !logged(record).is_none_or(self.within) {
                    return Ok(());
                }
                self.report.records += 1;
                let now = ending(Outcome::Rejected(rejection.code));
                for ended in &then {
                    self.ended(Some(*ended), &now);
                }
                if then.is_empty() && partition.is_between(record.offset) {
                    self.ended(None, &now);
                } else if then.is_empty() {
                    self.report.waiting += 1;
                }
                Ok(())
            }
        }
    }

    /// A record of another system that says no event now.
    fn said_nothing(&mut self, record: &Record, then: &[Ended]) {
        if logged(record).is_none_or(self.within) {
            self.report.records += 1;
            for ended in then {
                self.ended(Some(*ended), Outcome::Filtered(Filtered::Nothing).reason());
            }
        }
    }

    fn events(
        &mut self,
        partition: &mut Partition,
        record: &Record,
        readings: &[Reading],
        then: &[Ended],
    ) -> Result<()> {
        let meetings = partition.rehearsal.meet(readings, record);
        let rejected = then.iter().find(|ended| ended.identity.is_none()).copied();
        // What was rejected was never met, whatever this release makes of it; a conflict is not remembered anyway.
        if rejected.is_some() {
            partition.rehearsal.forget_last();
        }
        let within = readings.iter().zip(meetings).filter(|(reading, _)| (self.within)(reading.recorded()));
        let within: Vec<(&Reading, Meeting)> = within.collect();
        self.report.records += u64::from(!within.is_empty());
        for (reading, meeting) in within {
            self.event(partition, (record, reading, meeting), (then, rejected))?;
        }
        Ok(())
    }

    /// One event of a record: how it is met now, and how its record's events ended then.
    fn event(
        &mut self,
        partition: &Partition,
        (record, reading, meeting): (&Record, &Reading, Meeting),
        (then, rejected): (&[Ended], Option<Ended>),
    ) -> Result<()> {
        let identity = Identity::of(&reading.event().source, &reading.event().id);
        self.report.newest = self.report.newest.max(Some(reading.recorded()));
        let now = match meeting {
            Meeting::New => None,
            Meeting::Repetition { .. } => Some(Outcome::Filtered(Filtered::Repetition)),
            Meeting::Conflict { .. } => Some(Outcome::Rejected(Code::Conflict)),
        };
        let decided = then.iter().filter(|ended| ended.identity == Some(identity)).copied();
        let mut cases = decided.map(|ended| Case { record, reading, then: Some(ended) }).peekable();
        if cases.peek().is_none() {
            return self.not_decided_then(partition, &Case { record, reading, then: rejected }, now);
        }
        for case in cases {
            match (now, case.then.and_then(|ended| ended.version)) {
                (Some(now), _) => self.ended(case.then, &ending(now)),
                (None, Some(version)) => {
                    let name = Arc::clone(self.recorded.names.name(version));
                    *self.report.versions.entry(name).or_default() += 1;
                    self.decide(version, &case)?;
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// An event on which there is no decision: rejected then, told again, or not come to.
    fn not_decided_then(
        &mut self,
        partition: &Partition,
        case: &Case<'_>,
        now: Option<Outcome>,
    ) -> Result<()> {
        let was_come_to = case.then.is_some() || partition.is_between(case.record.offset);
        match (now, partition.nearest_version()) {
            // Nothing was left behind then, and nothing would be now.
            (Some(Outcome::Filtered(Filtered::Repetition)), _) if case.then.is_none() => {
                self.report.repetitions += 1;
            }
            (Some(now), _) if was_come_to => self.ended(case.then, &ending(now)),
            (None, Some(version)) if was_come_to => self.decide(version, case)?,
            (Some(_) | None, _) => self.report.waiting += 1,
        }
        Ok(())
    }

    fn decide(&mut self, version: Name, case: &Case<'_>) -> Result<()> {
        let (decider, _) = self.version(version)?;
        let rehearsed = decider.decide(case.record, case.reading);
        self.ended(case.then, &ending(rehearsed.outcome));
        for ((_, value), audience) in rehearsed.notifications.iter().zip(&rehearsed.audiences) {
            // What was encoded a moment ago can be read; if not, it would show as gone.
            if let Ok(read) = decode_notification(value) {
                self.told(read.notification, read.recorded, audience.as_ref())?;
            }
        }
        Ok(())
    }

    fn version(&mut self, version: Name) -> Result<&mut Version> {
        Ok(match (self.versions.entry(version), &self.under) {
            (Entry::Occupied(known), _) => known.into_mut(),
            (Entry::Vacant(new), Under::One(policy, sources)) => {
                new.insert((Decider::new(Arc::clone(policy)), sources.clone()))
            }
            (Entry::Vacant(new), Under::ThatDecided(stored)) => {
                let loaded = stored.load(self.recorded.names.name(version), &self.catalogue)?;
                new.insert((Decider::new(Arc::new(loaded.policy)), loaded.sources))
            }
        })
    }

    /// A notification that deciding again gives: is it there?
    fn told(
        &mut self,
        mut now: NotificationRecord,
        recorded: Timestamp,
        audience: Option<&Arc<Audience>>,
    ) -> Result<()> {
        let equality = self.equality();
        let short = equality.short(&mut now);
        let range = self.recorded.range(now.id, recorded.as_millisecond());
        let open = |told: &Told| told.in_scope && !told.matched;
        let candidates = &self.recorded.told[range.clone()];
        let same =
            candidates.iter().position(|told| open(told) && told.found.is_some_and(|it| it.short == short));
        let position =
            same.or_else(|| candidates.iter().position(open)).map(|position| range.start + position);
        let Some(position) = position else {
            self.report.count(&now.department, Change::Added);
            self.report.example(&now.department, Change::Added, || Example::of(&now, rules(&now)));
            let department: Arc<str> = now.department.as_str().into();
            let shift = Shift { department: &department, then: None, now: audience, otherwise: false };
            self.shifts.note(&shift, || Some(Example::of(&now, rules(&now))));
            return Ok(());
        };
        self.recorded.told[position].matched = true;
        let told = self.recorded.told[position];
        match told.found {
            Some(found) if found.short == short => self.report.same(&now.department),
            Some(found) => {
                self.report.count(&now.department, Change::Changed);
                let then = told.audience.map(|hash| self.recorded.names.name(hash));
                let otherwise = found.short.text != short.text;
                let department = self.recorded.names.name(told.department);
                // Told as a whole department then or now: nobody in it is told more or less for that.
                if then.is_some() == audience.is_some() {
                    let shift = Shift { department, then, now: audience, otherwise };
                    self.shifts.note(&shift, || Some(Example::of(&now, rules(&now))));
                }
                if self.report.wants(&now.department, Change::Changed) {
                    let before = self.stored(&now.department, found)?;
                    let differences = before.map_or_else(Vec::new, |mut before| {
                        equality.short(&mut before);
                        differences(&before, &now)
                    });
                    self.report.example(&now.department, Change::Changed, || Example::of(&now, differences));
                }
            }
            None if self.recorded.is_complete(told.department) => {
                self.report.count(&now.department, Change::Added);
                let missing = vec!["its decision lists it, and the topic does not have it".to_owned()];
                self.report.example(&now.department, Change::Added, || Example::of(&now, missing));
            }
            None => self.report.unread += 1,
        }
        Ok(())
    }

    fn equality(&self) -> Equality {
        match self.under {
            Under::ThatDecided(_) => Equality::Whole,
            Under::One(..) => Equality::ButVersion,
        }
    }

    /// What was told and is not told again.
    pub(super) fn gone(&mut self) -> Result<()> {
        let listed: Vec<_> =
            self.recorded.told.iter().filter(|told| told.in_scope && !told.matched).copied().collect();
        for told in listed {
            self.one_gone(told.department, told.found, told.audience)?;
        }
        for (department, found) in std::mem::take(&mut self.recorded.strangers) {
            self.one_gone(department, Some(found), None)?;
        }
        Ok(())
    }

    fn one_gone(&mut self, department: Name, found: Option<FoundAt>, audience: Option<Name>) -> Result<()> {
        let department = Arc::clone(self.recorded.names.name(department));
        self.report.count(&department, Change::Gone);
        let found = found.filter(|_| self.report.wants(&department, Change::Gone));
        let before = found.map(|found| self.stored(&department, found)).transpose()?.flatten();
        let example = before.map(|before| Example::of(&before, rules(&before)));
        if let Some(example) = &example {
            self.report.example(&department, Change::Gone, || example.clone());
        }
        let then = audience.map(|hash| self.recorded.names.name(hash));
        let shift = Shift { department: &department, then, now: None, otherwise: false };
        self.shifts.note(&shift, || example);
        Ok(())
    }

    /// A notification as it lies in its department's topic.
    fn stored(&mut self, department: &str, found: FoundAt) -> Result<Option<NotificationRecord>> {
        let reader = match &mut self.examples {
            Some(reader) => reader,
            none => none.insert(self.log.reader()?),
        };
        let place = TopicPartition::new(Policy::topic_of(department), found.partition);
        let record = read_one(reader.as_mut(), &place, found.offset)?;
        let value = record.and_then(|record| record.value);
        Ok(value.and_then(|value| decode_notification(&value).ok()).map(|read| read.notification))
    }

    /// How an event ended then, and how it would now.
    fn ended(&mut self, then: Option<Ended>, now: &str) {
        self.report.compared += 1;
        let then = then.map_or("nothing", |ended| self.recorded.names.name(ended.ending));
        if then != now {
            *self.report.endings.entry((then.to_owned(), now.to_owned())).or_default() += 1;
        }
    }
}

/// When the log took a record.
fn logged(record: &Record) -> Option<Timestamp> {
    record.timestamp.millis().and_then(|at| Timestamp::from_millisecond(at).ok())
}

fn rules(notification: &NotificationRecord) -> Vec<String> {
    let rules: Vec<&str> = notification.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    vec![format!("rules: {}", rules.join(", "))]
}

fn ending(outcome: Outcome) -> String {
    match outcome {
        Outcome::Emitted | Outcome::Unrouted | Outcome::Held => outcome.name().to_owned(),
        Outcome::Filtered(_) => outcome.reason().to_owned(),
        Outcome::Rejected(code) => format!("rejected ({code})"),
    }
}
