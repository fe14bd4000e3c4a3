//! The world outside, which goes on telling while faults happen: records are written at a bounded rate, and what
//! counts is what the broker acknowledged.
//!
//! It is connected to the broker directly, past any relay. Beside the records, transactions are begun, filled
//! and aborted in the same topics: whoever reads what is not committed betrays itself by telling of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};

use crate::shop::{Plan, Shop, Written};

/// Orders of records that are never committed; no feed has as many.
const GHOSTS_FROM: u32 = 900_000_000;

/// Longer than any fault lasts.
const PATIENCE: Duration = Duration::from_mins(10);

/// A partition: topic and number.
pub type Place = (String, i32);

/// What to write, in this order.
pub type Records = Box<dyn Iterator<Item = Written> + Send>;

/// See the module.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Behind the last acknowledged record of each partition.
    ends: Mutex<BTreeMap<Place, i64>>,
    acknowledged: AtomicU64,
    /// Each of them.
    offsets: Mutex<BTreeMap<Place, BTreeSet<i64>>>,
    /// Records a second; 0 is as many as go.
    rate: AtomicU32,
    /// Stops once so many are written; `u64::MAX` is never.
    enough: AtomicU64,
    /// Waits once so many are written.
    gate: AtomicU64,
    haunted: AtomicBool,
    ghosts: AtomicU64,
    done: AtomicBool,
    failures: Mutex<Vec<String>>,
}

impl Feed {
    /// Begins to write.
    pub fn start(brokers: &str, records: Records, rate: u32) -> Self {
        let shared = Arc::new(Shared::default());
        shared.rate.store(rate, Ordering::Relaxed);
        shared.haunted.store(true, Ordering::Relaxed);
        shared.enough.store(u64::MAX, Ordering::Relaxed);
        shared.gate.store(u64::MAX, Ordering::Relaxed);
        let (writing, haunting) = (Arc::clone(&shared), Arc::clone(&shared));
        let (writer_of, ghosts_of) = (brokers.to_owned(), brokers.to_owned());
        let threads = vec![
            thread::spawn(move || write(&writer_of, records, &writing)),
            thread::spawn(move || haunt(&ghosts_of, &haunting)),
        ];
        Self { shared, threads }
    }

    /// So many records a second from now on; 0 is as many as go.
    pub fn set_rate(&self, rate: u32) {
        self.shared.rate.store(rate, Ordering::Relaxed);
    }

    /// Ends once so many records are written, or at once where there are more.
    pub fn end_at(&self, records: u64) {
        self.shared.enough.store(records, Ordering::Relaxed);
    }

    /// Waits once so many records are written, until another number is given.
    pub fn wait_at(&self, records: u64) {
        self.shared.gate.store(records, Ordering::Relaxed);
    }

    /// Somebody else wrote a record, too.
    pub fn written_beside(&self, place: Place, offset: i64) {
        self.shared.note(place, offset);
    }

    /// Whether transactions are begun and aborted. A broker that goes down in the middle of one keeps readers
    /// waiting, which says nothing about them.
    pub fn set_haunted(&self, haunted: bool) {
        self.shared.haunted.store(haunted, Ordering::Relaxed);
    }

    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Records of aborted transactions so far.
    pub fn ghosts(&self) -> u64 {
        self.shared.ghosts.load(Ordering::Relaxed)
    }

    /// Behind the last acknowledged record of each partition.
    pub fn ends(&self) -> BTreeMap<Place, i64> {
        self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The offset of each acknowledged record.
    pub fn offsets(&self) -> BTreeMap<Place, BTreeSet<i64>> {
        self.shared.offsets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether everything is written.
    pub fn is_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// What went wrong with the feed itself, which would make a trial worthless.
    pub fn failures(&self) -> Vec<String> {
        self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn note(&self, place: Place, offset: i64) {
        if offset < 0 {
            // The client concluded it from a later one: it may not be there.
            self.fail(format!("{place:?}: a record was acknowledged without an offset"));
            return;
        }
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        if !offsets.entry(place.clone()).or_default().insert(offset) {
            self.fail(format!("{place:?}: {offset} was acknowledged twice"));
        }
        let end = ends.entry(place).or_default();
        *end = (*end).max(offset + 1);
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    fn fail(&self, why: String) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(why);
    }
}

/// Notes what the broker acknowledged.
struct Acknowledged(Arc<Shared>);

impl ClientContext for Acknowledged {
    // Of a broker that is taken down on purpose there is much to say and nothing to learn.
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        match delivered {
            Ok(record) => {
                self.0.note((record.topic().to_owned(), record.partition()), record.offset());
            }
            Err((error, _)) => self.0.fail(format!("an input was not written: {error}")),
        }
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        // With more, librdkafka may call records written that a broker refused.
        .set("max.in.flight.requests.per.connection", "1")
        .set("reconnect.backoff.max.ms", "500")
        // Partitions that are added are to be used soon.
        .set("topic.metadata.refresh.interval.ms", "1000")
        .set("message.max.bytes", "4000000");
    config
}

fn write(brokers: &str, records: Records, shared: &Arc<Shared>) {
    let mut config = config(brokers);
    config.set("linger.ms", "5").set("message.timeout.ms", PATIENCE.as_millis().to_string());
    let producer: ThreadedProducer<Acknowledged> =
        config.create_with_context(Acknowledged(Arc::clone(shared))).expect("the settings above are valid");
    let mut due = Instant::now();
    for (number, written) in (0_u64..).zip(records) {
        while number >= shared.gate.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        if number >= shared.enough.load(Ordering::Relaxed) {
            break;
        }
        let rate = shared.rate.load(Ordering::Relaxed);
        if rate > 0 {
            due = due.max(Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or(due));
            due += Duration::from_secs(1) / rate;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        while let Err((error, _)) = producer.send(record(&written)) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return shared.fail(format!("an input was refused: {error}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    if let Err(error) = producer.flush(PATIENCE) {
        shared.fail(format!("the last inputs were not written: {error}"));
    }
    shared.done.store(true, Ordering::SeqCst);
}

fn record(written: &Written) -> BaseRecord<'_, [u8], [u8]> {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &written.headers {
        headers = headers.insert(Header { key: name, value: Some(value) });
    }
    BaseRecord::to(&written.topic).key(written.key.as_bytes()).payload(&written.value[..]).headers(headers)
}

/// Begins, fills and aborts transactions until the feed is done.
fn haunt(brokers: &str, shared: &Shared) {
    let plan = Plan { orders: u32::MAX - GHOSTS_FROM, seed: 1, troubled: false };
    let mut ghosts = Shop::new(plan).with_orders_from(GHOSTS_FROM);
    let mut producer = None;
    while !shared.done.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(300));
        if !shared.haunted.load(Ordering::Relaxed) {
            continue;
        }
        let spooky = producer.take().map_or_else(|| appear(brokers), Ok);
        let done = spooky.and_then(|spooky| haunted(&spooky, &mut ghosts).map(|count| (spooky, count)));
        if let Ok((spooky, count)) = done {
            shared.ghosts.fetch_add(count, Ordering::Relaxed);
            producer = Some(spooky);
        }
    }
}

fn appear(brokers: &str) -> Result<BaseProducer, KafkaError> {
    let mut config = config(brokers);
    config.set("transactional.id", "ghosts").set("transaction.timeout.ms", "5000").set("log_level", "0");
    let producer: BaseProducer = config.create()?;
    producer.init_transactions(Duration::from_secs(10))?;
    Ok(producer)
}

fn haunted(producer: &BaseProducer, ghosts: &mut Shop) -> Result<u64, KafkaError> {
    producer.begin_transaction()?;
    let mut count = 0;
    for ghost in ghosts.take(6) {
        producer.send(record(&ghost)).map_err(|(error, _)| error)?;
        count += 1;
    }
    producer.flush(Duration::from_secs(4))?;
    producer.abort_transaction(Duration::from_secs(4))?;
    Ok(count)
}
