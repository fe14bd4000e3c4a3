//! Values that were written with somebody else's schema, as the facts of an event type: by name, by Avro's rules
//! for promoting numbers, with the defaults of the reader. Whether a schema can be read at all was checked before
//! ([`crate::compatibility`]); here a value that cannot be is rejected with its path.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use hinge_domain::{Field, Kind, Value};

use crate::Rejection;
use crate::avro::truncated;
use crate::avro_facts::exact_number;
use crate::fact_rules::{
    check_items, days, expected, finite, invalid, is_optional, millis, symbol, when_missing,
};
use crate::path::Path;

/// The facts of `fields` in a record.
pub(crate) fn resolve(written: Avro, fields: &[Field]) -> Result<Vec<Value>, Rejection> {
    let Avro::Record(members) = written else { return Err(truncated()) };
    record(members, fields, Path::Data)
}

fn record(
    mut members: Vec<(String, Avro)>,
    fields: &[Field],
    path: Path<'_>,
) -> Result<Vec<Value>, Rejection> {
    let values = fields.iter().enumerate().map(|(at, field)| {
        let path = Path::Member(&path, &field.name);
        // Mostly a schema of ours with its fields in our order.
        let same_place = members.get(at).filter(|(name, _)| *name == *field.name).map(|_| at);
        let found = same_place.or_else(|| members.iter().position(|(name, _)| *name == *field.name));
        match found {
            Some(found) => match inner(std::mem::replace(&mut members[found].1, Avro::Null)) {
                Avro::Null if is_optional(field) => Ok(Value::Absent),
                Avro::Null => Err(missing(field, path)),
                written => value(written, &field.kind, path),
            },
            None => when_missing(field, path),
        }
    });
    values.collect()
}

fn missing(field: &Field, path: Path<'_>) -> Rejection {
    invalid(path, format_args!("null; expected {}", expected(&field.kind)))
}

/// What a union holds.
fn inner(written: Avro) -> Avro {
    match written {
        Avro::Union(_, written) => *written,
        written => written,
    }
}

fn value(written: Avro, kind: &Kind, path: Path<'_>) -> Result<Value, Rejection> {
    let checked = |checked: Result<Value, &'static str>| checked.map_err(|problem| invalid(path, problem));
    Ok(match (kind, inner(written)) {
        (Kind::Bool, Avro::Boolean(value)) => Value::Bool(value),
        (Kind::Int, written) => Value::Int(whole_number(&written).ok_or_else(|| unfit(kind, path))?),
        (Kind::Float, Avro::Double(value)) => checked(finite(value))?,
        (Kind::Float, Avro::Float(value)) => checked(finite(value.into()))?,
        #[expect(clippy::cast_precision_loss, reason = "Avro promotes whole numbers so")]
        (Kind::Float, written) => {
            Value::Float(whole_number(&written).ok_or_else(|| unfit(kind, path))? as f64)
        }
        (Kind::Decimal { scale }, Avro::Decimal(value)) => exact_number(&value, *scale, path)?,
        (Kind::Decimal { scale }, Avro::Bytes(value)) => exact_number(&value.into(), *scale, path)?,
        (Kind::Text, Avro::String(text)) => Value::text(text),
        (Kind::Text, Avro::Bytes(bytes)) => {
            Value::text(String::from_utf8(bytes).map_err(|_| invalid(path, "text that is not UTF-8"))?)
        }
        (Kind::Text | Kind::Uuid, Avro::Uuid(value)) => Value::text(value.to_string()),
        (Kind::Uuid, Avro::String(text)) => {
            let uuid: uuid::Uuid = text.parse().map_err(|_| unfit(kind, path))?;
            Value::text(uuid.to_string())
        }
        (Kind::Symbol { symbols, fallback }, Avro::Enum(_, text)) => symbol(&text, symbols, fallback),
        (Kind::Instant, Avro::TimestampMillis(value) | Avro::Long(value)) => checked(millis(value))?,
        (Kind::Instant, Avro::Int(value)) => checked(millis(value.into()))?,
        (Kind::Date, Avro::Date(value) | Avro::Int(value)) => checked(days(value))?,
        (Kind::List(item), Avro::Array(values)) => {
            check_items(values.len(), path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(position, written)| value(written, item, Path::Item(&path, position)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        (Kind::Record(fields), Avro::Record(members)) => {
            let values = record(members, fields, path)?;
            Value::Record(fields.iter().map(|field| Arc::clone(&field.name)).zip(values).collect())
        }
        (_, _) => return Err(unfit(kind, path)),
    })
}

fn unfit(kind: &Kind, path: Path<'_>) -> Rejection {
    invalid(path, format_args!("expected {}", expected(kind)))
}

/// A whole number, whatever it counts.
fn whole_number(written: &Avro) -> Option<i64> {
    match written {
        Avro::Int(value) | Avro::Date(value) | Avro::TimeMillis(value) => Some((*value).into()),
        Avro::Long(value)
        | Avro::TimeMicros(value)
        | Avro::TimestampMillis(value)
        | Avro::TimestampMicros(value)
        | Avro::TimestampNanos(value)
        | Avro::LocalTimestampMillis(value)
        | Avro::LocalTimestampMicros(value)
        | Avro::LocalTimestampNanos(value) => Some(*value),
        _ => None,
    }
}
