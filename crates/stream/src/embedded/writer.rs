//! Appending records inside a write transaction that somebody else begins and commits.
//!
//! Offsets and timestamps are taken from the file once per transaction and partition, inside the
//! transaction, and counted on in memory: right beside any other writer, and one statement a record.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension as _, params};

use super::database::{Database, PartitionId};
use super::{RECORD_BYTES_MOST, encoding};
use crate::{Error, Offset, Outgoing, TopicPartition, partition_for_key};

const INSERT: &str = "INSERT INTO records (id, timestamp, key, value, headers) VALUES (?1, ?2, ?3, ?4, ?5)";
const LOAD: &str = "SELECT next_offset, newest_timestamp FROM partitions WHERE id = ?1";
const STORE: &str = "UPDATE partitions SET next_offset = ?2, newest_timestamp = ?3 WHERE id = ?1";

/// Appends to any topic of one file.
#[derive(Debug, Default)]
pub(super) struct Writer {
    topics: HashMap<String, WritableTopic>,
    /// The ends of the partitions written to in the open transaction.
    ends: Vec<End>,
    headers: Vec<u8>,
}

#[derive(Debug)]
struct WritableTopic {
    partitions: Vec<WritablePartition>,
    /// Where the next record without a key goes.
    turn: usize,
}

#[derive(Debug)]
struct WritablePartition {
    id: PartitionId,
    /// Its place in [`Writer::ends`], in this transaction.
    end: Option<usize>,
}

#[derive(Debug)]
struct End {
    id: PartitionId,
    next: Offset,
    newest_timestamp: i64,
}

impl Writer {
    /// Checks that `record` can be written at all: topic, size, headers.
    pub(super) fn check(&mut self, database: &Database, record: &Outgoing<'_>) -> Result<(), Error> {
        let unwritable =
            |bytes, reason: String| Err(Error::Unwritable { topic: record.topic.to_owned(), bytes, reason });
        self.topic(database, record.topic)?;
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if encoding::encode(record, &mut self.headers).is_none() {
            let reason = "headers of Kafka that are not text cannot be carried into the embedded log";
            return unwritable(bytes, reason.to_owned());
        }
        let bytes = bytes + self.headers.len();
        if bytes > RECORD_BYTES_MOST {
            return unwritable(bytes, format!("the most is {RECORD_BYTES_MOST} bytes"));
        }
        Ok(())
    }

    /// Checks that a topic that [`Writer::check`] has looked up has the partition that was asked for.
    pub(super) fn check_partition(&self, topic: &str, partition: Option<i32>) -> Result<(), Error> {
        let Some(partition) = partition else { return Ok(()) };
        let count = self.topics.get(topic).map_or(0, |topic| topic.partitions.len());
        match usize::try_from(partition) {
            Ok(number) if number < count => Ok(()),
            _ => Err(Error::PartitionMissing { place: TopicPartition::new(topic, partition) }),
        }
    }

    /// Appends `record`; needs a write transaction of `database`.
    pub(super) fn append(&mut self, database: &Database, record: &Outgoing<'_>) -> Result<(), Error> {
        self.append_to(database, None, record)
    }

    /// The same into a partition of one's choice, where there is one.
    pub(super) fn append_to(
        &mut self,
        database: &Database,
        partition: Option<i32>,
        record: &Outgoing<'_>,
    ) -> Result<(), Error> {
        self.check(database, record)?;
        self.check_partition(record.topic, partition)?;
        let topic = self.topics.get_mut(record.topic).expect("`check` has just looked it up");
        let number = if let Some(partition) = partition {
            usize::try_from(partition).unwrap_or(0)
        } else if let Some(key) = record.key {
            let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            usize::try_from(partition_for_key(key, partitions)).unwrap_or(0)
        } else {
            topic.turn = (topic.turn + 1) % topic.partitions.len();
            topic.turn
        };
        let partition = &mut topic.partitions[number];
        let end = if let Some(end) = partition.end {
            end
        } else {
            self.ends.push(load(database, partition.id)?);
            *partition.end.insert(self.ends.len() - 1)
        };
        let end = &mut self.ends[end];
        let timestamp = now().max(end.newest_timestamp);
        let headers = Some(&self.headers).filter(|headers| !headers.is_empty());
        database
            .statement(INSERT)?
            .execute(params![end.id.row(end.next), timestamp, record.key, record.value, headers])
            .map_err(|error| database.error(error))?;
        end.next = end.next.next();
        end.newest_timestamp = timestamp;
        Ok(())
    }

    /// Writes the new ends of the partitions; to be called before the commit.
    pub(super) fn store_ends(&mut self, database: &Database) -> Result<(), Error> {
        let mut statement = database.statement(STORE)?;
        for end in &self.ends {
            statement
                .execute(params![end.id.0, end.next.0, end.newest_timestamp])
                .map_err(|error| database.error(error))?;
        }
        Ok(())
    }

    /// Forgets what belonged to the transaction, which has ended one way or the other.
    pub(super) fn forget_ends(&mut self) {
        self.ends.clear();
        for topic in self.topics.values_mut() {
            for partition in &mut topic.partitions {
                partition.end = None;
            }
        }
    }

    /// Looks a topic up, once: topics are never removed.
    fn topic(&mut self, database: &Database, name: &str) -> Result<(), Error> {
        if !self.topics.contains_key(name) {
            let partitions = partitions_of(database, name)?;
            let partitions = partitions.into_iter().map(|id| WritablePartition { id, end: None }).collect();
            self.topics.insert(name.to_owned(), WritableTopic { partitions, turn: 0 });
        }
        Ok(())
    }
}

/// The partitions of a topic, by number; there is at least one.
pub(super) fn partitions_of(database: &Database, topic: &str) -> Result<Vec<PartitionId>, Error> {
    let mut statement = database.statement("SELECT id FROM partitions WHERE topic = ?1 ORDER BY number")?;
    let rows = statement.query_map([topic], |row| row.get(0).map(PartitionId));
    let partitions: Vec<_> = rows.and_then(Iterator::collect).map_err(|error| database.error(error))?;
    if partitions.is_empty() {
        return Err(Error::TopicMissing { topic: topic.to_owned() });
    }
    Ok(partitions)
}

fn load(database: &Database, id: PartitionId) -> Result<End, Error> {
    let end = database
        .statement(LOAD)?
        .query_row([id.0], |row| Ok(End { id, next: Offset(row.get(0)?), newest_timestamp: row.get(1)? }))
        .optional()
        .map_err(|error| database.error(error))?;
    end.ok_or_else(|| database.damaged("a partition is gone"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "append time is the log's own clock: this is an edge of the process"
)]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
