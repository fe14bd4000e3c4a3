//! A place to test at: a log, with names of its own.

use std::time::{Duration, Instant};

use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::kafka::{KafkaLog, Settings};
use hinge_stream::{
    Limits, Log, Offset, Outgoing, Polled, Positions, Record, Session, SessionOptions, StartAt,
    TopicPartition, TopicSpec,
};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const STEP: Limits = Limits { records: 10_000, bytes: 8 << 20, wait: Duration::from_millis(200) };

/// A log, and topics in it that nobody else uses.
pub(crate) struct Place {
    pub(crate) log: Box<dyn Log>,
    folder: TempDir,
}

/// The brokers to test with, if there are any.
pub(crate) fn brokers() -> Option<String> {
    let brokers = std::env::var("HINGE_TEST_BROKERS").ok();
    if brokers.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "HINGE_TEST_BROKERS is not set");
        println!("skipped: HINGE_TEST_BROKERS is not set");
    }
    brokers
}

pub(crate) fn kafka() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let log = Box::new(KafkaLog::connect(Settings::new(brokers()?)).unwrap());
    let place = Place { log, folder };
    place.create(&["in", "out"]);
    Some(place)
}

/// Every backend that can be had here.
pub(crate) fn each(test: impl Fn(&Place)) {
    let folder = tempfile::tempdir().unwrap();
    let log = Box::new(EmbeddedLog::open(folder.path(), Options::default()).unwrap());
    let embedded = Place { log, folder };
    embedded.create(&["in", "out"]);
    test(&embedded);
    if let Some(kafka) = kafka() {
        test(&kafka);
    }
}

impl Place {
    /// The real name of a topic or group.
    pub(crate) fn name(&self, name: &str) -> String {
        let folder = self.folder.path().file_name().unwrap().to_str().unwrap();
        format!("{}-{name}", folder.trim_start_matches('.'))
    }

    pub(crate) fn partition(&self, name: &str) -> TopicPartition {
        TopicPartition::new(self.name(name), 0)
    }

    pub(crate) fn create(&self, names: &[&str]) {
        self.create_with(names, 1);
    }

    pub(crate) fn create_with(&self, names: &[&str], partitions: i32) {
        let spec = |name: &&str| TopicSpec {
            name: self.name(name),
            partitions,
            replication: 1,
            settings: vec![("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())],
        };
        self.log.topics().unwrap().create(&names.iter().map(spec).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn options(&self) -> SessionOptions {
        SessionOptions {
            group: self.name("group"),
            instance: "0".to_owned(),
            topics: vec![self.name("in")],
            start_at: Some(StartAt::Earliest),
        }
    }

    /// A session that has its partitions, and where it goes on.
    pub(crate) fn session(&self) -> (Box<dyn Session>, Positions) {
        let mut session = self.log.session(&self.options()).unwrap();
        let positions = given(&mut *session);
        (session, positions)
    }

    pub(crate) fn append(&self, name: &str, values: &[&str]) {
        let topic = self.name(name);
        let mut appender = self.log.appender().unwrap();
        for value in values {
            appender.append(&to(&topic, value)).unwrap();
        }
        appender.flush().unwrap();
    }

    /// Everything that can be read from a topic.
    pub(crate) fn all(&self, name: &str) -> Vec<Record> {
        let mut reader = self.log.reader().unwrap();
        let (place, oldest, _) = reader.bounds(&self.name(name)).unwrap().remove(0);
        let (mut records, mut next, started) = (Vec::new(), oldest, Instant::now());
        loop {
            let found = reader.read(&place, next, 1_000, Duration::from_millis(100)).unwrap();
            if found.is_empty() && reader.at_end(&place) {
                return records;
            }
            next = found.last().map_or(next, |record| record.offset.next());
            records.extend(found);
            assert!(started.elapsed() < PATIENCE, "the end of {place} was not found");
        }
    }
}

pub(crate) fn to<'a>(topic: &'a str, value: &'a str) -> Outgoing<'a> {
    let value = Some(value.as_bytes());
    Outgoing { topic, key: Some(b"key"), value, headers: &[], carried: None, timestamp: None }
}

pub(crate) fn values(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| str::from_utf8(record.value.as_deref().unwrap()).unwrap()).collect()
}

/// The positions after these records.
pub(crate) fn after(records: &[Record]) -> Positions {
    records.iter().map(|record| (record.place.clone(), record.offset.next())).collect()
}

pub(crate) fn only(place: TopicPartition, offset: Offset) -> Positions {
    Positions::from([(place, offset)])
}

pub(crate) fn given(session: &mut dyn Session) -> Positions {
    until(session, |polled| match polled {
        Polled::Given(positions) => Some(positions),
        _ => None,
    })
}

/// The next `count` records, however many polls that takes.
pub(crate) fn next(session: &mut dyn Session, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    until(session, |polled| {
        if let Polled::Records(more) = polled {
            records.extend(more);
        }
        (records.len() >= count).then_some(())
    });
    assert_eq!(records.len(), count);
    records
}

pub(crate) fn until<T>(session: &mut dyn Session, mut found: impl FnMut(Polled) -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found(session.poll(&STEP).unwrap()) {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "it did not come");
    }
}
