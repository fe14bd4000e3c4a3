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
use crate::json_members::{JsonKind, items, members, text};
use crate::path::Path;
use crate::{Code, Rejection};

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
    let mut found: Vec<Option<&RawValue>> = vec![None; fields.len()];
    for (name, raw) in members(object, path)?.0 {
        let Some(position) = fields.iter().position(|field| *field.name == *name) else { continue };
        // Readers differ in which of two they believe, so neither is believed.
        if found[position].replace(raw).is_some() {
            let path = Path::Member(&path, &fields[position].name);
            return Err(Rejection::new(Code::JsonInvalid, format!("`{path}` is said twice")));
        }
    }
    let values = fields.iter().zip(found).map(|(field, raw)| {
        let path = Path::Member(&path, &field.name);
        match raw.filter(|raw| JsonKind::of(raw) != JsonKind::Null && !left_out.contains(&&*field.name)) {
            Some(raw) => value(raw, &field.kind, path),
            None => when_missing(field, path),
        }
    });
    values.collect()
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
            let raws = items(raw, path)?;
            check_items(raws.len(), path)?;
            let raws = raws.into_iter().enumerate();
            let values = raws.map(|(position, raw)| value(raw, item, Path::Item(&path, position)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        Kind::Record(fields) => {
            if got != JsonKind::Object {
                return Err(wrong_kind());
            }
            let values = record(raw.get(), fields, path, &[])?;
            Value::Record(fields.iter().map(|field| Arc::clone(&field.name)).zip(values).collect())
        }
    })
}
