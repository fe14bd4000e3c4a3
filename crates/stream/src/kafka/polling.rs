//! What a poll brings a worker: records, what the group did, errors.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

use super::classify::{ConsumerClass, Signs, consumer_class};
use super::context::GroupEvent;
use super::session::{KafkaSession, unknown};
use super::unreadable::{STILL, Suspicion};
use super::{incoming, start};
use crate::{Committed, Error, Offset, Polled, Positions, Session as _, TopicPartition};

impl KafkaSession {
    /// Polls once; `true` when there may be more.
    pub(super) fn step(&mut self, wait: Duration) -> Result<bool, Error> {
        if let Some(deadline) = self.rewinding {
            self.go_back(deadline)?;
        }
        if !self.waking.is_empty() {
            self.wake()?;
        }
        let polled = self.consumer.poll(wait);
        let mut happened = self.consumer.context().happened();
        let failure = happened.failure.take();
        if let Some((reached, answers)) = happened.reached.take() {
            self.assignment.reached(&reached, answers);
            if self.suspicion.is_none() {
                self.suspicion = self.assignment.standing_still(STILL).map(Suspicion::Standing);
            }
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
                    self.batch_bytes += record.size();
                    self.batch.push(record);
                }
            }
            Some(Err(KafkaError::PartitionEOF(number))) if is_settled => self.assignment.end_of(number),
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => self.judge(error)?,
        }
        Ok(true)
    }

    fn judge(&mut self, error: KafkaError) -> Result<(), Error> {
        match consumer_class(Signs::from(&error)) {
            ConsumerClass::Transient => {
                tracing::debug!(%error, "the consumer goes on by itself");
                Ok(())
            }
            ConsumerClass::Unknown => {
                tracing::warn!(%error, group = %self.group, "the consumer reports an error that is none of the usual; it tries again by itself");
                Ok(())
            }
            ConsumerClass::Unreadable => {
                tracing::warn!(%error, "a batch cannot be read; looking for its partition");
                // What lies behind it may come next, as if nothing were in between.
                self.suspicion = Some(Suspicion::Error);
                Ok(())
            }
            ConsumerClass::OutOfRange => self.look_for_loss(error),
            ConsumerClass::Fenced => {
                let (id, seen) = (self.id.clone(), String::new());
                Err(self.with_twins(Error::Fenced { id, seen, source: error.into() }))
            }
            ConsumerClass::Denied => {
                let doing = format!("consuming as group `{}`", self.group);
                Err(Error::BrokerDenied { doing, source: error.into() })
            }
            ConsumerClass::Fatal => Err(unknown("consuming", error)),
        }
    }

    /// Says in which partitions records are gone; librdkafka does not. Where none are, it has lost its place: it asks
    /// for offsets that never were after a batch that is damaged.
    fn look_for_loss(&mut self, error: KafkaError) -> Result<(), Error> {
        let positions = self.assignment.committed();
        let is_gone = |(place, next): &(&TopicPartition, &Offset)| {
            start::bounds(&self.consumer, place).is_ok_and(|(oldest, end)| **next < oldest || **next > end)
        };
        let gone: Vec<_> = positions
            .iter()
            .filter(is_gone)
            .map(|(place, next)| format!("`{place}` from {next} on"))
            .collect();
        if gone.is_empty() {
            tracing::warn!(%error, "the consumer lost its place; looking for a batch that cannot be read");
            self.suspicion = Some(Suspicion::Error);
            return Ok(());
        }
        Err(Error::DataLoss { places: gone.join(", "), source: error.into() })
    }

    /// What the group did, if the caller has not heard of it yet.
    pub(super) fn group_event(&mut self) -> Result<Option<Polled>, Error> {
        loop {
            let Some(event) = self.consumer.context().happened().events.pop_front() else { return Ok(None) };
            self.batch.clear();
            self.batch_bytes = 0;
            self.rewinding = None;
            self.suspicion = None;
            self.waking.clear();
            match event {
                GroupEvent::Given(given, generation) => {
                    self.generation = generation;
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
    pub(super) fn store_beginnings(&mut self) -> Result<(), Error> {
        if self.assignment.unstored().is_empty() {
            return Ok(());
        }
        if self.commit(&Positions::new())? == Committed::RolledBack {
            tracing::warn!(group = %self.group, "where the group begins is not stored yet");
        }
        Ok(())
    }
}
