//! A worker: one consumer and one transactional producer, used from one thread.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::assignment::Assignment;
use super::classify::{ConsumerClass, Signs, consumer_class};
use super::context::{GroupEvent, WorkerContext};
use super::deadline::Deadline;
use super::incoming::{self, PartitionReader, Step};
use super::start::{self, Beginning};
use super::transaction::{BATCH, Ended, Offsets, TransactionalProducer};
use super::{Settings, config};
use crate::{
    Appender as _, Committed, Error, GroupLag, Limits, Offset, Outgoing, Polled, Positions, Record, Session,
    SessionOptions, TopicPartition, faults,
};

/// How long a poll waits at a time, so that the producer is served too.
const IDLE_STEP: Duration = Duration::from_millis(100);

/// How long going back may take: a rebalance may have to come in between.
const REWIND: Duration = Duration::from_secs(30);

/// How long reading back may stand still.
const READ_BACK: Duration = Duration::from_secs(30);

/// How often the group hears from us while we read back: it takes a minute of silence for death.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// So many transactions in a row that had to be rolled back are no accident.
const ROLLED_BACK_MOST: u32 = 5;

/// How long leaving may take before the threads of librdkafka are left to themselves.
const LEAVING: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct KafkaSession {
    settings: Settings,
    group: String,
    id: String,
    pub(super) consumer: BaseConsumer<WorkerContext>,
    producer: TransactionalProducer,
    pub(super) assignment: Assignment,
    /// Records polled and not handed out.
    pub(super) batch: Vec<Record>,
    batch_bytes: usize,
    topics: HashSet<String>,
    pub(super) is_open: bool,
    /// While this is set the consumer has not gone back yet, and what it brings is dropped.
    rewinding: Option<Deadline>,
    rolled_back: u32,
    reader: Option<PartitionReader>,
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
            batch: Vec::new(),
            batch_bytes: 0,
            topics,
            is_open: false,
            rewinding: None,
            rolled_back: 0,
            reader: None,
            waking: Vec::new(),
        })
    }

    /// Polls once; `true` when there may be more.
    fn step(&mut self, wait: Duration) -> Result<bool, Error> {
        if let Some(deadline) = self.rewinding {
            self.go_back(deadline)?;
        }
        if !self.waking.is_empty() {
            self.wake()?;
        }
        let polled = self.consumer.poll(wait);
        let mut happened = self.consumer.context().happened();
        let failure = happened.failure.take();
        if let Some(reached) = happened.reached.take() {
            self.assignment.reached(&reached);
        }
        let is_settled = happened.events.is_empty() && self.rewinding.is_none();
        drop(happened);
        if let Some(failure) = failure {
            return Err(failure);
        }
        match polled {
            None => return Ok(false),
            // What comes before the caller knows of an event, or before we are back, does not count.
            Some(Ok(_)) if !is_settled => {}
            Some(Ok(message)) => {
                let (place, offset) = ((message.topic(), message.partition()), Offset(message.offset()));
                if let Some(place) = self.assignment.accept(place, offset, incoming::timestamp(&message)) {
                    let record = incoming::record(&message, place);
                    self.batch_bytes += record.key.as_ref().map_or(0, Vec::len);
                    self.batch_bytes += record.value.as_ref().map_or(0, Vec::len);
                    self.batch.push(record);
                }
            }
            Some(Err(KafkaError::PartitionEOF(number))) if is_settled => self.assignment.end_of(number),
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => self.judge(error)?,
        }
        Ok(true)
    }

    fn judge(&self, error: KafkaError) -> Result<(), Error> {
        match consumer_class(Signs::from(&error)) {
            ConsumerClass::Transient => {
                tracing::debug!(%error, "the consumer goes on by itself");
                Ok(())
            }
            ConsumerClass::Unreadable => {
                tracing::error!(%error, "a batch cannot be read, its partition stands still");
                Ok(())
            }
            ConsumerClass::OutOfRange => Err(self.lost(error)),
            ConsumerClass::Fenced => Err(Error::Fenced { id: self.id.clone(), source: error.into() }),
            ConsumerClass::Denied => {
                let doing = format!("consuming as group `{}`", self.group);
                Err(Error::BrokerDenied { doing, source: error.into() })
            }
            ConsumerClass::Fatal => Err(unknown("consuming", error)),
        }
    }

    /// Says in which partitions records are gone; librdkafka does not.
    fn lost(&self, error: KafkaError) -> Error {
        let positions = self.assignment.committed();
        let is_gone = |(place, next): &(&TopicPartition, &Offset)| {
            start::bounds(&self.consumer, place).is_ok_and(|(oldest, end)| **next < oldest || **next > end)
        };
        let gone: Vec<_> = positions
            .iter()
            .filter(is_gone)
            .map(|(place, next)| format!("`{place}` from {next} on"))
            .collect();
        let places = if gone.is_empty() { "one of our partitions".to_owned() } else { gone.join(", ") };
        Error::DataLoss { places, source: error.into() }
    }

    /// What the group did, if the caller has not heard of it yet.
    fn group_event(&mut self) -> Result<Option<Polled>, Error> {
        loop {
            let Some(event) = self.consumer.context().happened().events.pop_front() else { return Ok(None) };
            self.batch.clear();
            self.batch_bytes = 0;
            self.rewinding = None;
            self.waking.clear();
            match event {
                GroupEvent::Given(given) => {
                    let positions = given.iter().map(|given| (given.place.clone(), given.next)).collect();
                    self.assignment.give(given);
                    self.store_beginnings()?;
                    return Ok(Some(Polled::Given(positions)));
                }
                GroupEvent::Taken(taken) => {
                    // Also of nothing: until we are given something again, what is ours is not known.
                    self.assignment.take(&taken);
                    if !taken.is_empty() {
                        return Ok(Some(Polled::Taken(taken)));
                    }
                }
            }
        }
    }

    /// Where a group begins is decided once: "latest" must not mean a later end after a crash. If it
    /// does not work now, the next commit takes it along.
    fn store_beginnings(&mut self) -> Result<(), Error> {
        if self.assignment.unstored().is_empty() {
            return Ok(());
        }
        if self.commit(&Positions::new())? == Committed::RolledBack {
            tracing::warn!(group = %self.group, "where the group begins is not stored yet");
        }
        Ok(())
    }

    fn offsets(&self, positions: &Positions) -> Result<Option<Offsets>, Error> {
        if positions.is_empty() {
            return Ok(None);
        }
        let doing = "committing positions";
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (place, next) in positions {
            list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))
                .map_err(|error| unknown(doing, error))?;
        }
        // Fresh each time: the generation that fences us if the group went on without us.
        let group = self.consumer.group_metadata();
        let group = group.ok_or_else(|| unknown(doing, KafkaError::Canceled))?;
        Ok(Some(Offsets { list, group }))
    }

    /// Finds out how a transaction ended.
    fn make_certain(&mut self, wanted: &Positions) -> Result<Committed, Error> {
        self.producer.renew()?;
        let places: Vec<_> = wanted.keys().cloned().collect();
        let before = self.assignment.committed();
        let committed = start::committed(&self.consumer, &places)?;
        let moves = wanted.iter().any(|(place, next)| before.get(place) != Some(next));
        let is_done = *wanted == committed;
        tracing::warn!(id = %self.id, is_done, "the uncertain transaction has its end");
        // Positions that did not move prove nothing, unless they were all that there was.
        if is_done && (moves || !self.assignment.unstored().is_empty()) {
            return Ok(Committed::Done);
        }
        if is_done {
            let doing = "committing outputs alone (nobody knows whether they are in the log)".to_owned();
            return Err(Error::TimedOut { doing, waited: BATCH, source: None });
        }
        Ok(Committed::RolledBack)
    }

    fn rewind(&mut self) -> Result<(), Error> {
        self.assignment.rewind();
        let deadline = Deadline::after(REWIND);
        self.rewinding = Some(deadline);
        self.go_back(deadline)
    }

    /// Seeks to what is committed. That fails while a rebalance is under way, whose end then says
    /// where to go on.
    fn go_back(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        let sought = self.assignment.committed().iter().try_for_each(|(place, next)| {
            list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))
        });
        let sought = sought.and_then(|()| {
            if list.count() == 0 {
                return Ok(());
            }
            let answer = self.consumer.seek_partitions(list, Duration::from_secs(5))?;
            answer
                .elements()
                .iter()
                .try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
        });
        match sought {
            Ok(()) => self.rewinding = None,
            Err(error) if deadline.is_over() => {
                return Err(unknown("going back to what is committed", error));
            }
            Err(error) => tracing::debug!(%error, "going back later"),
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<Committed, Error> {
        self.rolled_back += 1;
        if self.rolled_back > ROLLED_BACK_MOST {
            let doing = match &self.producer.delivery_failure {
                Some((topic, _)) => format!("writing to `{topic}`"),
                None => "committing a transaction".to_owned(),
            };
            let error =
                self.producer.delivery_failure.take().map_or(KafkaError::Canceled, |(_, error)| error);
            return Err(unknown(&format!("{doing} ({ROLLED_BACK_MOST} attempts)"), error));
        }
        self.rewind()?;
        Ok(Committed::RolledBack)
    }
}

impl Drop for KafkaSession {
    fn drop(&mut self) {
        self.consumer.context().leave();
    }
}

fn unknown(doing: &str, error: KafkaError) -> Error {
    Error::Unclassified { doing: doing.to_owned(), source: error.into() }
}

impl Session for KafkaSession {
    fn poll(&mut self, limits: &Limits) -> Result<Polled, Error> {
        if self.is_open {
            return Err(Error::Misused { doing: "a session was polled inside a transaction" });
        }
        let deadline = Deadline::after(limits.wait);
        loop {
            if let Some(event) = self.group_event()? {
                return Ok(event);
            }
            let is_full = self.batch.len() >= limits.records || self.batch_bytes >= limits.bytes;
            let more = if self.batch.is_empty() {
                self.producer.serve()?;
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
                self.batch_bytes = 0;
                faults::pass("after-poll");
                return Ok(Polled::Records(std::mem::take(&mut self.batch)));
            }
            if deadline.is_over() {
                return Ok(Polled::Idle);
            }
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.is_open {
            return Err(Error::Misused { doing: "a transaction was begun inside another" });
        }
        self.reader = None;
        self.producer.begin()?;
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
        self.producer.send(record)
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
        let mut offsets = self.offsets(&wanted)?;
        self.is_open = false;
        if faults::planted("plant-positions-outside")
            && let Some(offsets) = offsets.take()
        {
            self.consumer
                .commit(&offsets.list, rdkafka::consumer::CommitMode::Sync)
                .map_err(|error| unknown("committing positions", error))?;
        }
        let committed = match self.producer.commit(offsets.map(Arc::new))? {
            Ended::Aborted | Ended::Broken if faults::planted("plant-no-abort") => {
                self.producer.renew()?;
                Committed::Done
            }
            Ended::Committed => Committed::Done,
            Ended::CommittedLate if faults::planted("no-renew") => Committed::Done,
            Ended::CommittedLate => {
                self.producer.renew()?;
                Committed::Done
            }
            Ended::Aborted => Committed::RolledBack,
            Ended::Broken => {
                self.producer.renew()?;
                Committed::RolledBack
            }
            Ended::Unknown => self.make_certain(&wanted)?,
        };
        match committed {
            Committed::Done => {
                self.rolled_back = 0;
                self.assignment.advance(&wanted);
                Ok(Committed::Done)
            }
            Committed::RolledBack => self.roll_back(),
        }
    }

    fn abort(&mut self) -> Result<(), Error> {
        if self.is_open {
            self.is_open = false;
            if self.producer.abort()? != Ended::Aborted {
                self.producer.renew()?;
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
        each: &mut dyn FnMut(Record),
    ) -> Result<(), Error> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => PartitionReader::new(&self.settings, Some(&self.group))?,
        };
        reader.go_to(place, from)?;
        let mut alive = Instant::now();
        let mut patience = Deadline::after(READ_BACK);
        while reader.next() < until {
            match reader.step(IDLE_STEP)? {
                Step::Record(record) if record.offset < until => each(record),
                Step::Record(_) | Step::End => break,
                Step::Nothing if patience.is_over() => {
                    let doing = format!("reading `{place}` back");
                    return Err(Error::TimedOut { doing, waited: patience.patience(), source: None });
                }
                Step::Nothing => continue,
            }
            patience = Deadline::after(READ_BACK);
            if alive.elapsed() > SIGN_OF_LIFE && !self.is_open {
                alive = Instant::now();
                self.step(Duration::ZERO)?;
            }
        }
        self.reader = Some(reader);
        Ok(())
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
