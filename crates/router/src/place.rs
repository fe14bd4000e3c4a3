//! Where a record lies, written `topic/partition/offset`: the name of a record in headers, states and commands.

use std::fmt;
use std::str::FromStr;

use hinge_stream::{Offset, Record, TopicPartition};

/// The place of one record. Ordered by topic, partition and offset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordPlace {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
}

impl RecordPlace {
    /// Where `record` lies.
    pub fn of(record: &Record) -> Self {
        Self { partition: record.place.clone(), offset: record.offset }
    }
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

/// A text that is not `topic/partition/offset` (or `topic/partition`, for a partition).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not of the form `topic/partition/offset`")]
pub struct NotAPlace;

impl FromStr for RecordPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (partition, offset) = text.rsplit_once('/').ok_or(NotAPlace)?;
        let offset = offset.parse().ok().filter(|offset| *offset >= 0).ok_or(NotAPlace)?;
        Ok(Self { partition: parse_partition(partition).ok_or(NotAPlace)?, offset: Offset(offset) })
    }
}

/// Reads `topic/partition`.
pub fn parse_partition(text: &str) -> Option<TopicPartition> {
    let (topic, partition) = text.rsplit_once('/')?;
    let partition = partition.parse().ok().filter(|partition| *partition >= 0)?;
    (!topic.is_empty() && !topic.contains('/')).then(|| TopicPartition::new(topic, partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written_and_nothing_else_is_one() {
        let place: RecordPlace = "order.events/3/42".parse().unwrap();
        assert_eq!((place.partition.partition, place.offset), (3, Offset(42)));
        assert_eq!(place.to_string(), "order.events/3/42");
        for wrong in ["", "order.events", "order.events/3", "/3/42", "a/b/3/42", "a/3/-1", "a/-3/1", "a/3/x"]
        {
            assert_eq!(wrong.parse::<RecordPlace>(), Err(NotAPlace), "{wrong}");
        }
    }
}
