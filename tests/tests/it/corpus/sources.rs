//! Records of other systems: plain JSON, Debezium's change records, CloudEvents of foreign types, Avro. A case is a record
//! and what the source of its family makes of it, or the source with something changed.

use std::collections::BTreeMap;
use std::path::Path;

use hinge_policy::{Loaded, PolicyFile, load_files};
use hinge_schema::{Catalogue, ForeignRecord};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::bytes::{Pieces, bytes};
use super::mapping::{json_of, same_events};
use super::policy::{refusals, starter};
use super::record::facts_of;
use super::seeds::record_bytes;
use super::{Expected, files, filled, verdict};

/// A record of another system, and what must become of it.
pub(super) struct SourceCase {
    /// Folder, file and name.
    pub(super) name: String,
    source: String,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    value: Option<Vec<u8>>,
    /// What is right: the events, as JSON.
    pub(super) expected: Expected<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[serde(rename = "about")]
    _about: String,
    /// The file of the source; it reads the topic `corpus`.
    source: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    pieces: Pieces,
    case: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// What is replaced in the source, once, and by what.
    replace: Option<[String; 2]>,
    text: Option<String>,
    bytes: Option<Vec<String>>,
    #[serde(default)]
    tombstone: bool,
    key: Option<Vec<String>>,
    /// Headers beside or instead of the family's of the same name.
    #[serde(default)]
    with: BTreeMap<String, String>,
    /// More headers, whose values are given as parts.
    #[serde(default)]
    with_bytes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    without: Vec<String>,
    /// A header that comes a second time, with another value.
    twice: Option<String>,
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    /// The events, each with some of `type`, `id`, `subject`, `time` and `facts`.
    #[serde(default)]
    events: Vec<toml::Table>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// All cases of `tests/corpus/sources`.
pub(super) fn cases() -> Vec<SourceCase> {
    let mut cases = Vec::new();
    for (family, file) in files::<Family>("sources") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let text = |text: &str| fill.text(text);
                let parts = |parts: &[String]| bytes(&fill.texts(parts), &file.pieces);
                let value = match (&entry.text, &entry.bytes) {
                    (Some(value), None) => Some(text(value).into_bytes()),
                    (None, Some(described)) => Some(parts(described)),
                    (None, None) if entry.tombstone => None,
                    _ => panic!("{name}: give `text`, `bytes` or `tombstone`"),
                };
                let source = fill.replaced(&file.source, entry.replace.as_ref(), &name);
                let headers = file.headers.iter().filter(|(name, _)| !entry.with.contains_key(*name));
                let without = fill.texts(&entry.without);
                let headers = headers.filter(|(name, _)| !without.contains(name)).chain(&entry.with);
                let headers = headers.map(|(name, value)| (name.clone(), text(value).into_bytes()));
                let of_bytes =
                    entry.with_bytes.iter().map(|(name, described)| (name.clone(), parts(described)));
                let twice = entry.twice.iter().map(|name| (text(name), b"another".to_vec()));
                let events =
                    entry.events.iter().map(|event| json_of(&toml::Value::Table(event.clone()), &text));
                cases.push(SourceCase {
                    source,
                    key: entry.key.as_deref().map(parts),
                    headers: headers.chain(of_bytes).chain(twice).collect(),
                    value,
                    expected: verdict(&text(&entry.verdict), fill.texts(&entry.says), events.collect()),
                    name,
                });
            }
        }
    }
    cases
}

/// The events of a record, as JSON, or all that is said against them: codes and words.
fn events(case: &SourceCase, catalogue: &Catalogue) -> Result<Vec<Json>, Vec<(String, String)>> {
    let mut files = starter();
    files.push(PolicyFile { name: "sources/corpus.yaml".into(), text: case.source.clone() });
    let loaded = load_files(Path::new("corpus"), files, catalogue);
    let Loaded { sources, .. } = loaded.map_err(|problems| refusals(&problems))?;
    let source = sources.of("corpus").expect("the source reads this topic");
    let headers: Vec<(&str, Option<&[u8]>)> =
        case.headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice()))).collect();
    let record = ForeignRecord {
        topic: "corpus",
        key: case.key.as_deref(),
        headers: &headers,
        value: case.value.as_deref(),
    };
    let told = |why: hinge_schema::Rejection| vec![(why.code.as_str().to_owned(), why.detail)];
    let Some(given) = source.open(&record).map_err(told)? else { return Ok(Vec::new()) };
    let events = source.events(&given).map_err(told)?;
    let shown = events.iter().map(|event| {
        let (id, subject, time) = (&event.id, &event.subject, event.occurred.to_string());
        json!({"type": &**event.event_type(), "id": id, "source": event.source, "subject": subject, "time": time, "facts": facts_of(event)})
    });
    Ok(shown.collect())
}

impl SourceCase {
    /// The case as the fuzz target `source` reads it: the source, a line `===`, and the record.
    pub(super) fn seed(&self) -> Vec<u8> {
        let record = record_bytes(
            self.headers.iter().map(|(name, value)| (name.as_str(), Some(&value[..]))),
            self.value.as_deref(),
        );
        [self.source.as_bytes(), super::seeds::DIVIDER, &record].concat()
    }
}

/// How what the program makes of a record differs from what is right.
pub(super) fn judge(case: &SourceCase, catalogue: &Catalogue) -> Result<(), String> {
    same_events(&case.expected, events(case, catalogue))
}
