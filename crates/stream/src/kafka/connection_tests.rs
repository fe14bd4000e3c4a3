//! What librdkafka says of connections: its own words, on which it rests whether a transaction is in doubt.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::util::Timeout;

use super::context::Ear;
use super::refused_tests::worker_of;
use super::{Settings, config};

const AWHILE: Duration = Duration::from_secs(20);

/// Counts the connections that could not be made, too.
#[derive(Default)]
struct Listening {
    ear: Ear,
    refused_to_connect: AtomicU64,
}

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.ear.hear_line(level, facility, line);
        if facility == "FAIL" && line.contains("in state CONNECT") {
            self.refused_to_connect.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl ProducerContext for Listening {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

fn until(producer: &BaseProducer<Listening>, what: &str, done: impl Fn(&Listening) -> bool) {
    let began = Instant::now();
    while !done(producer.context()) {
        assert!(began.elapsed() < AWHILE, "waited in vain: {what}");
        producer.poll(Duration::from_millis(10));
    }
}

#[test]
fn a_connection_that_breaks_is_heard_of_and_one_that_cannot_be_made_is_none() {
    let brokers = MockCluster::new(1).unwrap();
    brokers.create_topic("t", 1, 1).unwrap();
    let mut config =
        config::transactional_producer(&Settings::new(brokers.bootstrap_servers()), &worker_of(&[]));
    // What is said of connections has nothing to do with transactions.
    config.remove("transactional.id");
    let producer: BaseProducer<Listening> = config.create_with_context(Listening::default()).unwrap();
    let tell = || {
        producer.send(BaseRecord::<(), str>::to("t").payload("one")).map_err(|(error, _)| error).unwrap();
        producer.flush(Timeout::After(AWHILE)).unwrap();
    };
    tell();
    let heard = || producer.context().ear.broken();
    assert_eq!(heard(), 0, "nothing has happened yet");

    brokers.broker_down(1).unwrap();
    until(&producer, "the connection breaks", |heard| heard.ear.broken() > 0);
    until(&producer, "it cannot be made again", |heard| heard.refused_to_connect.load(Ordering::Relaxed) > 1);
    let broken = heard();
    let refused = producer.context().refused_to_connect.load(Ordering::Relaxed);
    until(&producer, "nor once more", |heard| heard.refused_to_connect.load(Ordering::Relaxed) > refused);
    assert_eq!(heard(), broken, "a connection that is not there cannot break");

    brokers.broker_up(1).unwrap();
    tell();
    assert_eq!(heard(), broken);
}
