//! The shop's records in transactions, some of which are aborted, and Avro that was cut by a byte.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use crate::kafka::Broker;
use crate::shop::{Plan, Shop, Written};

/// Records in one transaction.
const TOGETHER: usize = 500;

/// So many of them are written in an aborted transaction first.
const ABORTED: usize = 10;

/// So many records come once more, cut; few, because each is a dead letter.
const CUT: usize = 20;

const PATIENCE: Duration = Duration::from_secs(30);

/// What is in the inputs.
pub(super) struct Fed {
    /// Records that anybody may read.
    pub(super) committed: usize,
    /// Records that nobody may read.
    pub(super) aborted: usize,
    /// What follows the last readable record of each partition that has any.
    pub(super) ends: HashMap<(String, i32), i64>,
}

/// Writes the records of a shop.
pub(super) fn feed(broker: &Broker, plan: Plan) -> Fed {
    let records = with_cut_ones(Shop::new(plan));
    let writer = Writer::start(broker);
    let mut fed = Fed { committed: 0, aborted: 0, ends: HashMap::new() };
    for together in records.chunks(TOGETHER) {
        // They are told again by those that count.
        let first = &together[..ABORTED.min(together.len())];
        writer.write(first);
        writer.producer.abort_transaction(PATIENCE).expect("the broker lets us abort");
        fed.aborted += first.len();
        let ends = writer.write(together);
        writer.producer.commit_transaction(PATIENCE).expect("the broker lets us commit");
        fed.committed += together.len();
        for (place, end) in ends {
            let known = fed.ends.entry(place).or_default();
            *known = end.max(*known);
        }
    }
    fed
}

/// The records, and before some Avro ones the same without the last byte, which is zero: what fills it up makes it
/// whole again.
fn with_cut_ones(shop: Shop) -> Vec<Written> {
    let mut records = Vec::new();
    let mut cut = 0;
    for record in shop {
        let is_avro =
            record.headers.iter().any(|(name, value)| name == "content-type" && value == b"application/avro");
        if is_avro && cut < CUT && record.value.ends_with(&[0]) {
            let mut shorter = record.clone();
            shorter.value.pop();
            records.push(shorter);
            cut += 1;
        }
        records.push(record);
    }
    assert_eq!(cut, CUT, "the shop has too few records in Avro that end with a zero");
    records
}

/// Where records came to lie.
#[derive(Default)]
struct Places(Mutex<Vec<(String, i32, i64)>>);

impl ClientContext for Places {}

impl ProducerContext for Places {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let record = delivered.as_ref().unwrap_or_else(|(error, _)| panic!("not written: {error}"));
        let place = (record.topic().to_owned(), record.partition(), record.offset());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(place);
    }
}

/// Writes in transactions.
struct Writer {
    producer: BaseProducer<Places>,
}

impl Writer {
    fn start(broker: &Broker) -> Self {
        let mut config = broker.client_config();
        config.set("transactional.id", "invented-shop").set("partitioner", "murmur2_random");
        let producer: BaseProducer<Places> =
            config.create_with_context(Places::default()).expect("the settings above are valid");
        producer.init_transactions(PATIENCE).expect("the broker lets us write in transactions");
        Self { producer }
    }

    /// Begins a transaction and writes these records, which are with the broker when this returns; gives what
    /// follows them.
    fn write(&self, records: &[Written]) -> HashMap<(String, i32), i64> {
        self.producer.begin_transaction().expect("no other transaction is open");
        for written in records {
            let headers = written.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
                headers.insert(Header { key: name, value: Some(value) })
            });
            let record = BaseRecord::to(&written.topic).key(&written.key).payload(&written.value);
            let sent = self.producer.send(record.headers(headers));
            sent.map_err(|(error, _)| error).expect("the queue has room for a transaction");
        }
        self.producer.flush(PATIENCE).expect("the broker takes records");
        let places =
            std::mem::take(&mut *self.producer.context().0.lock().unwrap_or_else(PoisonError::into_inner));
        assert_eq!(places.len(), records.len(), "every record has its place");
        let mut ends: HashMap<_, i64> = HashMap::new();
        for (topic, partition, offset) in places {
            let end = ends.entry((topic, partition)).or_default();
            *end = (offset + 1).max(*end);
        }
        ends
    }
}
