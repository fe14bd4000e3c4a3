//! Partitions of a worker that stand still while the others go on.
//!
//! librdkafka stops fetching them, and what it had fetched is dropped: a partition goes on at the position
//! that is committed, whatever was polled of it before.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;

use super::deadline::Deadline;
use super::session::KafkaSession;
use crate::{Error, Offset, TopicPartition};

/// How long going on may take: a rebalance may have to come in between.
const WAKING: Duration = Duration::from_secs(30);

const SEEK: Duration = Duration::from_secs(5);

impl KafkaSession {
    pub(super) fn stand_still(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.need_no_transaction()?;
        self.waking.retain(|(waking, _)| waking != place);
        if self.assignment.pause(place).is_none() {
            return Ok(());
        }
        self.batch.retain(|record| record.place != *place);
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&place.topic, place.partition);
        self.consumer.pause(&list).map_err(|error| unknown("pausing", place, error))
    }

    pub(super) fn stand_still_no_more(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.need_no_transaction()?;
        if self.assignment.paused_at(place).is_some() {
            self.waking.push((place.clone(), Deadline::after(WAKING)));
            self.wake()?;
        }
        Ok(())
    }

    /// Tries to go on in those partitions that are to. That fails while a rebalance is under way, whose end
    /// then says where to go on; until it works, what comes from them is dropped.
    pub(super) fn wake(&mut self) -> Result<(), Error> {
        let mut later = Vec::new();
        for (place, deadline) in std::mem::take(&mut self.waking) {
            let Some(next) = self.assignment.paused_at(&place) else { continue };
            let mut list = TopicPartitionList::with_capacity(1);
            let gone = list
                .add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))
                .and_then(|()| self.consumer.resume(&list))
                .and_then(|()| {
                    let answer = self.consumer.seek_partitions(list, SEEK)?;
                    let mut elements = answer.elements().into_iter();
                    elements.try_for_each(|element| element.error())
                })
                // After what it could not read librdkafka fetches a partition only when it is given anew.
                .or_else(|_| self.assign_anew((&place, next)));
            match gone {
                Ok(()) => self.assignment.resume(&place),
                Err(error) if deadline.is_over() => return Err(unknown("going on in", &place, error)),
                Err(error) => {
                    tracing::debug!(%error, %place, "going on later");
                    later.push((place, deadline));
                }
            }
        }
        self.waking = later;
        Ok(())
    }

    /// Gives librdkafka all partitions once more, at their places; those that stand still do so again.
    fn assign_anew(&self, (woken, next): (&TopicPartition, Offset)) -> Result<(), KafkaError> {
        let standing = self.assignment.standing();
        let all = self.assignment.going_on().into_iter().chain([(woken.clone(), next)]);
        let still = standing.iter().filter(|(place, _)| place != woken);
        let mut list = TopicPartitionList::new();
        for (place, next) in all.chain(still.clone().cloned()) {
            list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))?;
        }
        self.consumer.assign(&list)?;
        let mut paused = TopicPartitionList::new();
        for (place, _) in still {
            paused.add_partition(&place.topic, place.partition);
        }
        self.consumer.pause(&paused)
    }

    fn need_no_transaction(&self) -> Result<(), Error> {
        if self.is_open {
            return Err(Error::Misused { doing: "a partition was paused or resumed inside a transaction" });
        }
        Ok(())
    }
}

fn unknown(doing: &str, place: &TopicPartition, error: KafkaError) -> Error {
    Error::Unclassified { doing: format!("{doing} `{place}`"), source: error.into() }
}
