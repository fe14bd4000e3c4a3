//! A log as a whole: what can be opened on it.

use std::time::Duration;

use crate::{Error, Offset, Outgoing, Record, Session, SessionOptions, TopicPartition};

/// A log: the embedded one in a folder, or a Kafka cluster.
pub trait Log: Send + Sync {
    /// Takes a worker's seat in a consumer group.
    fn session(&self, options: &SessionOptions) -> Result<Box<dyn Session>, Error>;

    /// Opens the log for writing outside any consumer group.
    fn appender(&self) -> Result<Box<dyn Appender>, Error>;

    /// Opens the log for reading outside any consumer group.
    fn reader(&self) -> Result<Box<dyn Reader>, Error>;

    /// Opens the log's topics for looking at them and for creating new ones.
    fn topics(&self) -> Result<Box<dyn Topics>, Error>;
}

/// Writes records that no position depends on (`hinge ingest`).
pub trait Appender: Send {
    /// Hands a record over; it is in the log only after [`Appender::flush`].
    fn append(&mut self, record: &Outgoing<'_>) -> Result<(), Error>;

    /// The same into a partition of one's choice, whatever the key says; for records that go back to where
    /// they came from.
    fn append_to(&mut self, partition: i32, record: &Outgoing<'_>) -> Result<(), Error>;

    /// Waits until everything handed over is durably in the log, in order.
    fn flush(&mut self) -> Result<(), Error>;
}

/// Reads committed records from any place, without a group.
pub trait Reader: Send {
    /// The partitions of a topic with the offset of the oldest record in each and the one after the last readable one.
    fn bounds(&mut self, topic: &str) -> Result<Vec<(TopicPartition, Offset, Offset)>, Error>;

    /// Up to `most` records of `place` from `from` on, in order; empty when there is none yet. Waits
    /// up to `wait` for a first one, less when it learns meanwhile that the end is reached.
    ///
    /// The last offset before the end may be a transaction's marker and never come as a record: to
    /// read until the end, stop when `read` returns nothing and [`Reader::at_end`] is true.
    fn read(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Record>, Error>;

    /// Whether nothing readable lies after what [`Reader::read`] returned last from `place`; `false`
    /// when that is not known.
    fn at_end(&self, place: &TopicPartition) -> bool;

    /// Nothing is read for now: what stands ready for the next [`Reader::read`] is given back, and no more is
    /// fetched.
    fn rest(&mut self) {}
}

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: i32,
    /// On Kafka: the number of copies.
    pub replication: i32,
    /// On Kafka: topic settings such as `retention.ms`, passed on as they are.
    pub settings: Vec<(String, String)>,
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: i32,
}

/// Looks at topics and creates them. Writing never creates a topic.
pub trait Topics: Send {
    /// All topics, by name.
    fn list(&mut self) -> Result<Vec<TopicState>, Error>;

    /// Creates those that are not there; existing ones are left as they are.
    fn create(&mut self, specs: &[TopicSpec]) -> Result<(), Error>;
}
