//! Notifications as departments read them, in JSON or Avro. Reading them back is in
//! [`crate::notification_record`]; who is told what is the domain's; topics and keys are the router's.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use hinge_domain::{Ask, Format, Notification, Priority, Reason, Value};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::avro::{MARKER, Writer};
use crate::files::NOTIFICATION_SCHEMAS;
use crate::json_bytes::write_json;
use crate::stamp::{Stamp, Stamped};
use crate::{Code, Encoded, Rejection, avro_bytes};

/// The CloudEvents type of a notification.
pub const NOTIFICATION_TYPE: &str = "hinge.notification";
/// The CloudEvents source of a notification.
pub const NOTIFICATION_SOURCE: &str = "/hinge/router";

/// All versions of the schema of notifications.
pub(crate) static VERSIONS: LazyLock<Vec<Arc<Writer>>> = LazyLock::new(|| {
    let parsed = NOTIFICATION_SCHEMAS.iter().map(|file| Writer::parse(file.text));
    parsed.map(|parsed| Arc::new(parsed.expect("the compiled-in schemas are checked by a test").1)).collect()
});

/// The newest schema of notifications.
pub(crate) fn newest() -> &'static Writer {
    static NEWEST: LazyLock<&Writer> =
        LazyLock::new(|| VERSIONS.last().expect("there is a version of the schema"));
    &NEWEST
}

/// Encodes a notification with the headers that its record carries (`schemas/README.md`).
///
/// # Errors
/// Those of [`write_notification`].
pub fn encode_notification(
    notification: &Notification,
    stamp: &Stamp,
    format: Format,
) -> Result<Encoded, Rejection> {
    let stamped = Stamped::new(stamp, notification.about.occurred);
    let mut value = Vec::new();
    write_notification(notification, &stamped, format, &mut value)?;
    let mut headers = Vec::new();
    notification_headers(notification, &stamped, format, &mut |name, value| {
        headers.push((Cow::Borrowed(name), value.to_vec()));
    });
    Ok(Encoded { headers, value })
}

/// Appends a notification's value to `target`.
///
/// # Errors
/// `data-invalid` where a value has no form in the format; none that the domain makes.
pub fn write_notification(
    notification: &Notification,
    stamped: &Stamped<'_>,
    format: Format,
    target: &mut Vec<u8>,
) -> Result<(), Rejection> {
    let unwritable =
        |format: &str| Rejection::new(Code::DataInvalid, format!("a fact has no form in {format}"));
    match format {
        Format::Json => {
            let document = document(notification, stamped, FactsObject(&notification.facts));
            write_json(&document, target).map_err(|_| unwritable("JSON"))
        }
        Format::Avro => {
            target.extend_from_slice(&MARKER);
            target.extend_from_slice(&newest().fingerprint());
            let document = document(notification, stamped, FactsList(&notification.facts));
            avro_bytes::write(&document, target).map_err(|_| unwritable("Avro"))
        }
    }
}

/// The same in Avro, as the library writes it by the schema, without its marker and fingerprint.
#[cfg(test)]
pub(crate) fn by_library(notification: &Notification, stamp: &Stamp) -> Vec<u8> {
    let stamped = Stamped::new(stamp, notification.about.occurred);
    let mut datum = Vec::new();
    let document = document(notification, &stamped, FactsList(&notification.facts));
    newest().serialize(&document, &mut datum).unwrap();
    datum
}

/// Hands the headers of a notification's record to `put`, one by one.
pub fn notification_headers(
    notification: &Notification,
    stamped: &Stamped<'_>,
    format: Format,
    put: &mut dyn FnMut(&'static str, &[u8]),
) {
    let about = &notification.about;
    let content_type = match format {
        Format::Json => "application/json",
        Format::Avro => "application/avro",
    };
    put("ce_specversion", b"1.0");
    put("ce_id", notification.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
    put("ce_source", NOTIFICATION_SOURCE.as_bytes());
    put("ce_type", NOTIFICATION_TYPE.as_bytes());
    put("ce_time", stamped.decided().as_bytes());
    put("ce_subject", about.subject.as_bytes());
    put("ce_correlationid", about.correlation_id.as_bytes());
    put("ce_causationid", about.id.as_bytes());
    put("content-type", content_type.as_bytes());
}

/// What a department reads: in the order of the schema, borrowed from the decision, the facts as the format
/// has them.
#[derive(Serialize)]
struct Document<'a, Facts> {
    #[serde(serialize_with = "as_uuid_text")]
    id: Uuid,
    department: &'a str,
    #[serde(serialize_with = "as_symbol")]
    kind: Symbol,
    #[serde(serialize_with = "as_symbol")]
    priority: Symbol,
    title: &'a str,
    body: &'a str,
    event: EventPart<'a>,
    correlation_id: &'a str,
    chain_step: &'a str,
    rank: u32,
    reasons: Reasons<'a>,
    facts: Facts,
    missing: &'a [Arc<str>],
    history: bool,
    policy_version: &'a str,
    recorded: Instant<'a>,
    decided: Instant<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<AudiencePart<'a>>,
}

/// Whom of the department it is for.
#[derive(Serialize)]
struct AudiencePart<'a> {
    hash: &'a str,
    size: i64,
}

#[derive(Serialize)]
struct EventPart<'a> {
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    subject: &'a str,
    time: &'a str,
}

#[derive(Serialize)]
struct ReasonPart<'a> {
    rule: &'a str,
    owner: &'a str,
    #[serde(serialize_with = "as_symbol")]
    kind: Symbol,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
}

/// An instant to the millisecond, in both formats, so that they tell the same.
struct Instant<'a> {
    instant: Timestamp,
    text: &'a str,
}

impl Serialize for Instant<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.text)
        } else {
            serializer.serialize_i64(self.instant.as_millisecond())
        }
    }
}

/// The rules that asked for it.
struct Reasons<'a>(&'a [Reason]);

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Reason { rule, owner, ask, because }| ReasonPart {
            rule,
            owner,
            kind: symbol(*ask),
            because: because.as_deref(),
        }))
    }
}

/// The facts in JSON: one object.
struct FactsObject<'a>(&'a [(Arc<str>, Value)]);

impl Serialize for FactsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.as_ref(), value)))
    }
}

/// The facts in Avro: a list of names with values.
struct FactsList<'a>(&'a [(Arc<str>, Value)]);

impl Serialize for FactsList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(name, value)| Fact { name, value: Shown(value) }))
    }
}

/// A fact in Avro.
#[derive(Serialize)]
struct Fact<'a> {
    name: &'a str,
    value: Shown<'a>,
}

/// A value as people read it.
struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            value => serializer.collect_str(value),
        }
    }
}

/// A symbol of an enum: its name, and its place among the symbols of the schema.
type Symbol = (&'static str, u32);

fn symbol(ask: Ask) -> Symbol {
    let place = match ask {
        Ask::Know => 0,
        Ask::Do => 1,
        Ask::Answer => 2,
    };
    (ask.name(), place)
}

fn priority_symbol(priority: Priority) -> Symbol {
    let place = match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    };
    (priority.name(), place)
}

fn as_symbol<S: Serializer>(symbol: &Symbol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_unit_variant("Symbol", symbol.1, symbol.0)
}

fn as_uuid_text<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn document<'a, Facts>(
    notification: &'a Notification,
    stamped: &'a Stamped<'_>,
    facts: Facts,
) -> Document<'a, Facts> {
    let about = &notification.about;
    let stamp = stamped.stamp;
    Document {
        id: notification.id,
        department: &notification.department,
        kind: symbol(notification.ask),
        priority: priority_symbol(notification.priority),
        title: &notification.title,
        body: &notification.body,
        event: EventPart {
            id: &about.id,
            source: &about.source,
            r#type: &about.event_type,
            subject: &about.subject,
            time: stamped.occurred(),
        },
        correlation_id: &about.correlation_id,
        chain_step: &notification.chain_step,
        rank: notification.rank,
        reasons: Reasons(&notification.reasons),
        facts,
        missing: &notification.missing,
        history: notification.history,
        policy_version: &stamp.policy_version,
        recorded: Instant { instant: stamp.recorded, text: stamped.recorded_millis() },
        decided: Instant { instant: stamp.decided, text: stamped.decided_millis() },
        audience: notification.audience.as_deref().map(|audience| AudiencePart {
            hash: audience.hash(),
            size: i64::try_from(audience.size()).unwrap_or(i64::MAX),
        }),
    }
}
