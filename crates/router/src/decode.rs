//! One record, decoded: its events and the instants at which they were recorded. A record of Hinge's own topics is
//! one event; one of another system's topic as many as the mapping of its source says.

use std::sync::Arc;

use hinge_domain::Event;
use hinge_schema::{Catalogue, Code, ForeignRecord, Rejection, Source, Sources};
use hinge_stream::{Headers, Record};
use jiff::Timestamp;
use smallvec::{SmallVec, smallvec};

use crate::clock::Clock;
use crate::outcome::{Filtered, Mapped};
use crate::planted;
use crate::repair::{self, Repair};

/// Attributes that a trace travels by (CloudEvents, distributed tracing extension).
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// A decoded event.
pub(crate) struct Envelope {
    /// The event.
    pub(crate) event: Event,
    /// When it came in: the `recordedtime` attribute, else the log's timestamp, else when it occurred.
    pub(crate) recorded: Timestamp,
    /// Which rejected record this one repairs, if it does.
    pub(crate) repairs: Option<Repair>,
}

impl Envelope {
    /// Whether an operator has decided that this is what its event tells, against an earlier telling.
    pub(crate) fn corrects(&self) -> bool {
        self.repairs.as_ref().is_some_and(|repair| repair.decides(&self.event.id))
    }
}

/// What a record says.
pub(crate) struct Said {
    /// Its events, in their order. One almost always, and then nothing is allocated for it.
    pub(crate) envelopes: SmallVec<[Envelope; 1]>,
    /// Of another system's record: its source, and what the mapping made of it.
    pub(crate) mapped: Option<(Arc<str>, Mapped)>,
}

impl Said {
    /// Why nobody is told, where none of its events is new.
    pub(crate) fn why_nobody(&self) -> Filtered {
        if self.envelopes.is_empty() { Filtered::Nothing } else { Filtered::Repetition }
    }
}

/// What decoding stands on.
pub(crate) struct Decoder {
    pub(crate) catalogue: Catalogue,
    pub(crate) sources: Sources,
    pub(crate) clock: Clock,
}

impl Decoder {
    /// Decodes a record, or says why it cannot be.
    pub(crate) fn decode(&self, record: &Record) -> Result<Said, Rejection> {
        if let Headers::Unreadable(_) = &record.headers {
            let detail = "at least one header has a name that is not UTF-8; write header names in UTF-8";
            return Err(Rejection::new(Code::HeadersUnreadable, detail));
        }
        if let Some(source) = self.sources.of(&record.place.topic) {
            return self.foreign(record, source);
        }
        let decoded = self.catalogue.decode(fields(&record.headers), record.value.as_deref());
        let decoded = decoded.or_else(|rejection| {
            let decode = |value: &[u8]| self.catalogue.decode(fields(&record.headers), Some(value)).ok();
            planted::filled_up(record.value.as_deref(), decode).ok_or(rejection)
        })?;
        let envelope = self.envelope(record, decoded.event, decoded.recorded);
        Ok(Said { envelopes: smallvec![envelope], mapped: None })
    }

    fn foreign(&self, record: &Record, source: &Source) -> Result<Said, Rejection> {
        let headers: Vec<(&str, Option<&[u8]>)> = fields(&record.headers).collect();
        let given = source.open(&ForeignRecord {
            topic: &record.place.topic,
            key: record.key.as_deref(),
            headers: &headers,
            value: record.value.as_deref(),
        })?;
        let Some(given) = given else {
            let mapped = Some((Arc::clone(source.name()), Mapped::default()));
            return Ok(Said { envelopes: SmallVec::new(), mapped });
        };
        let trace = trace(&record.headers);
        let said = source.map(&given)?;
        let fell_back = said.fell_back.len() as u64;
        let envelopes: SmallVec<[Envelope; 1]> = said
            .events
            .into_iter()
            .map(|mut event| {
                event.extensions.extend_from_slice(&trace);
                self.envelope(record, event, None)
            })
            .collect();
        let unread = source.unread(&given).count() as u64;
        let mapped = Mapped { events: envelopes.len() as u64, unread, fell_back };
        Ok(Said { envelopes, mapped: Some((Arc::clone(source.name()), mapped)) })
    }

    fn envelope(&self, record: &Record, mut event: Event, said: Option<Timestamp>) -> Envelope {
        if self.clock == Clock::FollowsEvents {
            event.history.get_or_insert(false);
        }
        let logged = record.timestamp.millis().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let recorded = said.or(logged).unwrap_or(event.occurred);
        Envelope { event, recorded, repairs: repair::of(record) }
    }
}

/// The headers as decoding takes them.
fn fields(headers: &Headers) -> impl Iterator<Item = (&str, Option<&[u8]>)> + Clone {
    headers.iter().map(|header| (header.name, header.value))
}

/// The trace that a foreign record carries, under the names that an event's attributes have.
fn trace(headers: &Headers) -> Vec<(String, String)> {
    let found = TRACE.into_iter().filter_map(|name| {
        let value = headers.get(name).or_else(|| headers.get(&format!("ce_{name}")))?;
        Some((name.to_owned(), String::from_utf8(value.to_vec()).ok()?))
    });
    found.filter(|(_, value)| value.len() <= 512 && !value.chars().any(char::is_control)).collect()
}

/// What is said of a record on which Hinge itself failed.
pub(crate) fn panicked() -> Rejection {
    let detail = "handling this record failed by a defect of Hinge; please report it with this dead letter";
    Rejection::new(Code::Panic, detail)
}
