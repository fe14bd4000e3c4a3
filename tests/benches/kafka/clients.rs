//! Clients of the broker for the benchmark's own work, and the settings of the bare copy.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One that looks at positions and ends, or reads what it is told to.
pub(crate) fn reader(brokers: &str, group: &str, isolation: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("queued.max.messages.kbytes", "32768")
        .create()
        .expect("the settings above are valid")
}

/// Reads these partitions from these offsets on.
pub(crate) fn assign(reader: &BaseConsumer, places: &[(String, i32, i64)]) {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in places {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
            .expect("offsets are not negative");
    }
    reader.assign(&list).expect("the topics are there");
}

/// The offset after the last committed record.
pub(crate) fn end_of(reader: &BaseConsumer, topic: &str, partition: i32) -> i64 {
    reader.fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers").1
}

/// Of a bare copy: what `hinge run` tells librdkafka too, but that `hinge` also has statistics made each second and is
/// told what becomes of each connection. The copies' producer may have more in its queue ([`copy_producer`]). Outside
/// librdkafka: the copies have the system's allocator and one thread, `hinge` jemalloc and a second thread that hands
/// records over.
pub(crate) fn copy_consumer(brokers: &str, group: &str, instance: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", brokers),
        ("client.id", "bare-copy"),
        ("socket.timeout.ms", "5000"),
        ("group.id", group),
        ("group.protocol", "classic"),
        ("group.instance.id", instance),
        ("partition.assignment.strategy", "range"),
        ("auto.offset.reset", "earliest"),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("enable.partition.eof", "true"),
        ("check.crcs", "true"),
        ("fetch.max.bytes", "4194304"),
        ("max.partition.fetch.bytes", "1048576"),
        ("receive.message.max.bytes", "67108864"),
        ("queued.max.messages.kbytes", "8192"),
        ("queued.min.messages", "20000"),
        ("fetch.queue.backoff.ms", "5"),
        ("session.timeout.ms", "10000"),
    ];
    for (name, value) in settings {
        config.set(name, value);
    }
    config
}

/// The same of its producer, in whose favour its queue is larger: `hinge` has at most 10,000 records and 16 MiB in it.
pub(crate) fn copy_producer(brokers: &str, id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", brokers),
        ("client.id", "bare-copy"),
        ("socket.timeout.ms", "5000"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("partitioner", "murmur2_random"),
        ("compression.codec", "lz4"),
        ("linger.ms", "2"),
        ("message.max.bytes", "1000000"),
        ("queue.buffering.max.messages", "200000"),
        ("queue.buffering.max.kbytes", "65536"),
        ("transactional.id", id),
        ("transaction.timeout.ms", "15000"),
        ("retry.backoff.ms", "10"),
    ];
    for (name, value) in settings {
        config.set(name, value);
    }
    config
}

/// Of the generator, which need not be fast alone: whoever is measured reads its batches.
pub(crate) fn generator(brokers: &str, linger: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", brokers),
        ("client.id", "generator"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.codec", "lz4"),
        ("linger.ms", linger),
        ("queue.buffering.max.messages", "50000"),
        ("queue.buffering.max.kbytes", "32768"),
    ];
    for (name, value) in settings {
        config.set(name, value);
    }
    config
}
