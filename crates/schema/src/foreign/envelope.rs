//! Debezium's envelope: what was changed, how, and what it was before.
//!
//! Read as Debezium 2 and 3 write it, with or without the `schema`/`payload` wrapper of Kafka Connect's JSON, and as
//! its transformation `ExtractNewRecordState` flattens it (with `__op` or `__deleted` added to the row).

use std::sync::Arc;

use hinge_domain::{Given, Row, Value};

use crate::{Code, Rejection};

/// What stands for a large column of PostgreSQL that a change left as it was.
const UNAVAILABLE: &str = "__debezium_unavailable_value";

/// What a change record says. `row` is the row after the change, or before it where it was deleted.
///
/// `before` is an empty record where there was no row, and absent where there was one and the record does not say it, so
/// that asking what changed has no answer instead of a wrong one.
pub(super) fn given(record: Row) -> Result<Option<Given>, Rejection> {
    let Some(Value::Record(mut change)) = payload(record) else { return Ok(None) };
    let is_flattened = member(&change, "__op").or(member(&change, "__deleted")).is_some();
    let op = member(&change, "op").filter(|_| !is_flattened).cloned();
    let Some(Value::Text(op)) = op else { return flattened(change) };
    let [before, after, source, ts_ms] =
        ["before", "after", "source", "ts_ms"].map(|name| take(&mut change, name));
    let is_untold = before.is_absent() && matches!(&*op, "u" | "d");
    let before = row(before, "before")?;
    let after = match &*op {
        "c" | "r" | "u" => row(after, "after")?,
        "d" => before.clone(),
        // A table was emptied, or somebody wrote a message into the log: no row is meant.
        "t" | "m" => return Ok(None),
        _ => return Err(invalid("`op` is none of c, r, u, d, t and m")),
    };
    let row: Row = after
        .into_iter()
        .map(|(name, value)| {
            if !is_unavailable(&value) {
                return (name, value);
            }
            let kept = member(&before, &name).filter(|value| !is_unavailable(value)).cloned();
            (name, kept.unwrap_or_default())
        })
        .collect();
    let source = if source.is_absent() { Value::Record(Vec::new()) } else { source };
    Ok(Some(Given {
        row,
        beside: vec![
            ("op", Value::Text(op)),
            ("before", if is_untold { Value::Absent } else { Value::Record(before) }),
            ("source", source),
            ("ts_ms", ts_ms),
        ],
    }))
}

/// A row that a transformation took out of its envelope; of the envelope it has what was added to it.
fn flattened(row: Row) -> Result<Option<Given>, Rejection> {
    let deleted = match member(&row, "__deleted") {
        Some(Value::Bool(deleted)) => Some(*deleted),
        Some(Value::Text(text)) => Some(&**text == "true"),
        _ => None,
    };
    let op = match (member(&row, "__op"), deleted) {
        (Some(Value::Text(op)), _) => Value::Text(Arc::clone(op)),
        (_, Some(true)) => Value::text("d"),
        (_, Some(false)) => Value::text("u"),
        _ => {
            return Err(invalid(
                "neither an envelope with `op` nor a flattened row with `__op` or `__deleted`; plain rows are \
                 `format: json`",
            ));
        }
    };
    let ts_ms = member(&row, "__ts_ms").cloned().unwrap_or_default();
    let empty = || Value::Record(Vec::new());
    let is_new = matches!(&op, Value::Text(op) if matches!(&**op, "c" | "r"));
    let before = if is_new { empty() } else { Value::Absent };
    Ok(Some(Given {
        row,
        beside: vec![("op", op), ("before", before), ("source", empty()), ("ts_ms", ts_ms)],
    }))
}

/// A record without the `schema` that Kafka Connect's JSON may wrap around it; `None` where nothing is wrapped.
pub(super) fn payload(mut record: Row) -> Option<Value> {
    let is_wrapper = record.len() == 2 && member(&record, "schema").is_some();
    if !is_wrapper || member(&record, "payload").is_none() {
        return Some(Value::Record(record));
    }
    Some(take(&mut record, "payload")).filter(|payload| !payload.is_absent())
}

fn member<'a>(record: &'a Row, name: &str) -> Option<&'a Value> {
    record.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
}

fn take(record: &mut Row, name: &str) -> Value {
    let found = record.iter_mut().find(|(known, _)| **known == *name);
    found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
}

fn row(value: Value, name: &str) -> Result<Row, Rejection> {
    match value {
        Value::Record(row) => Ok(row),
        Value::Absent if name == "before" => Ok(Vec::new()),
        _ => Err(invalid(&format!("`{name}` is not a row"))),
    }
}

fn is_unavailable(value: &Value) -> bool {
    matches!(value, Value::Text(text) if &**text == UNAVAILABLE)
}

fn invalid(detail: &str) -> Rejection {
    Rejection::new(Code::DataInvalid, detail)
}
