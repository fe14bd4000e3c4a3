//! The bare copy: writes for each event what `hinge` wrote for that order, byte for byte but for the id, without
//! reading, deciding or encoding anything. Exactly once, with the batch rule and the pause of `hinge`.
//!
//! It is a process of its own (this executable with other arguments), so that its processor time can be told
//! from that of the benchmark.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hinge_tests::job;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::Offset;

use crate::check::Who;
use crate::clients;

/// The batch rule of the router, restated: until nothing more is there, or so many.
const RECORDS: usize = 10_000;
const PAUSE_AFTER_COMMIT: Duration = Duration::from_millis(4);
const DRAIN_STEP: Duration = Duration::from_micros(300);
const IDLE: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(10);

/// The argument of a copy that is told of failed deliveries only, as `hinge` is; else it is told of each record and
/// counts them, as a program that nobody tuned does.
pub(crate) const LEAN: &str = "lean";

/// The header of a notification that names its event.
pub(crate) const CAUSE: &str = "ce_causationid";

/// A record that is written for one order: the same for each of its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) topic: u32,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// What is written for each order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) topics: Vec<String>,
    pub(crate) orders: Vec<Vec<Written>>,
}

impl Plan {
    /// Lengths and bytes, one after the other.
    pub(crate) fn write(&self, path: &Path) {
        let mut bytes = Vec::new();
        count(self.topics.len(), &mut bytes);
        self.topics.iter().for_each(|topic| put(topic.as_bytes(), &mut bytes));
        count(self.orders.len(), &mut bytes);
        for order in &self.orders {
            count(order.len(), &mut bytes);
            for written in order {
                bytes.extend_from_slice(&written.topic.to_le_bytes());
                put(&written.value, &mut bytes);
                count(written.headers.len(), &mut bytes);
                for (name, value) in &written.headers {
                    put(name.as_bytes(), &mut bytes);
                    put(value, &mut bytes);
                }
            }
        }
        fs::write(path, bytes).expect("the folder is writable");
    }

    /// Records and bytes that are written for each event, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "some thousands of orders")]
    pub(crate) fn per_event(&self) -> (f64, f64) {
        let records: usize = self.orders.iter().map(Vec::len).sum();
        let size = |written: &Written| {
            let headers = written.headers.iter().map(|(name, value)| name.len() + value.len());
            written.value.len() + headers.sum::<usize>()
        };
        let bytes: usize = self.orders.iter().flatten().map(size).sum();
        let orders = self.orders.len() as f64;
        (records as f64 / orders, bytes as f64 / orders)
    }

    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("the benchmark wrote it");
        let mut rest = bytes.as_slice();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("names are text");
        let topics = (0..number(&mut rest)).map(|_| text(take(&mut rest))).collect();
        let orders = (0..number(&mut rest)).map(|_| {
            let written = number(&mut rest);
            let each = |_| Written {
                topic: number(&mut rest),
                value: take(&mut rest),
                headers: (0..number(&mut rest)).map(|_| (text(take(&mut rest)), take(&mut rest))).collect(),
            };
            (0..written).map(each).collect()
        });
        Self { topics, orders: orders.collect() }
    }
}

fn count(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&u32::try_from(length).expect("some megabytes").to_le_bytes());
}

fn put(part: &[u8], bytes: &mut Vec<u8>) {
    count(part.len(), bytes);
    bytes.extend_from_slice(part);
}

fn number(rest: &mut &[u8]) -> u32 {
    let (first, after) = rest.split_first_chunk().expect("the benchmark wrote it whole");
    *rest = after;
    u32::from_le_bytes(*first)
}

fn take(rest: &mut &[u8]) -> Vec<u8> {
    let length = number(rest) as usize;
    let (part, after) = rest.split_at(length);
    *rest = after;
    part.to_vec()
}

/// Counts deliveries, as every transactional program has to.
#[derive(Default)]
struct Delivered {
    well: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &self.well } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Copies until it is killed.
pub(crate) fn run(arguments: &[String]) -> ! {
    let [brokers, group, instance, plan, reports] = arguments else {
        panic!("five arguments: {arguments:?}")
    };
    let id = format!("{group}-{instance}");
    let (who, lean) = if reports == LEAN { (Who::LeanCopy, true) } else { (Who::Copy, false) };
    let mut plan = Plan::read(Path::new(plan));
    plan.topics.iter_mut().for_each(|topic| *topic = who.topic(topic));
    let producer: BaseProducer<Delivered> = clients::copy_producer(brokers, &id)
        .set("delivery.report.only.error", lean.to_string())
        .create_with_context(Delivered::default())
        .expect("the settings are valid");
    producer.init_transactions(clients::PATIENCE).expect("the broker answers");
    let consumer: BaseConsumer =
        clients::copy_consumer(brokers, group, &id).create().expect("the settings are valid");
    consumer.subscribe(&[&job::topic()]).expect("the topic is there");
    let mut output = Output {
        plan,
        producer,
        next: vec![-1; usize::try_from(job::PARTITIONS).expect("there are few")],
        sent: 0,
        lean,
        committed_at: Instant::now(),
    };
    loop {
        if batch(&consumer, &mut output) {
            output.commit(&consumer);
        }
    }
}

/// Copies records into one transaction until nothing more is there; `false` if there were none.
fn batch(consumer: &BaseConsumer, output: &mut Output) -> bool {
    output.producer.poll(Duration::ZERO);
    let mut records = 0;
    while records < RECORDS {
        let wait = if records == 0 { IDLE } else { Duration::ZERO };
        match consumer.poll(wait) {
            None => break,
            Some(Ok(record)) => {
                if records == 0 {
                    output.begin();
                }
                output.copy(&record);
                records += 1;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => panic!("the copy cannot read: {error}"),
        }
    }
    records > 0
}

struct Output {
    plan: Plan,
    producer: BaseProducer<Delivered>,
    /// Of each partition: the next offset, or -1 where it brought nothing yet.
    next: Vec<i64>,
    sent: u64,
    /// Hears only of what failed.
    lean: bool,
    committed_at: Instant,
}

impl Output {
    fn begin(&mut self) {
        sleep(PAUSE_AFTER_COMMIT.saturating_sub(self.committed_at.elapsed()));
        self.producer.begin_transaction().expect("no transaction is open");
    }

    fn copy(&mut self, record: &BorrowedMessage<'_>) {
        let (partition, offset) = (record.partition(), record.offset());
        self.next[partition.unsigned_abs() as usize] = offset + 1;
        let key = record.key().unwrap_or_default();
        let order = job::order_of(key).expect("the generator writes orders only");
        let cause = job::id(job::event_at(partition, offset));
        for written in &self.plan.orders[usize::try_from(order).expect("some thousands")] {
            let mut headers = OwnedHeaders::new_with_capacity(written.headers.len());
            for (name, value) in &written.headers {
                let value = if name == CAUSE { &cause } else { value };
                headers = headers.insert(Header { key: name, value: Some(value) });
            }
            let topic = self.plan.topics[written.topic as usize].as_str();
            let record = BaseRecord::to(topic).key(key).payload(written.value.as_slice()).headers(headers);
            send(&self.producer, record);
            self.sent += 1;
            if self.sent.is_multiple_of(1_000) {
                self.producer.poll(Duration::ZERO);
            }
        }
    }

    fn commit(&mut self, consumer: &BaseConsumer) {
        loop {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == 0 {
                break;
            }
            sleep(DRAIN_STEP);
        }
        let told = self.producer.context();
        assert_eq!(told.failed.load(Ordering::Relaxed), 0, "records were not delivered");
        assert!(self.lean || told.well.load(Ordering::Relaxed) == self.sent, "records were not delivered");
        let mut offsets = TopicPartitionList::new();
        let topic = job::topic();
        for (partition, next) in (0..).zip(&self.next).filter(|(_, next)| **next >= 0) {
            offsets
                .add_partition_offset(&topic, partition, Offset::Offset(*next))
                .expect("it is no less than 0");
        }
        let group = consumer.group_metadata().expect("it joined the group");
        let sent = self.producer.send_offsets_to_transaction(&offsets, &group, CALL);
        sent.and_then(|()| self.producer.commit_transaction(CALL)).expect("the broker answers");
        self.committed_at = Instant::now();
    }
}

fn send(producer: &BaseProducer<Delivered>, mut record: BaseRecord<'_, [u8], [u8]>) {
    while let Err((error, back)) = producer.send(record) {
        let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        assert!(full, "the copy cannot write: {error}");
        record = back;
        producer.poll(Duration::ZERO);
        sleep(DRAIN_STEP);
    }
}
