//! What librdkafka says of records that a broker refused, held by a broker that refuses.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaResult;
use rdkafka::message::Message as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DefaultProducerContext, DeliveryResult, Producer as _, ProducerContext,
};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::util::Timeout;

use super::context::{Ear, lock};
use super::transaction::TransactionalProducer;
use super::{Settings, config};
use crate::{ExitCode, Outgoing, SessionOptions, StartAt};

const AWHILE: Duration = Duration::from_secs(20);

/// A worker that consumes these topics.
pub(super) fn worker_of(topics: &[&str]) -> SessionOptions {
    SessionOptions {
        group: "g".to_owned(),
        instance: "0".to_owned(),
        topics: topics.iter().copied().map(str::to_owned).collect(),
        start_at: Some(StartAt::Earliest),
    }
}

/// Keeps the offsets that were acknowledged.
#[derive(Default)]
struct Acknowledged {
    ear: Ear,
    offsets: Mutex<Vec<i64>>,
}

impl ClientContext for Acknowledged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.ear.hear_line(level, facility, line);
    }
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let record = result.as_ref().expect("a refusal for now is none for good");
        lock(&self.offsets).push(record.offset());
    }
}

/// Sends two requests, of which the broker refuses the first once: the offsets acknowledged, the refusals heard of.
fn two_requests(
    brokers: &MockCluster<'_, DefaultProducerContext>,
    mut config: ClientConfig,
) -> (Vec<i64>, u64) {
    config.set("batch.num.messages", "1").set("debug", "broker").set_log_level(RDKafkaLogLevel::Debug);
    let producer: BaseProducer<Acknowledged> = config.create_with_context(Acknowledged::default()).unwrap();
    let send = || producer.send(BaseRecord::<(), str>::to("t").payload("one")).map_err(|(error, _)| error);
    let flush = || -> KafkaResult<()> { producer.flush(Timeout::After(AWHILE)) };
    send().and_then(|()| flush()).unwrap();
    brokers.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION],
    );
    send().and_then(|()| send()).and_then(|()| flush()).unwrap();
    producer.poll(Duration::ZERO);
    let offsets = lock(&producer.context().offsets).clone();
    (offsets, producer.context().ear.refused())
}

#[test]
fn records_that_were_refused_and_called_written_are_heard_of_and_one_request_at_a_time_has_none() {
    let brokers = MockCluster::new(1).unwrap();
    brokers.create_topic("t", 1, 1).unwrap();
    // So that the second request is under way before the first is answered.
    brokers.broker_round_trip_time(1, Duration::from_millis(50)).unwrap();
    let settings = Settings::new(brokers.bootstrap_servers());
    let one_at_a_time = config::appender(&settings);
    let mut several = one_at_a_time.clone();
    several.set("max.in.flight.requests.per.connection", "5");

    let (offsets, refused) = two_requests(&brokers, several);
    assert!(offsets.contains(&-1001), "this is the danger: {offsets:?}");
    assert!(refused > 0);

    let (offsets, refused) = two_requests(&brokers, one_at_a_time);
    assert!(offsets.len() == 3 && offsets.iter().all(|offset| *offset >= 0), "{offsets:?}");
    assert!(refused > 0);
}

#[test]
fn a_topic_that_may_not_be_written_is_told_as_a_refusal_at_the_first_transaction() {
    for asked in [RDKafkaApiKey::Produce, RDKafkaApiKey::AddPartitionsToTxn] {
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic("t", 1, 1).unwrap();
        let config =
            config::transactional_producer(&Settings::new(brokers.bootstrap_servers()), &worker_of(&[]));
        let mut producer = TransactionalProducer::new(config, "g-0".to_owned()).unwrap();
        producer.take_over().unwrap();
        producer.begin().unwrap();
        brokers.request_errors(asked, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
        let record = Outgoing {
            topic: "t",
            key: None,
            value: Some(b"one"),
            headers: &[],
            carried: None,
            timestamp: None,
        };
        producer.send(&record).unwrap();
        let error = producer.commit(None).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Denied, "{asked:?}: {error:?}");
        assert!(error.to_string().contains("`t`"), "{asked:?}: {error}");
    }
}
