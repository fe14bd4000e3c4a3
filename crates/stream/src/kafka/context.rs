//! What librdkafka calls back: logs, errors, deliveries, statistics and rebalances, turned into plain
//! values that the thread which polls picks up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;

use super::assignment::{GivenPartition, Reached};
use super::classify::is_denial;
use super::start::{Beginning, places};
use crate::{Error, TopicPartition, faults};

/// Logs what a client says and remembers what explains later silence: that we are not let in, and how often a
/// connection broke.
#[derive(Debug, Default)]
pub(super) struct Ear {
    denial: Mutex<Option<KafkaError>>,
    broken: AtomicU64,
    refused: AtomicU64,
}

impl Ear {
    /// Why the brokers do not let us in, if they do not.
    pub(super) fn denial(&self) -> Option<KafkaError> {
        lock(&self.denial).clone()
    }

    /// How many connections broke so far, or a number that grows with it: requests that were under way on one are
    /// sent again on the next, and a broker may get both.
    pub(super) fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// How many requests with records a broker has refused without writing them: they are sent again, but what was on
    /// its way behind them may be taken first, and then librdkafka takes the refused ones for written.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn hear_line(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if facility == REFUSED.0 && REFUSED.1.iter().all(|part| line.contains(part)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        // Errors that look alike are told once in 30 s, but this line comes every time, before the next connection.
        if facility == BROKEN && broke(line) {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        log_line(level, facility, line);
    }

    fn hear(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // A normal event that comes this way too.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(code) if is_denial(code) => {
                tracing::error!(%error, reason, "Kafka refuses us");
                *lock(&self.denial) = Some(error);
            }
            _ => tracing::warn!(%error, reason, "Kafka client reports an error"),
        }
    }
}

/// The line of librdkafka about a request that was refused, and what it says where records in it were not written.
const REFUSED: (&str, [&str; 2]) = ("REQERR", ["ProduceRequest failed", "MsgNotPersisted"]);

/// The line of librdkafka about a connection that broke; at the level of debugging there is one for each.
const BROKEN: &str = "FAIL";

/// How the same line names a broker that the client was only told of: that connection ends as soon as the real ones are
/// known, and nothing of a transaction is ever sent on it.
const ONLY_TOLD_OF: &str = "/bootstrap: ";

/// Whether a connection broke on which requests may have been under way. One that could not be made had none, or a
/// single broker that is away would put every transaction in doubt. One that librdkafka closes itself counts: it does
/// so with whatever is under way, where a broker is no longer among those that the cluster names, or the coordinator
/// has moved.
fn broke(line: &str) -> bool {
    let was_up = ["in state UP", "in state REAUTH"].iter().any(|state| line.contains(state));
    (was_up || !line.contains("in state ")) && !line.contains(ONLY_TOLD_OF)
}

fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    // Asking for a producer id again while the broker still ends what a killed predecessor left open is the
    // ordinary start after a crash.
    if facility == "GETPID" && line.ends_with("retrying") {
        return tracing::debug!(facility, line, "librdkafka");
    }
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, line, "librdkafka"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, line, "librdkafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, line, "librdkafka"),
        RDKafkaLogLevel::Debug => tracing::debug!(facility, line, "librdkafka"),
    }
}

/// The values are replaced as a whole or counted up, so a panic elsewhere leaves none half-made.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of clients that only read or look.
#[derive(Debug, Default)]
pub(super) struct PlainContext {
    pub(super) ear: Ear,
}

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.hear(error, reason);
    }
}

impl ConsumerContext for PlainContext {}

/// Of producers: counts what arrived and what did not.
#[derive(Debug, Default)]
pub(super) struct DeliveryContext {
    pub(super) ear: Ear,
    handed_over: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    unsure: AtomicU64,
    failure: Mutex<Option<(String, KafkaError)>>,
}

/// Delivery reports since the last time that they were taken.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// Records handed over meanwhile.
    pub(super) handed_over: u64,
    /// Always 0 where only failures are reported.
    pub(super) delivered: u64,
    pub(super) failed: u64,
    /// Those among the failed that a broker may have all the same.
    pub(super) unsure: u64,
    /// Topic and cause of one that failed.
    pub(super) failure: Option<(String, KafkaError)>,
}

impl DeliveryContext {
    /// One more record was handed over; how many since the reports were taken last.
    pub(super) fn hand_over(&self) -> u64 {
        self.handed_over.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn take(&self) -> Deliveries {
        Deliveries {
            handed_over: self.handed_over.swap(0, Ordering::Relaxed),
            delivered: self.delivered.swap(0, Ordering::Relaxed),
            failed: self.failed.swap(0, Ordering::Relaxed),
            unsure: self.unsure.swap(0, Ordering::Relaxed),
            failure: lock(&self.failure).take(),
        }
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.ear.hear_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.hear(error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, record)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                // What an abort finds in the queue was never sent.
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PurgeQueue) {
                    self.unsure.fetch_add(1, Ordering::Relaxed);
                }
                lock(&self.failure).get_or_insert_with(|| (record.topic().to_owned(), error.clone()));
            }
        }
    }
}

/// What the group did with our seat.
pub(super) enum GroupEvent {
    /// These, and in which generation of the group.
    Given(Vec<GivenPartition>, Option<Arc<ConsumerGroupMetadata>>),
    Taken(Vec<TopicPartition>),
}

/// What happened inside a poll, besides records.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) events: VecDeque<GroupEvent>,
    /// Something went wrong inside the callback, where nothing can be returned.
    pub(super) failure: Option<Error>,
    /// How far each partition has been fetched, and how many answers the brokers gave so far, if there were new
    /// statistics.
    pub(super) reached: Option<(Vec<(TopicPartition, Reached)>, u64)>,
}

/// Of a worker's consumer.
pub(super) struct WorkerContext {
    pub(super) ear: Ear,
    beginning: Beginning,
    is_leaving: AtomicBool,
    happened: Mutex<Happened>,
}

impl WorkerContext {
    pub(super) fn new(beginning: Beginning) -> Self {
        Self {
            ear: Ear::default(),
            beginning,
            is_leaving: AtomicBool::new(false),
            happened: Mutex::default(),
        }
    }

    /// What happened since the last call, but for all group events after the first.
    pub(super) fn happened(&self) -> MutexGuard<'_, Happened> {
        lock(&self.happened)
    }

    /// From now on partitions are not taken up any more: asking where to go on in them would only
    /// hold up the leaving.
    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    fn give(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Result<(), Error> {
        let generation = consumer.group_metadata().map(Arc::new);
        let given = self.beginning.find(consumer, list)?;
        let mut offsets = TopicPartitionList::with_capacity(given.len());
        for partition in &given {
            let offset = rdkafka::Offset::Offset(partition.next.0);
            offsets
                .add_partition_offset(&partition.place.topic, partition.place.partition, offset)
                .map_err(|error| unknown("beginning with the partitions", error))?;
        }
        consumer.assign(&offsets).map_err(|error| unknown("beginning with the partitions", error))?;
        self.happened().events.push_back(GroupEvent::Given(given, generation));
        Ok(())
    }
}

fn unknown(doing: &str, error: KafkaError) -> Error {
    Error::Unclassified { doing: doing.to_owned(), source: error.into() }
}

impl ClientContext for WorkerContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.hear(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| {
            let name: Arc<str> = topic.topic.as_str().into();
            topic.partitions.values().filter(|partition| partition.desired).map(move |partition| {
                let reached = Reached {
                    fetched: partition.next_offset,
                    end: partition.ls_offset,
                    waiting: partition.fetchq_cnt,
                };
                (TopicPartition::new(name.clone(), partition.partition), reached)
            })
        });
        let answers = statistics.brokers.values().map(|broker| broker.rx).sum();
        self.happened().reached = Some((partitions.collect(), answers));
    }
}

impl ConsumerContext for WorkerContext {
    /// Runs inside a poll, on the worker's own thread. Each event is answered with exactly one assign
    /// or unassign.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let outcome = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                if !self.is_leaving.load(Ordering::Relaxed) =>
            {
                self.give(consumer, list)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                consumer.unassign().map_err(|error| unknown("leaving the group", error))
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                if consumer.assignment_lost() {
                    tracing::warn!("partitions were lost: the group went on without this worker");
                }
                faults::pass("in-revoke");
                self.happened().events.push_back(GroupEvent::Taken(places(list)));
                consumer.unassign().map_err(|error| unknown("letting go of partitions", error))
            }
            other => Err(unknown("the group's rebalance", KafkaError::Rebalance(other.into()))),
        };
        if let Err(error) = outcome {
            self.happened().failure = Some(error);
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "letting go of partitions failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ear, RDKafkaLogLevel};

    #[test]
    fn a_connection_that_broke_is_counted_and_one_that_was_closed_or_never_made_is_not() {
        let ear = Ear::default();
        let after = |broker: &str, what: &str, state: &str| {
            let line = format!("127.0.0.1:1/{broker}: {what} (after 9ms {state}");
            ear.hear_line(RDKafkaLogLevel::Debug, "FAIL", &line);
            ear.broken()
        };
        let (decommissioned, renamed) =
            ("Decommissioning this broker", "Closing connection due to nodename change");
        assert_eq!(after("bootstrap", decommissioned, "in state UP) (_DESTROY_BROKER)"), 0);
        assert_eq!(after("1", renamed, "in state TRY_CONNECT) (_TRANSPORT)"), 0);
        assert_eq!(after("1", "Connect to ipv4#127.0.0.1:1 failed", "in state CONNECT) (_TRANSPORT)"), 0);
        assert_eq!(after("1", "Disconnected", "in state UP) (_TRANSPORT)"), 1);
        assert_eq!(after("1", "Disconnected", "in state UP) (_TRANSPORT): identical to last error"), 2);
        assert_eq!(after("1", "a line whose end is missing", ""), 3);
        // Closed by the client, with whatever was under way on it.
        assert_eq!(after("1", decommissioned, "in state UP) (_DESTROY_BROKER)"), 4);
        assert_eq!(after("1", renamed, "in state UP) (_TRANSPORT)"), 5);
        ear.hear_line(RDKafkaLogLevel::Debug, "STATE", "127.0.0.1:1/1: Broker changed state UP -> DOWN");
        assert_eq!(ear.broken(), 5);
    }
}
