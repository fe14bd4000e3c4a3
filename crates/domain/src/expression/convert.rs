//! Hinge's values as CEL's and back.
//!
//! Civil dates are text in CEL (`2026-03-02`), which orders as dates do; exact numbers are doubles,
//! since CEL has nothing better.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value as Cel;
use cel::objects::{Key, Map};
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;

use crate::Value;

pub(super) fn record(fields: impl IntoIterator<Item = (Arc<str>, Value)>) -> Cel {
    let given = fields.into_iter().filter(|(_, value)| !value.is_absent());
    let map: HashMap<Key, Cel> =
        given.map(|(name, value)| (Key::from(name.as_ref()), to_cel(&value))).collect();
    Cel::Map(Map { map: Arc::new(map) })
}

pub(super) fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Absent => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Int(value) => Cel::Int(*value),
        Value::Float(value) => Cel::Float(*value),
        Value::Decimal(value) => Cel::Float(value.to_f64().unwrap_or(f64::NAN)),
        Value::Text(value) => Cel::from(value.as_ref()),
        Value::Instant(value) => timestamp(*value),
        Value::Date(value) => Cel::from(value.to_string()),
        Value::List(values) => Cel::List(Arc::new(values.iter().map(to_cel).collect())),
        Value::Record(fields) => record(fields.iter().cloned()),
    }
}

fn timestamp(instant: Timestamp) -> Cel {
    let nanosecond = u32::try_from(instant.as_nanosecond().rem_euclid(1_000_000_000));
    let second = i64::try_from(instant.as_nanosecond().div_euclid(1_000_000_000));
    match (second, nanosecond) {
        (Ok(second), Ok(nanosecond)) => chrono::DateTime::from_timestamp(second, nanosecond)
            .map_or(Cel::Null, |utc| Cel::Timestamp(utc.fixed_offset())),
        _ => Cel::Null,
    }
}

pub(super) fn from_cel(value: Cel) -> Result<Value, String> {
    Ok(match value {
        Cel::Null => Value::Absent,
        Cel::Bool(value) => Value::Bool(value),
        Cel::Int(value) => Value::Int(value),
        Cel::UInt(value) => Value::Int(i64::try_from(value).map_err(|_| format!("{value} is too large"))?),
        Cel::Float(value) => Value::Float(value),
        Cel::String(value) => Value::text(value.as_str()),
        Cel::Timestamp(value) => Value::Instant(
            value
                .timestamp_nanos_opt()
                .map(i128::from)
                .and_then(|nanos| Timestamp::from_nanosecond(nanos).ok())
                .or_else(|| Timestamp::from_second(value.timestamp()).ok())
                .ok_or_else(|| format!("{value} is out of range"))?,
        ),
        Cel::List(values) => Value::List(values.iter().cloned().map(from_cel).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let mut fields: Vec<(Arc<str>, Value)> = Vec::with_capacity(map.map.len());
            for (key, value) in map.map.iter() {
                let Key::String(name) = key else { return Err("a record needs names as keys".into()) };
                fields.push((Arc::from(name.as_str()), from_cel(value.clone())?));
            }
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Record(fields)
        }
        other => return Err(format!("a {} is not a value that Hinge knows", other.type_of())),
    })
}
