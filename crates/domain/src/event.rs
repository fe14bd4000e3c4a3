//! A business fact, decoded: who says it happened, when, about what, and what is known of it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{Shape, Value};

/// The facts of one event, a value for each field of its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    shape: Arc<Shape>,
    values: Vec<Value>,
}

impl Facts {
    /// Facts in the order of the shape's fields; what is not given is absent.
    pub fn new(shape: Arc<Shape>, mut values: Vec<Value>) -> Self {
        values.resize(shape.fields.len(), Value::Absent);
        Self { shape, values }
    }

    /// The event type that they belong to.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// The value of a fact, unless it is absent or not a fact of this event type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let value = &self.values[self.shape.position(name)?];
        (!value.is_absent()).then_some(value)
    }

    /// The facts that are there, in the order of the schema.
    pub fn given(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        let named = self.shape.fields.iter().map(|field| &field.name).zip(&self.values);
        named.filter(|(_, value)| !value.is_absent())
    }

    /// All values, in the order of the shape's fields.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

/// A business fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique within the source; with it, the event's identity.
    pub id: String,
    /// Who says so: a URI reference.
    pub source: String,
    /// What it is about, such as the order's number.
    pub subject: String,
    /// The campaign, order or case that it belongs to.
    pub correlation_id: String,
    /// When it happened, on the source's word.
    pub occurred: Timestamp,
    /// Whether the source says that it is history or says that it is not; usually silent.
    pub history: Option<bool>,
    /// Its facts, and with them its type.
    pub facts: Facts,
    /// Every other CloudEvents attribute, kept as it came.
    pub extensions: Vec<(String, String)>,
}

impl Event {
    /// The CloudEvents type, such as `order.placed`.
    pub fn event_type(&self) -> &Arc<str> {
        &self.facts.shape.event_type
    }

    /// An attribute of the event or a fact, under the name that rules and templates use.
    ///
    /// Source of the names: CloudEvents 1.0 for the attributes, the event's schema for the facts.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "id" => Some(Value::text(self.id.as_str())),
            "source" => Some(Value::text(self.source.as_str())),
            "type" => Some(Value::Text(Arc::clone(self.event_type()))),
            "subject" => Some(Value::text(self.subject.as_str())),
            "correlationid" => Some(Value::text(self.correlation_id.as_str())),
            "time" => Some(Value::Instant(self.occurred)),
            fact => self.facts.get(fact).cloned(),
        }
    }

    /// All attributes and facts that are there, by the names of [`Event::attribute`].
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (Arc<str>, Value)> {
        let attributes =
            Self::ATTRIBUTES.iter().filter_map(|name| Some((Arc::from(*name), self.attribute(name)?)));
        let facts = self.facts.given().map(|(name, value)| (Arc::clone(name), value.clone()));
        attributes.chain(facts)
    }

    /// The names that [`Event::attribute`] knows on every event; no schema may use them for a fact.
    pub const ATTRIBUTES: [&'static str; 6] = ["id", "source", "type", "subject", "correlationid", "time"];

    /// Whether this event is history: recorded more than a day after it occurred, unless its source says otherwise.
    pub fn is_history(&self, recorded: Timestamp) -> bool {
        self.history.unwrap_or_else(|| recorded.duration_since(self.occurred) > HISTORY_AFTER)
    }

    /// What makes two events the same event.
    pub fn identity(&self) -> Identity {
        Identity::of(&self.source, &self.id)
    }

    /// What makes two events with one identity tell the same: type, time, subject, correlation id
    /// and facts, brought up to the newest schema.
    pub fn content(&self) -> Content {
        let mut hash = Gathered::default();
        for part in [self.event_type(), self.subject.as_str(), self.correlation_id.as_str()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(&self.occurred.as_nanosecond().to_le_bytes());
        for value in &self.facts.values {
            hash_value(value, &mut hash);
        }
        Content(first_16_bytes(hash.finish()))
    }
}

/// Recorded later than this after it occurred, an event is history.
pub const HISTORY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A short form of (source, id): equal exactly when both are, as far as SHA-256 goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity([u8; 16]);

impl Identity {
    /// The identity of the event `id` of `source`.
    pub fn of(source: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((source.len() as u64).to_le_bytes());
        hash.update(source);
        hash.update(id);
        Self(first_16_bytes(hash))
    }
}

/// A short form of what an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content([u8; 16]);

impl Content {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(told: &[u8]) -> Self {
        Self(first_16_bytes(Sha256::new_with_prefix(told)))
    }
}

fn first_16_bytes(hash: Sha256) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    bytes
}

/// Small pieces on their way into a hash: gathered first, because each handing over costs as much as some
/// thirty bytes of hashing.
struct Gathered {
    hash: Sha256,
    bytes: [u8; 512],
    used: usize,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { hash: Sha256::new(), bytes: [0; 512], used: 0 }
    }
}

impl Gathered {
    fn update(&mut self, piece: &[u8]) {
        if let Some(free) = self.bytes.get_mut(self.used..self.used + piece.len()) {
            free.copy_from_slice(piece);
            self.used += piece.len();
            return;
        }
        self.hash.update(&self.bytes[..self.used]);
        self.used = 0;
        if piece.len() < self.bytes.len() {
            self.update(piece);
        } else {
            self.hash.update(piece);
        }
    }

    fn finish(mut self) -> Sha256 {
        self.hash.update(&self.bytes[..self.used]);
        self.hash
    }
}

/// Feeds a value with its kind and length, so that no two different values look alike.
fn hash_value(value: &Value, hash: &mut Gathered) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        hash.update(&[tag]);
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Absent => tagged(0, &[]),
        Value::Bool(value) => tagged(1, &[u8::from(*value)]),
        Value::Int(value) => tagged(2, &value.to_le_bytes()),
        Value::Float(value) => tagged(3, &value.to_bits().to_le_bytes()),
        Value::Decimal(value) => tagged(4, &value.normalize().serialize()),
        Value::Text(value) => tagged(5, value.as_bytes()),
        Value::Instant(value) => tagged(6, &value.as_nanosecond().to_le_bytes()),
        Value::Date(value) => {
            tagged(7, &(i32::from(value.year()) * 512 + i32::from(value.day_of_year())).to_le_bytes());
        }
        Value::List(values) => {
            tagged(8, &(values.len() as u64).to_le_bytes());
            for value in values {
                hash_value(value, hash);
            }
        }
        Value::Record(fields) => {
            tagged(9, &(fields.len() as u64).to_le_bytes());
            for (name, value) in fields {
                hash_value(&Value::Text(Arc::clone(name)), hash);
                hash_value(value, hash);
            }
        }
    }
}
