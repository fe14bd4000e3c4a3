//! The test broker itself: it takes and gives records, and survives what tests do to it.

use std::time::Duration;

use hinge_tests::kafka::{Broker, unique_topic, until};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    metadata::MetadataTopic,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn shared_broker_gives_back_what_was_written() {
    let Some(broker) = Broker::shared() else { return };
    let topic = unique_topic("hinge.tests.smoke");
    broker.create_topic(&topic, 2);

    write(broker, &topic, "order-1", "placed");

    assert_eq!(read_one(broker, &topic), ("order-1".to_owned(), "placed".to_owned()));
}

#[test]
fn private_broker_keeps_its_records_through_stop_and_kill() {
    let Some(mut broker) = Broker::start() else { return };
    let topic = unique_topic("hinge.tests.restart");
    broker.create_topic(&topic, 1);
    write(&broker, &topic, "order-1", "placed");

    broker.kill();
    assert!(!listens(&broker));
    broker.restart();
    assert_eq!(read_one(&broker, &topic), ("order-1".to_owned(), "placed".to_owned()));

    broker.stop();
    assert!(!listens(&broker));
    broker.restart();
    assert_eq!(read_one(&broker, &topic), ("order-1".to_owned(), "placed".to_owned()));
}

fn listens(broker: &Broker) -> bool {
    std::net::TcpStream::connect(broker.address()).is_ok()
}

/// Writes a record and waits until the broker has it.
fn write(broker: &Broker, topic: &str, key: &str, value: &str) {
    let producer: BaseProducer = broker.client_config().create().expect("valid settings");
    producer.send(BaseRecord::to(topic).key(key).payload(value)).expect("an empty queue takes a record");
    producer.flush(PATIENCE).expect("the broker takes the record");
}

/// Key and value of the first record found in any partition of a topic.
fn read_one(broker: &Broker, topic: &str) -> (String, String) {
    let consumer: BaseConsumer =
        broker.client_config().set("group.id", "unused").create().expect("valid settings");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
    let mut places = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
        places
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("`Beginning` is an offset");
    }
    consumer.assign(&places).expect("the partitions exist");

    until(PATIENCE, "a record arrives", || {
        let record = consumer.poll(Duration::from_millis(100))?.expect("the broker gives the record");
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        Some((text(record.key()), text(record.payload())))
    })
}
