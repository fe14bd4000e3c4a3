//! Watching while faults happen: everything that becomes visible, and when. Brokers may go and come back.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::digest;
use crate::log::{Log, NOTIFICATIONS, Record, is_output, topics_of};
use crate::seen::Seen;

/// How often it is asked for new topics.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A partition that was found: what is in it already was visible before anybody watched.
struct Found {
    topic: String,
    partition: i32,
    end: i64,
}

/// Looks so many times more, each for [`LOOK`], when all that is visible should have been seen.
const LAST_LOOKS: u32 = 40;

/// How long it waits for a record.
const LOOK: Duration = Duration::from_millis(50);

/// Watches until standard input closes and nothing more comes.
///
/// # Errors
/// The addresses are none.
pub fn until_input_closes(log: &Log) -> Result<Seen, String> {
    let stopped = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stopped);
    thread::spawn(move || {
        let mut rest = Vec::new();
        // However it ends, it has ended.
        let _ = std::io::stdin().read_to_end(&mut rest);
        told.store(true, Ordering::Relaxed);
    });
    let (sender, found) = channel();
    let asking = log.consumer("hinge-checker")?;
    let asks = Arc::clone(&stopped);
    thread::spawn(move || discover(&asking, &sender, &asks));
    let mut watcher = Watcher::new(log.consumer("hinge-checker")?);
    while !stopped.load(Ordering::Relaxed) {
        watcher.step(&found);
    }
    let mut empty = 0;
    while empty < LAST_LOOKS {
        empty = if watcher.step(&found) { 0 } else { empty + 1 };
    }
    Ok(watcher.seen)
}

/// Names each partition of the outputs once, as soon as a broker tells of it.
fn discover(consumer: &BaseConsumer, sender: &Sender<Found>, stopped: &AtomicBool) {
    let mut known: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    while !stopped.load(Ordering::Relaxed) {
        let topics = topics_of(consumer, Duration::from_secs(2)).unwrap_or_default();
        for (topic, partitions) in topics.into_iter().filter(|(topic, _)| is_output(topic)) {
            let known = known.entry(topic.clone()).or_default();
            for partition in partitions {
                if known.contains(&partition) {
                    continue;
                }
                let Ok((_, end)) = consumer.fetch_watermarks(&topic, partition, Duration::from_secs(2))
                else {
                    continue;
                };
                known.push(partition);
                if sender.send(Found { topic: topic.clone(), partition, end }).is_err() {
                    return;
                }
            }
        }
        // Topics come with a policy, and that is when nothing is in them yet.
        thread::sleep(ASK_AGAIN);
    }
}

/// When the notifications of an event became visible.
struct Visible {
    first: Instant,
    topics: u64,
}

struct Watcher {
    consumer: BaseConsumer,
    seen: Seen,
    /// For each notifications' topic, its bit.
    bits: HashMap<String, u64>,
    /// What lay in a partition before.
    ends: HashMap<(String, i32), i64>,
    events: HashMap<u128, Visible, foldhash::quality::FixedState>,
}

impl Watcher {
    fn new(consumer: BaseConsumer) -> Self {
        Self {
            consumer,
            seen: Seen::default(),
            bits: HashMap::new(),
            ends: HashMap::new(),
            events: HashMap::default(),
        }
    }

    /// Takes the next record; `false` where there is none for now.
    fn step(&mut self, found: &Receiver<Found>) -> bool {
        while let Ok(found) = found.try_recv() {
            self.take_up(found);
        }
        // librdkafka goes on by itself when brokers come back; until then there is nothing to be done.
        let Some(Ok(record)) = self.consumer.poll(LOOK) else { return false };
        let now = Instant::now();
        let topic = record.topic().to_owned();
        let record = Record::of(&record);
        let digest = record.digest();
        let records = self.seen.records.entry((topic.clone(), record.partition)).or_default();
        match records.binary_search_by_key(&record.offset, |known| known.0) {
            // Read again, after the connection was lost.
            Ok(place) if records[place].1 == digest => return true,
            Ok(_) => {
                self.seen.changed.push(format!("{topic}/{}/{}", record.partition, record.offset));
                return true;
            }
            Err(place) => records.insert(place, (record.offset, digest)),
        }
        if topic.starts_with(NOTIFICATIONS)
            && self.ends.get(&(topic.clone(), record.partition)).is_none_or(|end| record.offset >= *end)
        {
            let next = self.bits.len() as u64 % 64;
            let bit = 1 << *self.bits.entry(topic).or_insert(next);
            note(&mut self.events, &mut self.seen, &record, (bit, now));
        }
        true
    }

    fn take_up(&mut self, found: Found) {
        let Found { topic, partition, end } = found;
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&topic, partition, Offset::Offset(0));
        if added.is_ok() && self.consumer.incremental_assign(&list).is_ok() {
            self.ends.insert((topic, partition), end);
        }
    }
}

/// Notes when a notification became visible. A department that is told of an event again, long after, is left out.
fn note(
    events: &mut HashMap<u128, Visible, foldhash::quality::FixedState>,
    seen: &mut Seen,
    record: &Record<'_>,
    (bit, now): (u64, Instant),
) {
    let (Some(event), Some(correlation)) =
        (record.header("ce_causationid"), record.header("ce_correlationid"))
    else {
        return;
    };
    let visible =
        events.entry(digest::wide(&(event, correlation))).or_insert(Visible { first: now, topics: 0 });
    if visible.topics & bit != 0 {
        return;
    }
    visible.topics |= bit;
    let millis = u64::try_from(now.duration_since(visible.first).as_millis()).unwrap_or(u64::MAX);
    if millis > seen.torn.0 {
        seen.torn = (millis, event.to_owned());
    }
}
