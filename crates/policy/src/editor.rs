//! The forms of a policy's files as JSON Schemas, for editors that complete and check YAML while it is written.

use serde_json::{Map, Value, json};

use crate::form::{Form, Holds};
use crate::mapping::keys;
use crate::{chain, departments, manifest, people, routes};

/// Where the schemas lie within a policy directory; the loader does not look there.
const FOLDER: &str = ".schemas";

/// Each schema: its name within [`FOLDER`], and the form of the files that it describes.
const FORMS: &[(&str, &Form)] = &[
    ("policy.schema.json", &manifest::FORM),
    ("departments.schema.json", &departments::FORM),
    ("chain.schema.json", &chain::FORM),
    ("people.schema.json", &people::FORM),
    ("routes.schema.json", &routes::FORM),
    ("sources.schema.json", &keys::SOURCE),
    ("mapping.schema.json", &keys::MAPPING),
];

/// The schemas, with their paths within the policy directory.
pub(crate) fn schemas() -> impl Iterator<Item = (String, String)> {
    FORMS.iter().map(|(name, form)| (format!("{FOLDER}/{name}"), schema(form)))
}

fn schema(form: &Form) -> String {
    let mut schema = record(form);
    schema.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".into(), json!(form.what));
    let text = serde_json::to_string_pretty(&Value::Object(schema)).unwrap_or_default();
    format!("{text}\n")
}

fn record(form: &Form) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in form.keys {
        let mut of = holds(key.holds);
        if !key.must {
            of = or_nothing(of);
        }
        of.insert("description".into(), json!(key.doc));
        properties.insert(key.name.into(), Value::Object(of));
    }
    let must: Vec<&str> = form.keys.iter().filter(|key| key.must).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("description".into(), json!(form.doc));
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    if !must.is_empty() {
        schema.insert("required".into(), json!(must));
    }
    schema.insert("additionalProperties".into(), json!(false));
    schema
}

/// What may be left out may also be there with nothing behind it.
fn or_nothing(mut schema: Map<String, Value>) -> Map<String, Value> {
    match schema.get_mut("type") {
        Some(Value::String(one)) => {
            let both = json!([one, "null"]);
            schema.insert("type".into(), both);
        }
        Some(Value::Array(several)) => several.push(json!("null")),
        _ => {
            if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
                forms.push(json!({"type": "null"}));
            }
        }
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema
}

fn holds(of: Holds) -> Map<String, Value> {
    let schema = match of {
        Holds::Text => json!({"type": "string"}),
        Holds::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Holds::Plain => plain(),
        Holds::Expressions => json!({"type": "object", "additionalProperties": plain()}),
        Holds::Flag => json!({"type": "boolean"}),
        Holds::OneOf(words) | Holds::Known(words) => json!({"type": "string", "enum": words}),
        Holds::Texts => json!({"type": ["string", "array"], "items": {"type": "string"}}),
        Holds::List(of) => json!({"type": "array", "items": holds(*of)}),
        Holds::Record(form) => Value::Object(record(form)),
        Holds::TextOr(form) => json!({"anyOf": [{"type": "string"}, record(form)]}),
        Holds::Named(form) => {
            let mut of = record(form);
            if !form.keys.iter().any(|key| key.must) {
                of = or_nothing(of);
            }
            json!({"type": "object", "additionalProperties": of})
        }
        Holds::Values => json!({"type": "object"}),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// Text, for which a number or `true` may stand.
fn plain() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

#[cfg(test)]
mod tests;
