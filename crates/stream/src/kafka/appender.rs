//! Writing outside transactions: idempotent, in order, acknowledged by all replicas.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::classify::is_denial;
use super::context::{Deliveries, DeliveryContext};
use super::deadline::Deadline;
use super::transaction::DRAIN_STEP;
use super::{Settings, config, outgoing};
use crate::{Appender, Error, Outgoing, TopicPartition};

/// More than the minute after which librdkafka itself gives a record up.
const PATIENCE: Duration = Duration::from_secs(70);

/// Appends to any topic.
pub(super) struct KafkaAppender {
    settings: Settings,
    producer: BaseProducer<DeliveryContext>,
    topics: HashSet<String>,
    sent: u64,
}

impl KafkaAppender {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let producer = create(settings)?;
        Ok(Self { settings: settings.clone(), producer, topics: HashSet::new(), sent: 0 })
    }

    /// What a producer gave up may still be under way, under sequence numbers that it would give to
    /// the next records.
    fn renew(&mut self) -> Result<(), Error> {
        self.sent = 0;
        self.producer = create(&self.settings)?;
        Ok(())
    }
}

fn create(settings: &Settings) -> Result<BaseProducer<DeliveryContext>, Error> {
    config::appender(settings)
        .create_with_context(DeliveryContext::default())
        .map_err(|error| Error::SettingsRefused { source: error.into() })
}

impl Appender for KafkaAppender {
    fn append(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        self.hand_over(None, record)
    }

    fn append_to(&mut self, partition: i32, record: &Outgoing<'_>) -> Result<(), Error> {
        let place = TopicPartition::new(record.topic, partition);
        match self.hand_over(Some(partition), record) {
            // Where the topic is there, it is the partition that is not.
            Err(Error::TopicMissing { .. }) if self.topics.contains(record.topic) => {
                Err(Error::PartitionMissing { place })
            }
            handed => handed,
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.wait_until_written()
    }
}

impl KafkaAppender {
    fn hand_over(&mut self, partition: Option<i32>, record: &Outgoing<'_>) -> Result<(), Error> {
        self.settings.need_topic(&mut self.topics, record.topic, &self.producer)?;
        let deadline = Deadline::after(PATIENCE);
        let mut outgoing: BaseRecord<'_, [u8], [u8]> = outgoing::record(record);
        outgoing.partition = partition;
        loop {
            let Err((error, back)) = self.producer.send(outgoing) else {
                self.sent += 1;
                return Ok(());
            };
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) && !deadline.is_over() {
                outgoing = back;
                self.producer.poll(Duration::ZERO);
                sleep(DRAIN_STEP);
                continue;
            }
            return Err(
                outgoing::refused(record, error).unwrap_or_else(|error| failed("sending a record", error))
            );
        }
    }

    fn wait_until_written(&mut self) -> Result<(), Error> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == 0 {
                break;
            }
            if deadline.is_over() {
                self.renew()?;
                let doing = "waiting for the brokers to acknowledge records".to_owned();
                return Err(Error::TimedOut { doing, waited: deadline.patience(), source: None });
            }
            sleep(DRAIN_STEP);
        }
        let Deliveries { delivered, failure, .. } = self.producer.context().take();
        let sent = std::mem::take(&mut self.sent);
        if failure.is_none() && delivered == sent {
            return Ok(());
        }
        self.renew()?;
        match failure {
            Some((topic, error)) if error.rdkafka_error_code().is_some_and(is_denial) => {
                Err(failed(&format!("writing to `{topic}`"), error))
            }
            failure => {
                let failed = sent.saturating_sub(delivered);
                Err(Error::NotDelivered { failed, sent, source: failure.map(|(_, error)| error.into()) })
            }
        }
    }
}

fn failed(doing: &str, error: KafkaError) -> Error {
    let doing = doing.to_owned();
    match error.rdkafka_error_code() {
        Some(code) if is_denial(code) => Error::BrokerDenied { doing, source: error.into() },
        Some(RDKafkaErrorCode::QueueFull) => {
            Error::TimedOut { doing, waited: PATIENCE, source: Some(error.into()) }
        }
        _ => Error::Unclassified { doing, source: error.into() },
    }
}
