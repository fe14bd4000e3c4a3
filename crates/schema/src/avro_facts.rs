//! Facts from Avro values and back, and facts of an older version brought up to the newest. The bytes are
//! read in [`crate::avro`].

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use hinge_domain::{Facts, Field, Kind, Shape, Value};
use rust_decimal::Decimal;

use crate::avro::{split, truncated};
use crate::fact_rules::{
    check_items, days, days_of, decimal, expected, finite, invalid, is_optional, millis, symbol,
    too_many_digits, when_missing,
};
use crate::framing::framed;
use crate::path::Path;
use crate::{Catalogue, Code, Rejection};

/// The event data in `body`, brought up to the newest version of `shape`. `header` is the one that names the
/// schema for the whole body, as Confluent's serializers write it.
pub(crate) fn facts(
    body: &[u8],
    header: Option<&[u8]>,
    shape: &Arc<Shape>,
    catalogue: &Catalogue,
) -> Result<Facts, Rejection> {
    if let Some((id, datum)) = framed(header, body)? {
        return catalogue.framed_facts(id, datum, shape);
    }
    let (fingerprint, datum) = split(body)?;
    let Some((written_shape, writer)) = catalogue.writer(fingerprint) else {
        let detail = format!("no schema has the fingerprint {:016x}", u64::from_le_bytes(fingerprint));
        return Err(Rejection::new(Code::SchemaUnknown, detail));
    };
    if written_shape.event_type != shape.event_type {
        let detail = format!("type `{}`, data of `{}`", shape.event_type, written_shape.event_type);
        return Err(Rejection::new(Code::SchemaMismatch, detail));
    }
    let mut values = writer.read(datum)?;
    if writer.fields() != shape.fields {
        values = upgrade(values, writer.fields(), &shape.fields, Path::Data)?;
    }
    Ok(Facts::new(Arc::clone(shape), values))
}

/// The values of a record that was read with the schema of `fields`.
pub(crate) fn from_record(
    written: Vec<(String, Avro)>,
    fields: &[Field],
    path: Path<'_>,
) -> Result<Vec<Value>, Rejection> {
    let values = fields.iter().zip(written).map(|(field, (_, value))| {
        let path = Path::Member(&path, &field.name);
        match value {
            Avro::Union(0, value) if is_optional(field) && *value == Avro::Null => Ok(Value::Absent),
            Avro::Union(1, value) if is_optional(field) => from_avro(*value, &field.kind, path),
            value => from_avro(value, &field.kind, path),
        }
    });
    values.collect()
}

/// A value as its kind says. Anything else than the schema's own kind is what the library makes of data that
/// ends too early.
fn from_avro(value: Avro, kind: &Kind, path: Path<'_>) -> Result<Value, Rejection> {
    let checked = |checked: Result<Value, &'static str>| checked.map_err(|problem| invalid(path, problem));
    Ok(match (kind, value) {
        (Kind::Bool, Avro::Boolean(value)) => Value::Bool(value),
        (Kind::Int, Avro::Long(value)) => Value::Int(value),
        (Kind::Float, Avro::Double(value)) => checked(finite(value))?,
        (Kind::Decimal { scale }, Avro::Decimal(value)) => exact_number(&value, *scale, path)?,
        (Kind::Text, Avro::String(value)) => Value::text(value),
        (Kind::Uuid, Avro::Uuid(value)) => Value::text(value.to_string()),
        (Kind::Symbol { symbols, fallback }, Avro::Enum(_, value)) => symbol(&value, symbols, fallback),
        (Kind::Instant, Avro::TimestampMillis(value)) => checked(millis(value))?,
        (Kind::Date, Avro::Date(value)) => checked(days(value))?,
        (Kind::List(item), Avro::Array(values)) => {
            check_items(values.len(), path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(position, value)| from_avro(value, item, Path::Item(&path, position)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        (Kind::Record(fields), Avro::Record(written)) => {
            let values = from_record(written, fields, path)?;
            Value::Record(fields.iter().map(|field| Arc::clone(&field.name)).zip(values).collect())
        }
        (_, _) => return Err(truncated()),
    })
}

/// An exact number with as many digits as facts may have.
pub(crate) fn exact_number(
    value: &apache_avro::Decimal,
    scale: u32,
    path: Path<'_>,
) -> Result<Value, Rejection> {
    let number = from_unscaled(value, scale).and_then(|number| decimal(number, scale));
    number.map_err(|problem| invalid(path, problem))
}

/// An exact number from its unscaled big-endian bytes, of which there may be more than it needs.
pub(crate) fn from_unscaled(value: &apache_avro::Decimal, scale: u32) -> Result<Decimal, String> {
    let bytes: Vec<u8> = value.try_into().unwrap_or_default();
    let Some(first) = bytes.first() else { return Err("an exact number that has no digits".to_owned()) };
    let sign = if first & 0x80 == 0 { 0 } else { 0xFF };
    let digits = &bytes[bytes.iter().take_while(|byte| **byte == sign).count()..];
    let mut wide = [sign; 16];
    let place = 16_usize.checked_sub(digits.len()).ok_or_else(|| too_many_digits(scale))?;
    wide[place..].copy_from_slice(digits);
    let number = i128::from_be_bytes(wide);
    // Sixteen bytes without those of the sign may have lost it.
    if (number < 0) != (sign == 0xFF) {
        return Err(too_many_digits(scale));
    }
    Decimal::try_from_i128_with_scale(number, scale).map_err(|_| too_many_digits(scale))
}

/// The fewest big-endian bytes that keep a number's sign, as other writers of Avro have it.
fn unscaled_bytes(mantissa: i128) -> Vec<u8> {
    let bytes = mantissa.to_be_bytes();
    let needless = |pair: &&[u8]| {
        matches!(pair, [0, next] if *next < 0x80) || matches!(pair, [0xFF, next] if *next >= 0x80)
    };
    let skipped = bytes.windows(2).take_while(needless).count();
    bytes[skipped..].to_vec()
}

/// Values of an older version as the newest one has them: by name, new facts by their default.
fn upgrade(
    values: Vec<Value>,
    written: &[Field],
    newest: &[Field],
    path: Path<'_>,
) -> Result<Vec<Value>, Rejection> {
    let mut older: Vec<(&Field, Value)> = written.iter().zip(values).collect();
    let upgraded = newest.iter().map(|field| {
        let path = Path::Member(&path, &field.name);
        match older.iter_mut().find(|(older, _)| older.name == field.name) {
            Some((older, value)) => upgrade_value(std::mem::take(value), &older.kind, &field.kind, path),
            None => when_missing(field, path),
        }
    });
    upgraded.collect()
}

fn upgrade_value(value: Value, written: &Kind, newest: &Kind, path: Path<'_>) -> Result<Value, Rejection> {
    Ok(match (value, written, newest) {
        (Value::Text(text), Kind::Symbol { .. }, Kind::Symbol { symbols, fallback }) => {
            symbol(&text, symbols, fallback)
        }
        (Value::List(values), Kind::List(written), Kind::List(newest)) => {
            let values = values
                .into_iter()
                .enumerate()
                .map(|(position, value)| upgrade_value(value, written, newest, Path::Item(&path, position)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        (Value::Record(members), Kind::Record(written), Kind::Record(newest)) => {
            let values = members.into_iter().map(|(_, value)| value).collect();
            let values = upgrade(values, written, newest, path)?;
            Value::Record(newest.iter().map(|field| Arc::clone(&field.name)).zip(values).collect())
        }
        // Versions never change the kind of a fact: they could not read one another.
        (value, _, _) => value,
    })
}

/// A record for the schema of `fields`, from values in their order.
pub(crate) fn to_record<'a>(
    values: impl Iterator<Item = &'a Value>,
    fields: &[Field],
    path: Path<'_>,
) -> Result<Avro, Rejection> {
    let members = fields.iter().zip(values).map(|(field, value)| {
        let path = Path::Member(&path, &field.name);
        let written = match (value, is_optional(field)) {
            (Value::Absent, true) => Avro::Union(0, Box::new(Avro::Null)),
            (value, true) => Avro::Union(1, Box::new(to_avro(value, &field.kind, path)?)),
            (Value::Absent, false) => to_avro(&when_missing(field, path)?, &field.kind, path)?,
            (value, false) => to_avro(value, &field.kind, path)?,
        };
        Ok((field.name.to_string(), written))
    });
    Ok(Avro::Record(members.collect::<Result<_, Rejection>>()?))
}

fn to_avro(value: &Value, kind: &Kind, path: Path<'_>) -> Result<Avro, Rejection> {
    Ok(match (kind, value) {
        (Kind::Bool, Value::Bool(value)) => Avro::Boolean(*value),
        (Kind::Int, Value::Int(value)) => Avro::Long(*value),
        (Kind::Float, Value::Float(value)) if value.is_finite() => Avro::Double(*value),
        (Kind::Decimal { scale }, Value::Decimal(number)) => {
            match decimal(*number, *scale).map_err(|problem| invalid(path, problem))? {
                Value::Decimal(number) => Avro::Decimal(unscaled_bytes(number.mantissa()).into()),
                _ => return Err(invalid(path, "too many digits")),
            }
        }
        (Kind::Text, Value::Text(text)) => Avro::String(text.to_string()),
        (Kind::Uuid, Value::Text(text)) => Avro::Uuid(text.parse().map_err(|_| invalid(path, "not a UUID"))?),
        (Kind::Symbol { symbols, fallback }, Value::Text(text)) => {
            let position = |wanted: &str| symbols.iter().position(|symbol| symbol.as_ref() == wanted);
            let position = position(text).or_else(|| position(fallback)).unwrap_or_default();
            let index = u32::try_from(position).map_err(|_| invalid(path, "too many symbols"))?;
            Avro::Enum(index, symbols[position].to_string())
        }
        (Kind::Instant, Value::Instant(value)) => Avro::TimestampMillis(value.as_millisecond()),
        (Kind::Date, Value::Date(value)) => Avro::Date(days_of(*value)),
        (Kind::List(item), Value::List(values)) => {
            let values = values.iter().enumerate();
            let values = values.map(|(position, value)| to_avro(value, item, Path::Item(&path, position)));
            Avro::Array(values.collect::<Result<_, _>>()?)
        }
        (Kind::Record(fields), Value::Record(members)) => {
            let value_of = |field: &Field| {
                let member = members.iter().find(|(name, _)| *name == field.name);
                member.map_or(&Value::Absent, |(_, value)| value)
            };
            to_record(fields.iter().map(value_of), fields, path)?
        }
        (kind, _) => return Err(invalid(path, format_args!("expected {}", expected(kind)))),
    })
}
