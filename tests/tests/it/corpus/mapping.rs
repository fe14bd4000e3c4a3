//! Mappings: files that people write, and rows that the world has. A case is the mapping of its family with something
//! changed, and what it makes of one row; the events are written and read back, as `hinge ingest` does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hinge_domain::{Row, Value};
use hinge_policy::parse_mapping;
use hinge_schema::{Catalogue, Encoding};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::bytes::{Pieces, bytes};
use super::policy::refusals;
use super::record::facts_of;
use super::{Expected, files, filled, verdict};

/// A mapping, a row, and what must come of them.
pub(super) struct MappingCase {
    /// Folder, file and name.
    pub(super) name: String,
    pub(super) text: String,
    row: Row,
    /// What is right: the events, as JSON.
    pub(super) expected: Expected<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[serde(rename = "about")]
    _about: String,
    /// The mapping.
    mapping: String,
    /// The row.
    row: toml::Table,
    case: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// What is replaced in the mapping, once, and by what ...
    replace: Option<[String; 2]>,
    /// ... or its whole text ...
    text: Option<String>,
    /// ... in parts.
    bytes: Option<Vec<String>>,
    /// Columns of the row that are other ones.
    #[serde(default)]
    row: toml::Table,
    /// Columns that it has not.
    #[serde(default)]
    lacks: Vec<String>,
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    /// The events, each with `type`, `id`, `subject`, `time` and some of its facts.
    events: Option<Vec<toml::Table>>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// All cases of `tests/corpus/mapping`.
pub(super) fn mappings() -> Vec<MappingCase> {
    let mut cases = Vec::new();
    for (family, file) in files::<Family>("mapping") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let text = match (&entry.text, &entry.bytes) {
                    (Some(text), None) => fill.text(text),
                    (None, Some(parts)) => String::from_utf8(bytes(&fill.texts(parts), &Pieces::new()))
                        .expect("a mapping is text"),
                    (None, None) => fill.replaced(&file.mapping, entry.replace.as_ref(), &name),
                    (Some(_), Some(_)) => panic!("{name}: give one of `text`, `bytes`"),
                };
                let columns = file.row.iter().chain(&entry.row);
                let columns: BTreeMap<&String, &toml::Value> = columns.collect();
                let row = columns.into_iter().filter(|(column, _)| !entry.lacks.contains(column));
                let row = row.map(|(column, value)| {
                    (Arc::from(column.as_str()), self::value(value, &|text| fill.text(text)))
                });
                let events = entry.events.as_ref().map(|events| {
                    events
                        .iter()
                        .map(|event| json_of(&toml::Value::Table(event.clone()), &|text| fill.text(text)))
                        .collect()
                });
                let expected =
                    verdict(&fill.text(&entry.verdict), fill.texts(&entry.says), events.unwrap_or_default());
                cases.push(MappingCase { name, text, row: row.collect(), expected });
            }
        }
    }
    cases
}

/// A cell, as CSV or JSON lines give it: texts, and what JSON has beside them.
fn value(value: &toml::Value, fill: &dyn Fn(&str) -> String) -> Value {
    match value {
        toml::Value::String(text) if text.is_empty() => Value::Absent,
        toml::Value::String(text) => Value::text(fill(text)),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(said) => Value::Bool(*said),
        toml::Value::Array(items) => Value::List(items.iter().map(|item| self::value(item, fill)).collect()),
        toml::Value::Table(members) => {
            let members =
                members.iter().map(|(name, member)| (Arc::from(name.as_str()), self::value(member, fill)));
            Value::Record(members.collect())
        }
        toml::Value::Datetime(_) => panic!("write dates and instants as text"),
    }
}

pub(super) fn json_of(value: &toml::Value, fill: &dyn Fn(&str) -> String) -> Json {
    match value {
        toml::Value::String(text) => fill(text).into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(said) => (*said).into(),
        toml::Value::Array(items) => items.iter().map(|item| json_of(item, fill)).collect(),
        toml::Value::Table(members) => {
            Json::Object(members.iter().map(|(name, member)| (name.clone(), json_of(member, fill))).collect())
        }
        toml::Value::Datetime(_) => panic!("write dates and instants as text"),
    }
}

/// Why there are no events: a code, and words.
pub(super) type Refused = (String, String);

/// The events of a row, as JSON.
fn events(case: &MappingCase, catalogue: &Catalogue) -> Result<Vec<Json>, Vec<Refused>> {
    let told = |problems| refusals(&problems);
    let mapping = parse_mapping(Path::new("mapping.yaml"), &case.text, catalogue).map_err(told)?;
    let mapped = mapping.events(&case.row.clone().into(), &|_, _| &[]);
    let mapped = mapped.map_err(|why| vec![("mapping-failed".to_owned(), why.to_string())])?;
    let read_back = |event: hinge_domain::Event| {
        let encoded = catalogue.encode_event(&event, None, Encoding::JsonBinary)?;
        let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
        let event = catalogue.decode(headers, Some(&encoded.value))?.event;
        let (id, subject, time) = (&event.id, &event.subject, event.occurred.to_string());
        Ok(
            json!({"type": &**event.event_type(), "id": id, "subject": subject, "time": time, "facts": facts_of(&event)}),
        )
    };
    let read: Result<_, hinge_schema::Rejection> = mapped.into_iter().map(read_back).collect();
    read.map_err(|why| vec![(why.code.as_str().to_owned(), why.detail)])
}

/// Whether all that is expected of an event is so.
fn says(event: &Json, expected: &Json) -> bool {
    expected.as_object().unwrap().iter().all(|(name, value)| match value {
        Json::Object(facts) => facts.iter().all(|(fact, value)| event[name].get(fact) == Some(value)),
        value => event.get(name) == Some(value),
    })
}

/// How what the program makes of a mapping and a row differs from what is right.
pub(super) fn judge(case: &MappingCase, catalogue: &Catalogue) -> Result<(), String> {
    same_events(&case.expected, events(case, catalogue))
}

/// How events, or all that is said against them, differ from what is right.
pub(super) fn same_events(
    expected: &Expected<Json>,
    got: Result<Vec<Json>, Vec<Refused>>,
) -> Result<(), String> {
    match (expected, got) {
        (Expected::Accept(Json::Null), Ok(_)) => Ok(()),
        (Expected::Accept(expected), Ok(got)) => {
            let all = expected.as_array().unwrap();
            let same = all.len() == got.len() && got.iter().zip(all).all(|(got, it)| says(got, it));
            if same { Ok(()) } else { Err(format!("expected {expected}, got {}", Json::Array(got))) }
        }
        (Expected::Accept(_), Err(refused)) => Err(format!("expected it to be accepted, got {refused:?}")),
        (Expected::Reject { code, .. }, Ok(got)) => {
            Err(format!("expected `{code}`, got {}", Json::Array(got)))
        }
        (Expected::Reject { code, says }, Err(refused)) => {
            let Some((_, told)) = refused.iter().find(|(found, _)| found == code) else {
                return Err(format!("expected `{code}`, got {refused:?}"));
            };
            let unsaid = says.iter().find(|words| !told.contains(words.as_str()));
            unsaid.map_or(Ok(()), |words| Err(format!("expected the words `{words}`, got {told}")))
        }
    }
}
