//! Topics of a Kafka cluster, read to their end under `read_committed`, and the positions that a group committed.
//! Joins no group and writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::cloud_events::Headers;
use crate::digest;

/// How long one answer of a broker is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a transaction may be open before a broker ends it; ours say less than a minute.
const OPEN_TRANSACTION: Duration = Duration::from_secs(70);

/// A cluster.
#[derive(Clone, Debug)]
pub struct Log {
    brokers: String,
}

/// A record, as long as it is looked at.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970, by whoever gave it its time.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers, those left out whose names are no text.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// Whether the names of all its headers are text.
    pub readable: bool,
}

impl<'a> Record<'a> {
    /// Looks at a record that librdkafka holds.
    pub fn of(record: &'a BorrowedMessage<'a>) -> Self {
        let mut headers = Vec::new();
        let mut readable = true;
        if let Some(given) = record.headers() {
            for place in 0..given.count() {
                // rdkafka panics on a name that is not UTF-8, and has no other way to ask.
                match catch_unwind(AssertUnwindSafe(|| given.get(place))) {
                    Ok(header) => headers.push((header.key, header.value)),
                    Err(_) => readable = false,
                }
            }
        }
        Self {
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp().to_millis(),
            key: record.key(),
            value: record.payload(),
            headers,
            readable,
        }
    }

    /// The headers, if all of them can be read.
    pub fn readable_headers(&self) -> Option<&Headers<'a>> {
        self.readable.then_some(self.headers.as_slice())
    }

    /// The first header of a name, as text.
    pub fn header(&self, wanted: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(name, _)| *name == wanted)?;
        std::str::from_utf8(found.1?).ok()
    }

    /// All of it.
    pub fn digest(&self) -> u64 {
        digest::of(&(self.key, self.value, &self.headers))
    }

    /// Value and headers, without those that Hinge adds to what it keeps as it came.
    pub fn digest_as_it_came(&self) -> u64 {
        let added = |name: &str| name.starts_with("hinge-error-") || name == "hinge-policy-version";
        let came: Vec<_> = self.headers.iter().filter(|(name, _)| !added(name)).collect();
        digest::of(&(self.value, came))
    }
}

impl Log {
    /// The cluster at these addresses.
    pub fn new(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned() }
    }

    /// A consumer that is in no group of anybody's.
    ///
    /// # Errors
    /// The addresses are none.
    pub fn consumer(&self, group: &str) -> Result<BaseConsumer, String> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "50")
            .set("queued.max.messages.kbytes", "65536")
            .set("fetch.error.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .create()
            .map_err(|error| format!("a consumer for `{}`: {error}", self.brokers))
    }

    /// All topics with their partitions.
    ///
    /// # Errors
    /// No broker answers.
    pub fn topics(&self) -> Result<BTreeMap<String, Vec<i32>>, String> {
        topics_of(&self.consumer("hinge-checker")?, PATIENCE)
    }

    /// The offsets after the last records of partitions.
    ///
    /// # Errors
    /// No broker answers.
    pub fn ends<'t>(
        &self,
        places: impl IntoIterator<Item = (&'t str, i32)>,
    ) -> Result<HashMap<(&'t str, i32), i64>, String> {
        let consumer = self.consumer("hinge-checker")?;
        let end = |(topic, partition)| {
            let bounds = consumer.fetch_watermarks(topic, partition, PATIENCE);
            let (_, end) = bounds.map_err(|error| format!("{topic}/{partition}: {error}"))?;
            Ok(((topic, partition), end))
        };
        places.into_iter().map(end).collect()
    }

    /// Hands over every committed record of a topic, partition by partition in order.
    ///
    /// # Errors
    /// Records are gone from its beginning, or it cannot be read to its end.
    pub fn read(
        &self,
        topic: &str,
        partitions: &[i32],
        each: &mut dyn FnMut(&Record<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let consumer = self.consumer("hinge-checker")?;
        let mut list = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for partition in partitions {
            let bounds = consumer.fetch_watermarks(topic, *partition, PATIENCE);
            let (first, end) = bounds.map_err(|error| format!("{topic}/{partition}: {error}"))?;
            if first > 0 {
                return Err(format!(
                    "{topic}/{partition} begins at {first}: what was before cannot be checked"
                ));
            }
            if end > 0 {
                open.insert(*partition);
                list.add_partition_offset(topic, *partition, Offset::Offset(0))
                    .map_err(|error| format!("{topic}/{partition}: {error}"))?;
            }
        }
        consumer.assign(&list).map_err(|error| format!("{topic}: {error}"))?;
        let mut heard = Instant::now();
        while !open.is_empty() {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(record)) => {
                    heard = Instant::now();
                    each(&Record::of(&record))?;
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    open.remove(&partition);
                }
                Some(Err(_)) | None if heard.elapsed() < PATIENCE => {}
                Some(Err(error)) => return Err(format!("{topic}: {error}")),
                None => {
                    return Err(format!(
                        "{topic}: nothing came for {PATIENCE:?}, and partitions {open:?} have not ended"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The positions that a group committed; partitions without one are left out.
    ///
    /// # Errors
    /// They cannot be learned.
    pub fn committed(
        &self,
        group: &str,
        topics: &BTreeMap<&str, &[i32]>,
    ) -> Result<HashMap<(String, i32), i64>, String> {
        let consumer = self.consumer(group)?;
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in topics {
            for partition in *partitions {
                list.add_partition(topic, *partition);
            }
        }
        // They are not told while a transaction is open that may still move them.
        let asked = Instant::now();
        let committed = loop {
            let answer = consumer.committed_offsets(list.clone(), PATIENCE);
            let answer = answer.and_then(|found| {
                found
                    .elements()
                    .iter()
                    .try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)?;
                Ok(found)
            });
            match answer {
                Ok(found) => break found,
                Err(_) if asked.elapsed() < OPEN_TRANSACTION => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(format!("the positions of `{group}`: {error}")),
            }
        };
        let mut positions = HashMap::new();
        for element in committed.elements() {
            if let Offset::Offset(offset) = element.offset() {
                positions.insert((element.topic().to_owned(), element.partition()), offset);
            }
        }
        Ok(positions)
    }
}

/// All topics with their partitions, as one consumer learns of them.
///
/// # Errors
/// No broker answers.
pub fn topics_of(consumer: &BaseConsumer, patience: Duration) -> Result<BTreeMap<String, Vec<i32>>, String> {
    let metadata = consumer.fetch_metadata(None, patience).map_err(|error| format!("the topics: {error}"))?;
    let topics = metadata.topics().iter().map(|topic| {
        let partitions = topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id);
        (topic.name().to_owned(), partitions.collect())
    });
    Ok(topics.collect())
}

/// Where notifications lie.
pub const NOTIFICATIONS: &str = "hinge.notifications.";

/// Whether what lies in a topic is compared with what was visible before. Compacted topics are not.
pub fn is_output(topic: &str) -> bool {
    topic.starts_with(NOTIFICATIONS)
        || matches!(topic, "hinge.decisions" | "hinge.unrouted" | "hinge.dead-letters")
}
