//! Notifications as departments read them, in JSON or Avro. Reading them back is in
//! [`crate::notification_record`]; who is told what is the domain's; topics and keys are the router's.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use hinge_domain::{Ask, Format, Notification, Priority, Reason, Value};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::avro::{MARKER, Writer};
use crate::files::NOTIFICATION_SCHEMA;
use crate::{Code, Encoded, Rejection};

/// The CloudEvents type of a notification.
pub const NOTIFICATION_TYPE: &str = "hinge.notification";
/// The CloudEvents source of a notification.
pub const NOTIFICATION_SOURCE: &str = "/hinge/router";

/// What is known of a decision beside what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The version of the policy that decided.
    pub policy_version: Arc<str>,
    /// When the event was recorded; kept to the millisecond.
    pub recorded: Timestamp,
    /// When it was decided; kept to the millisecond.
    pub decided: Timestamp,
}

/// The newest schema of notifications.
pub(crate) static WRITER: LazyLock<Arc<Writer>> = LazyLock::new(|| {
    let parsed = Writer::parse(NOTIFICATION_SCHEMA.text);
    Arc::new(parsed.expect("the compiled-in schema is checked by a test").1)
});

/// Encodes a notification with the headers that its record carries (`schemas/README.md`).
///
/// # Errors
/// `data-invalid` where a value has no form in the format; none that the domain makes.
pub fn encode_notification(
    notification: &Notification,
    stamp: &Stamp,
    format: Format,
) -> Result<Encoded, Rejection> {
    let (value, content_type) = match format {
        Format::Json => (json(notification, stamp)?, "application/json"),
        Format::Avro => (avro(notification, stamp)?, "application/avro"),
    };
    let about = &notification.about;
    let headers = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", notification.id.to_string()),
        ("ce_source", NOTIFICATION_SOURCE.to_owned()),
        ("ce_type", NOTIFICATION_TYPE.to_owned()),
        ("ce_time", stamp.decided.to_string()),
        ("ce_subject", about.subject.clone()),
        ("ce_correlationid", about.correlation_id.clone()),
        ("ce_causationid", about.id.clone()),
        ("content-type", content_type.to_owned()),
    ];
    let headers =
        headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), value.into_bytes())).collect();
    Ok(Encoded { headers, value })
}

fn json(notification: &Notification, stamp: &Stamp) -> Result<Vec<u8>, Rejection> {
    let document = document(notification, stamp, FactsObject(&notification.facts));
    serde_json::to_vec(&document).map_err(|_| Rejection::new(Code::DataInvalid, "a fact has no form in JSON"))
}

fn avro(notification: &Notification, stamp: &Stamp) -> Result<Vec<u8>, Rejection> {
    let facts = notification.facts.iter().map(|(name, value)| Fact { name, value: Shown(value) });
    let mut bytes = MARKER.to_vec();
    bytes.extend_from_slice(&WRITER.fingerprint());
    WRITER.serialize(&document(notification, stamp, facts.collect::<Vec<_>>()), &mut bytes)?;
    Ok(bytes)
}

/// What a department reads: in the order of the schema, borrowed from the decision, the facts as the format
/// has them.
#[derive(Serialize)]
struct Document<'a, Facts> {
    #[serde(serialize_with = "as_text")]
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
    reasons: Vec<ReasonPart<'a>>,
    facts: Facts,
    missing: &'a [Arc<str>],
    history: bool,
    policy_version: &'a str,
    #[serde(serialize_with = "as_millis")]
    recorded: Timestamp,
    #[serde(serialize_with = "as_millis")]
    decided: Timestamp,
}

#[derive(Serialize)]
struct EventPart<'a> {
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    subject: &'a str,
    #[serde(serialize_with = "as_text")]
    time: Timestamp,
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

/// The facts in JSON: one object.
struct FactsObject<'a>(&'a [(Arc<str>, Value)]);

impl Serialize for FactsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.as_ref(), value)))
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

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// To the millisecond in both formats, so that they tell the same.
fn as_millis<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = instant.as_millisecond();
    if serializer.is_human_readable() {
        serializer.collect_str(&Timestamp::from_millisecond(millis).unwrap_or(*instant))
    } else {
        serializer.serialize_i64(millis)
    }
}

fn document<'a, Facts>(
    notification: &'a Notification,
    stamp: &'a Stamp,
    facts: Facts,
) -> Document<'a, Facts> {
    let about = &notification.about;
    let reason = |reason: &'a Reason| {
        let Reason { rule, owner, ask, because } = reason;
        ReasonPart { rule, owner, kind: symbol(*ask), because: because.as_deref() }
    };
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
            time: about.occurred,
        },
        correlation_id: &about.correlation_id,
        chain_step: &notification.chain_step,
        rank: notification.rank,
        reasons: notification.reasons.iter().map(reason).collect(),
        facts,
        missing: &notification.missing,
        history: notification.history,
        policy_version: &stamp.policy_version,
        recorded: stamp.recorded,
        decided: stamp.decided,
    }
}
