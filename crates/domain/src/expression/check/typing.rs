//! What a value may be while an expression is checked: the kinds of facts as CEL sees them.

use std::fmt;
use std::sync::Arc;

use crate::{Event, Field, Kind, Shape};

/// What a value in an expression may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Cannot be known before an event is there; fits everywhere.
    Any,
    /// CEL's `null`.
    Null,
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is not negative (`3u`).
    Uint,
    /// A number with a fraction; exact numbers such as money too.
    Double,
    /// Text.
    Text,
    /// Text that is one of these symbols.
    Symbol(Vec<Arc<str>>),
    /// Text that is a civil date, such as `2026-03-02`.
    Date,
    /// Bytes.
    Bytes,
    /// An instant.
    Instant,
    /// A span of time.
    Duration,
    /// A list of values of one type.
    List(Box<Type>),
    /// A map with keys that are computed.
    Map,
    /// Named values.
    Record(Arc<RecordType>),
}

/// The named values that a record has.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordType {
    /// What it is, for people: "`order.placed`".
    pub title: String,
    /// The names, each with its type.
    pub fields: Vec<(Arc<str>, Type)>,
}

impl RecordType {
    /// The type of a named value.
    pub fn field(&self, name: &str) -> Option<&Type> {
        self.fields.iter().find(|(known, _)| **known == *name).map(|(_, of)| of)
    }
}

impl Type {
    /// An event of one of these types: the attributes, and every fact that one of them has. A fact that only
    /// some of them have, or that they have in different kinds, may be anything.
    pub fn of_events(shapes: &[&Shape]) -> Self {
        let mut fields = Vec::new();
        for shape in shapes {
            for field in &shape.fields {
                let of = Self::of_kind(&field.name, &field.kind);
                match fields.iter_mut().find(|(name, _): &&mut (Arc<str>, Self)| *name == field.name) {
                    Some((_, known)) if *known != of => *known = Self::Any,
                    Some(_) => {}
                    None => fields.push((Arc::clone(&field.name), of)),
                }
            }
        }
        fields.extend(attributes());
        Self::Record(Arc::new(RecordType { title: titles(shapes), fields }))
    }

    /// An event of one type, for a rule that looks at several: what only others of them have may be anything.
    pub fn of_event_among(shape: &Shape, all: &[&Shape]) -> Self {
        let mut fields: Vec<(Arc<str>, Self)> = named(&shape.fields).collect();
        for field in all.iter().flat_map(|other| &other.fields) {
            if !fields.iter().any(|(name, _)| *name == field.name) {
                fields.push((Arc::clone(&field.name), Self::Any));
            }
        }
        fields.extend(attributes());
        Self::Record(Arc::new(RecordType { title: titles(all), fields }))
    }

    fn of_kind(name: &str, kind: &Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Int => Self::Int,
            Kind::Float | Kind::Decimal { .. } => Self::Double,
            Kind::Text | Kind::Uuid => Self::Text,
            Kind::Symbol { symbols, .. } => Self::Symbol(symbols.clone()),
            Kind::Instant => Self::Instant,
            Kind::Date => Self::Date,
            Kind::List(item) => Self::List(Box::new(Self::of_kind(name, item))),
            Kind::Record(fields) => Self::Record(Arc::new(RecordType {
                title: format!("a value of `{name}`"),
                fields: named(fields).collect(),
            })),
        }
    }

    /// Whether something about it is not known.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Any => true,
            Self::List(item) => item.is_open(),
            _ => false,
        }
    }

    /// Whether it is text, of whatever kind.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Symbol(_) | Self::Date)
    }

    /// Whether it is a number, of whatever kind.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of both have an order among each other (`<`).
    pub(super) fn has_order_with(&self, other: &Self) -> bool {
        let alike = |one: &Self| match one {
            Self::Any => true,
            Self::Bool => *other == Self::Bool,
            Self::Bytes => *other == Self::Bytes,
            Self::Instant => *other == Self::Instant,
            Self::Duration => *other == Self::Duration,
            Self::Int | Self::Uint | Self::Double => other.is_number(),
            Self::Date => *other == Self::Date,
            // A text that is written out beside a date is looked at by itself.
            Self::Text | Self::Symbol(_) => other.is_text() && *other != Self::Date,
            Self::Null | Self::List(_) | Self::Map | Self::Record(_) => false,
        };
        // What may be anything still cannot stand beside what has no order at all.
        if *other == Self::Any { self.is_ordered() } else { alike(self) && other.is_ordered() }
    }

    fn is_ordered(&self) -> bool {
        !matches!(self, Self::Null | Self::List(_) | Self::Map | Self::Record(_))
    }

    /// Whether values of both can ever be equal.
    pub(super) fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _)
            | (_, Self::Any)
            | (Self::Null, Self::Null)
            | (Self::Record(_) | Self::Map, Self::Record(_) | Self::Map) => true,
            (Self::List(one), Self::List(other)) => one.may_equal(other),
            _ => self.has_order_with(other),
        }
    }

    /// The type of a value that is one of both.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (one, other) if one.is_text() && other.is_text() => Self::Text,
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.or(*other))),
            _ => Self::Any,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Uint => "a whole number without sign",
            Self::Double => "a number",
            Self::Text | Self::Symbol(_) => "text",
            Self::Date => "a date",
            Self::Bytes => "bytes",
            Self::Instant => "an instant",
            Self::Duration => "a duration",
            Self::List(_) => "a list",
            Self::Map | Self::Record(_) => "a record",
        })
    }
}

fn attributes() -> Vec<(Arc<str>, Type)> {
    let of = |name: &str| if name == "time" { Type::Instant } else { Type::Text };
    Event::ATTRIBUTES.into_iter().map(|name| (Arc::from(name), of(name))).collect()
}

fn named(fields: &[Field]) -> impl Iterator<Item = (Arc<str>, Type)> {
    fields.iter().map(|field| (Arc::clone(&field.name), Type::of_kind(&field.name, &field.kind)))
}

fn titles(shapes: &[&Shape]) -> String {
    let names: Vec<String> = shapes.iter().map(|shape| format!("`{}`", shape.event_type)).collect();
    names.join(", ")
}

/// The variables that an expression may read, each with its type: `event`, and whatever else its place has.
#[derive(Clone, Debug, Default)]
pub struct TypeScope {
    variables: Vec<(String, Type)>,
}

impl TypeScope {
    /// The same with one more variable.
    pub fn with(mut self, variable: &str, of: Type) -> Self {
        self.push(variable, of);
        self
    }

    pub(super) fn push(&mut self, variable: &str, of: Type) {
        self.variables.push((variable.to_owned(), of));
    }

    pub(super) fn pop(&mut self) {
        self.variables.pop();
    }

    pub(super) fn get(&self, variable: &str) -> Option<&Type> {
        self.variables.iter().rev().find(|(name, _)| name == variable).map(|(_, of)| of)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }
}
