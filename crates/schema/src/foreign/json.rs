//! Any JSON as values: numbers keep their digits, `null` is absent, nothing is said twice.

use std::sync::Arc;

use hinge_domain::{Row, Value};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::fact_rules::MAX_ITEMS;
use crate::json_members::{JsonKind, Members, items, members, text};
use crate::path::Path;
use crate::{Code, Rejection};

/// The deepest nesting that is read. Each level is scanned once more, so this also bounds the time.
const DEEPEST: usize = 32;

/// The row that a JSON object is.
///
/// Whole numbers of 64 bits are numbers, larger ones text; a number with a point or an exponent is exact
/// wherever 28 digits are enough.
pub fn json_row(bytes: &[u8]) -> Result<Row, Rejection> {
    match any(bytes)? {
        Value::Record(row) => Ok(row),
        _ => Err(Rejection::new(Code::JsonInvalid, "not a JSON object")),
    }
}

/// The value that any JSON is.
pub(super) fn any(bytes: &[u8]) -> Result<Value, Rejection> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Rejection::new(Code::JsonInvalid, format!("not UTF-8 after byte {}", error.valid_up_to()))
    })?;
    // serde_json's own message may repeat a value.
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let detail = format!("not JSON from line {} column {} on", error.line(), error.column());
        Rejection::new(Code::JsonInvalid, detail)
    })?;
    value(raw, Path::Data, 0)
}

fn value(raw: &RawValue, path: Path<'_>, depth: usize) -> Result<Value, Rejection> {
    if depth > DEEPEST {
        let detail = format!("`{path}`: nested deeper than {DEEPEST}");
        return Err(Rejection::new(Code::JsonInvalid, detail));
    }
    Ok(match JsonKind::of(raw) {
        JsonKind::Null => Value::Absent,
        JsonKind::Bool => Value::Bool(raw.get() == "true"),
        JsonKind::Number => number(raw.get()),
        JsonKind::Text => Value::text(text(raw, path)?),
        JsonKind::List => {
            let raws = items(raw, path)?;
            if raws.len() > MAX_ITEMS {
                let detail = format!("`{path}`: more than {MAX_ITEMS} items");
                return Err(Rejection::new(Code::JsonInvalid, detail));
            }
            let raws = raws.into_iter().enumerate();
            let values = raws.map(|(at, raw)| value(raw, Path::Item(&path, at), depth + 1));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        JsonKind::Object => {
            let Members(raws) = members(raw.get(), path)?;
            if raws.len() > MAX_ITEMS {
                let detail = format!("`{path}`: more than {MAX_ITEMS} members");
                return Err(Rejection::new(Code::JsonInvalid, detail));
            }
            let mut names: Vec<&str> = raws.iter().map(|(name, _)| name.as_ref()).collect();
            names.sort_unstable();
            if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                let path = Path::Member(&path, twice[0]);
                return Err(Rejection::new(Code::JsonInvalid, format!("`{path}` is said twice")));
            }
            let fields = raws.iter().map(|(name, raw)| {
                let value = value(raw, Path::Member(&path, name), depth + 1)?;
                Ok((Arc::from(name.as_ref()), value))
            });
            Value::Record(fields.collect::<Result<_, Rejection>>()?)
        }
    })
}

/// A number as it is written.
fn number(text: &str) -> Value {
    if !text.contains(['.', 'e', 'E']) {
        // What CEL's whole numbers do not hold would lose digits as any other number: ids may be so long.
        return text.parse().map_or_else(|_| Value::text(text), Value::Int);
    }
    let exact = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        Decimal::from_str_exact(text)
    };
    match (exact, text.parse::<f64>()) {
        (Ok(exact), _) => Value::Decimal(exact),
        (Err(_), Ok(number)) if number.is_finite() => Value::Float(number),
        (Err(_), _) => Value::text(text),
    }
}
