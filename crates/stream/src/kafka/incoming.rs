//! A record as it came in, and reading one partition outside any group.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::classify::{ConsumerClass, Signs, consumer_class};
use super::context::PlainContext;
use super::deadline::Deadline;
use super::{Settings, config, headers, start};
use crate::{Error, Offset, Record, Timestamp, TopicPartition};

/// Copies a record out of librdkafka's memory.
pub(super) fn record(message: &BorrowedMessage<'_>, place: TopicPartition) -> Record {
    Record {
        place,
        offset: Offset(message.offset()),
        timestamp: timestamp(message),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers::read(message.headers()),
    }
}

pub(super) fn timestamp(message: &BorrowedMessage<'_>) -> Timestamp {
    match message.timestamp() {
        rdkafka::Timestamp::LogAppendTime(millis) => Timestamp::Append(millis),
        rdkafka::Timestamp::CreateTime(millis) => Timestamp::Create(millis),
        rdkafka::Timestamp::NotAvailable => Timestamp::Unknown,
    }
}

/// One step of reading a partition.
#[derive(Debug)]
pub(super) enum Step {
    Record(Record),
    /// Nothing readable lies beyond; said once for each end.
    End,
    Nothing,
    /// What comes next cannot be read, now or ever.
    Unreadable(KafkaError),
}

/// Reads one partition at a time, committed records only.
pub(super) struct PartitionReader {
    consumer: BaseConsumer<PlainContext>,
    place: Option<TopicPartition>,
    /// The offset that comes next.
    next: Offset,
    at_end: bool,
}

impl PartitionReader {
    /// Without a group of its own, a reader goes by the name `hinge-reader`.
    pub(super) fn new(settings: &Settings, group: Option<&str>) -> Result<Self, Error> {
        let consumer = config::reader(settings, group)
            .create_with_context(PlainContext::default())
            .map_err(|error| Error::SettingsRefused { source: error.into() })?;
        Ok(Self { consumer, place: None, next: Offset::ZERO, at_end: false })
    }

    /// One that reports it when the brokers do not have what comes next, instead of beginning anew.
    pub(super) fn strict(settings: &Settings, group: &str) -> Result<Self, Error> {
        let consumer = config::reader(settings, Some(group))
            .set("auto.offset.reset", "error")
            .create_with_context(PlainContext::default())
            .map_err(|error| Error::SettingsRefused { source: error.into() })?;
        Ok(Self { consumer, place: None, next: Offset::ZERO, at_end: false })
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<PlainContext> {
        &self.consumer
    }

    /// Goes to `from` in `place`, or to the oldest record still there if that is later.
    pub(super) fn go_to(&mut self, place: &TopicPartition, from: Offset) -> Result<(), Error> {
        if self.place.as_ref() == Some(place) && self.next == from {
            return Ok(());
        }
        let bounds = start::bounds(&self.consumer, place)?;
        self.go_between(place, from, bounds)
    }

    /// The same, with an error where the brokers do not tell in time what is there.
    pub(super) fn go_to_by(
        &mut self,
        deadline: Deadline,
        place: &TopicPartition,
        from: Offset,
    ) -> Result<(), Error> {
        let bounds = start::bounds_by(deadline, &self.consumer, place)?;
        self.go_between(place, from, bounds)
    }

    fn go_between(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        (oldest, end): (Offset, Offset),
    ) -> Result<(), Error> {
        let begin = from.max(oldest).min(end);
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(begin.0))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| unknown(place, error))?;
        self.place = Some(place.clone());
        self.next = from.max(oldest);
        self.at_end = false;
        Ok(())
    }

    /// The next record of the partition, waiting up to `wait` for it.
    pub(super) fn step(&mut self, wait: Duration) -> Result<Step, Error> {
        let Some(place) = &self.place else { return Ok(Step::Nothing) };
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                let offset = Offset(message.offset());
                let is_ours = message.topic() == &*place.topic && message.partition() == place.partition;
                if !is_ours || offset < self.next {
                    return Ok(Step::Nothing);
                }
                self.next = offset.next();
                self.at_end = false;
                Ok(Step::Record(record(&message, place.clone())))
            }
            Some(Err(KafkaError::PartitionEOF(number))) if number == place.partition => {
                self.at_end = true;
                Ok(Step::End)
            }
            // The end of a partition that was read before.
            None | Some(Err(KafkaError::PartitionEOF(_))) => Ok(Step::Nothing),
            Some(Err(error)) => {
                // A reader is in no group, so the right to one is not asked for.
                let code = error.rdkafka_error_code();
                if code == Some(RDKafkaErrorCode::GroupAuthorizationFailed) {
                    return Ok(Step::Nothing);
                }
                match consumer_class(Signs::from(&error)) {
                    ConsumerClass::Transient => Ok(Step::Nothing),
                    ConsumerClass::Unknown => {
                        tracing::warn!(%place, %error, "a reader reports an error that is none of the usual; it tries again by itself");
                        Ok(Step::Nothing)
                    }
                    ConsumerClass::Denied => {
                        let doing = format!("reading `{place}`");
                        Err(Error::BrokerDenied { doing, source: error.into() })
                    }
                    ConsumerClass::Unreadable => Ok(Step::Unreadable(error)),
                    ConsumerClass::OutOfRange | ConsumerClass::Fenced | ConsumerClass::Fatal => {
                        Err(unknown(place, error))
                    }
                }
            }
        }
    }

    /// Fetches no more and lets go of what was fetched.
    pub(super) fn rest(&mut self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "a reader does not rest");
        }
        self.place = None;
        self.at_end = false;
    }

    /// The offset that comes next.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// Whether `place` is the partition being read.
    pub(super) fn is_at(&self, place: &TopicPartition) -> bool {
        self.place.as_ref() == Some(place)
    }

    /// Whether the end of `place` was reached and nothing came since.
    pub(super) fn is_at_end_of(&self, place: &TopicPartition) -> bool {
        self.at_end && self.place.as_ref() == Some(place)
    }
}

pub(super) fn unknown(place: &TopicPartition, error: KafkaError) -> Error {
    Error::Unclassified { doing: format!("reading `{place}`"), source: error.into() }
}
