//! Notifications read back, from either format, into one form that can be compared: for `tail`, for tests of
//! equality. Writing them is in [`crate::notification`].

use hinge_domain::{Ask, Field, Priority, Value};
use jiff::Timestamp;
use uuid::Uuid;

use crate::avro::{MARKER, Writer, split};
use crate::fact_rules::instant_text;
use crate::json_members::{JsonKind, Members, document, members, text};
use crate::notification::{VERSIONS, newest};
use crate::path::Path;
use crate::{Code, MAX_BODY_BYTES, Rejection, json_facts};

/// A notification that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadNotification {
    /// What was decided: equal for equal decisions, whenever they were made and however they were encoded.
    pub notification: NotificationRecord,
    /// When the event was recorded.
    pub recorded: Timestamp,
    /// When it was decided.
    pub decided: Timestamp,
}

/// The *canonical notification*: all that was decided, without the instants at which it happened to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationRecord {
    /// The same for the same (source, event id, department), always.
    pub id: Uuid,
    /// Who is told.
    pub department: String,
    /// What it asks.
    pub ask: Ask,
    /// How much it hurries.
    pub priority: Priority,
    /// One line.
    pub title: String,
    /// The rest, in Markdown.
    pub body: String,
    /// The event that it is about.
    pub event: NotificationEvent,
    /// The campaign, order or case that the event belongs to.
    pub correlation_id: String,
    /// The step of the chain that the event belongs to.
    pub chain_step: String,
    /// The step's place in the chain, from 1.
    pub rank: u32,
    /// The rules that asked for it.
    pub reasons: Vec<NotificationReason>,
    /// Facts by name, as text: as people read them, lists and records as JSON.
    pub facts: Vec<(String, String)>,
    /// The facts that the rules require and the event lacks.
    pub missing: Vec<String>,
    /// Whether the event is history.
    pub history: bool,
    /// The version of the policy that decided.
    pub policy_version: String,
    /// Whom of the department it is for; `None` where the policy knew nobody there.
    pub audience: Option<NotificationAudience>,
}

/// Whom a notification is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationAudience {
    /// What proves who they are; the key in `hinge.audiences`.
    pub hash: String,
    /// How many they are.
    pub size: u64,
}

/// The event that a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationEvent {
    /// The event's id.
    pub id: String,
    /// Who said so.
    pub source: String,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// When it happened.
    pub occurred: Timestamp,
}

/// A rule that asked for a notification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationReason {
    /// The rule's id.
    pub rule: String,
    /// Who answers for the rule.
    pub owner: String,
    /// What the rule asks.
    pub ask: Ask,
    /// Why, in its owner's words.
    pub because: Option<String>,
}

/// Reads a notification back, in either format.
///
/// # Errors
/// The codes of [`crate::Catalogue::decode`] that concern a record's value.
pub fn decode_notification(value: &[u8]) -> Result<ReadNotification, Rejection> {
    if value.is_empty() {
        return Err(Rejection::new(Code::BodyMissing, "the record has no value"));
    }
    if value.len() > MAX_BODY_BYTES {
        return Err(Rejection::new(Code::BodyTooLarge, format!("at most {MAX_BODY_BYTES} bytes are read")));
    }
    let not_one = || Rejection::new(Code::DataInvalid, "not a notification");
    if value.starts_with(&MARKER) {
        let (fingerprint, datum) = split(value)?;
        let Some(writer) = VERSIONS.iter().find(|version| version.fingerprints().contains(&fingerprint))
        else {
            return Err(Rejection::new(Code::SchemaUnknown, "not the schema of a notification"));
        };
        let values = brought_up(writer, writer.read(datum)?);
        return read(Values(values.into_iter())).ok_or_else(not_one);
    }
    let json = document(value)?;
    // In JSON the facts are one object, so the list that the schema has is not there.
    let values = json_facts::record(json, newest().fields(), Path::Data, &["facts"])?;
    let mut read = read(Values(values.into_iter())).ok_or_else(not_one)?;
    let Members(all) = members(json, Path::Data)?;
    let facts = all.iter().find(|(name, _)| name == "facts").ok_or_else(not_one)?.1;
    let path = Path::Member(&Path::Data, "facts");
    for (name, raw) in members(facts.get(), path)?.0 {
        let fact = match JsonKind::of(raw) {
            JsonKind::Text => text(raw, Path::Member(&path, &name))?.into_owned(),
            _ => raw.get().to_owned(),
        };
        read.notification.facts.push((name.into_owned(), fact));
    }
    Ok(read)
}

/// What a version wrote, in the order of the newest one.
fn brought_up(writer: &Writer, mut values: Vec<Value>) -> Vec<Value> {
    let written = writer.fields();
    let value = |field: &Field| match written.iter().position(|known| known.name == field.name) {
        Some(position) => std::mem::take(&mut values[position]),
        None => field.default.clone().unwrap_or_default(),
    };
    newest().fields().iter().map(value).collect()
}

/// Values in the order of their schema, taken one by one as what they should be.
struct Values(std::vec::IntoIter<Value>);

impl Values {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Record(members) => {
                let values: Vec<Value> = members.into_iter().map(|(_, value)| value).collect();
                Some(Self(values.into_iter()))
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.0.next()? {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        }
    }

    fn instant(&mut self) -> Option<Timestamp> {
        match self.0.next()? {
            Value::Instant(instant) => Some(instant),
            _ => None,
        }
    }

    fn rank(&mut self) -> Option<u32> {
        match self.0.next()? {
            Value::Int(rank) => rank.try_into().ok(),
            _ => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        match self.0.next()? {
            Value::Int(count) => count.try_into().ok(),
            _ => None,
        }
    }

    fn flag(&mut self) -> Option<bool> {
        match self.0.next()? {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    fn ask(&mut self) -> Option<Ask> {
        let name = self.text()?;
        [Ask::Know, Ask::Do, Ask::Answer].into_iter().find(|ask| ask.name() == name)
    }

    fn priority(&mut self) -> Option<Priority> {
        let name = self.text()?;
        let all = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
        all.into_iter().find(|priority| priority.name() == name)
    }

    fn list<T>(&mut self, item: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
        match self.0.next()? {
            Value::List(values) => values.into_iter().map(item).collect(),
            _ => None,
        }
    }
}

fn read(mut values: Values) -> Option<ReadNotification> {
    let mut notification = NotificationRecord {
        id: values.text()?.parse().ok()?,
        department: values.text()?,
        ask: values.ask()?,
        priority: values.priority()?,
        title: values.text()?,
        body: values.text()?,
        event: event(Values::of(values.0.next()?)?)?,
        correlation_id: values.text()?,
        chain_step: values.text()?,
        rank: values.rank()?,
        reasons: values.list(|value| reason(Values::of(value)?))?,
        facts: values.list(|value| {
            let mut fact = Values::of(value)?;
            Some((fact.text()?, fact.text()?))
        })?,
        missing: values.list(|value| match value {
            Value::Text(name) => Some(name.to_string()),
            _ => None,
        })?,
        history: values.flag()?,
        policy_version: values.text()?,
        audience: None,
    };
    let (recorded, decided) = (values.instant()?, values.instant()?);
    notification.audience = match values.0.next()? {
        Value::Absent => None,
        audience => Some(audience_of(Values::of(audience)?)?),
    };
    Some(ReadNotification { notification, recorded, decided })
}

fn audience_of(mut values: Values) -> Option<NotificationAudience> {
    Some(NotificationAudience { hash: values.text()?, size: values.count()? })
}

fn event(mut values: Values) -> Option<NotificationEvent> {
    Some(NotificationEvent {
        id: values.text()?,
        source: values.text()?,
        event_type: values.text()?,
        subject: values.text()?,
        occurred: instant_text(&values.text()?).ok()?,
    })
}

fn reason(mut values: Values) -> Option<NotificationReason> {
    Some(NotificationReason {
        rule: values.text()?,
        owner: values.text()?,
        ask: values.ask()?,
        // The last, so nothing else is taken for it.
        because: values.text(),
    })
}
