//! The main job: every business event becomes one notification per department concerned, exactly once.
//!
//! ```text
//! source ──► decode ──► meet ──► decide ──► encode ──► sink ──► commit
//!              │          │         │
//!              ▼          ▼         ▼
//!         dead letter  filtered  unrouted
//! ```
//!
//! [`Router::run`] is that picture, top to bottom. Each record ends in exactly one [`Outcome`]; its
//! outputs, its outcome and the position after it are committed together or not at all, and counted
//! only then. What is decided is the domain's business ([`hinge_domain::decide`]), what bytes mean the
//! schema crate's, how records travel the stream crate's; here they meet.

mod audience_metrics;
mod audiences;
mod clock;
mod dead_letter;
mod decision_record;
mod decode;
mod error;
mod held_key;
mod held_metrics;
mod held_record;
mod holding;
mod lag;
mod metrics;
mod operating;
pub mod operator;
mod outcome;
mod output;
mod place;
mod planted;
mod pulse;
mod reading;
mod recollection;
mod rehearsal;
mod repair;
mod stops;
mod topics;
mod worker_metrics;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hinge_domain::{Memory, Policy, Window, decide};
use hinge_schema::{Catalogue, Code, Rejection, Sources};
use hinge_stream::{
    Committed, Limits, Offset, Polled, Positions, Reader, Record, Session, TopicPartition, faults,
};
use smallvec::SmallVec;

pub use clock::Clock;
pub use error::Error;
pub use held_key::{Held, HeldKey, Wish, Wished};
pub use holding::HoldSettings;
pub use lag::GroupLagBoard;
pub use metrics::Metrics;
pub use outcome::{Filtered, Outcome, Released, Summary};
pub use output::LARGEST_RECORD;
pub use place::{NotAPlace, RecordPlace, parse_partition};
pub use pulse::Pulse;
pub use rehearsal::{Decider, Reading, Rehearsal, Rehearsed};
pub use stops::{Stop, StopLimits, StopReason};
pub use topics::{
    AUDIENCES, DEAD_LETTERS, DECISIONS, HELD, HELD_KEYS, INTERVENTIONS, UNROUTED, input_topic, output_topics,
};

use decode::{Decoder, Envelope, Said};
use holding::Holding;
use outcome::Tally;
use output::Outputs;
use pulse::AtWork;
use reading::Marks;
use recollection::{New, Recollection, meet};
use stops::Stops;

/// The role's name: crate, consumer group (`hinge-router`), metrics and `--role`.
pub const ROLE: &str = "router";

/// Positions without outputs wait this long at most for a transaction to ride with.
const RIDE_ALONG: Duration = Duration::from_secs(1);

/// How the router works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When a batch closes.
    pub limits: Limits,
    /// How far apart two records may lie to be the same event twice, by topic; others have the default.
    pub windows: HashMap<String, Window>,
    /// Where the records behind a rejected one of their key are held.
    pub hold: HoldSettings,
    /// How many rejected records stop a partition.
    pub stops: StopLimits,
    /// Whether time is the machine's or that of the events.
    pub clock: Clock,
    /// Whether to end once everything readable has been handled.
    pub drain: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits { records: 10_000, bytes: 8 * 1024 * 1024, wait: Duration::from_millis(100) };
        Self {
            limits,
            windows: HashMap::new(),
            hold: HoldSettings::default(),
            stops: StopLimits::default(),
            clock: Clock::Wall,
            drain: false,
        }
    }
}

/// What a router is made of.
pub struct Parts {
    /// Its seat at the log.
    pub session: Box<dyn Session>,
    /// Reads what it left in the log before.
    pub reader: Box<dyn Reader>,
    /// Who is told what.
    pub policy: Arc<Policy>,
    /// The event types.
    pub catalogue: Catalogue,
    /// The systems whose records become events; none for Hinge's own topics alone.
    pub sources: Sources,
    /// How it works.
    pub settings: Settings,
    /// Where it counts.
    pub metrics: Metrics,
    /// How the outside watches it and stops it.
    pub pulse: Arc<Pulse>,
}

/// The service: one worker on one session.
pub struct Router {
    session: Box<dyn Session>,
    reader: Box<dyn Reader>,
    policy: Arc<Policy>,
    decoder: Decoder,
    settings: Settings,
    metrics: Metrics,
    pulse: Arc<Pulse>,
    outputs: Outputs,
    memories: BTreeMap<TopicPartition, Memory>,
    holding: Holding,
    stops: Stops,
    /// When wishes were looked for last.
    looked: Instant,
    resumes_read_until: Marks,
    tally: Tally,
    reached: Positions,
    waiting_since: Option<Instant>,
    open: bool,
    /// How many uncertain transactions have been counted.
    uncertain: u64,
    summary: Summary,
}

impl Router {
    /// A router with a seat at the log.
    pub fn new(parts: Parts) -> Self {
        parts.metrics.expect(&parts.sources);
        let clock = parts.settings.clock;
        Self {
            outputs: Outputs::new(&parts.policy),
            session: parts.session,
            reader: parts.reader,
            policy: parts.policy,
            decoder: Decoder { catalogue: parts.catalogue, sources: parts.sources, clock },
            metrics: parts.metrics,
            pulse: parts.pulse,
            memories: BTreeMap::new(),
            holding: Holding::new(parts.settings.hold.clone()),
            stops: Stops::new(parts.settings.stops),
            settings: parts.settings,
            looked: Instant::now(),
            resumes_read_until: Marks::new(),
            tally: Tally::default(),
            reached: Positions::new(),
            waiting_since: None,
            open: false,
            uncertain: 0,
            summary: Summary::default(),
        }
    }

    /// Works until it is told to stop, or until all is done where it was asked to drain.
    pub fn run(mut self) -> Result<Summary, Error> {
        while !self.pulse.stop_requested() {
            match self.session.poll(&self.settings.limits)? {
                Polled::Given(positions) => {
                    self.take_up(&positions)?;
                    // Who is to end does not read to the end, and may not decide on what is half remembered.
                    if self.pulse.stop_requested() {
                        break;
                    }
                }
                Polled::Taken(places) => self.let_go(&places),
                Polled::Records(batch) => self.handle(batch)?,
                Polled::Unreadable { place, next, why } => self.stop_unreadable(&place, next, why)?,
                Polled::Idle => {}
            }
            self.operate()?;
            let ending = self.settings.drain && self.session.at_end() && self.holding.next_wish().is_none();
            if ending || self.waiting_since.is_some_and(|since| since.elapsed() >= RIDE_ALONG) {
                self.commit()?;
            }
            self.pulse.beat();
            let uncertain = self.session.uncertain();
            self.metrics.made_certain(uncertain - self.uncertain);
            self.uncertain = uncertain;
            self.metrics.group_lag.show(self.session.lag());
            self.metrics.workers.remembered(self.memories.values());
            // A commit that was rolled back has taken the end away again.
            if ending && self.session.at_end() {
                break;
            }
        }
        self.commit()?;
        self.summary.stopped = self.stops.stopped();
        self.session.close()?;
        Ok(self.summary)
    }

    /// Partitions are ours: reads back what was met in them, so that a restart changes nothing.
    fn take_up(&mut self, positions: &Positions) -> Result<(), Error> {
        let window =
            |place: &TopicPartition| self.settings.windows.get(&*place.topic).copied().unwrap_or_default();
        let from = |place: &TopicPartition, next: &Offset| recollection::begin(*next, window(place));
        let read_from = positions.iter().map(|(place, next)| (place.clone(), from(place, next))).collect();
        let mut at_work = AtWork { session: self.session.as_mut(), pulse: &self.pulse };
        let mut apart = recollection::rejected(self.reader.as_mut(), &read_from, &mut at_work)?;
        self.holding.take_up(self.reader.as_mut(), positions, &mut at_work, &mut apart)?;
        self.resumes_read_until = operator::interventions_end(self.reader.as_mut())?;
        self.stops.take_up(positions.keys());
        self.metrics.held(&self.holding.by_topic());
        if !self.policy.people.is_empty() {
            self.outputs.published.read_back(self.reader.as_mut(), &mut at_work)?;
        }
        let recollection = Recollection { decoder: &self.decoder, apart: &apart, pulse: &self.pulse };
        for (place, position) in positions {
            let memory = recollection.of(
                self.session.as_mut(),
                (place, read_from[place], *position),
                window(place),
            )?;
            if self.pulse.stop_requested() {
                return Ok(());
            }
            tracing::debug!(topic = %place.topic, partition = place.partition, offset = position.0,
                identities = memory.len(), "partition taken up");
            self.memories.insert(place.clone(), memory);
            self.metrics.taken_up(place);
        }
        let identities: usize = self.memories.values().map(Memory::len).sum();
        tracing::info!(partitions = positions.len(), identities, "partitions taken up; waiting for events");
        self.pulse.set_ready(true);
        Ok(())
    }

    /// Partitions are somebody else's: nothing of what was read and not committed is ours any more. (All go
    /// together, so nothing is left half done in one that stays.)
    fn let_go(&mut self, places: &[TopicPartition]) {
        self.pulse.set_ready(false);
        for place in places {
            tracing::info!(topic = %place.topic, partition = place.partition, "partition let go");
            self.metrics.let_go(place);
        }
        self.pulse.set_stopped(Vec::new());
        self.memories.clear();
        self.holding.let_go();
        self.stops.take_up([].iter());
        self.outputs.published.forget();
        self.tally = Tally::default();
        self.reached.clear();
        self.waiting_since = None;
    }

    /// A batch, and what follows it at once: every record to its outcome, then all of it committed. What lies behind a
    /// stop comes again when its partition goes on.
    fn handle(&mut self, batch: Vec<Record>) -> Result<(), Error> {
        let mut left = self.settings.limits;
        let mut next = Some(batch);
        while let Some(batch) = next.take() {
            self.each(&batch)?;
            left.records = left.records.saturating_sub(batch.len());
            left.bytes = left.bytes.saturating_sub(batch.iter().map(Record::size).sum());
            let has_room = left.records > 0 && left.bytes > 0;
            if self.open && has_room && !self.stops.any() {
                next = self.session.more(&left)?;
            }
        }
        if self.open || self.stops.any() {
            self.commit()
        } else {
            self.waiting_since.get_or_insert_with(Instant::now);
            Ok(())
        }
    }

    fn each(&mut self, batch: &[Record]) -> Result<(), Error> {
        let polled = Instant::now();
        for record in planted::in_order(batch).iter() {
            if self.stops.is_stopped(&record.place) {
                continue;
            }
            let Some(outcome) = self.one(record, polled)? else { continue };
            self.tally.count(&record.place.topic, outcome);
            self.stops.count(record, outcome);
            match self.reached.get_mut(&record.place) {
                Some(reached) => *reached = record.offset.next(),
                None => drop(self.reached.insert(record.place.clone(), record.offset.next())),
            }
        }
        Ok(())
    }

    /// One record: decode, meet, decide, encode, sink. `None`: its partition stops before it.
    fn one(&mut self, record: &Record, polled: Instant) -> Result<Option<Outcome>, Error> {
        match self.decoded(record) {
            Ok(said) if self.holding.is_behind(record) => self.one_behind(record, &said, polled),
            Ok(said) => self.decide_one(record, &said, polled),
            // Whether it takes something back cannot be read, so it waits for its turn like the others.
            Err(_) if self.holding.is_behind(record) && !self.holding.is_repaired_by(record) => {
                self.hold(record, None)
            }
            Err(rejection) => self.reject(record, None, &rejection),
        }
    }

    fn decoded(&self, record: &Record) -> Result<Said, Rejection> {
        let said = catch_unwind(AssertUnwindSafe(|| self.decoder.decode(record)));
        said.unwrap_or_else(|_| Err(decode::panicked()))
    }

    /// A decoded record: meet, decide, encode, sink. It is one event, or as many as a source's mapping says; they are
    /// told all or none.
    fn decide_one(
        &mut self,
        record: &Record,
        said: &Said,
        polled: Instant,
    ) -> Result<Option<Outcome>, Error> {
        if let Some((source, mapped)) = &said.mapped {
            self.tally.mapped(source, *mapped);
        }
        let Some(memory) = self.memories.get_mut(&record.place) else {
            return Err(Error::NotOurs(record.place.clone()));
        };
        let before = memory.mark();
        match meet(memory, &said.envelopes, record) {
            Err((event, first)) => self.reject(record, Some(event), &conflict(record, first)),
            Ok(new) if new.is_empty() => Ok(Some(Outcome::Filtered(said.why_nobody()))),
            Ok(new) => {
                let outcome = self.new_events(record, &new, polled)?;
                if let (None | Some(Outcome::Rejected(_)), Some(memory)) =
                    (outcome, self.memories.get_mut(&record.place))
                {
                    memory.forget_since(before);
                }
                Ok(outcome)
            }
        }
    }

    /// Events met for the first time: decided, written down, told.
    fn new_events(
        &mut self,
        record: &Record,
        new: &New<'_>,
        polled: Instant,
    ) -> Result<Option<Outcome>, Error> {
        let policy = Arc::clone(&self.policy);
        let mut decisions: SmallVec<[_; 1]> = SmallVec::new();
        self.outputs.clear();
        for envelope in new {
            let decided = self.settings.clock.instant(envelope.recorded, polled);
            let worked = catch_unwind(AssertUnwindSafe(|| {
                let mut decision = decide(&envelope.event, &policy, envelope.recorded);
                if envelope.corrects() {
                    repair::correct(&mut decision, &envelope.event);
                }
                self.outputs.encode(record, envelope, &decision, decided)?;
                Ok(decision)
            }));
            match worked.unwrap_or_else(|_| Err(decode::panicked())) {
                Ok(decision) => decisions.push((decision, decided)),
                Err(rejection) => return self.reject(record, Some(envelope), &rejection),
            }
        }
        self.begin()?;
        self.outputs.send(self.session.as_mut(), record, new)?;
        for (envelope, (decision, decided)) in new.iter().zip(&decisions) {
            self.tally.note(self.settings.clock, envelope, decision, *decided);
        }
        Ok(Some(Outcome::of_all(decisions.iter().map(|(decision, _)| &decision.verdict))))
    }

    /// Puts a record that cannot be decided into the dead letters, and holds its key where that is wanted.
    fn reject(
        &mut self,
        record: &Record,
        envelope: Option<&Envelope>,
        rejection: &Rejection,
    ) -> Result<Option<Outcome>, Error> {
        if self.holding.has_no_room(record) {
            self.stops.stop_before(record, StopReason::HeldKeys);
            return Ok(None);
        }
        tracing::debug!(topic = %record.place.topic, partition = record.place.partition,
            offset = record.offset.0, code = rejection.code.as_str(), "record rejected");
        self.begin()?;
        if !faults::planted("plant-forget-letter") {
            dead_letter::send(self.session.as_mut(), record, envelope, rejection)?;
        }
        self.holding.rejected(record, rejection.code);
        Ok(Some(Outcome::Rejected(rejection.code)))
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.open {
            self.session.begin()?;
            self.open = true;
        }
        Ok(())
    }

    /// Commits what was sent together with the positions reached; only then does it count.
    fn commit(&mut self) -> Result<(), Error> {
        if self.reached.is_empty() && !self.open {
            return self.stand_still();
        }
        self.holding.write(self.session.as_mut())?;
        if faults::planted("plant-count-early") {
            self.metrics.publish(&self.tally, clock::wall());
            self.tally = Tally::default();
        }
        let committed = self.session.commit(&self.reached)?;
        self.open = false;
        self.waiting_since = None;
        self.reached.clear();
        let tally = std::mem::take(&mut self.tally);
        match committed {
            Committed::Done => {
                self.memories.values_mut().for_each(Memory::keep);
                self.stops.keep();
                if self.holding.keep() {
                    self.metrics.held(&self.holding.by_topic());
                }
                self.metrics.audiences_published(self.outputs.published.keep());
                self.metrics.publish(&tally, clock::wall());
                self.summary.add(&tally);
                self.stand_still()?;
            }
            Committed::RolledBack => {
                self.memories.values_mut().for_each(Memory::forget);
                self.holding.forget();
                self.stops.forget();
                self.outputs.published.forget();
                self.metrics.rolled_back();
                // The session ends this if it goes on so.
                tracing::warn!("transaction rolled back; its records are decided again");
            }
        }
        Ok(())
    }
}

fn conflict(record: &Record, first: i64) -> Rejection {
    let place = &record.place;
    let detail = format!(
        "another event with the same source and id, telling something else, is at {place}/{first} and stays in \
         force; give each event an id of its own"
    );
    Rejection::new(Code::Conflict, detail)
}
