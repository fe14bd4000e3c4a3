//! What librdkafka is told, for each use. The operator's own properties come first and ours win:
//! they are what exactly-once rests on.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::{Settings, bounds};
use crate::{SessionOptions, faults};

/// The name of the group of readers that are in no group: never joined, nothing is committed to it,
/// but librdkafka wants one.
const READER_GROUP: &str = "hinge-reader";

fn base(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "hinge")
        .set("socket.timeout.ms", "5000")
        .set("reconnect.backoff.max.ms", "2000");
    config
}

/// For looking at topics and making them.
pub(super) fn admin(settings: &Settings) -> ClientConfig {
    base(settings)
}

fn consumer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .set("check.crcs", "true")
        .set("fetch.max.bytes", bounds::FETCH.to_string())
        .set("max.partition.fetch.bytes", bounds::FETCH_PARTITION.to_string())
        .set("receive.message.max.bytes", bounds::LARGEST_BATCH.to_string())
        .set("queued.max.messages.kbytes", (bounds::FETCHED / 1024).to_string())
        // By default a partition whose queue was full once rests for a whole second.
        .set("queued.min.messages", "20000")
        .set("fetch.queue.backoff.ms", "5");
    config
}

/// For reading outside any group.
pub(super) fn reader(settings: &Settings, group: Option<&str>) -> ClientConfig {
    let mut config = consumer(settings);
    config
        .set("group.id", group.unwrap_or(READER_GROUP))
        .set("auto.offset.reset", "earliest")
        // A broker that has nothing more answers only after this long, and until then neither the end
        // of a partition is known nor the next one asked for: by default half a second for each.
        .set("fetch.wait.max.ms", "20");
    config
}

/// For a worker's consumer.
pub(super) fn worker(settings: &Settings, options: &SessionOptions) -> ClientConfig {
    let mut config = consumer(settings);
    config
        // By this name the members of the group are told apart when two have the same id.
        .set("client.id", transactional_id(options))
        .set("group.id", &options.group)
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "range")
        .set("auto.offset.reset", "error")
        // The end of a partition is told by its number alone; which topic's it is, and how far
        // behind we are, is known from the statistics.
        .set("statistics.interval.ms", "1000")
        .set("session.timeout.ms", "10000")
        // Partitions that are added are noticed after so long, by default after five minutes.
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("max.poll.interval.ms", "60000");
    if faults::planted("plant-read-uncommitted") {
        config.set("isolation.level", "read_uncommitted");
    }
    if settings.static_membership {
        config.set("group.instance.id", transactional_id(options));
    }
    config
}

fn producer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("compression.codec", "lz4")
        .set("linger.ms", "2")
        .set("message.max.bytes", RECORD_BYTES_MOST)
        .set("queue.buffering.max.messages", bounds::UNACKNOWLEDGED_RECORDS.to_string())
        .set("queue.buffering.max.kbytes", (bounds::UNACKNOWLEDGED / 1024).to_string());
    config
}

/// The most that one record may have, as the producer is told it.
pub(super) const RECORD_BYTES_MOST: &str = "1000000";

/// For a worker's producer.
pub(super) fn transactional_producer(settings: &Settings, options: &SessionOptions) -> ClientConfig {
    let mut config = producer(settings);
    config
        .set("client.id", transactional_id(options))
        .set("transactional.id", transactional_id(options))
        .set("transaction.timeout.ms", "15000")
        // The coordinator takes one change of a transaction at a time, and positions may come while partitions are being
        // added: it says so, and is asked again. By default that is 100 ms later.
        .set("retry.backoff.ms", "10")
        // What arrived is only counted down: a report for each record would cost 15 % of the process's time.
        .set("delivery.report.only.error", "true")
        // So that we hear of each connection that breaks: a transaction may then not be what it seems.
        .set("debug", "broker")
        .set_log_level(RDKafkaLogLevel::Debug);
    if let Some(small) = faults::number("small-queue") {
        config.set("queue.buffering.max.messages", small);
    }
    config
}

/// For writing outside transactions.
pub(super) fn appender(settings: &Settings) -> ClientConfig {
    let mut config = producer(settings);
    config
        .set("message.timeout.ms", "60000")
        // With more, librdkafka calls a request written that was refused, if the broker has taken the one behind it.
        .set("max.in.flight.requests.per.connection", "1");
    config
}

/// Stable over restarts, so that a successor ends what its predecessor left open.
pub(super) fn transactional_id(options: &SessionOptions) -> String {
    format!("{}-{}", options.group, options.instance)
}
