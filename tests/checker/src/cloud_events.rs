//! One record read as an event of CloudEvents, or found to be none that can be decided. What it may say is in
//! `schemas/README.md`; this reads that page once more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::fact::{Fact, from_json, upgraded};
use crate::instant::{self, Nanos};
use crate::json::{self, Kind};
use crate::schemas::Schemas;
use crate::{avro, digest};

/// Headers by name; a header without a value is there and says nothing.
pub type Headers<'a> = [(&'a str, Option<&'a [u8]>)];

/// What is wrong with a record, as coarsely as two readers can agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing in it, or too much.
    Body,
    /// Attributes, headers or the event type.
    Envelope,
    /// A format that nobody reads.
    Format,
    /// The facts, or the document that holds them.
    Content,
}

impl Flaw {
    /// The flaw that a dead letter's code speaks of; `None` for codes of other causes.
    pub fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "body-missing" | "body-too-large" => Self::Body,
            "headers-unreadable" | "attribute-missing" | "attribute-invalid" | "type-unknown" => {
                Self::Envelope
            }
            "format-unsupported" => Self::Format,
            "json-invalid" | "data-invalid" | "schema-unknown" | "schema-id-unknown" | "schema-mismatch"
            | "avro-invalid" | "avro-truncated" | "avro-trailing" => Self::Content,
            _ => return None,
        })
    }
}

/// An event that a record tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who says so.
    pub source: String,
    /// Its id within the source.
    pub id: String,
    /// Where its type is among the schemas.
    pub schema: usize,
    /// What it is about.
    pub subject: String,
    /// What it belongs to.
    pub correlation: String,
    /// When it happened.
    pub occurred: Nanos,
    /// When it was recorded, where it says so itself.
    pub recorded: Option<Nanos>,
    /// Its facts, in the order of the newest schema.
    pub facts: Vec<Fact>,
}

impl Event {
    /// What makes two events one.
    pub fn identity(&self) -> u128 {
        digest::wide(&(&self.source, &self.id))
    }

    /// What makes two tellings of one event the same.
    pub fn content(&self) -> u64 {
        let mut bytes = Vec::with_capacity(256);
        for fact in &self.facts {
            fact.write(&mut bytes);
        }
        digest::of(&(self.schema, &self.subject, &self.correlation, self.occurred, bytes))
    }
}

const LARGEST_BODY: usize = 1024 * 1024;
const LARGEST_NAMED: usize = 512;
const LARGEST_OTHER: usize = 4096;
const MOST_OTHERS: usize = 64;

/// Reads a record. `None` as headers: some have names that are no text.
///
/// # Errors
/// What is wrong with it.
pub fn read(headers: Option<&Headers<'_>>, value: Option<&[u8]>, schemas: &Schemas) -> Result<Event, Flaw> {
    let headers = headers.ok_or(Flaw::Envelope)?;
    let body = value.filter(|body| !body.is_empty() && body.len() <= LARGEST_BODY).ok_or(Flaw::Body)?;
    let given = |wanted: &str| {
        let mut found = headers.iter().filter(|(name, _)| *name == wanted).filter_map(|(_, value)| *value);
        let first = found.next();
        if found.next().is_some() { Err(Flaw::Envelope) } else { Ok(first) }
    };
    let content_type = given("content-type")?.map(text).transpose()?;
    let framed = given("__value_schema_id")?.is_some();
    let media = content_type.map(|content_type| media_type(content_type).to_ascii_lowercase());
    match media.as_deref() {
        Some("application/cloudevents+json") => return structured(body, schemas),
        Some(media) if media.starts_with("application/cloudevents") => return Err(Flaw::Format),
        Some(_) | None => {}
    }
    if headers.iter().any(|(name, _)| name.starts_with("ce_")) {
        return binary(headers, &Said { media, framed }, body, schemas);
    }
    let members = std::str::from_utf8(body).ok().and_then(json::object);
    if members.is_some_and(|members| members.iter().any(|(name, _)| name == "specversion")) {
        structured(body, schemas)
    } else {
        Err(Flaw::Envelope)
    }
}

/// What headers say of the value.
struct Said {
    media: Option<String>,
    framed: bool,
}

fn binary(headers: &Headers<'_>, said: &Said, body: &[u8], schemas: &Schemas) -> Result<Event, Flaw> {
    let mut attributes = Attributes::default();
    for (name, value) in headers {
        if let (Some(name), Some(value)) = (name.strip_prefix("ce_"), value) {
            attributes.set(name, text(value)?)?;
        }
    }
    let mut event = attributes.event(schemas)?;
    let by_looks = match body.trim_ascii_start() {
        [b'{', ..] => Ok(Format::Json),
        _ if body.starts_with(&avro::MARKER) || matches!(body, [0 | 1, ..]) => Ok(Format::Avro),
        _ => Err(Flaw::Format),
    };
    let format = match &said.media {
        Some(media) => format_of(media)?,
        None if said.framed => Format::Avro,
        None => by_looks?,
    };
    event.facts = match format {
        Format::Json => facts_of_json(body, event.schema, schemas)?,
        // Schemas of a registry are not known here, and no policy of a test configures one.
        Format::Avro if said.framed => return Err(Flaw::Content),
        Format::Avro => facts_of_avro(body, event.schema, schemas)?,
    };
    Ok(event)
}

fn structured(body: &[u8], schemas: &Schemas) -> Result<Event, Flaw> {
    let members = std::str::from_utf8(body).ok().and_then(json::object).ok_or(Flaw::Content)?;
    let mut attributes = Attributes::default();
    let mut special: [Option<&RawValue>; 3] = [None; 3];
    for (name, raw) in members {
        let place = ["datacontenttype", "data", "data_base64"].iter().position(|known| *known == name);
        match place {
            Some(place) if special[place].replace(raw).is_some() => return Err(Flaw::Content),
            Some(_) => {}
            None => {
                if let Some(value) = attribute_text(&name, raw)? {
                    attributes.set(&name, &value)?;
                }
            }
        }
    }
    let mut event = attributes.event(schemas)?;
    let [media, data, encoded] = special.map(|raw| raw.filter(|raw| json::kind(raw) != Kind::Null));
    let media = media.map(|raw| attribute_text("datacontenttype", raw)).transpose()?.flatten();
    let media = media.map(|media| media_type(&media).to_ascii_lowercase());
    event.facts = match (data, encoded) {
        (Some(data), None) => match format_of(media.as_deref().unwrap_or("application/json"))? {
            Format::Json => facts_of_json(data.get().as_bytes(), event.schema, schemas)?,
            Format::Avro => return Err(Flaw::Format),
        },
        (None, Some(encoded)) => {
            let encoded = Some(encoded).filter(|raw| json::kind(raw) == Kind::Text).and_then(json::text);
            let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).ok_or(Flaw::Content)?;
            let format = match &media {
                Some(media) => format_of(media)?,
                None if bytes.trim_ascii_start().first() == Some(&b'{') => Format::Json,
                None if bytes.starts_with(&avro::MARKER) || matches!(bytes[..], [0 | 1, ..]) => Format::Avro,
                None => return Err(Flaw::Format),
            };
            match format {
                Format::Json => facts_of_json(&bytes, event.schema, schemas)?,
                Format::Avro => facts_of_avro(&bytes, event.schema, schemas)?,
            }
        }
        (Some(_), Some(_)) => return Err(Flaw::Content),
        (None, None) => return Err(Flaw::Body),
    };
    Ok(event)
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Avro,
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn format_of(media: &str) -> Result<Format, Flaw> {
    match media {
        "application/json" => Ok(Format::Json),
        _ if media.ends_with("+json") => Ok(Format::Json),
        "application/avro" | "avro/binary" | "application/vnd.apache.avro" => Ok(Format::Avro),
        _ => Err(Flaw::Format),
    }
}

fn facts_of_json(body: &[u8], event_type: usize, schemas: &Schemas) -> Result<Vec<Fact>, Flaw> {
    let text = std::str::from_utf8(body).map_err(|_| Flaw::Content)?;
    from_json(text, schemas.at(event_type).newest()).ok_or(Flaw::Content)
}

fn facts_of_avro(body: &[u8], event_type: usize, schemas: &Schemas) -> Result<Vec<Fact>, Flaw> {
    let (fingerprint, datum) = avro::split(body).ok_or(Flaw::Content)?;
    let (written, version) = schemas.written(fingerprint).ok_or(Flaw::Content)?;
    if written != event_type {
        return Err(Flaw::Content);
    }
    let values = avro::record(datum, &version.fields).ok_or(Flaw::Content)?;
    upgraded(values, &version.fields, schemas.at(event_type).newest()).ok_or(Flaw::Content)
}

fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(bytes).map_err(|_| Flaw::Envelope)
}

/// An attribute of the JSON form as text; null says nothing.
fn attribute_text(name: &str, raw: &RawValue) -> Result<Option<String>, Flaw> {
    let own = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    let extension = !own.contains(&name);
    match json::kind(raw) {
        Kind::Null => Ok(None),
        Kind::Text => json::text(raw).map(Some).ok_or(Flaw::Content),
        Kind::Bool if extension => Ok(Some(raw.get().to_owned())),
        Kind::Number if extension && raw.get().parse::<i32>().is_ok() => Ok(Some(raw.get().to_owned())),
        Kind::Bool | Kind::Number | Kind::List | Kind::Object => Err(Flaw::Envelope),
    }
}

/// The names of the attributes that have a meaning here.
const KNOWN: [&str; 9] =
    ["specversion", "id", "source", "type", "time", "subject", "correlationid", "history", "recordedtime"];

#[derive(Default)]
struct Attributes {
    known: [Option<String>; KNOWN.len()],
    others: Vec<String>,
}

impl Attributes {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Flaw> {
        let named = matches!(name, "id" | "source" | "type" | "subject" | "correlationid");
        check(value, if named { LARGEST_NAMED } else { LARGEST_OTHER })?;
        if let Some(place) = KNOWN.iter().position(|known| *known == name) {
            let before = self.known[place].replace(value.to_owned());
            return if before.is_some() { Err(Flaw::Envelope) } else { Ok(()) };
        }
        check(name, LARGEST_NAMED)?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if name == "datacontenttype" {
            return Ok(());
        }
        let known = self.others.iter().any(|known| known == name);
        if !is_name || name == "data" || known || self.others.len() == MOST_OTHERS {
            return Err(Flaw::Envelope);
        }
        self.others.push(name.to_owned());
        Ok(())
    }

    /// The event without its facts.
    fn event(self, schemas: &Schemas) -> Result<Event, Flaw> {
        let [version, id, source, event_type, time, subject, correlation, history, recorded] = self.known;
        let event_type = event_type.ok_or(Flaw::Envelope)?;
        let (event_type, _) = schemas.event_type(&event_type).ok_or(Flaw::Envelope)?;
        let source = source.filter(|source| is_reference(source)).ok_or(Flaw::Envelope)?;
        let occurred = time.as_deref().and_then(instant::instant).ok_or(Flaw::Envelope)?;
        let recorded = match recorded {
            Some(recorded) => Some(instant::instant(&recorded).ok_or(Flaw::Envelope)?),
            None => None,
        };
        if version.as_deref() != Some("1.0") || !matches!(history.as_deref(), None | Some("true" | "false")) {
            return Err(Flaw::Envelope);
        }
        let (subject, correlation) = match (subject, correlation) {
            (None, None) => return Err(Flaw::Envelope),
            (Some(both), None) | (None, Some(both)) => (both.clone(), both),
            (Some(subject), Some(correlation)) => (subject, correlation),
        };
        let id = id.ok_or(Flaw::Envelope)?;
        Ok(Event {
            source,
            id,
            schema: event_type,
            subject,
            correlation,
            occurred,
            recorded,
            facts: Vec::new(),
        })
    }
}

fn check(value: &str, largest: usize) -> Result<(), Flaw> {
    let noncharacter =
        |one: char| matches!(u32::from(one), 0xFDD0..=0xFDEF) || u32::from(one) & 0xFFFE == 0xFFFE;
    let bad = |one: char| one.is_control() || noncharacter(one);
    if value.is_empty() || value.len() > largest || value.chars().any(bad) {
        Err(Flaw::Envelope)
    } else {
        Ok(())
    }
}

/// Whether a text has only the characters of a URI reference.
fn is_reference(text: &str) -> bool {
    let parts: Vec<&str> = text.split('%').collect();
    let plain = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/?#[]@!$&'()*+,;=-._~".contains(&byte))
    };
    let escaped =
        |part: &&str| part.as_bytes().get(..2).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
    parts.iter().all(|part| plain(part)) && parts[1..].iter().all(escaped)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn schemas() -> Schemas {
        Schemas::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")).unwrap()
    }

    const FACTS: &str = r#"{"value":"149.80","currency":"BRL"}"#;

    fn headers(change: (&str, Option<&str>)) -> Vec<(String, String)> {
        let mut all = vec![
            ("ce_specversion", "1.0"),
            ("ce_id", "1/placed"),
            ("ce_source", "/shop"),
            ("ce_type", "order.placed"),
            ("ce_time", "2026-03-02T10:15:00Z"),
            ("ce_subject", "1"),
            ("content-type", "application/json"),
        ];
        all.retain(|(name, _)| *name != change.0);
        all.extend(change.1.map(|value| (change.0, value)));
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn read_with(schemas: &Schemas, headers: &[(String, String)], body: &[u8]) -> Result<Event, Flaw> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_bytes()))).collect();
        read(Some(&headers), Some(body), schemas)
    }

    #[test]
    fn a_record_of_either_mode_tells_the_same() {
        let schemas = schemas();
        let binary = read_with(&schemas, &headers(("ce_none", None)), FACTS.as_bytes()).unwrap();
        let body = format!(
            r#"{{"specversion":"1.0","id":"1/placed","source":"/shop","type":"order.placed",
            "time":"2026-03-02T11:15:00+01:00","correlationid":"1","data":{FACTS}}}"#
        );
        let structured = read(Some(&[]), Some(body.as_bytes()), &schemas).unwrap();
        assert_eq!(binary, structured);
        assert_eq!((binary.identity(), binary.content()), (structured.identity(), structured.content()));
        let other = Event { subject: "2".to_owned(), ..binary.clone() };
        assert_eq!(other.identity(), binary.identity());
        assert_ne!(other.content(), binary.content());
    }

    #[test]
    fn what_cannot_be_decided_is_found_and_named() {
        let schemas = schemas();
        for (change, flaw) in [
            (("ce_id", None), Flaw::Envelope),
            (("ce_type", Some("order.teleported")), Flaw::Envelope),
            (("ce_time", Some("yesterday")), Flaw::Envelope),
            (("ce_source", Some("the shop")), Flaw::Envelope),
            (("ce_specversion", Some("0.3")), Flaw::Envelope),
            (("content-type", Some("application/xml")), Flaw::Format),
            (("content-type", Some("application/avro")), Flaw::Content),
            (("content-type", Some("application/cloudevents+xml")), Flaw::Format),
            (("content-type", Some("application/cloudevents+json")), Flaw::Envelope),
        ] {
            let read = read_with(&schemas, &headers(change), FACTS.as_bytes());
            assert_eq!(read, Err(flaw), "{change:?}");
        }
        let plain = headers(("ce_none", None));
        assert_eq!(read_with(&schemas, &plain, b""), Err(Flaw::Body));
        assert_eq!(read_with(&schemas, &plain, &FACTS.as_bytes()[..12]), Err(Flaw::Content));
        assert_eq!(read_with(&schemas, &[], FACTS.as_bytes()), Err(Flaw::Envelope));
        assert_eq!(read(None, Some(FACTS.as_bytes()), &schemas), Err(Flaw::Envelope));
        let twice = [plain.clone(), vec![("ce_id".to_owned(), "2".to_owned())]].concat();
        assert_eq!(read_with(&schemas, &twice, FACTS.as_bytes()), Err(Flaw::Envelope));
    }
}
