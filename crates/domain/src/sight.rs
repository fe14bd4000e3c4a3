//! What conditions and texts see of an event, without a copy of it: each attribute found once by name, then
//! by place.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;

use crate::{Event, Shape, Value};

/// Where an attribute stands in every event of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Id,
    Source,
    Type,
    Subject,
    CorrelationId,
    Time,
    Fact(usize),
    /// Events of this shape do not have it.
    Nowhere,
}

impl Place {
    /// Where `name` stands; the same names as [`Event::attribute`].
    fn of(name: &str, shape: &Shape) -> Self {
        match name {
            "id" => Self::Id,
            "source" => Self::Source,
            "type" => Self::Type,
            "subject" => Self::Subject,
            "correlationid" => Self::CorrelationId,
            "time" => Self::Time,
            fact => shape.position(fact).map_or(Self::Nowhere, Self::Fact),
        }
    }

    /// Where each of the names stands.
    fn all(names: &[Arc<str>], shape: &Shape) -> Box<[Self]> {
        names.iter().map(|name| Self::of(name, shape)).collect()
    }
}

/// So many shapes are remembered; in those that come later each name is looked for again.
const REMEMBERED: usize = 8;

/// Where each of some names stands in a shape.
type InShape = (Arc<Shape>, Box<[Place]>);

/// Attributes by name, and where they stand in the shapes that came first.
#[derive(Debug, Default)]
pub(crate) struct Places {
    names: Vec<Arc<str>>,
    shapes: [OnceLock<InShape>; REMEMBERED],
}

impl Places {
    /// Places for these names, which are known by their position from then on.
    pub(crate) fn new(names: Vec<Arc<str>>) -> Self {
        Self { names, shapes: Default::default() }
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The event with its attributes at their places.
    pub(crate) fn see<'a>(&'a self, event: &'a Event) -> Seen<'a> {
        let shape = event.facts.shape();
        for known in &self.shapes {
            let (known, places) = known.get_or_init(|| (Arc::clone(shape), Place::all(&self.names, shape)));
            if Arc::ptr_eq(known, shape) {
                return Seen { event, places: Cow::Borrowed(places) };
            }
        }
        Seen { event, places: Cow::Owned(Place::all(&self.names, shape).into()) }
    }
}

/// An event, and where those of its attributes stand that are read.
pub(crate) struct Seen<'a> {
    event: &'a Event,
    places: Cow<'a, [Place]>,
}

impl<'a> Seen<'a> {
    /// The attribute that stands at `slot` among those read.
    pub(crate) fn at(&self, slot: usize) -> Sight<'a> {
        match self.place(slot) {
            Place::Id => Sight::Text(&self.event.id),
            Place::Source => Sight::Text(&self.event.source),
            Place::Type => Sight::Text(self.event.event_type()),
            Place::Subject => Sight::Text(&self.event.subject),
            Place::CorrelationId => Sight::Text(&self.event.correlation_id),
            Place::Time => Sight::Instant(self.event.occurred),
            Place::Fact(_) | Place::Nowhere => self.fact(slot).map_or(Sight::Missing, Sight::of),
        }
    }

    /// The fact that stands there, if it is one and is given.
    pub(crate) fn fact(&self, slot: usize) -> Option<&'a Value> {
        match self.place(slot) {
            Place::Fact(position) => {
                self.event.facts.values().get(position).filter(|value| !value.is_absent())
            }
            _ => None,
        }
    }

    fn place(&self, slot: usize) -> Place {
        self.places.get(slot).copied().unwrap_or(Place::Nowhere)
    }
}

/// A value as CEL would have it: dates are text, exact numbers are doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sight<'a> {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Date(DateText),
    Instant(Timestamp),
    List(&'a [Value]),
    /// A record, or a date that has another form than `2026-03-02`.
    Other,
}

impl<'a> Sight<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Absent => Self::Missing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Decimal(value) => Self::Float(value.to_f64().unwrap_or(f64::NAN)),
            Value::Text(value) => Self::Text(value),
            Value::Instant(value) => Self::Instant(*value),
            Value::Date(value) => DateText::of(*value).map_or(Self::Other, Self::Date),
            Value::List(values) => Self::List(values),
            Value::Record(_) => Self::Other,
        }
    }

    /// The bytes of a text or a date; bytes order as CEL orders texts.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Date(text) => Some(&text.0),
            Self::Missing
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Instant(_)
            | Self::List(_)
            | Self::Other => None,
        }
    }

    /// A number as a double, which keeps the order of whole numbers but may join neighbours.
    #[expect(clippy::cast_precision_loss, reason = "CEL compares whole numbers with doubles in this way")]
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Missing
            | Self::Bool(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::Instant(_)
            | Self::List(_)
            | Self::Other => None,
        }
    }
}

/// A date of the years 0 to 9999 as its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateText([u8; 10]);

impl DateText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn of(date: Date) -> Option<Self> {
        let year = u16::try_from(date.year()).ok()?;
        let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or_default();
        let two = |number: i8| {
            let number = u16::try_from(number).unwrap_or_default();
            [digit(number / 10), digit(number)]
        };
        let ([m1, m2], [d1, d2]) = (two(date.month()), two(date.day()));
        let years = [digit(year / 1000), digit(year / 100), digit(year / 10), digit(year)];
        Some(Self([years[0], years[1], years[2], years[3], b'-', m1, m2, b'-', d1, d2]))
    }
}
