//! From an Avro schema to the fields of a shape, and what a schema may be at most. Schemas that use
//! anything outside the house rules (`schemas/README.md`) are refused here.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, RecordField, UnionSchema, UuidSchema};
use hinge_domain::{Field, Kind, Pii, Value};
use serde_json::Value as Json;

/// The largest schema, in bytes.
pub(crate) const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The deepest nesting of a schema.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 32;
/// The most fields of a schema, nested ones included.
pub(crate) const MAX_SCHEMA_FIELDS: usize = 500;
/// The digits of an exact number, before and after the point.
pub(crate) const DECIMAL_PRECISION: u32 = 18;

/// A schema that Hinge cannot work with, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SchemaError {
    name: String,
    problem: String,
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.name.is_empty() {
            write!(f, "schema `{}`: ", self.name)?;
        }
        f.write_str(&self.problem)
    }
}

impl SchemaError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { name: String::new(), problem: problem.into() }
    }

    /// Names the schema that has the problem.
    pub(crate) fn of(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }
}

/// The JSON of a schema that keeps the limits, which is checked before Avro's recursive parser sees it.
pub(crate) fn check_limits(text: &str) -> Result<Json, SchemaError> {
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(SchemaError::new(format!("more than {MAX_SCHEMA_BYTES} bytes")));
    }
    let json: Json = serde_json::from_str(text).map_err(|error| SchemaError::new(error.to_string()))?;
    let mut fields = 0;
    measure(&json, 0, &mut fields)?;
    if fields > MAX_SCHEMA_FIELDS {
        return Err(SchemaError::new(format!("more than {MAX_SCHEMA_FIELDS} fields")));
    }
    Ok(json)
}

fn measure(json: &Json, depth: usize, fields: &mut usize) -> Result<(), SchemaError> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(SchemaError::new(format!("nested deeper than {MAX_SCHEMA_DEPTH}")));
    }
    match json {
        Json::Array(items) => items.iter().try_for_each(|item| measure(item, depth + 1, fields)),
        Json::Object(members) => {
            *fields += members.get("fields").and_then(Json::as_array).map_or(0, Vec::len);
            members.values().try_for_each(|member| measure(member, depth + 1, fields))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

/// The meaning and the fields of a record schema.
pub(crate) fn fields_of(schema: &Schema) -> Result<(String, Vec<Field>), SchemaError> {
    let Schema::Record(record) = schema else { return Err(SchemaError::new("not a record")) };
    let fields = record.fields.iter().map(field).collect::<Result<_, _>>()?;
    Ok((record.doc.clone().unwrap_or_default(), fields))
}

fn field(field: &RecordField) -> Result<Field, SchemaError> {
    let wrong = |problem: &str| SchemaError::new(format!("field `{}`: {problem}", field.name));
    let (kind, optional) = match &field.schema {
        Schema::Union(union) => (kind(optional_of(union)?)?, true),
        schema => (kind(schema)?, false),
    };
    let default = match &field.default {
        Some(Json::Null) if optional => Some(Value::Absent),
        None if optional => return Err(wrong("optional, but not null by default")),
        Some(default) => Some(default_value(default, &kind).ok_or_else(|| wrong("unusable default"))?),
        None => None,
    };
    let pii = match field.custom_attributes.get("pii").and_then(Json::as_str) {
        Some("direct") => Pii::Direct,
        Some("indirect") => Pii::Indirect,
        Some("none") => Pii::None,
        Some(_) | None => return Err(wrong("`pii` must be `direct`, `indirect` or `none`")),
    };
    let doc = field.doc.clone().unwrap_or_default();
    Ok(Field { name: field.name.as_str().into(), kind, default, pii, doc })
}

/// The one union there may be: null first, then the value.
fn optional_of(union: &UnionSchema) -> Result<&Schema, SchemaError> {
    match union.variants() {
        [Schema::Null, schema] => Ok(schema),
        _ => Err(SchemaError::new("a union other than `[\"null\", ...]`")),
    }
}

fn kind(schema: &Schema) -> Result<Kind, SchemaError> {
    Ok(match schema {
        Schema::Boolean => Kind::Bool,
        Schema::Long => Kind::Int,
        Schema::Double => Kind::Float,
        Schema::String => Kind::Text,
        Schema::Uuid(UuidSchema::String) => Kind::Uuid,
        Schema::TimestampMillis => Kind::Instant,
        Schema::Date => Kind::Date,
        Schema::Decimal(decimal) if matches!(decimal.inner, InnerDecimalSchema::Bytes) => {
            if u32::try_from(decimal.precision) != Ok(DECIMAL_PRECISION) {
                return Err(SchemaError::new(format!("exact numbers have {DECIMAL_PRECISION} digits")));
            }
            let scale = u32::try_from(decimal.scale).map_err(|_| SchemaError::new("scale too large"))?;
            Kind::Decimal { scale }
        }
        Schema::Enum(symbols) => {
            let fallback = symbols.default.as_deref();
            let fallback = fallback.ok_or_else(|| SchemaError::new("an enum without a default symbol"))?;
            let symbols: Vec<Arc<str>> =
                symbols.symbols.iter().map(|symbol| symbol.as_str().into()).collect();
            Kind::Symbol { symbols, fallback: fallback.into() }
        }
        Schema::Array(array) => Kind::List(Box::new(kind(&array.items)?)),
        Schema::Record(record) => Kind::Record(record.fields.iter().map(field).collect::<Result<_, _>>()?),
        // Also `Ref`, so that no schema can contain itself.
        other => return Err(SchemaError::new(format!("`{other}` is not used in Hinge's schemas"))),
    })
}

/// The value of a default; of the compound kinds only the empty list.
fn default_value(json: &Json, kind: &Kind) -> Option<Value> {
    Some(match (kind, json) {
        (Kind::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Kind::Int, Json::Number(value)) => Value::Int(value.as_i64()?),
        (Kind::Text | Kind::Symbol { .. }, Json::String(text)) => Value::text(text.as_str()),
        (Kind::List(_), Json::Array(items)) if items.is_empty() => Value::List(Vec::new()),
        _ => return None,
    })
}
