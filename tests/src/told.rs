//! Everything that a router left behind, read back in a form that can be compared.
//!
//! Two runs over the same inputs did the same if their [`Told`] differ in nothing. Instants at which
//! things happened to be decided are left out; the order within a correlation id is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hinge_domain::Stream;
use hinge_router::{AUDIENCES, DEAD_LETTERS, DECISIONS, UNROUTED, input_topic};
use hinge_schema::{Catalogue, NotificationRecord, decode_notification};
use hinge_stream::{Error, Log, Reader, Record};
use serde_json::Value as Json;

/// The place of an input record: topic, partition, offset.
pub type InputPlace = (String, i32, i64);

/// Department, source topic, correlation id: within these three, order is kept.
pub type Sequence = (String, String, String);

/// What a router left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Input records, all topics together.
    pub inputs: usize,
    /// What each department was told about each correlation id, in order.
    pub notifications: BTreeMap<Sequence, Vec<NotificationRecord>>,
    /// For each event decided, what was decided: by its record's place and its id, since a record of another
    /// system may say several.
    pub decisions: BTreeMap<(InputPlace, String), Json>,
    /// For each record rejected, its code.
    pub letters: BTreeMap<InputPlace, String>,
    /// How many events lie among the unrouted.
    pub unrouted: usize,
    /// What must not be: something twice, something that cannot be read, a place both decided and rejected.
    pub faults: Vec<String>,
}

impl Told {
    /// Reads everything, with the eyes of a consumer that sees committed records only.
    pub fn read(log: &dyn Log) -> Result<Self, Error> {
        let mut told = Self::default();
        let mut reader = log.reader()?;
        for stream in Stream::ALL {
            read_all(reader.as_mut(), &input_topic(stream), &mut |_| told.inputs += 1)?;
        }
        read_all(reader.as_mut(), DECISIONS, &mut |record| told.decision(&record))?;
        read_all(reader.as_mut(), DEAD_LETTERS, &mut |record| told.letter(&record))?;
        read_all(reader.as_mut(), UNROUTED, &mut |_| told.unrouted += 1)?;
        let mut kept = BTreeSet::new();
        read_all(reader.as_mut(), AUDIENCES, &mut |record| kept.extend(record.key))?;
        let mut ids = BTreeSet::new();
        for topic in log.topics()?.list()? {
            if let Some(department) = topic.name.strip_prefix("hinge.notifications.") {
                let each = &mut |record: Record| told.notification(department, &record, &mut ids);
                read_all(reader.as_mut(), &topic.name, each)?;
            }
        }
        let audiences = told.notifications.values().flatten().filter_map(|it| it.audience.as_ref());
        let lost = audiences.filter(|audience| !kept.contains(audience.hash.as_bytes()));
        let lost: BTreeSet<String> =
            lost.map(|audience| format!("the audience {} is not kept", audience.hash)).collect();
        told.faults.extend(lost);
        Ok(told)
    }

    /// How many notifications there are.
    pub fn notification_count(&self) -> usize {
        self.notifications.values().map(Vec::len).sum()
    }

    /// How many events were decided with this outcome: `emitted`, `filtered` or `unrouted`.
    pub fn decided(&self, outcome: &str) -> usize {
        self.decisions.values().filter(|decision| decision["outcome"] == outcome).count()
    }

    /// How many records were neither decided nor rejected, which only repetitions may be.
    pub fn neither(&self) -> usize {
        self.inputs.saturating_sub(self.decisions.len() + self.letters.len())
    }

    /// What is different in `other`, in a few sentences; none where nothing is.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = other.faults.clone();
        if self.inputs != other.inputs {
            found.push(format!("{} inputs instead of {}", other.inputs, self.inputs));
        }
        if self.unrouted != other.unrouted {
            found.push(format!("{} unrouted instead of {}", other.unrouted, self.unrouted));
        }
        compare("notifications of", &self.notifications, &other.notifications, &mut found);
        compare("decision on", &self.decisions, &other.decisions, &mut found);
        compare("dead letter of", &self.letters, &other.letters, &mut found);
        found
    }

    fn decision(&mut self, record: &Record) {
        let parsed = record.value.as_deref().and_then(|value| serde_json::from_slice::<Json>(value).ok());
        let Some(mut decision) = parsed else {
            return self.faults.push(format!("the decision at {} is not JSON", record.offset));
        };
        let number = |name: &str| decision[name].as_i64().unwrap_or(-1);
        let topic = decision["topic"].as_str().unwrap_or_default().to_owned();
        let place = (topic, i32::try_from(number("partition")).unwrap_or(-1), number("offset"));
        if let Some(decision) = decision.as_object_mut() {
            decision.remove("recorded");
            decision.remove("decided");
        }
        let event = (place, decision["event"]["id"].as_str().unwrap_or_default().to_owned());
        if self.decisions.insert(event.clone(), decision).is_some() {
            self.faults.push(format!("{event:?} was decided twice"));
        }
    }

    fn letter(&mut self, record: &Record) {
        let header =
            |name: &str| String::from_utf8_lossy(record.headers.get(name).unwrap_or_default()).into_owned();
        let partition = header("hinge-error-partition").parse().unwrap_or(-1);
        let offset = header("hinge-error-offset").parse().unwrap_or(-1);
        let place = (header("hinge-error-topic"), partition, offset);
        let mut at_or_after = self.decisions.range((place.clone(), String::new())..);
        if at_or_after.next().is_some_and(|((decided, _), _)| *decided == place) {
            self.faults.push(format!("{place:?} was decided and rejected"));
        }
        if self.letters.insert(place.clone(), header("hinge-error-code")).is_some() {
            self.faults.push(format!("{place:?} was rejected twice"));
        }
    }

    fn notification(&mut self, department: &str, record: &Record, ids: &mut BTreeSet<String>) {
        let read = match decode_notification(record.value.as_deref().unwrap_or_default()) {
            Ok(read) => read.notification,
            Err(why) => {
                return self.faults.push(format!("{}/{}: {}", record.place, record.offset, why.detail));
            }
        };
        if read.department != department {
            self.faults.push(format!("{department} was told what is for {}", read.department));
        }
        if !ids.insert(read.id.to_string()) {
            self.faults.push(format!("{department} was told twice: {}", read.id));
        }
        let stream = Catalogue::builtin().shape(&read.event.event_type).map(|shape| shape.stream);
        let topic = stream.map(input_topic).unwrap_or_default();
        let sequence = (department.to_owned(), topic, read.correlation_id.clone());
        self.notifications.entry(sequence).or_default().push(read);
    }
}

/// Reads a topic up to its end.
pub fn read_all(reader: &mut dyn Reader, topic: &str, each: &mut dyn FnMut(Record)) -> Result<(), Error> {
    for (place, first, _) in reader.bounds(topic)? {
        let mut next = first;
        loop {
            let records = reader.read(&place, next, 1000, Duration::from_millis(50))?;
            let Some(last) = records.last() else {
                if reader.at_end(&place) {
                    break;
                }
                continue;
            };
            next = last.offset.next();
            records.into_iter().for_each(&mut *each);
        }
    }
    Ok(())
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    sentences: &mut Vec<String>,
) {
    const SHOWN: usize = 5;
    let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
    let different: Vec<&K> = keys.into_iter().filter(|key| expected.get(key) != found.get(key)).collect();
    for key in different.iter().take(SHOWN) {
        let (before, after) = (expected.get(key), found.get(key));
        sentences.push(format!("{what} {key:?}: expected {before:?}, found {after:?}"));
    }
    if different.len() > SHOWN {
        sentences.push(format!("and {} more: {what} ..", different.len() - SHOWN));
    }
}
