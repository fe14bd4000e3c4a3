//! A worker: one consumer and one transactional producer, used from one thread.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;

use super::assignment::Assignment;
use super::context::WorkerContext;
use super::deadline::Deadline;
use super::incoming::{PartitionReader, Step};
use super::start::Beginning;
use super::transaction::{Ended, TransactionalProducer};
use super::unreadable::Suspicion;
use super::{Settings, config};
use crate::{
    Appender as _, Committed, Error, GroupLag, Limits, Offset, Outgoing, Polled, Positions, Record, Session,
    SessionOptions, TopicPartition, faults,
};

/// How long a poll waits at a time, so that the producer is served too.
const IDLE_STEP: Duration = Duration::from_millis(100);

/// So many records are handed out at a time.
const PIECE: usize = 1_000;

/// How long reading back may stand still.
const READ_BACK: Duration = Duration::from_secs(30);

/// How often the group hears from us while we do not poll: it takes a minute of silence for death.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How long leaving may take before the threads of librdkafka are left to themselves.
const LEAVING: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct KafkaSession {
    pub(super) settings: Settings,
    pub(super) group: String,
    pub(super) id: String,
    pub(super) consumer: BaseConsumer<WorkerContext>,
    pub(super) producer: TransactionalProducer,
    pub(super) assignment: Assignment,
    /// In which generation of the group the partitions are ours.
    pub(super) generation: Option<Arc<ConsumerGroupMetadata>>,
    /// Records polled and not handed out.
    pub(super) batch: Vec<Record>,
    pub(super) batch_bytes: usize,
    topics: HashSet<String>,
    pub(super) is_open: bool,
    /// While this is set the consumer has not gone back yet, and what it brings is dropped.
    pub(super) rewinding: Option<Deadline>,
    /// When the last transactions were rolled back.
    pub(super) rolled_back: VecDeque<Instant>,
    /// How often the end of a transaction was not certain.
    pub(super) uncertain: u64,
    pub(super) reader: Option<PartitionReader>,
    /// Why what comes next somewhere may not be readable.
    pub(super) suspicion: Option<Suspicion>,
    /// When the group heard from us last while we did not poll.
    heard: Instant,
    /// What went wrong meanwhile.
    failed: Option<Error>,
    /// Partitions that are to go on as soon as the group lets us say where.
    pub(super) waking: Vec<(TopicPartition, Deadline)>,
}

impl KafkaSession {
    pub(super) fn open(settings: &Settings, options: &SessionOptions) -> Result<Self, Error> {
        let id = config::transactional_id(options);
        let producer =
            TransactionalProducer::new(config::transactional_producer(settings, options), id.clone())?;
        let mut topics = HashSet::new();
        for topic in &options.topics {
            settings.need_topic(&mut topics, topic, producer.client())?;
        }
        // First this, then the committed positions: they may be part of what a predecessor left open.
        producer.take_over()?;
        let beginning = Beginning { group: options.group.clone(), start_at: options.start_at };
        let consumer: BaseConsumer<WorkerContext> = config::worker(settings, options)
            .create_with_context(WorkerContext::new(beginning))
            .map_err(|error| Error::SettingsRefused { source: error.into() })?;
        let inputs: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&inputs).map_err(|error| unknown("joining the group", error))?;
        Ok(Self {
            settings: settings.clone(),
            group: options.group.clone(),
            id,
            consumer,
            producer,
            assignment: Assignment::default(),
            generation: None,
            batch: Vec::new(),
            batch_bytes: 0,
            topics,
            is_open: false,
            rewinding: None,
            rolled_back: VecDeque::new(),
            uncertain: 0,
            reader: None,
            suspicion: None,
            heard: Instant::now(),
            failed: None,
            waking: Vec::new(),
        })
    }
}

impl KafkaSession {
    /// A transaction is filled piece by piece, so that what was read need not be kept until it is committed.
    fn is_full(&self, limits: &Limits) -> bool {
        self.batch.len() >= limits.records.min(PIECE) || self.batch_bytes >= limits.bytes
    }

    fn is_undisturbed(&self) -> bool {
        self.suspicion.is_none() && self.consumer.context().happened().events.is_empty()
    }

    fn hand_out(&mut self) -> Vec<Record> {
        self.batch_bytes = 0;
        faults::pass("after-poll");
        std::mem::take(&mut self.batch)
    }
}

impl Drop for KafkaSession {
    fn drop(&mut self) {
        self.consumer.context().leave();
    }
}

pub(super) fn unknown(doing: &str, error: KafkaError) -> Error {
    Error::Unclassified { doing: doing.to_owned(), source: error.into() }
}

impl Session for KafkaSession {
    fn poll(&mut self, limits: &Limits) -> Result<Polled, Error> {
        if self.is_open {
            return Err(Error::Misused { doing: "a session was polled inside a transaction" });
        }
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let deadline = Deadline::after(limits.wait);
        loop {
            if let Some(event) = self.group_event()? {
                return Ok(event);
            }
            if let Some(stuck) = self.look_into_suspicion()? {
                return Ok(stuck);
            }
            let is_full = self.is_full(limits);
            let more = if self.batch.is_empty() {
                self.producer.serve().map_err(|error| self.with_twins(error))?;
                self.step(deadline.slice(IDLE_STEP))?
            } else {
                !is_full && self.step(Duration::ZERO)?
            };
            // Errors that pass by themselves may keep coming, and nobody waits for ever.
            if more && !(self.batch.is_empty() && deadline.is_over()) {
                continue;
            }
            // An event may have come with nothing else; it goes before the records that it concerns.
            if let Some(event) = self.group_event()? {
                return Ok(event);
            }
            if !self.batch.is_empty() {
                return Ok(Polled::Records(self.hand_out()));
            }
            if deadline.is_over() {
                return Ok(Polled::Idle);
            }
        }
    }

    fn more(&mut self, limits: &Limits) -> Result<Option<Vec<Record>>, Error> {
        // What the group did, or what cannot be read, comes after this transaction.
        while self.is_undisturbed() && !self.is_full(limits) && self.step(Duration::ZERO)? {}
        if self.batch.is_empty() || !self.is_undisturbed() {
            return Ok(None);
        }
        Ok(Some(self.hand_out()))
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.is_open {
            return Err(Error::Misused { doing: "a transaction was begun inside another" });
        }
        self.reader = None;
        self.producer.begin().map_err(|error| self.with_twins(error))?;
        self.is_open = true;
        Ok(())
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        if !self.is_open {
            return Err(Error::Misused { doing: "a record was sent outside a transaction" });
        }
        self.settings.need_topic(&mut self.topics, record.topic, self.producer.client())?;
        if record.topic.ends_with("dead-letters") && faults::planted("plant-letter-outside") {
            let mut outside = super::appender::KafkaAppender::new(&self.settings)?;
            outside.append(record)?;
            return outside.flush();
        }
        if faults::planted("plant-double") {
            self.producer.send(record)?;
        }
        self.producer.send(record).map_err(|error| self.with_twins(error))
    }

    fn commit(&mut self, positions: &Positions) -> Result<Committed, Error> {
        let mut wanted = self.assignment.unstored();
        wanted.extend(positions.iter().map(|(place, next)| (place.clone(), *next)));
        if !self.is_open {
            if wanted.is_empty() {
                return Ok(Committed::Done);
            }
            self.begin()?;
        }
        self.is_open = false;
        let committed = self.end(&wanted).map_err(|error| self.with_twins(error))?;
        match committed {
            Committed::Done => {
                self.assignment.advance(&wanted);
                Ok(Committed::Done)
            }
            Committed::RolledBack => self.roll_back(),
        }
    }

    fn abort(&mut self) -> Result<(), Error> {
        if self.is_open {
            self.is_open = false;
            let ended = self.producer.abort().map_err(|error| self.with_twins(error))?;
            if ended != Ended::Aborted {
                self.renew()?;
            }
        }
        self.batch.clear();
        self.batch_bytes = 0;
        self.rewind()
    }

    fn read_back(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        until: Offset,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => PartitionReader::new(&self.settings, Some(&self.group))?,
        };
        reader.go_to(place, from)?;
        let mut patience = Deadline::after(READ_BACK);
        let mut stride = 1;
        while reader.next() < until {
            match reader.step(IDLE_STEP)? {
                Step::Record(record) if record.offset < until => {
                    if each(record).is_break() {
                        break;
                    }
                }
                Step::Record(_) | Step::End => break,
                Step::Unreadable(error) => {
                    // Somebody moved the position over it; what lies in it was not met.
                    let beyond = Offset(reader.next().0 + stride);
                    tracing::error!(%place, from = %reader.next(), %error, "records cannot be read back, so they \
                        will not be recognised when they are told again");
                    if beyond >= until {
                        break;
                    }
                    stride *= 2;
                    reader.go_to(place, beyond)?;
                }
                Step::Nothing if patience.is_over() => {
                    let doing = format!("reading `{place}` back");
                    return Err(Error::TimedOut { doing, waited: patience.patience(), source: None });
                }
                Step::Nothing => continue,
            }
            patience = Deadline::after(READ_BACK);
            self.keep_seat();
        }
        self.reader = Some(reader);
        Ok(())
    }

    fn keep_seat(&mut self) {
        if self.heard.elapsed() > SIGN_OF_LIFE && !self.is_open {
            self.heard = Instant::now();
            if let Err(error) = self.step(Duration::ZERO) {
                self.failed.get_or_insert(error);
            }
        }
    }

    fn pause(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.stand_still(place)
    }

    fn resume(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.stand_still_no_more(place)
    }

    fn at_end(&self) -> bool {
        self.batch.is_empty() && self.waking.is_empty() && self.assignment.at_end()
    }

    fn lag(&self) -> Vec<GroupLag> {
        self.assignment.lag()
    }

    fn uncertain(&self) -> u64 {
        self.uncertain
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        if self.is_open {
            self.producer.abort()?;
        }
        self.consumer.context().leave();
        // A static member keeps its seat for its successor.
        if !self.settings.static_membership {
            self.consumer.unsubscribe();
        }
        let (left, has_left) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(self);
            // Nobody listens any more when this took too long.
            let _ = left.send(());
        });
        has_left.recv_timeout(LEAVING).map_err(|_| Error::TimedOut {
            doing: "leaving the consumer group".to_owned(),
            waited: LEAVING,
            source: None,
        })
    }
}
