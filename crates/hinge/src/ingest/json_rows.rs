//! The rows of a file of JSON lines: one object a line. Members may hold objects and lists; `null` is absent.

use std::sync::Arc;

use anyhow::{Result, bail};
use hinge_domain::Value;
use serde_json::{Map, Value as Json};

use super::lines::Lines;
use super::rows::{BadRow, Numbered};

/// The rows of one file.
pub(super) struct JsonRows {
    lines: Lines,
}

impl JsonRows {
    /// Rows of JSON lines; one large JSON list is refused.
    pub(super) fn new(mut lines: Lines) -> Result<Self> {
        if lines.first_byte() == Some(b'[') {
            bail!(
                "it is one JSON list, and JSON lines are read: one object a line; `jq -c '.[]' FILE` makes them"
            );
        }
        Ok(Self { lines })
    }

    /// The next row, or what stands there instead.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        loop {
            let line = self.lines.next()?;
            if let Some(broken) = &line.broken {
                let row = Err(BadRow::broken(broken, &line.bytes));
                return Some(Numbered { line: line.number, row });
            }
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            let row = match serde_json::from_slice::<Json>(&line.bytes) {
                Ok(Json::Object(members)) => Ok(fields(members)),
                Ok(_) => Err("it is not a JSON object".to_owned()),
                Err(_) if std::str::from_utf8(&line.bytes).is_err() => Err("it is not UTF-8".to_owned()),
                Err(error) => Err(format!("it is not JSON from column {} on", error.column())),
            };
            return Some(Numbered {
                line: line.number,
                row: row.map_err(|reason| BadRow::new(reason, &line.bytes)),
            });
        }
    }
}

fn fields(members: Map<String, Json>) -> Vec<(Arc<str>, Value)> {
    members.into_iter().map(|(name, json)| (Arc::from(name), value(json))).collect()
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Absent,
        Json::Bool(said) => Value::Bool(said),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(number)) => Value::Float(number),
            (None, None) => Value::text(number.to_string()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(values) => Value::List(values.into_iter().map(value).collect()),
        Json::Object(members) => Value::Record(fields(members)),
    }
}
