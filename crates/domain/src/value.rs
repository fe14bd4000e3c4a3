//! The values that facts have, whatever format they arrived in.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::fmt;
use std::sync::Arc;

/// One fact's value. `Absent` means that nobody said anything: it equals nothing, not even empty text.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Not given.
    #[default]
    Absent,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A measured number.
    Float(f64),
    /// An exact number, such as money.
    Decimal(Decimal),
    /// Text, also ids and the symbols of an enumeration.
    Text(Arc<str>),
    /// An instant.
    Instant(Timestamp),
    /// A civil date, in a zone that another fact names.
    Date(Date),
    /// Values of one kind, in order.
    List(Vec<Value>),
    /// Named values.
    Record(Vec<(Arc<str>, Value)>),
}

impl Value {
    /// Text as a value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Whether nobody said anything.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Serialize for Value {
    /// As in the JSON that departments read: instants in RFC 3339 and UTC, dates as `2026-03-02`,
    /// exact numbers as text so that no reader rounds them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Decimal(value) => serializer.collect_str(value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Instant(value) => serializer.collect_str(value),
            Self::Date(value) => serializer.collect_str(value),
            Self::List(values) => serializer.collect_seq(values),
            Self::Record(fields) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_absent()) {
                    map.serialize_entry(name.as_ref(), value)?;
                }
                map.end()
            }
        }
    }
}

impl fmt::Display for Value {
    /// As a person reads it: text without quotes, the rest as in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("(not given)"),
            Self::Text(text) => f.write_str(text),
            Self::Decimal(value) => value.fmt(f),
            Self::Instant(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            other => f.write_str(&serde_json::to_string(other).map_err(|_| fmt::Error)?),
        }
    }
}
