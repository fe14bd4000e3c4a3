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

mod audiences;
mod clock;
mod dead_letter;
mod decision_record;
mod decode;
mod error;
mod lag;
mod metrics;
mod outcome;
mod output;
mod pulse;
mod recollection;
mod rehearsal;
mod topics;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hinge_domain::{Meeting, Memory, Policy, Verdict, Window, decide};
use hinge_schema::{Catalogue, Code, Rejection};
use hinge_stream::{Committed, Limits, Polled, Positions, Reader, Record, Session, TopicPartition};

pub use clock::Clock;
pub use error::Error;
pub use lag::GroupLagBoard;
pub use metrics::Metrics;
pub use outcome::{Filtered, Outcome, Summary};
pub use output::LARGEST_RECORD;
pub use pulse::Pulse;
pub use rehearsal::{Decider, Reading, Rehearsal, Rehearsed};
pub use topics::{AUDIENCES, DEAD_LETTERS, DECISIONS, UNROUTED, input_topic, output_topics};

use decode::Envelope;
use outcome::Tally;
use output::Outputs;
use recollection::{Recollection, meet};

/// The role's name: crate, consumer group (`hinge-router`), metrics and `--role`.
pub const ROLE: &str = "router";

/// Positions without outputs wait this long at most for a transaction to ride with.
const RIDE_ALONG: Duration = Duration::from_secs(1);

/// So many transactions rolled back without one committed in between end the service.
const MOST_ROLLBACKS: u32 = 5;

/// How the router works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When a batch closes.
    pub limits: Limits,
    /// How far apart two records may lie to be the same event twice, by topic; others have the default.
    pub windows: HashMap<String, Window>,
    /// Whether time is the machine's or that of the events.
    pub clock: Clock,
    /// Whether to end once everything readable has been handled.
    pub drain: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits { records: 10_000, bytes: 8 * 1024 * 1024, wait: Duration::from_millis(100) };
        Self { limits, windows: HashMap::new(), clock: Clock::Wall, drain: false }
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
    catalogue: Catalogue,
    settings: Settings,
    metrics: Metrics,
    pulse: Arc<Pulse>,
    outputs: Outputs,
    memories: BTreeMap<TopicPartition, Memory>,
    tally: Tally,
    reached: Positions,
    waiting_since: Option<Instant>,
    open: bool,
    rollbacks: u32,
    summary: Summary,
}

impl Router {
    /// A router with a seat at the log.
    pub fn new(parts: Parts) -> Self {
        Self {
            outputs: Outputs::new(&parts.policy),
            session: parts.session,
            reader: parts.reader,
            policy: parts.policy,
            catalogue: parts.catalogue,
            settings: parts.settings,
            metrics: parts.metrics,
            pulse: parts.pulse,
            memories: BTreeMap::new(),
            tally: Tally::default(),
            reached: Positions::new(),
            waiting_since: None,
            open: false,
            rollbacks: 0,
            summary: Summary::default(),
        }
    }

    /// Works until it is told to stop, or until all is done where it was asked to drain.
    pub fn run(mut self) -> Result<Summary, Error> {
        while !self.pulse.stop_requested() {
            match self.session.poll(&self.settings.limits)? {
                Polled::Given(positions) => self.take_up(&positions)?,
                Polled::Taken(places) => self.let_go(&places),
                Polled::Records(batch) => self.handle(&batch)?,
                Polled::Idle => {}
            }
            let ending = self.settings.drain && self.session.at_end();
            if ending || self.waiting_since.is_some_and(|since| since.elapsed() >= RIDE_ALONG) {
                self.commit()?;
            }
            self.pulse.beat();
            self.metrics.group_lag.show(self.session.lag());
            // A commit that was rolled back has taken the end away again.
            if ending && self.session.at_end() {
                break;
            }
        }
        self.commit()?;
        self.session.close()?;
        Ok(self.summary)
    }

    /// Partitions are ours: reads back what was met in them, so that a restart changes nothing.
    fn take_up(&mut self, positions: &Positions) -> Result<(), Error> {
        if !self.policy.people.is_empty() {
            self.outputs.published.read_back(self.reader.as_mut(), &self.pulse)?;
        }
        let rejected = recollection::rejected(self.reader.as_mut(), positions, &self.pulse)?;
        let recollection = Recollection {
            catalogue: &self.catalogue,
            clock: self.settings.clock,
            rejected: &rejected,
            pulse: &self.pulse,
        };
        for (place, position) in positions {
            let window = self.settings.windows.get(place.topic.as_ref()).copied().unwrap_or_default();
            let memory = recollection.of(self.session.as_mut(), (place, *position), window)?;
            tracing::debug!(topic = %place.topic, partition = place.partition, offset = position.0,
                identities = memory.len(), "partition taken up");
            self.memories.insert(place.clone(), memory);
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
        }
        self.memories.clear();
        self.outputs.published.forget();
        self.tally = Tally::default();
        self.reached.clear();
        self.waiting_since = None;
    }

    /// One batch: every record to its outcome, then all of it committed.
    fn handle(&mut self, batch: &[Record]) -> Result<(), Error> {
        let polled = Instant::now();
        for record in batch {
            let outcome = self.one(record, polled)?;
            self.tally.count(&record.place.topic, outcome);
            self.reached.insert(record.place.clone(), record.offset.next());
        }
        if self.open {
            self.commit()
        } else {
            self.waiting_since.get_or_insert_with(Instant::now);
            Ok(())
        }
    }

    /// One record: decode, meet, decide, encode, sink.
    fn one(&mut self, record: &Record, polled: Instant) -> Result<Outcome, Error> {
        let decoded =
            catch_unwind(AssertUnwindSafe(|| decode::envelope(record, &self.catalogue, self.settings.clock)));
        let envelope = match decoded.unwrap_or_else(|_| Err(decode::panicked())) {
            Ok(envelope) => envelope,
            Err(rejection) => return self.reject(record, None, &rejection),
        };
        let Some(memory) = self.memories.get_mut(&record.place) else {
            return Err(Error::NotOurs(record.place.clone()));
        };
        match meet(memory, &envelope, record) {
            Meeting::Repetition { .. } => Ok(Outcome::Filtered(Filtered::Repetition)),
            Meeting::Conflict { first } => self.reject(record, Some(&envelope), &conflict(record, first)),
            Meeting::New => {
                let outcome = self.new_event(record, &envelope, polled)?;
                if let (Outcome::Rejected(_), Some(memory)) = (outcome, self.memories.get_mut(&record.place))
                {
                    memory.forget_last();
                }
                Ok(outcome)
            }
        }
    }

    /// An event met for the first time: decided, written down, told.
    fn new_event(&mut self, record: &Record, envelope: &Envelope, polled: Instant) -> Result<Outcome, Error> {
        let policy = Arc::clone(&self.policy);
        let decided = self.settings.clock.instant(envelope.recorded, polled);
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let decision = decide(&envelope.event, &policy, envelope.recorded);
            self.outputs.encode(record, envelope, &decision, decided)?;
            Ok(decision)
        }));
        let decision = match worked.unwrap_or_else(|_| Err(decode::panicked())) {
            Ok(decision) => decision,
            Err(rejection) => return self.reject(record, Some(envelope), &rejection),
        };
        self.begin()?;
        self.outputs.send(self.session.as_mut(), record, envelope)?;
        self.tally.note(self.settings.clock, envelope, &decision, decided);
        Ok(match decision.verdict {
            Verdict::Emitted(_) => Outcome::Emitted,
            Verdict::Ignored(_) => Outcome::Filtered(Filtered::Ignored),
            Verdict::Unrouted => Outcome::Unrouted,
        })
    }

    /// Puts a record that cannot be decided into the dead letters.
    fn reject(
        &mut self,
        record: &Record,
        envelope: Option<&Envelope>,
        rejection: &Rejection,
    ) -> Result<Outcome, Error> {
        tracing::debug!(topic = %record.place.topic, partition = record.place.partition,
            offset = record.offset.0, code = rejection.code.as_str(), "record rejected");
        self.begin()?;
        dead_letter::send(self.session.as_mut(), record, envelope, rejection)?;
        Ok(Outcome::Rejected(rejection.code))
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
        if self.reached.is_empty() {
            return Ok(());
        }
        let committed = self.session.commit(&self.reached)?;
        self.open = false;
        self.waiting_since = None;
        self.reached.clear();
        let tally = std::mem::take(&mut self.tally);
        match committed {
            Committed::Done => {
                self.rollbacks = 0;
                self.memories.values_mut().for_each(Memory::keep);
                self.metrics.audiences_published(self.outputs.published.keep());
                self.metrics.publish(&tally, clock::wall());
                self.summary.add(&tally);
            }
            Committed::RolledBack => {
                self.rollbacks += 1;
                self.memories.values_mut().for_each(Memory::forget);
                self.outputs.published.forget();
                self.metrics.rolled_back();
                tracing::warn!(
                    in_a_row = self.rollbacks,
                    "transaction rolled back; its records are decided again"
                );
                if self.rollbacks >= MOST_ROLLBACKS {
                    return Err(Error::NoProgress { rollbacks: self.rollbacks });
                }
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
