//! Reading beside the workers.

use std::time::Duration;

use rdkafka::consumer::Consumer;

use super::deadline::Deadline;
use super::incoming::{self, PartitionReader, Step};
use super::{Settings, start};
use crate::{Error, Offset, Reader, Record, TopicPartition};

/// Reads any topic.
pub(super) struct KafkaReader {
    settings: Settings,
    reader: PartitionReader,
}

impl KafkaReader {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { settings: settings.clone(), reader: PartitionReader::new(settings, None)? })
    }

    fn partitions_of(&self, topic: &str) -> Result<i32, Error> {
        let client = self.reader.consumer().client();
        let topics = self.settings.ask_topics(client, || client.context().ear.denial())?;
        topics.get(topic).copied().ok_or_else(|| Error::TopicMissing { topic: topic.to_owned() })
    }
}

impl Reader for KafkaReader {
    fn bounds(&mut self, topic: &str) -> Result<Vec<(TopicPartition, Offset, Offset)>, Error> {
        let name: std::sync::Arc<str> = topic.into();
        (0..self.partitions_of(topic)?)
            .map(|number| {
                let place = TopicPartition::new(name.clone(), number);
                let (oldest, end) = start::bounds(self.reader.consumer(), &place)?;
                Ok((place, oldest, end))
            })
            .collect()
    }

    fn read(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Record>, Error> {
        if !self.reader.is_at(place) && self.partitions_of(&place.topic)? <= place.partition {
            return Err(Error::PartitionMissing { place: place.clone() });
        }
        self.reader.go_to(place, from)?;
        let deadline = Deadline::after(wait);
        let mut records = Vec::new();
        while records.len() < most {
            let wait = if records.is_empty() { deadline.slice(wait) } else { Duration::ZERO };
            match self.reader.step(wait)? {
                Step::Record(record) => records.push(record),
                Step::Nothing if records.is_empty() && !deadline.is_over() => {}
                Step::End | Step::Nothing => break,
                Step::Unreadable(_) if !records.is_empty() => break,
                Step::Unreadable(error) => return Err(incoming::unknown(place, error)),
            }
        }
        Ok(records)
    }

    fn at_end(&self, place: &TopicPartition) -> bool {
        self.reader.is_at_end_of(place)
    }

    fn rest(&mut self) {
        self.reader.rest();
    }
}
