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
            hash.text(part.as_bytes());
        }
        hash.put(self.occurred.as_nanosecond().to_le_bytes());
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
    /// A piece of a length that is known beforehand.
    fn put<const LENGTH: usize>(&mut self, piece: [u8; LENGTH]) {
        if let Some(free) = self.bytes.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut) {
            *free = piece;
            self.used += LENGTH;
        } else {
            self.hand_over();
            self.hash.update(piece);
        }
    }

    /// A length: short ones in a byte, longer ones in nine.
    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(length) if length < u8::MAX => self.put([length]),
            Ok(_) | Err(_) => {
                self.put([u8::MAX]);
                self.put((length as u64).to_le_bytes());
            }
        }
    }

    /// A piece of any length, and how long it is.
    fn text(&mut self, piece: &[u8]) {
        self.length(piece.len());
        if let Some(free) = self.bytes.get_mut(self.used..self.used + piece.len()) {
            free.copy_from_slice(piece);
            self.used += piece.len();
        } else {
            self.hand_over();
            self.hash.update(piece);
        }
    }

    fn hand_over(&mut self) {
        self.hash.update(&self.bytes[..self.used]);
        self.used = 0;
    }

    fn finish(mut self) -> Sha256 {
        self.hand_over();
        self.hash
    }
}

/// Feeds a value with its kind and length, so that no two different values look alike.
fn hash_value(value: &Value, hash: &mut Gathered) {
    match value {
        Value::Absent => hash.put([0]),
        Value::Bool(value) => hash.put([1, u8::from(*value)]),
        Value::Int(value) => {
            hash.put([2]);
            hash.put(value.to_le_bytes());
        }
        Value::Float(value) => {
            hash.put([3]);
            hash.put(value.to_bits().to_le_bytes());
        }
        Value::Decimal(value) => {
            hash.put([4]);
            hash.put(value.normalize().serialize());
        }
        Value::Text(value) => {
            hash.put([5]);
            hash.text(value.as_bytes());
        }
        Value::Instant(value) => {
            hash.put([6]);
            hash.put(value.as_nanosecond().to_le_bytes());
        }
        Value::Date(value) => {
            hash.put([7]);
            hash.put((i32::from(value.year()) * 512 + i32::from(value.day_of_year())).to_le_bytes());
        }
        Value::List(values) => {
            hash.put([8]);
            hash.length(values.len());
            for value in values {
                hash_value(value, hash);
            }
        }
        Value::Record(fields) => {
            hash.put([9]);
            hash.length(fields.len());
            for (name, value) in fields {
                hash.text(name.as_bytes());
                hash_value(value, hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(values: &[Value]) -> [u8; 16] {
        let mut hash = Gathered::default();
        for value in values {
            hash_value(value, &mut hash);
        }
        first_16_bytes(hash.finish())
    }

    #[test]
    fn values_look_alike_only_where_they_are_equal() {
        let text = |length: usize| Value::text("x".repeat(length));
        let mut all = vec![Value::Absent, Value::Bool(false), Value::Int(0), Value::Float(0.0)];
        // Around the lengths at which a length or the gathered pieces take another form.
        all.extend([0, 1, 253, 254, 255, 256, 500, 509, 510, 511, 512, 513, 2_000].map(text));
        let singles: Vec<Vec<Value>> = all.iter().map(|value| vec![value.clone()]).collect();
        let pairs = all.iter().flat_map(|one| all.iter().map(|other| vec![one.clone(), other.clone()]));
        let lists = [vec![], vec![text(1)], vec![text(1), text(1)]].map(|items| vec![Value::List(items)]);
        let record = |name: &str| vec![Value::Record(vec![(name.into(), Value::Absent)])];
        let values: Vec<_> =
            singles.into_iter().chain(pairs).chain(lists).chain(["a", "b"].map(record)).collect();
        let different: std::collections::HashSet<_> = values.iter().map(|values| hashed(values)).collect();
        assert_eq!(different.len(), values.len());
        let exact = |text: &str| [Value::Decimal(text.parse().unwrap())];
        assert_eq!(hashed(&exact("1.50")), hashed(&exact("1.5")));
    }
}
