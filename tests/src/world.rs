//! A small world: one log of either backend, a policy, and a router that can be started, ended and started again.
//!
//! The same scenario runs in a world on the embedded log and in one on Kafka. Inputs and the group of each
//! world have names of their own; the topics that Hinge writes are fixed, so on a broker that several
//! worlds share only what was written since the world began is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hinge_domain::{Policy, Window};
use hinge_router::{
    Clock, HoldSettings, Metrics, Parts, Pulse, Router, Settings, StopLimits, Summary, output_topics,
};
use hinge_schema::{Catalogue, NotificationRecord, Sources, decode_notification};
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::kafka::KafkaLog;
use hinge_stream::{
    Log, Offset, Outgoing, Record, Session, SessionOptions, StartAt, TopicPartition, TopicSpec,
};
use prometheus::Registry;
use tempfile::TempDir;

use crate::kafka::{Broker, unique_topic};

/// One record to be written into a world, as a system outside would.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub value: Option<Vec<u8>>,
}

/// Worlds on a broker share the topics that Hinge writes, so there is one at a time.
static TURN: Mutex<()> = Mutex::new(());

enum Place {
    Folder { _folder: TempDir },
    Broker { _turn: MutexGuard<'static, ()> },
}

/// A log, a policy and a group.
pub struct World {
    log: Box<dyn Log>,
    policy: Arc<Policy>,
    catalogue: Catalogue,
    sources: Sources,
    input: String,
    group: String,
    began: BTreeMap<TopicPartition, Offset>,
    window: Window,
    clock: Clock,
    holds: bool,
    most_held: (usize, usize),
    stops: StopLimits,
    // Both go with the world: the folder, or the turn on the broker.
    _place: Place,
}

impl World {
    /// A world on an embedded log of its own.
    pub fn embedded(policy: Arc<Policy>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = EmbeddedLog::open(folder.path(), Options::default()).expect("an empty folder takes a log");
        Self::new(Box::new(log), policy, Place::Folder { _folder: folder })
    }

    /// A world on a Kafka broker.
    pub fn kafka(policy: Arc<Policy>, broker: &Broker) -> Self {
        let log = KafkaLog::connect(hinge_stream::kafka::Settings::new(broker.address()))
            .expect("the broker answers");
        // A test that failed leaves nothing behind that the next one would mind.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self::new(Box::new(log), policy, Place::Broker { _turn: turn })
    }

    fn new(log: Box<dyn Log>, policy: Arc<Policy>, place: Place) -> Self {
        let input = unique_topic("scenario");
        let mut specs = output_topics(&policy, 1);
        specs.push(TopicSpec { name: input.clone(), partitions: 2, replication: 1, settings: Vec::new() });
        log.topics().and_then(|mut topics| topics.create(&specs)).expect("topics can be created");
        let mut reader = log.reader().expect("the log can be read");
        let ends =
            specs.iter().flat_map(|spec| reader.bounds(&spec.name).expect("a created topic has bounds"));
        let began = ends.map(|(place, _, end)| (place, end)).collect();
        let group = format!("group-{input}");
        let catalogue = Catalogue::builtin();
        let (window, clock) = (Window::default(), Clock::Wall);
        let limits = HoldSettings::default();
        let most_held = (limits.keys, limits.records);
        Self {
            log,
            policy,
            catalogue,
            sources: Sources::default(),
            input,
            group,
            began,
            window,
            clock,
            holds: false,
            most_held,
            stops: StopLimits::default(),
            _place: place,
        }
    }

    /// The distance within which a repetition is recognised, from now on.
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The systems whose records become events, from now on; their topics are made.
    pub fn with_sources(mut self, sources: Sources) -> Self {
        let spec = |topic: &Arc<str>| TopicSpec {
            name: topic.to_string(),
            partitions: 2,
            replication: 1,
            settings: Vec::new(),
        };
        let specs: Vec<TopicSpec> = sources.topics().into_iter().map(spec).collect();
        self.log.topics().and_then(|mut topics| topics.create(&specs)).expect("topics can be created");
        self.sources = sources;
        self
    }

    /// Whose time it is, from now on.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What this world speaks, from now on.
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// From now on what comes behind a rejected record of its key is held: at most so many keys of a partition and
    /// records of a key.
    pub fn with_holding(mut self, keys: usize, records: usize) -> Self {
        (self.holds, self.most_held) = (true, (keys, records));
        self
    }

    /// How many rejected records stop a partition, from now on.
    pub fn with_stops(mut self, stops: StopLimits) -> Self {
        self.stops = stops;
        self
    }

    /// The log of this world.
    pub fn log(&self) -> &dyn Log {
        self.log.as_ref()
    }

    /// Its input topic.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// The catalogue that this world speaks.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Writes records into the input topic.
    pub fn write(&self, inputs: &[Input]) {
        self.write_to(&self.input, inputs);
    }

    /// Writes records into a topic.
    pub fn write_to(&self, topic: &str, inputs: &[Input]) {
        let mut appender = self.log.appender().expect("the log can be written");
        for input in inputs {
            let headers: Vec<(&str, &[u8])> =
                input.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let record = Outgoing {
                topic,
                key: input.key.as_deref(),
                value: input.value.as_deref(),
                headers: &headers,
                carried: None,
                timestamp: None,
            };
            appender.append(&record).expect("the record is accepted");
        }
        appender.flush().expect("the records arrive");
    }

    /// Starts a router, lets it handle everything there is, and ends it.
    pub fn drain(&self) -> Summary {
        self.drain_through(|seat, _| seat).0
    }

    /// The same with something between the router and its seat at the log; gives its metrics, too.
    pub fn drain_through(
        &self,
        between: impl FnOnce(Box<dyn Session>, &Arc<Pulse>) -> Box<dyn Session>,
    ) -> (Summary, Registry) {
        let registry = Registry::new();
        let mut topics = vec![self.input.clone()];
        topics.extend(self.sources.topics().into_iter().map(ToString::to_string));
        let metrics = Metrics::register(&registry, &self.policy, &topics);
        let options = SessionOptions {
            group: self.group.clone(),
            instance: "0".into(),
            topics: topics.clone(),
            start_at: Some(StartAt::Earliest),
        };
        let mut settings = Settings { drain: true, clock: self.clock, ..Settings::default() };
        settings.windows.extend(topics.into_iter().map(|topic| (topic, self.window)));
        (settings.hold.keys, settings.hold.records) = self.most_held;
        settings.hold.topics.extend(self.holds.then(|| self.input.clone()));
        settings.stops = self.stops;
        let pulse = Arc::default();
        let router = Router::new(Parts {
            session: between(self.log.session(&options).expect("the group has a free seat"), &pulse),
            reader: self.log.reader().expect("the log can be read"),
            policy: Arc::clone(&self.policy),
            catalogue: self.catalogue.clone(),
            sources: self.sources.clone(),
            settings,
            metrics: metrics.expect("the registry is empty"),
            pulse,
        });
        let summary = router.run().expect("the router ends well");
        assert_eq!(summary.records(), counted(&registry), "the metric counts what was committed");
        (summary, registry)
    }

    /// What the departments were told, in the order of each topic.
    pub fn notifications(&self) -> Vec<NotificationRecord> {
        self.told().iter().map(|record| notification(record).notification).collect()
    }

    /// The same, as records.
    pub fn told(&self) -> Vec<Record> {
        let topics = self.policy.departments.iter().map(|department| Policy::topic_of(&department.name));
        topics.flat_map(|topic| self.records(&topic)).collect()
    }

    /// The records that a topic got since the world began.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let mut reader = self.log.reader().expect("the log can be read");
        let mut found = Vec::new();
        for (place, _, _) in reader.bounds(topic).expect("the topic is there") {
            let mut next = self.began.get(&place).copied().unwrap_or(Offset::ZERO);
            loop {
                let records = reader.read(&place, next, 1000, Duration::from_millis(200)).expect("readable");
                match records.last() {
                    Some(last) => next = last.offset.next(),
                    None if reader.at_end(&place) => break,
                    None => {}
                }
                found.extend(records);
            }
        }
        found
    }
}

fn notification(record: &Record) -> hinge_schema::ReadNotification {
    let value = record.value.as_deref().expect("a notification has a body");
    let read = decode_notification(value).expect("a notification can be read back");
    assert_eq!(
        record.key.as_deref(),
        Some(read.notification.correlation_id.as_bytes()),
        "keyed by correlation id"
    );
    assert_eq!(record.headers.get("ce_id"), Some(read.notification.id.to_string().as_bytes()));
    read
}

fn counted(registry: &Registry) -> u64 {
    let families = registry.gather();
    let family =
        families.iter().find(|family| family.name() == "hinge_records_total").expect("it is registered");
    let sum: f64 = family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of test records")]
    let sum = sum as u64;
    sum
}
