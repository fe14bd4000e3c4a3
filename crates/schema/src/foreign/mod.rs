//! Records of other systems, as they lie in a topic, to Hinge's events: by a [`Source`] of the policy.
//!
//! ```text
//! value ─► json, avro ─► envelope (Debezium), cloud_events ─► Given ─► the mapping ─► event_rules ─► events
//! ```
//!
//! [`Source::open`] reads the bytes and takes envelopes off; [`Source::events`] lets the mapping say what they
//! mean and holds the events to the rules that events on Hinge's own topics keep. What a mapping means is in
//! `hinge-domain`, the YAML that people write in `hinge-policy`, topics and outcomes are the router's.

mod avro;
mod avro_values;
mod cloud_events;
mod envelope;
mod event_rules;
mod json;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hinge_domain::{Event, Given, Mapped, Mapping, ROW, Row, Unmapped, Value};

use crate::{Code, MAX_BODY_BYTES, Rejection};

pub use avro::{AvroTable, Framing, SchemaEntry};
pub use json::json_row;

/// What the records of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object: the row.
    Json,
    /// Change records of Debezium: an envelope with `before` and `after`, or flattened with `__op`.
    Debezium,
    /// CloudEvents of types that are not Hinge's; the row is their data.
    CloudEvents,
    /// One Avro record: the row.
    Avro,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Debezium, Self::CloudEvents, Self::Avro];

    /// The name in a source file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Debezium => "debezium",
            Self::CloudEvents => "cloudevents",
            Self::Avro => "avro",
        }
    }

    /// What expressions can read beside `row` and `zone`.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Json | Self::Avro => &[KEY, HEADERS, TOPIC],
            Self::Debezium => &[KEY, HEADERS, TOPIC, BEFORE, "op", "source", "ts_ms"],
            Self::CloudEvents => &[KEY, HEADERS, TOPIC, "ce"],
        }
    }
}

const KEY: &str = "key";
const HEADERS: &str = "headers";
const TOPIC: &str = "topic";
const BEFORE: &str = "before";

/// One record of another system.
#[derive(Clone, Copy, Debug)]
pub struct ForeignRecord<'a> {
    /// The topic in which it lies.
    pub topic: &'a str,
    /// Its key, if any.
    pub key: Option<&'a [u8]>,
    /// Its headers: names and values.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl<'a> ForeignRecord<'a> {
    fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value)
    }
}

/// What a source is made of.
#[derive(Debug)]
pub struct SourceParts {
    /// Its name, which labels its metrics.
    pub name: Arc<str>,
    /// The topics that it reads.
    pub topics: Vec<Arc<str>>,
    /// What its records are.
    pub format: Format,
    /// The schemas of its records, where they are in Avro.
    pub avro: Option<AvroTable>,
    /// How they become events.
    pub mapping: Mapping,
    /// Fields that the mapping does not read, on purpose.
    pub ignored: Vec<String>,
}

/// A system whose records become Hinge's events.
#[derive(Debug)]
pub struct Source {
    parts: SourceParts,
    /// The fields of a row that are read or left out on purpose; `None` where the row is read as a whole.
    known: Option<HashSet<Box<str>>>,
    reads_key: bool,
    reads_headers: bool,
}

impl Source {
    /// A source of these parts.
    pub fn new(parts: SourceParts) -> Self {
        let mapping = &parts.mapping;
        let known = (!mapping.reads_whole(ROW)).then(|| {
            let read = mapping.columns_of(ROW).into_iter().chain(mapping.columns_of(BEFORE));
            read.chain(parts.ignored.iter().map(String::as_str)).map(Box::from).collect()
        });
        let (reads_key, reads_headers) = (mapping.reads(KEY), mapping.reads(HEADERS));
        Self { parts, known, reads_key, reads_headers }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.parts.name
    }

    /// The topics that it reads.
    pub fn topics(&self) -> &[Arc<str>] {
        &self.parts.topics
    }

    /// What a record says, as expressions read it; `None` where it says nothing: a tombstone, a truncation.
    pub fn open(&self, record: &ForeignRecord<'_>) -> Result<Option<Given>, Rejection> {
        if let Some(value) = record.value.filter(|value| value.len() > MAX_BODY_BYTES) {
            let detail = format!("{} bytes; at most {MAX_BODY_BYTES} are read", value.len());
            return Err(Rejection::new(Code::BodyTooLarge, detail));
        }
        let given = match (self.parts.format, record.value) {
            (Format::CloudEvents, _) => Some(cloud_events::given(record, self.parts.avro.as_ref())?),
            (_, None) => None,
            (Format::Json | Format::Avro, Some(value)) => self.row(record, value)?.map(Given::from),
            (Format::Debezium, Some(value)) => match self.row(record, value)? {
                Some(row) => envelope::given(row)?,
                None => None,
            },
        };
        let Some(mut given) = given else { return Ok(None) };
        given.beside.push((TOPIC, Value::text(record.topic)));
        if self.reads_key {
            given.beside.push((KEY, self.key(record)));
        }
        if self.reads_headers {
            given.beside.push((HEADERS, headers(record)));
        }
        Ok(Some(given))
    }

    /// The events that it says, all of them or none; no two runs give others.
    pub fn events(&self, given: &Given) -> Result<Vec<Event>, Rejection> {
        self.map(given).map(|mapped| mapped.events)
    }

    /// [`Source::events`], with the facts for which the record has words that they do not have.
    pub fn map(&self, given: &Given) -> Result<Mapped, Rejection> {
        let Mapped { events, fell_back } =
            self.parts.mapping.map(given, &|_, _| &[]).map_err(|why| self.unmapped(&why))?;
        let events = events.into_iter().map(event_rules::kept).collect::<Result<_, _>>()?;
        Ok(Mapped { events, fell_back })
    }

    fn unmapped(&self, why: &Unmapped) -> Rejection {
        if self.parts.format == Format::Debezium && why.missing.as_deref() == Some(BEFORE) {
            let detail = format!(
                "{}: the mapping asks what the row was `before`, and this change does not say it; let the connector send \
                 the whole row before a change (PostgreSQL: ALTER TABLE .. REPLICA IDENTITY FULL; no \
                 ExtractNewRecordState)",
                why.part
            );
            return Rejection::new(Code::BeforeMissing, detail);
        }
        Rejection::new(Code::MappingFailed, why.to_string())
    }

    /// The fields of a row that the mapping never reads and that are not left out on purpose.
    pub fn unread<'g>(&'g self, given: &'g Given) -> impl Iterator<Item = &'g Arc<str>> {
        let fields = given.row.iter().filter(|(name, value)| !value.is_absent() && !name.starts_with("__"));
        let known = self.known.as_ref();
        fields.map(|(name, _)| name).filter(move |name| known.is_some_and(|known| !known.contains(&***name)))
    }

    fn row(&self, record: &ForeignRecord<'_>, value: &[u8]) -> Result<Option<Row>, Rejection> {
        match &self.parts.avro {
            Some(avro) => avro.row(value, record.header(avro::VALUE_SCHEMA_HEADER)).map(Some),
            // Some converters write a tombstone as the word.
            None if value.trim_ascii() == b"null" => Ok(None),
            None => json_row(value).map(Some),
        }
    }

    /// The key: a record where it is one (without a wrapper), else text; an empty record where there is none.
    fn key(&self, record: &ForeignRecord<'_>) -> Value {
        let none = || Value::Record(Vec::new());
        let Some(bytes) = record.key else { return none() };
        if let Some(avro) = &self.parts.avro
            && let Some(key) = avro.key(bytes, record.header(avro::KEY_SCHEMA_HEADER))
        {
            return key;
        }
        match (json::any(bytes), std::str::from_utf8(bytes)) {
            (Ok(Value::Record(members)), _) => envelope::payload(members).unwrap_or_else(none),
            (Ok(text @ Value::Text(_)), _) => text,
            (_, Ok(text)) => Value::text(text),
            (_, Err(_)) => none(),
        }
    }
}

/// Headers whose values are text, the first of each name.
fn headers(record: &ForeignRecord<'_>) -> Value {
    let mut members: Row = Vec::new();
    for (name, value) in record.headers {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        if let Some(text) = text.filter(|_| members.iter().all(|(known, _)| **known != **name)) {
            members.push((Arc::from(*name), Value::text(text)));
        }
    }
    Value::Record(members)
}

/// All sources of a policy, by the topic that each reads. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    by_topic: Arc<HashMap<Arc<str>, Arc<Source>>>,
}

impl Sources {
    /// These sources, none of which reads a topic of another.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let mut by_topic = HashMap::new();
        for source in sources.into_iter().map(Arc::new) {
            by_topic.extend(source.topics().iter().map(|topic| (Arc::clone(topic), Arc::clone(&source))));
        }
        Self { by_topic: Arc::new(by_topic) }
    }

    /// The source that reads a topic.
    pub fn of(&self, topic: &str) -> Option<&Arc<Source>> {
        // Most policies have none, and this is asked of every record.
        if self.by_topic.is_empty() { None } else { self.by_topic.get(topic) }
    }

    /// The topics that are read, by name.
    pub fn topics(&self) -> Vec<&Arc<str>> {
        let mut topics: Vec<&Arc<str>> = self.by_topic.keys().collect();
        topics.sort();
        topics
    }

    /// The names of the sources, each once, in order.
    pub fn names(&self) -> Vec<&Arc<str>> {
        let mut names: Vec<&Arc<str>> = self.by_topic.values().map(|source| source.name()).collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests;
