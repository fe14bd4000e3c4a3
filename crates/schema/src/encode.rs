//! One event to one record's bytes, always in the newest version of its type. Used by whatever feeds events
//! in: `ingest`, the demo, tests. Where the record goes is not decided here.

use std::borrow::Cow;

use hinge_domain::{Event, Value};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::{Catalogue, Code, Encoding, Rejection, avro};

/// A record's headers and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Names and values, in a fixed order.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// The record's value.
    pub value: Vec<u8>,
}

impl Encoded {
    /// The bytes of headers and value together, roughly as a log counts them.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
        headers + self.value.len()
    }
}

impl Catalogue {
    /// Encodes an event; `recorded` becomes the attribute `recordedtime`.
    ///
    /// # Errors
    /// `data-invalid` or `type-unknown` where the facts do not fit the catalogue, which facts that were
    /// decoded always do.
    pub fn encode_event(
        &self,
        event: &Event,
        recorded: Option<Timestamp>,
        encoding: Encoding,
    ) -> Result<Encoded, Rejection> {
        let attributes = attributes(event, recorded);
        match encoding {
            Encoding::JsonBinary => Ok(Encoded {
                headers: headers(attributes, "application/json"),
                value: json_bytes(&json_facts(event)?)?,
            }),
            Encoding::JsonStructured => {
                let members =
                    attributes.into_iter().map(|(name, value)| (name.into_owned(), Json::String(value)));
                let mut envelope: Map<String, Json> = members.collect();
                envelope.insert("datacontenttype".to_owned(), json!("application/json"));
                envelope.insert("data".to_owned(), json_facts(event)?);
                let content_type = b"application/cloudevents+json; charset=UTF-8".to_vec();
                let headers = vec![(Cow::Borrowed("content-type"), content_type)];
                Ok(Encoded { headers, value: json_bytes(&Json::Object(envelope))? })
            }
            Encoding::Avro => Ok(Encoded {
                headers: headers(attributes, "application/avro"),
                value: self.avro_facts(event)?,
            }),
        }
    }

    fn avro_facts(&self, event: &Event) -> Result<Vec<u8>, Rejection> {
        let newest = self.newest_writer(event.event_type());
        let Some((fingerprint, writer)) = newest else {
            return Err(Rejection::new(Code::TypeUnknown, "the catalogue has no such event type"));
        };
        let mut bytes = avro::MARKER.to_vec();
        bytes.extend_from_slice(&fingerprint);
        writer.write(event.facts.values(), &mut bytes)?;
        Ok(bytes)
    }
}

/// The attributes under their CloudEvents names.
fn attributes(event: &Event, recorded: Option<Timestamp>) -> Vec<(Cow<'static, str>, String)> {
    let mut attributes: Vec<(Cow<'static, str>, String)> = vec![
        ("specversion".into(), "1.0".to_owned()),
        ("id".into(), event.id.clone()),
        ("source".into(), event.source.clone()),
        ("type".into(), event.event_type().to_string()),
        ("time".into(), event.occurred.to_string()),
        ("subject".into(), event.subject.clone()),
        ("correlationid".into(), event.correlation_id.clone()),
    ];
    attributes.extend(event.history.map(|history| ("history".into(), history.to_string())));
    attributes.extend(recorded.map(|recorded| ("recordedtime".into(), recorded.to_string())));
    let extensions = event.extensions.iter();
    attributes.extend(extensions.map(|(name, value)| (Cow::Owned(name.clone()), value.clone())));
    attributes
}

fn headers(
    attributes: Vec<(Cow<'static, str>, String)>,
    content_type: &'static str,
) -> Vec<(Cow<'static, str>, Vec<u8>)> {
    let attributes = attributes.into_iter();
    let mut headers: Vec<(Cow<'static, str>, Vec<u8>)> =
        attributes.map(|(name, value)| (Cow::Owned(format!("ce_{name}")), value.into_bytes())).collect();
    headers.push((Cow::Borrowed("content-type"), content_type.as_bytes().to_vec()));
    headers
}

/// The facts that are there, as departments read them in JSON.
fn json_facts(event: &Event) -> Result<Json, Rejection> {
    let given = event.facts.given().map(|(name, value): (_, &Value)| {
        let value = serde_json::to_value(value).map_err(not_json)?;
        Ok((name.to_string(), value))
    });
    Ok(Json::Object(given.collect::<Result<_, Rejection>>()?))
}

fn json_bytes(json: &Json) -> Result<Vec<u8>, Rejection> {
    serde_json::to_vec(json).map_err(not_json)
}

fn not_json(_: serde_json::Error) -> Rejection {
    Rejection::new(Code::DataInvalid, "a fact has no form in JSON")
}
