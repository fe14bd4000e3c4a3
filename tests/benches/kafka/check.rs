//! Record by record: whether everything that was to be written is there once and in order, and what it was.

use std::collections::HashMap;
use std::time::Instant;

use hinge_router::DECISIONS;
use hinge_tests::job::{self, DEPARTMENTS, Job, ORDERS};
use hinge_tests::kafka::until;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::clients::{self, PATIENCE};
use crate::copy::{CAUSE, Plan, Written};

/// Whose outputs: the router's, or those of a copy, whose topics are named after the router's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Hinge,
    /// Told of the delivery of each record, and counts them.
    Copy,
    /// Told of failed deliveries only, as `hinge` is.
    LeanCopy,
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::Copy, Self::Hinge];

    pub(crate) const COPIES: [Self; 2] = [Self::Copy, Self::LeanCopy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hinge => "hinge",
            Self::Copy => "bare copy",
            Self::LeanCopy => "lean copy",
        }
    }

    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Hinge => "hinge-router",
            Self::Copy => "bare-copy",
            Self::LeanCopy => "lean-copy",
        }
    }

    /// The topic to which it writes what the router writes to `topic`.
    pub(crate) fn topic(self, topic: &str) -> String {
        match self {
            Self::Hinge => topic.to_owned(),
            Self::Copy | Self::LeanCopy => format!("{}-of-{topic}", self.group()),
        }
    }

    /// The departments' topics, in their order, and that of the decisions.
    pub(crate) fn topics(self) -> Vec<String> {
        let departments = DEPARTMENTS.iter().map(|name| hinge_domain::Policy::topic_of(name));
        departments.chain([DECISIONS.to_owned()]).map(|topic| self.topic(&topic)).collect()
    }
}

/// Where the outputs of what is to be checked begin.
pub(crate) struct Outputs {
    who: Who,
    begins: Vec<(String, i32, i64)>,
    /// The first event.
    first: u64,
}

impl Outputs {
    /// Everything that `who` writes from now on is of `first` and later events.
    pub(crate) fn from_now(brokers: &str, who: Who, first: u64) -> Self {
        let reader = reader(brokers);
        let begin = |topic: String| {
            let end = clients::end_of(&reader, &topic, 0);
            (topic, 0, end)
        };
        Self { who, begins: who.topics().into_iter().map(begin).collect(), first }
    }

    /// Checks the outputs of the events before `end`, and panics at the first that is not as it should be.
    pub(crate) fn check(&self, brokers: &str, job: &Job, end: u64) {
        let mut checking = Checking {
            job,
            events: self.first..end,
            seen: vec![0; usize::try_from(end - self.first).expect("some hundred thousand")],
            last: HashMap::new(),
            decided: HashMap::new(),
        };
        self.read(brokers, &mut |topic, record| checking.one(topic, record));
        checking.all(self.who);
    }

    /// What was written for each order. Every order has to be among the events.
    pub(crate) fn plan(&self, brokers: &str) -> Plan {
        let topics = Who::Hinge.topics();
        let mut plan =
            Plan { topics, orders: vec![Vec::new(); usize::try_from(ORDERS).expect("some thousands")] };
        self.read(brokers, &mut |topic, record| {
            let order = job::order_of(record.key().unwrap_or_default()).expect("orders only");
            let written = &mut plan.orders[usize::try_from(order).expect("some thousands")];
            let topic = u32::try_from(topic).expect("there are seven");
            if written.iter().any(|known| known.topic == topic) {
                return;
            }
            let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
            let headers =
                headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
            let value = record.payload().unwrap_or_default().to_vec();
            written.push(Written { topic, value, headers: headers.collect() });
        });
        assert!(plan.orders.iter().all(|written| !written.is_empty()), "an order was not written about");
        plan
    }

    /// Reads everything that is committed, in the order of each topic.
    fn read(&self, brokers: &str, each: &mut dyn FnMut(usize, &BorrowedMessage<'_>)) {
        let reader = reader(brokers);
        let written = clients::reader(brokers, "benchmark", "read_uncommitted");
        for (topic, partition, _) in &self.begins {
            // Positions are committed a moment before the last records can be read.
            until(PATIENCE, "every transaction has ended", || {
                let ends = [&reader, &written].map(|reader| clients::end_of(reader, topic, *partition));
                (ends[0] == ends[1]).then_some(())
            });
        }
        clients::assign(&reader, &self.begins);
        let mut at_end = 0;
        let mut heard = Instant::now();
        while at_end < self.begins.len() {
            match reader.poll(PATIENCE) {
                Some(Ok(record)) => {
                    let topic = self.begins.iter().position(|(topic, ..)| topic == record.topic());
                    each(topic.expect("it was asked for"), &record);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => at_end += 1,
                Some(Err(error)) => panic!("the outputs cannot be read: {error}"),
                None => assert!(heard.elapsed() < PATIENCE * 2, "the outputs do not end"),
            }
            heard = Instant::now();
        }
    }
}

fn reader(brokers: &str) -> BaseConsumer {
    clients::reader(brokers, "benchmark", "read_committed")
}

/// The event that a notification is about.
pub(crate) fn cause(record: &BorrowedMessage<'_>) -> Option<u64> {
    let mut headers = record.headers()?.iter();
    job::event_of(headers.find(|header| header.key == CAUSE)?.value?)
}

struct Checking<'a> {
    job: &'a Job,
    events: std::ops::Range<u64>,
    /// Of each event, a bit for each department that was told.
    seen: Vec<u8>,
    /// Of each department and order, the last event told.
    last: HashMap<(usize, u64), u64>,
    /// Of each order, how many decisions there are.
    decided: HashMap<u64, u64>,
}

impl Checking<'_> {
    fn one(&mut self, topic: usize, record: &BorrowedMessage<'_>) {
        let order = job::order_of(record.key().unwrap_or_default()).expect("the key is an order's");
        let Some(department) = DEPARTMENTS.get(topic) else {
            // Which of an order's events it is about is in the router's words only; it is counted.
            *self.decided.entry(order).or_default() += 1;
            return;
        };
        let event = cause(record).expect("a notification names its event");
        assert!(
            self.events.contains(&event),
            "{department} is told of event {event}, not of {:?}",
            self.events
        );
        assert_eq!(event % ORDERS, order, "event {event} has the key of another order");
        assert!(self.job.order(event).told[topic], "{department} is told of event {event}");
        let seen = &mut self.seen[usize::try_from(event - self.events.start).expect("some hundred thousand")];
        assert_eq!(*seen & 1 << topic, 0, "{department} is told of event {event} twice");
        *seen |= 1 << topic;
        let before = self.last.insert((topic, order), event);
        assert!(before < Some(event), "{department} is told of event {event} after {before:?}");
    }

    fn all(&self, who: Who) {
        for (event, seen) in self.events.clone().zip(&self.seen) {
            let told = self.job.order(event).told;
            let told = told.iter().enumerate().map(|(bit, told)| u8::from(*told) << bit).sum::<u8>();
            assert_eq!(*seen, told, "{}: not all were told of event {event}", who.name());
        }
        let decided: u64 = self.decided.values().sum();
        assert_eq!(decided, self.events.end - self.events.start, "{}: decisions are missing", who.name());
        for (order, decided) in &self.decided {
            let events = events_of(*order, self.events.end) - events_of(*order, self.events.start);
            assert_eq!(*decided, events, "{}: decisions on order {order}", who.name());
        }
    }
}

/// How many of the first `events` are about this order.
fn events_of(order: u64, events: u64) -> u64 {
    (events + ORDERS - 1 - order) / ORDERS
}
