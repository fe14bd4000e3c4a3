//! Records: headers and a value, and whether the catalogue's decoder takes them. A file of `tests/corpus/avro`,
//! `json` or `cloudevents` is a family of cases; its keys are described in `tests/corpus/README.md`.

use std::collections::BTreeMap;

use hinge_schema::{Catalogue, ForeignSchema, SchemaId};
use serde::Deserialize;
use serde_json::Value as Json;
use toml::Table;

use super::bytes::{Pieces, bytes, sample};
use super::{Expected, Named, files, filled, verdict};

/// A record and what must become of it.
pub(super) struct RecordCase {
    /// Folder, file and name: `json/numbers/minus-zero`.
    pub(super) name: String,
    /// Its headers, in order.
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    /// Whether they are those of its family, so that only the value is hostile.
    pub(super) plain_headers: bool,
    /// Its value.
    pub(super) value: Option<Vec<u8>>,
    /// What is right.
    pub(super) expected: Expected<Accepted>,
    /// Why another decoder of the same bytes rightly says something else.
    pub(super) differs: Option<String>,
    /// Whether the value is shown to the independent decoders: its event type and format.
    pub(super) exchanged: Option<(String, String)>,
}

/// What an accepted record must say.
#[derive(Clone, Default)]
pub(super) struct Accepted {
    /// All its facts, where the case is about them.
    pub(super) facts: Option<Json>,
    /// Some of its attributes.
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the family is about, for people.
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// `avro`, `json` or `none`: the content type of the cases.
    format: String,
    /// Whether the independent decoders see the values.
    #[serde(default)]
    exchanged: bool,
    /// The facts of an accepted event that a case does not mention.
    #[serde(default)]
    otherwise: Table,
    #[serde(default)]
    pieces: Pieces,
    #[serde(default)]
    case: Vec<Entry>,
    #[serde(default)]
    cuts: Vec<Cuts>,
    #[serde(default)]
    followed: Vec<Followed>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// The value as text ...
    text: Option<String>,
    /// ... or in parts; `[]` is a value of no bytes.
    bytes: Option<Vec<String>>,
    /// The record has no value at all.
    #[serde(default)]
    tombstone: bool,
    /// Headers instead of those of the family, in order: name, then parts of its value; without any parts it has none.
    headers: Option<Vec<Vec<String>>>,
    /// Headers beside or instead of the family's of the same name.
    #[serde(default)]
    with: BTreeMap<String, String>,
    /// Headers of the family that are left out.
    #[serde(default)]
    without: Vec<String>,
    /// So many more headers, numbered.
    many: Option<Many>,
    verdict: String,
    /// Words of the detail.
    #[serde(default)]
    says: Vec<String>,
    /// Facts that it has beside `[otherwise]`.
    facts: Option<Table>,
    /// Those of `[otherwise]` that it has not.
    #[serde(default)]
    lacks: Vec<String>,
    /// Facts that are long texts, in parts.
    #[serde(default)]
    long: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    differs: Option<String>,
    /// One case for each combination: what stands in `<..>`, as a list or under a name.
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// Headers whose names are this and a number.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Many {
    name: String,
    count: usize,
}

/// Every truncation of a sample.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cuts {
    sample: String,
}

/// A sample with more bytes behind it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Followed {
    sample: String,
    by: Vec<String>,
}

/// The catalogue that records are put before: the one of the program, and ids of a schema registry.
pub(super) fn catalogue() -> Catalogue {
    let builtin = Catalogue::builtin();
    let text = |event_type: &str| builtin.schema_texts(event_type).unwrap()[0].to_owned();
    let own = std::fs::read_to_string(super::corpus().join("avro/producer.avsc")).unwrap();
    let guid = "6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10";
    let ids = [
        ("17", text("order.placed")),
        (guid, text("order.placed")),
        ("18", text("delivery.delayed")),
        ("19", own),
    ];
    let schemas =
        ids.map(|(id, text)| (id.parse::<SchemaId>().unwrap(), ForeignSchema::parse(&text).unwrap()));
    builtin.with_confluent(schemas).unwrap()
}

/// All cases of a folder.
pub(super) fn cases(folder: &str) -> Vec<RecordCase> {
    let mut cases = Vec::new();
    for (name, file) in files::<File>(folder) {
        for cut in &file.cuts {
            cases.extend(cuts(&name, &file, cut));
        }
        for followed in &file.followed {
            cases.extend(further(&name, &file, followed));
        }
        for entry in &file.case {
            cases.extend(
                filled(&entry.name, &entry.axes).into_iter().map(|fill| one(&name, &file, entry, &fill)),
            );
        }
    }
    cases
}

fn type_of(sample: &str) -> String {
    sample.rsplit_once('.').expect("a sample has a version").0.to_owned()
}

/// By the single-object encoding: its two bytes, then eight of a fingerprint, then data that its schema ends.
fn cuts(family: &str, file: &File, cut: &Cuts) -> Vec<RecordCase> {
    let whole = sample(&cut.sample);
    let event_type = type_of(&cut.sample);
    let at = |length: usize| {
        let (code, says) = match length {
            0 => ("body-missing", "no value"),
            1 => ("avro-invalid", "C3 01"),
            _ => ("avro-truncated", "ends before"),
        };
        RecordCase {
            name: format!("{family}/{}/first-{length:03}", cut.sample),
            headers: plain(&event_type, &file.format),
            plain_headers: true,
            value: Some(whole[..length].to_vec()),
            expected: Expected::Reject { code: code.to_owned(), says: vec![says.to_owned()] },
            differs: None,
            exchanged: file.exchanged.then(|| (event_type.clone(), file.format.clone())),
        }
    };
    (0..whole.len()).map(at).collect()
}

fn further(family: &str, file: &File, followed: &Followed) -> Vec<RecordCase> {
    let event_type = type_of(&followed.sample);
    let by = |part: &String| {
        let more = bytes(std::slice::from_ref(part), &file.pieces);
        let says = vec![format!("{} bytes follow", more.len())];
        RecordCase {
            name: format!("{family}/{}/then-{}", followed.sample, part.replace(' ', "-")),
            headers: plain(&event_type, &file.format),
            plain_headers: true,
            value: Some([sample(&followed.sample), &more].concat()),
            expected: Expected::Reject { code: "avro-trailing".to_owned(), says },
            differs: None,
            exchanged: file.exchanged.then(|| (event_type.clone(), file.format.clone())),
        }
    };
    followed.by.iter().map(by).collect()
}

/// What a well-meaning producer says of an event, in this order.
fn plain(event_type: &str, format: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let content_type = match format {
        "avro" => Some("application/avro"),
        "json" => Some("application/json"),
        "none" => None,
        other => panic!("`{other}` is no format"),
    };
    let said = [
        ("ce_specversion", "1.0"),
        ("ce_id", "corpus-1"),
        ("ce_source", "/corpus"),
        ("ce_type", event_type),
        ("ce_time", "2026-03-02T10:15:00Z"),
        ("ce_subject", "o-1"),
    ];
    let all = said.into_iter().chain(content_type.map(|format| ("content-type", format)));
    all.map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec()))).collect()
}

fn one(family: &str, file: &File, entry: &Entry, named: &Named) -> RecordCase {
    let part = |text: &String| named.text(text);
    let parts = |parts: &[String]| bytes(&parts.iter().map(part).collect::<Vec<_>>(), &file.pieces);
    let event_type = entry.event_type.as_ref().or(file.event_type.as_ref()).map(part);
    let event_type = event_type.unwrap_or_else(|| panic!("{family}/{}: no type", entry.name));
    let value = match (&entry.text, &entry.bytes) {
        (Some(text), None) => Some(part(text).into_bytes()),
        (None, Some(described)) => Some(parts(described)),
        (None, None) if entry.tombstone => None,
        _ => panic!("{family}/{}: give `text`, `bytes` or `tombstone`", entry.name),
    };
    let mut headers = match &entry.headers {
        Some(own) => own
            .iter()
            .map(|header| (part(&header[0]), (header.len() > 1).then(|| parts(&header[1..]))))
            .collect(),
        None => plain(&event_type, &file.format),
    };
    let with: BTreeMap<String, String> =
        entry.with.iter().map(|(name, value)| (part(name), part(value))).collect();
    headers.retain(|(name, _)| !entry.without.contains(name) && !with.contains_key(name));
    headers.extend(with.into_iter().map(|(name, value)| (name, Some(value.into_bytes()))));
    let many =
        entry.many.iter().flat_map(|many| (0..many.count).map(|number| format!("{}{number}", many.name)));
    headers.extend(many.map(|name| (name, Some(b"1".to_vec()))));
    let plain_headers =
        entry.headers.is_none() && entry.many.is_none() && entry.without.is_empty() && entry.with.is_empty();
    let accepted = Accepted {
        facts: facts(file, entry, named, &parts),
        attributes: entry.attributes.iter().map(|(name, value)| (part(name), part(value))).collect(),
    };
    RecordCase {
        name: format!("{family}/{}", named.name(&entry.name)),
        headers,
        value,
        expected: verdict(&part(&entry.verdict), entry.says.iter().map(part).collect(), accepted),
        differs: entry.differs.clone(),
        exchanged: (file.exchanged && plain_headers && !entry.tombstone)
            .then(|| (event_type, file.format.clone())),
        plain_headers,
    }
}

fn facts(file: &File, entry: &Entry, named: &Named, parts: &dyn Fn(&[String]) -> Vec<u8>) -> Option<Json> {
    let own = entry.facts.as_ref()?;
    let mut facts = serde_json::Map::new();
    for (name, value) in file.otherwise.iter().filter(|(name, _)| !entry.lacks.contains(name)) {
        facts.insert(name.clone(), json(value, named));
    }
    for (name, value) in own {
        facts.insert(named.text(name), json(value, named));
    }
    for (name, described) in &entry.long {
        facts.insert(name.clone(), String::from_utf8(parts(described)).unwrap().into());
    }
    Some(Json::Object(facts))
}

/// A fact as departments would read it; TOML has no null, and facts are never null.
fn json(value: &toml::Value, named: &Named) -> Json {
    match value {
        toml::Value::String(text) => named.text(text).into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(said) => (*said).into(),
        toml::Value::Array(items) => items.iter().map(|item| json(item, named)).collect(),
        toml::Value::Table(members) => {
            Json::Object(members.iter().map(|(name, value)| (named.text(name), json(value, named))).collect())
        }
        toml::Value::Datetime(_) => panic!("write dates and instants as text"),
    }
}

/// What the program makes of a record, and how that differs from what is right.
pub(super) fn judge(case: &RecordCase, catalogue: &Catalogue) -> Result<(), String> {
    let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let decoded = catalogue.decode(headers, case.value.as_deref());
    match (&case.expected, decoded) {
        (Expected::Reject { code, says }, Err(rejection)) => {
            if rejection.code.as_str() != code {
                return Err(format!("expected `{code}`, got {rejection}"));
            }
            if rejection.detail.contains("canary") || rejection.detail.len() > 400 {
                return Err(format!("the detail repeats what the record says: {rejection}"));
            }
            let unsaid = says.iter().find(|words| !rejection.detail.contains(words.as_str()));
            unsaid.map_or(Ok(()), |words| Err(format!("expected the words `{words}`, got {rejection}")))
        }
        (Expected::Accept(_), Err(rejection)) => Err(format!("expected it to be accepted, got {rejection}")),
        (Expected::Reject { code, .. }, Ok(decoded)) => Err(format!(
            "expected `{code}`, but it was accepted, with the facts {}",
            facts_of(&decoded.event)
        )),
        (Expected::Accept(accepted), Ok(decoded)) => {
            let got = facts_of(&decoded.event);
            if let Some(expected) = accepted.facts.as_ref().filter(|expected| **expected != got) {
                return Err(format!("expected the facts {expected}, got {got}"));
            }
            for (name, expected) in &accepted.attributes {
                let own = decoded.event.attribute(name).map(|value| value.to_string());
                let extension = || decoded.event.extensions.iter().find(|(known, _)| known == name);
                let got = own.or_else(|| extension().map(|(_, value)| value.clone()));
                if got.as_ref().map_or("(none)", String::as_str) != expected {
                    return Err(format!("expected `{name}` to be `{expected}`, got {got:?}"));
                }
            }
            Ok(())
        }
    }
}

/// The facts of an event in the canonical JSON that departments read.
pub(super) fn facts_of(event: &hinge_domain::Event) -> Json {
    let named =
        event.facts.given().map(|(name, value)| (name.to_string(), serde_json::to_value(value).unwrap()));
    Json::Object(named.collect())
}
