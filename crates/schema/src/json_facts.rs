//! Facts from JSON, read by the newest shape of the event type: what the schema does not know is ignored,
//! what it asks for must be there.

use std::borrow::Cow;
use std::sync::Arc;

use hinge_domain::{Facts, Field, Kind, Shape, Value};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::fact_rules::{
    check_items, date_text, decimal_text, expected, fact_instant, instant_text, invalid, symbol, when_missing,
};
use crate::json_members::{JsonKind, each_item, each_member, text};
use crate::path::Path;
use crate::{Code, Rejection};

/// So many fields a record has usually at the most.
const USUAL_FIELDS: usize = 32;

/// The facts of one event from the text of a JSON object, in the form that the page of event types describes.
pub fn facts(data: &str, shape: &Arc<Shape>) -> Result<Facts, Rejection> {
    let values = record(data, &shape.fields, Path::Data, &[])?;
    Ok(Facts::new(Arc::clone(shape), values))
}

/// The values of an object's fields, in the order of the schema; those in `left_out` are taken as not given.
pub(crate) fn record(
    object: &str,
    fields: &[Field],
    path: Path<'_>,
    left_out: &[&str],
) -> Result<Vec<Value>, Rejection> {
    let mut values = Vec::with_capacity(fields.len());
    each_value(object, fields, path, |field, given, path| {
        let given = given.filter(|_| !left_out.contains(&&*field.name));
        values.push(given.map_or_else(|| when_missing(field, path), |raw| value(raw, &field.kind, path))?);
        Ok(())
    })?;
    Ok(values)
}

/// Hands over each field in the order of the schema, with what the object gives for it.
fn each_value<'a>(
    object: &'a str,
    fields: &[Field],
    path: Path<'_>,
    mut each: impl FnMut(&Field, Option<&'a RawValue>, Path<'_>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let mut on_stack = [None; USUAL_FIELDS];
    let mut on_heap = Vec::new();
    let found: &mut [Option<&RawValue>] = if let Some(found) = on_stack.get_mut(..fields.len()) {
        found
    } else {
        on_heap.resize(fields.len(), None);
        &mut on_heap
    };
    let mut twice = None;
    let mut next = 0;
    each_member(object, path, |name, raw| {
        // Mostly they come in the order of the schema.
        let expected = fields.get(next).filter(|field| *field.name == *name).map(|_| next);
        let known = expected.or_else(|| fields.iter().position(|field| *field.name == *name));
        let Some(position) = known else { return };
        next = position + 1;
        if found[position].replace(raw).is_some() {
            twice.get_or_insert(position);
        }
    })?;
    // Readers differ in which of two they believe, so neither is believed.
    if let Some(position) = twice {
        let path = Path::Member(&path, &fields[position].name);
        return Err(Rejection::new(Code::JsonInvalid, format!("`{path}` is said twice")));
    }
    for (field, raw) in fields.iter().zip(found) {
        let given = raw.filter(|raw| JsonKind::of(raw) != JsonKind::Null);
        each(field, given, Path::Member(&path, &field.name))?;
    }
    Ok(())
}

fn value(raw: &RawValue, kind: &Kind, path: Path<'_>) -> Result<Value, Rejection> {
    let got = JsonKind::of(raw);
    let wrong_kind = || invalid(path, format_args!("expected {}, got {got}", expected(kind)));
    let given_text = || if got == JsonKind::Text { text(raw, path) } else { Err(wrong_kind()) };
    Ok(match kind {
        Kind::Bool if got == JsonKind::Bool => Value::Bool(raw.get() == "true"),
        Kind::Int if got == JsonKind::Number => {
            let number = raw.get().parse();
            Value::Int(number.map_err(|_| invalid(path, "not a whole number of at most 64 bits"))?)
        }
        Kind::Float if got == JsonKind::Number => {
            let number: Option<f64> = raw.get().parse().ok().filter(|number: &f64| number.is_finite());
            Value::Float(number.ok_or_else(|| invalid(path, "too large a number"))?)
        }
        Kind::Bool | Kind::Int | Kind::Float => return Err(wrong_kind()),
        Kind::Decimal { scale } => {
            let digits = if got == JsonKind::Number { Cow::Borrowed(raw.get()) } else { given_text()? };
            decimal_text(&digits, *scale).map_err(|problem| invalid(path, problem))?
        }
        Kind::Text => Value::text(given_text()?),
        Kind::Uuid => {
            let id = Uuid::try_parse(&given_text()?).map_err(|_| invalid(path, "not a UUID"))?;
            Value::text(id.to_string())
        }
        Kind::Symbol { symbols, fallback } => symbol(&given_text()?, symbols, fallback),
        Kind::Instant => {
            let instant = instant_text(&given_text()?).and_then(fact_instant);
            instant.map_err(|problem| invalid(path, problem))?
        }
        Kind::Date => date_text(&given_text()?).map_err(|problem| invalid(path, problem))?,
        Kind::List(item) => {
            if got != JsonKind::List {
                return Err(wrong_kind());
            }
            let mut values = Ok(Vec::new());
            each_item(raw, path, |raw| {
                if let Ok(known) = &mut values {
                    let position = known.len();
                    let item = check_items(position + 1, path)
                        .and_then(|()| value(raw, item, Path::Item(&path, position)));
                    match item {
                        Ok(item) => known.push(item),
                        Err(rejection) => values = Err(rejection),
                    }
                }
            })?;
            Value::List(values?)
        }
        Kind::Record(fields) => {
            if got != JsonKind::Object {
                return Err(wrong_kind());
            }
            let mut members = Vec::with_capacity(fields.len());
            each_value(raw.get(), fields, path, |field, given, path| {
                let value =
                    given.map_or_else(|| when_missing(field, path), |raw| value(raw, &field.kind, path))?;
                members.push((Arc::clone(&field.name), value));
                Ok(())
            })?;
            Value::Record(members)
        }
    })
}
