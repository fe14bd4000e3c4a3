//! One record's bytes to one event, by the CloudEvents binding for Kafka: attributes in headers (binary mode)
//! or everything in one JSON object (structured mode). What becomes of an event is not decided here.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hinge_domain::{Event, Facts, Shape};
use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::attributes::{Attributes, invalid};
use crate::framing::{VALUE_SCHEMA_ID, looks_framed};
use crate::json_members::{JsonKind, Members, document, members, text};
use crate::path::Path;
use crate::{Catalogue, Code, Rejection, avro, avro_facts, json_facts};

/// The largest value of a record, in bytes. Kafka's own default for a topic is about as much.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How an event is put into a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Attributes in headers, facts as JSON.
    JsonBinary,
    /// Attributes and facts in one JSON object; the facts in it may be Avro in `data_base64`.
    JsonStructured,
    /// Attributes in headers, facts in Avro's single-object encoding.
    Avro,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JsonBinary, Self::JsonStructured, Self::Avro];
}

/// What a record told.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The event, with its facts brought up to the newest version of its type.
    pub event: Event,
    /// The attribute `recordedtime`: when Hinge's own ingest or gateway took it in. Absent: the broker knows.
    pub recorded: Option<Timestamp>,
    /// How it was put into the record.
    pub encoding: Encoding,
}

/// The formats that facts come in.
#[derive(Clone, Copy)]
enum DataFormat {
    Json,
    Avro,
}

/// What headers say of a value in binary mode.
#[derive(Clone, Copy)]
struct Said<'a> {
    content_type: Option<&'a str>,
    schema_id: Option<&'a [u8]>,
}

impl Catalogue {
    /// Decodes one record from its headers and its value (`None`: a tombstone).
    ///
    /// Headers are walked twice, so the iterator must be cheap to clone; a header without a value counts as
    /// not there. Source of the rules: CloudEvents 1.0.2, Kafka protocol binding and JSON format; what they
    /// leave open is decided in `schemas/README.md`.
    pub fn decode<'a, Headers>(&self, headers: Headers, value: Option<&'a [u8]>) -> Result<Decoded, Rejection>
    where
        Headers: IntoIterator<Item = (&'a str, Option<&'a [u8]>)> + Clone,
    {
        let body = match value {
            Some(body) if !body.is_empty() => body,
            Some(_) | None => return Err(Rejection::new(Code::BodyMissing, "the record has no value")),
        };
        if body.len() > MAX_BODY_BYTES {
            let detail = format!("{} bytes; at most {MAX_BODY_BYTES} are read", body.len());
            return Err(Rejection::new(Code::BodyTooLarge, detail));
        }
        let mut content_type = None;
        let mut in_headers = false;
        let mut schema_id = None;
        for (name, value) in headers.clone() {
            in_headers |= name.starts_with("ce_");
            if name == "content-type"
                && let Some(value) = value
                && content_type.replace(utf8(name, value)?).is_some()
            {
                return Err(invalid(name, "given twice"));
            }
            if name == VALUE_SCHEMA_ID && value.is_some() && schema_id.replace(value).is_some() {
                return Err(invalid(name, "given twice"));
            }
        }
        match content_type.and_then(structured_format) {
            Some("+json") => self.structured(body),
            Some(_) => Err(unsupported("a structured event in another format than JSON")),
            None if in_headers => {
                let said = Said { content_type, schema_id: schema_id.flatten() };
                self.binary(headers, said, body)
            }
            // Typed by hand, as with kcat: no headers at all, everything in the body.
            None if looks_structured(body) => self.structured(body),
            None => Err(Rejection::new(
                Code::AttributeMissing,
                "no CloudEvents attributes: neither `ce_` headers nor a JSON object with `specversion`",
            )),
        }
    }

    /// Reads the facts of an event type from a JSON object, as the data of an event would be read.
    pub fn facts_from_json(&self, event_type: &str, data: &str) -> Result<Facts, Rejection> {
        json_facts::facts(data, self.known(event_type)?)
    }

    fn binary<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
        said: Said<'a>,
        body: &[u8],
    ) -> Result<Decoded, Rejection> {
        let mut attributes = Attributes::default();
        for (header, value) in headers {
            if let (Some(name), Some(value)) = (header.strip_prefix("ce_"), value) {
                attributes.set(name, Cow::Borrowed(utf8(header, value)?))?;
            }
        }
        let shape = self.known(attributes.event_type()?)?;
        let checked = attributes.check()?;
        let format = match said {
            // The id of a schema says Avro, unless the value is said to be JSON.
            Said { content_type: None, schema_id: Some(_) } => DataFormat::Avro,
            Said { content_type, .. } => data_format(content_type, body)?,
        };
        let (facts, encoding) = match format {
            DataFormat::Json => (json_facts::facts(document(body)?, shape)?, Encoding::JsonBinary),
            DataFormat::Avro => (avro_facts::facts(body, said.schema_id, shape, self)?, Encoding::Avro),
        };
        let (event, recorded) = checked.with(facts);
        Ok(Decoded { event, recorded, encoding })
    }

    fn structured(&self, body: &[u8]) -> Result<Decoded, Rejection> {
        let mut attributes = Attributes::default();
        let (mut content_type, mut data, mut data_base64) = (None, None, None);
        let Members(envelope) = members(document(body)?, Path::Data)?;
        for (name, raw) in envelope {
            let place = match &*name {
                "data" => &mut data,
                "data_base64" => &mut data_base64,
                "datacontenttype" => &mut content_type,
                _ => {
                    if let Some(value) = attribute_text(&name, raw)? {
                        attributes.set(&name, value)?;
                    }
                    continue;
                }
            };
            if place.replace(raw).is_some() {
                return Err(Rejection::new(Code::JsonInvalid, format!("`{name}` is said twice")));
            }
        }
        let shape = self.known(attributes.event_type()?)?;
        let checked = attributes.check()?;
        let content_type = match content_type {
            Some(raw) => attribute_text("datacontenttype", raw)?,
            None => None,
        };
        let facts =
            self.structured_facts(shape, content_type.as_deref(), present(data), present(data_base64))?;
        let (event, recorded) = checked.with(facts);
        Ok(Decoded { event, recorded, encoding: Encoding::JsonStructured })
    }

    fn structured_facts(
        &self,
        shape: &Arc<Shape>,
        content_type: Option<&str>,
        data: Option<&RawValue>,
        data_base64: Option<&RawValue>,
    ) -> Result<Facts, Rejection> {
        match (data, data_base64) {
            (Some(data), None) => match data_format(content_type.or(Some("application/json")), &[])? {
                DataFormat::Json => json_facts::facts(data.get(), shape),
                DataFormat::Avro => {
                    Err(unsupported("Avro in `data`; in a JSON object it is in `data_base64`"))
                }
            },
            (None, Some(encoded)) => {
                let encoded = text(encoded, Path::Member(&Path::Data, "data_base64"))?;
                let bytes = STANDARD
                    .decode(encoded.as_bytes())
                    .map_err(|_| Rejection::new(Code::JsonInvalid, "`data_base64` is not base64"))?;
                match data_format(content_type, &bytes)? {
                    DataFormat::Json => json_facts::facts(document(&bytes)?, shape),
                    DataFormat::Avro => avro_facts::facts(&bytes, None, shape, self),
                }
            }
            (Some(_), Some(_)) => Err(Rejection::new(Code::JsonInvalid, "both `data` and `data_base64`")),
            (None, None) => Err(Rejection::new(Code::BodyMissing, "the event has no `data`")),
        }
    }

    fn known(&self, event_type: &str) -> Result<&Arc<Shape>, Rejection> {
        self.shape(event_type).ok_or_else(|| {
            let event_type: String = event_type.chars().take(64).collect();
            let detail = format!("the catalogue has no event type `{event_type}`");
            Rejection::new(Code::TypeUnknown, detail)
        })
    }
}

fn utf8<'a>(header: &str, value: &'a [u8]) -> Result<&'a str, Rejection> {
    std::str::from_utf8(value).map_err(|_| invalid(header, "not UTF-8"))
}

fn unsupported(what: &str) -> Rejection {
    Rejection::new(Code::FormatUnsupported, what)
}

/// A member of the envelope that is there and not null.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| JsonKind::of(raw) != JsonKind::Null)
}

/// What follows `application/cloudevents` in the media type, such as `+json`; `None` in binary mode.
fn structured_format(content_type: &str) -> Option<&'static str> {
    const STRUCTURED: &str = "application/cloudevents";
    let (start, rest) = content_type.trim_start().split_at_checked(STRUCTURED.len())?;
    let format = rest.split(';').next().unwrap_or_default().trim_end();
    start
        .eq_ignore_ascii_case(STRUCTURED)
        .then(|| if format.eq_ignore_ascii_case("+json") { "+json" } else { "" })
}

/// The format of data: by its content type, or else by its first bytes.
fn data_format(content_type: Option<&str>, body: &[u8]) -> Result<DataFormat, Rejection> {
    let Some(content_type) = content_type else {
        return match body.trim_ascii_start() {
            [b'{', ..] => Ok(DataFormat::Json),
            _ if body.starts_with(&avro::MARKER) || looks_framed(body) => Ok(DataFormat::Avro),
            _ => Err(unsupported(
                "no content type, and neither a JSON object nor Avro (C3 01, or 00 and an id)",
            )),
        };
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is = |known: &str| media_type.eq_ignore_ascii_case(known);
    let ending = media_type.len().checked_sub("+json".len()).and_then(|start| media_type.get(start..));
    if is("application/json") || ending.is_some_and(|ending| ending.eq_ignore_ascii_case("+json")) {
        Ok(DataFormat::Json)
    } else if is("application/avro") || is("avro/binary") || is("application/vnd.apache.avro") {
        Ok(DataFormat::Avro)
    } else {
        Err(unsupported("the content type is neither JSON nor Avro"))
    }
}

/// Whether a body without headers is a structured event: a JSON object that says `specversion`.
fn looks_structured(body: &[u8]) -> bool {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let envelope = document(body).and_then(|text| members(text, Path::Data));
    envelope.is_ok_and(|Members(members)| members.iter().any(|(name, _)| name == "specversion"))
}

/// An attribute's value in the JSON format: text; of an extension also a boolean or a whole number of 32 bits, as
/// its text. Null is not there.
///
/// What makes an identity is text only: one number is written in several ways.
fn attribute_text<'a>(name: &str, raw: &'a RawValue) -> Result<Option<Cow<'a, str>>, Rejection> {
    let is_extension = !matches!(
        name,
        "specversion" | "id" | "source" | "type" | "subject" | "time" | "datacontenttype" | "dataschema"
    );
    let got = JsonKind::of(raw);
    match got {
        JsonKind::Null => Ok(None),
        JsonKind::Text => text(raw, Path::Member(&Path::Data, name)).map(Some),
        JsonKind::Bool if is_extension => Ok(Some(Cow::Borrowed(raw.get()))),
        JsonKind::Number if is_extension && raw.get().parse::<i32>().is_ok() => {
            Ok(Some(Cow::Borrowed(raw.get())))
        }
        JsonKind::Number if is_extension => {
            Err(invalid(name, "expected text or a whole number of 32 bits, got another number"))
        }
        JsonKind::Bool | JsonKind::Number | JsonKind::List | JsonKind::Object => {
            Err(invalid(name, &format!("expected text, got {got}")))
        }
    }
}
