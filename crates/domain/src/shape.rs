//! What an event type consists of: the names and kinds of its facts, taken from its schema.

use std::fmt;
use std::sync::Arc;

/// The four streams of business events, one input topic each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Campaigns, products, promises.
    Marketing,
    /// Orders.
    Order,
    /// Goods on their way.
    Delivery,
    /// Customers who contact us.
    Service,
}

impl Stream {
    /// All of them, in the order of the chain.
    pub const ALL: [Self; 4] = [Self::Marketing, Self::Order, Self::Delivery, Self::Service];

    /// The name used in folders and default topics (`marketing.events`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Order => "order",
            Self::Delivery => "delivery",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How closely a fact concerns a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pii {
    /// Names or reaches a person by itself.
    Direct,
    /// Leads to a person together with other facts.
    Indirect,
    /// Says nothing about a person.
    None,
}

/// What a fact's value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A measured number.
    Float,
    /// An exact number with so many digits after the point.
    Decimal {
        /// Digits after the decimal point.
        scale: u32,
    },
    /// Text.
    Text,
    /// An identifier in the form of a UUID.
    Uuid,
    /// One of these symbols; an unknown one becomes `fallback`.
    Symbol {
        /// What it may be.
        symbols: Vec<Arc<str>>,
        /// What an unknown symbol becomes.
        fallback: Arc<str>,
    },
    /// An instant.
    Instant,
    /// A civil date.
    Date,
    /// Any number of values of one kind.
    List(Box<Kind>),
    /// Named values.
    Record(Vec<Field>),
}

/// One fact of an event type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// What its value may be.
    pub kind: Kind,
    /// What it is when the event does not say; `None`: the event must say.
    pub default: Option<crate::Value>,
    /// How closely it concerns a person.
    pub pii: Pii,
    /// What it means.
    pub doc: String,
}

/// An event type of the catalogue, in its newest version.
#[derive(Debug, PartialEq)]
pub struct Shape {
    /// The CloudEvents type, such as `order.placed`.
    pub event_type: Arc<str>,
    /// The stream that it belongs to.
    pub stream: Stream,
    /// The version of its newest schema, from 1.
    pub version: u32,
    /// What it means.
    pub doc: String,
    /// Its facts, in the order of the schema.
    pub fields: Vec<Field>,
}

impl Shape {
    /// Where a fact stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name.as_ref() == name)
    }
}
