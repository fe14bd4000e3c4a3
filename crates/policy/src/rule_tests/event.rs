//! The event of a rule test, read as an event from outside would be.

use std::sync::Arc;

use hinge_domain::{Event, Facts, Kind, Rule, Shape, nearest};
use hinge_schema::{Catalogue, Rejection, facts_from_json};
use jiff::Timestamp;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
use crate::names::known_event_type;
use crate::place::Place;
use crate::yaml::{Node, Yaml, whole};

/// When a test's event happens that does not say when: a Monday morning.
const UNLESS_SAID: &str = "2026-01-05T09:00:00Z";

/// The event and the instant at which it was recorded; what is wrong with them is noted.
pub(super) fn event(
    page: &mut Page<'_>,
    catalogue: &Catalogue,
    rule: &Rule,
    test: &Yaml,
) -> Option<(Event, Timestamp)> {
    let given = test.get("event")?;
    let shape = shape(page, catalogue, rule, given)?;
    let facts = facts(page, &shape, given);
    let recorded = test.text_at("recorded").map(|text| instant(page, &text));
    let time = given.value.text_at("time").map(|text| instant(page, &text));
    let (recorded, time) = match (recorded, time) {
        (Some(recorded), Some(time)) => (recorded?, time?),
        (Some(instant), None) | (None, Some(instant)) => (instant?, instant?),
        (None, None) => {
            let instant = UNLESS_SAID.parse().ok()?;
            (instant, instant)
        }
    };
    let attribute = |name: &str, unless_said: &str| {
        given.value.text_at(name).map_or_else(|| unless_said.to_owned(), |text| text.value)
    };
    let subject = attribute("subject", "1");
    let event = Event {
        id: attribute("id", "1"),
        source: attribute("source", "/rule-test"),
        correlation_id: attribute("correlationid", &subject),
        subject,
        occurred: time,
        history: None,
        facts: facts?,
        extensions: Vec::new(),
    };
    Some((event, recorded))
}

fn shape(page: &mut Page<'_>, catalogue: &Catalogue, rule: &Rule, given: &Node) -> Option<Arc<Shape>> {
    if let Some(event_type) = given.value.text_at("type") {
        if !known_event_type(page, catalogue, &event_type) {
            return None;
        }
        if !rule.event_types.iter().any(|of| **of == *event_type.value) {
            let message = format!("the rule `{}` does not look at `{}`", rule.id, event_type.value);
            let help = format!("it looks at {}", rule.event_types.join(", "));
            page.note("test-invalid", &event_type, message, &help);
            return None;
        }
        return catalogue.shape(&event_type.value).cloned();
    }
    match rule.event_types.as_slice() {
        [event_type] => catalogue.shape(event_type).cloned(),
        several => {
            let message = format!("the rule `{}` looks at several event types", rule.id);
            let help = format!("say which one it is, such as `type: {}`", several.first()?);
            page.note("test-invalid", whole(page.text, given), message, &help);
            None
        }
    }
}

fn instant(page: &mut Page<'_>, text: &Spanned<String>) -> Option<Timestamp> {
    let instant = text.value.parse();
    if instant.is_err() {
        let message = format!("`{}` is not an instant", text.value);
        page.note("test-invalid", text, message, "write it by RFC 3339, such as `2026-03-02T10:15:00Z`");
    }
    instant.ok()
}

/// The facts, read as the JSON of an event is; a name or symbol that it would pass over in silence is noted.
fn facts(page: &mut Page<'_>, shape: &Arc<Shape>, given: &Node) -> Option<Facts> {
    let before = page.problems.len();
    let mut object = Map::new();
    for (name, value) in given.value.entries() {
        let Some(fact) = name.value.text() else {
            page.note(
                "test-invalid",
                name,
                "this is no name of a fact".into(),
                "put it into quotes if it is",
            );
            continue;
        };
        if Event::ATTRIBUTES.contains(&fact) {
            continue;
        }
        if let Some(field) = shape.fields.iter().find(|field| *field.name == *fact) {
            known_symbols(page, fact, value, &field.kind);
        } else {
            let facts = shape.fields.iter().map(|field| field.name.as_ref());
            let names: Vec<&str> = facts.chain(Event::ATTRIBUTES).collect();
            let message = format!("`{}` has no fact `{fact}`", shape.event_type);
            let help = format!("its facts and attributes are {}", names.join(", "));
            let meant = nearest(fact, names).map(str::to_owned);
            page.note("fact-unknown", name, message, &help).suggestion = meant;
        }
        object.insert(fact.to_owned(), json(page.text, value));
    }
    if page.problems.len() > before {
        return None;
    }
    let text = Value::Object(object).to_string();
    facts_from_json(&text, shape).map_err(|rejection| rejected(page, given, &rejection)).ok()
}

/// Notes what the schema crate says of the facts, at the value that its path names.
fn rejected(page: &mut Page<'_>, given: &Node, rejection: &Rejection) {
    let (path, problem) = rejection.detail.split_once("`: ").unwrap_or(("", &rejection.detail));
    let path = path.trim_start_matches('`');
    let place = at_path(given, path).map_or_else(|| Place::from(given), Place::from);
    let message = if path.is_empty() { problem.to_owned() } else { format!("`{path}`: {problem}") };
    let help = "write the facts as schemas/README.md describes them for JSON";
    page.note("test-invalid", place, message, help);
}

/// The value at a path such as `items[2].price`, or the nearest one above it.
fn at_path<'a>(given: &'a Node, path: &str) -> Option<&'a Node> {
    let mut node = None;
    for step in path.split(['.', '[']) {
        let here: &Yaml = node.map_or(&given.value, |node: &Node| &node.value);
        let next = match step.strip_suffix(']') {
            Some(position) => position.parse().ok().and_then(|position: usize| here.items().get(position)),
            None => here.get(step),
        };
        match next {
            Some(next) => node = Some(next),
            None => break,
        }
    }
    node
}

/// Notes a symbol that an event could not have: from outside it would become another one.
fn known_symbols(page: &mut Page<'_>, name: &str, value: &Node, kind: &Kind) {
    match (kind, &value.value) {
        (Kind::Symbol { symbols, .. }, Yaml::Text(text))
            if !symbols.iter().any(|symbol| **symbol == **text) =>
        {
            let names: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
            let help = format!("it is one of {}", names.join(", "));
            let noted = page.note("symbol-unknown", value, format!("`{name}` is never `{text}`"), &help);
            noted.suggestion = nearest(text, names).map(str::to_owned);
        }
        (Kind::List(item), Yaml::List(values)) => {
            for value in values {
                known_symbols(page, name, value, item);
            }
        }
        (Kind::Record(fields), Yaml::Map(entries)) => {
            for (name, value) in entries {
                if let Some(field) = fields.iter().find(|field| name.value.text() == Some(&field.name)) {
                    known_symbols(page, &field.name, value, &field.kind);
                }
            }
        }
        _ => {}
    }
}

/// A value as JSON. A number keeps the digits with which it is written.
fn json(file: &str, node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Text(text) => Value::String(text.clone()),
        Yaml::List(items) => items.iter().map(|item| json(file, item)).collect(),
        Yaml::Map(entries) => {
            let members = entries
                .iter()
                .filter_map(|(name, value)| Some((name.value.text()?.to_owned(), json(file, value))));
            Value::Object(members.collect())
        }
        Yaml::Number(number) => {
            // As text, money keeps every digit; a number that is no money is read as one.
            let span = node.defined.span();
            let written = span.byte_offset().zip(span.byte_len()).and_then(|(at, length)| {
                let at = usize::try_from(at).ok()?;
                file.get(at..at + usize::try_from(length).ok()?)
            });
            let digits =
                written.filter(|written| serde_json::from_str::<serde_json::Number>(written).is_ok());
            serde_json::from_str(digits.unwrap_or(number)).unwrap_or(Value::Null)
        }
    }
}
