//! The log on Kafka brokers, through librdkafka: exactly once within Kafka.
//!
//! A worker is one thread with one consumer and one transactional producer under a stable id. What
//! librdkafka reports from elsewhere becomes a value that this thread picks up (`context.rs`); what an
//! error means is decided in one place (`classify.rs`); where we are in each partition is ours to know
//! (`assignment.rs`).
//!
//! Where to go next: `session.rs` (the worker), `transaction.rs` (ending a transaction for certain),
//! `start.rs` (where a worker goes on).

mod appender;
mod assignment;
mod bounds;
mod caller;
mod classify;
mod config;
#[cfg(test)]
mod connection_tests;
mod context;
mod deadline;
mod ending;
mod headers;
mod incoming;
mod outbox;
mod outgoing;
mod pausing;
mod polling;
mod reader;
#[cfg(test)]
mod refused_tests;
mod session;
mod shipping;
mod start;
mod topics;
mod transaction;
mod unreadable;
#[cfg(test)]
mod unreadable_tests;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};

use crate::{Appender, Error, Log, Reader, Session, SessionOptions, Topics};
use classify::{Signs, is_denial};
use context::{DeliveryContext, PlainContext};
use deadline::Deadline;

pub use bounds::{QUEUES, Queue};
pub use headers::OpaqueHeaders;

/// How to reach a cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port` of some of the brokers, separated by commas.
    pub brokers: String,
    /// Whether workers keep their partitions over a restart (`group.instance.id`): for a fixed number
    /// of workers with stable instances.
    pub static_membership: bool,
    /// How long we wait at the start until any broker answers.
    pub patience: Duration,
    /// Properties of librdkafka, such as `security.protocol`; those that exactly-once rests on cannot
    /// be changed.
    pub properties: Vec<(String, String)>,
}

impl Settings {
    /// The cluster at `brokers`, everything else as usual.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            static_membership: false,
            patience: Duration::from_secs(30),
            properties: Vec::new(),
        }
    }

    /// The topics that there are; waits until a broker answers.
    fn ask_topics<C: ClientContext>(
        &self,
        client: &Client<C>,
        denial: impl Fn() -> Option<KafkaError>,
    ) -> Result<BTreeMap<String, i32>, Error> {
        let deadline = Deadline::after(self.patience);
        let denied = |error: KafkaError| Error::BrokerDenied {
            doing: "the connection".to_owned(),
            source: error.into(),
        };
        loop {
            match start::topics(client, deadline.slice(Duration::from_secs(2))) {
                Ok(topics) => return Ok(topics),
                Err(error) if is_denial(Signs::from(&error).code) => return Err(denied(error)),
                Err(error) => {
                    if let Some(error) = denial() {
                        return Err(denied(error));
                    }
                    if deadline.is_over() {
                        let (brokers, waited) = (self.brokers.clone(), deadline.patience());
                        return Err(Error::BrokerUnreachable { brokers, waited, source: Some(error.into()) });
                    }
                    std::thread::sleep(deadline.slice(Duration::from_millis(100)));
                }
            }
        }
    }

    /// Makes sure that `topic` is there, since a broker may create a topic that is written to.
    fn need_topic(
        &self,
        known: &mut HashSet<String>,
        topic: &str,
        producer: &BaseProducer<DeliveryContext>,
    ) -> Result<(), Error> {
        if known.contains(topic) {
            return Ok(());
        }
        let served = || {
            producer.poll(Duration::ZERO);
            producer.context().ear.denial()
        };
        known.extend(self.ask_topics(producer.client(), served)?.into_keys());
        if known.contains(topic) { Ok(()) } else { Err(Error::TopicMissing { topic: topic.to_owned() }) }
    }
}

/// A Kafka cluster.
#[derive(Debug)]
pub struct KafkaLog {
    settings: Settings,
}

impl KafkaLog {
    /// Checks the settings, and that a broker answers.
    pub fn connect(settings: Settings) -> Result<Self, Error> {
        let client: rdkafka::consumer::BaseConsumer<PlainContext> = config::admin(&settings)
            .create_with_context(PlainContext::default())
            .map_err(|error| Error::SettingsRefused { source: error.into() })?;
        let served = || {
            drop(client.poll(Duration::ZERO));
            rdkafka::consumer::Consumer::client(&client).context().ear.denial()
        };
        settings.ask_topics(rdkafka::consumer::Consumer::client(&client), served)?;
        Ok(Self { settings })
    }
}

impl Log for KafkaLog {
    fn session(&self, options: &SessionOptions) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(session::KafkaSession::open(&self.settings, options)?))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, Error> {
        Ok(Box::new(appender::KafkaAppender::new(&self.settings)?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(reader::KafkaReader::new(&self.settings)?))
    }

    fn topics(&self) -> Result<Box<dyn Topics>, Error> {
        Ok(Box::new(topics::KafkaTopics::new(&self.settings)?))
    }
}
