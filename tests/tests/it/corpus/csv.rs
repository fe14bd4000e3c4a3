//! Files of rows through the real `hinge ingest`: what is written, what is in the rejects file, what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hinge_schema::Catalogue;
use hinge_stream::Log;
use hinge_stream::Offset;
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_tests::program::run;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::bytes::{Pieces, bytes};
use super::record::facts_of;
use super::{Expected, files, filled, verdict};

/// A file, and what must become of it.
pub(super) struct CsvCase {
    /// Folder, file and name.
    pub(super) name: String,
    pub(super) mapping: String,
    file: String,
    pub(super) content: Vec<u8>,
    /// The line of the row that is rejected.
    line: Option<u64>,
    /// The subjects of the events, in the order of the rows, also where a row is rejected.
    subjects: Vec<String>,
    /// Some facts of the first event.
    facts: Json,
    /// What is right.
    pub(super) expected: Expected<()>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[serde(rename = "about")]
    _about: String,
    /// The mapping; its `source` is `urn:corpus:CASE`.
    mapping: String,
    /// The name of the file.
    file: String,
    #[serde(default)]
    pieces: Pieces,
    case: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// Another name of the file.
    file: Option<String>,
    /// What is replaced in the mapping, once, and by what.
    replace: Option<[String; 2]>,
    text: Option<String>,
    bytes: Option<Vec<String>>,
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    line: Option<u64>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// All cases of `tests/corpus/csv`.
pub(super) fn cases() -> Vec<CsvCase> {
    let mut cases = Vec::new();
    for (family, file) in files::<Family>("csv") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let content = match (&entry.text, &entry.bytes) {
                    (Some(text), None) => fill.text(text).into_bytes(),
                    (None, Some(parts)) => bytes(&fill.texts(parts), &file.pieces),
                    _ => panic!("{name}: give `text` or `bytes`"),
                };
                let mapping = fill.replaced(&file.mapping, entry.replace.as_ref(), &name);
                cases.push(CsvCase {
                    mapping: mapping.replacen("CASE", &cases.len().to_string(), 1),
                    file: entry.file.as_ref().unwrap_or(&file.file).clone(),
                    content,
                    line: entry.line,
                    subjects: fill.texts(&entry.subjects),
                    facts: entry
                        .facts
                        .iter()
                        .map(|(name, value)| (name.clone(), json!(fill.text(value))))
                        .collect(),
                    expected: verdict(&fill.text(&entry.verdict), fill.texts(&entry.says), ()),
                    name,
                });
            }
        }
    }
    cases
}

/// How what `hinge ingest` makes of a file differs from what is right, its events apart.
fn judge(case: &CsvCase, data: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("mapping.yaml"), &case.mapping).unwrap();
    fs::write(at(&case.file), &case.content).unwrap();
    let data = data.display().to_string();
    let (mapping, rejects, file) = (at("mapping.yaml"), at("rejects.jsonl"), at(&case.file));
    let arguments = ["ingest", "--data", &data, "--mapping", &mapping, "--rejects", &rejects, &file];
    let ended = run(arguments);
    let rejects = fs::read_to_string(rejects).unwrap_or_default();
    let rejects: Vec<Json> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = || format!("exit code {:?}, {rejects:?}, {}", ended.code, ended.log);
    let (code, says) = match &case.expected {
        Expected::Accept(()) if ended.code == Some(0) && rejects.is_empty() => return Ok(()),
        Expected::Accept(()) => return Err(format!("expected it to be accepted, got {}", told())),
        Expected::Reject { code, says } => (code.as_str(), says),
    };
    let reason = if code.starts_with("row-") {
        let reject =
            rejects.iter().find(|it| it["code"] == code && case.line.is_none_or(|line| it["line"] == line));
        reject.filter(|_| ended.code == Some(0)).map(|reject| reject["reason"].to_string())
    } else {
        let refused =
            ended.code.is_some_and(|code| code != 0) && ended.log.contains(&format!("error[{code}]"));
        refused.then(|| ended.log.clone())
    };
    let Some(reason) = reason else {
        return Err(format!("expected `{code}` at {:?}, got {}", case.line, told()));
    };
    let unsaid = says.iter().find(|words| !reason.contains(words.as_str()));
    unsaid.map_or(Ok(()), |words| Err(format!("expected the words `{words}`, got {}", told())))
}

/// The events of each source, in the order of the log: subject and facts.
fn written(data: &Path) -> BTreeMap<String, Vec<(String, Json)>> {
    let log = EmbeddedLog::open(data, Options::default()).unwrap();
    let mut reader = log.reader().unwrap();
    let catalogue = Catalogue::builtin();
    let mut all: BTreeMap<String, Vec<(String, Json)>> = BTreeMap::new();
    for (place, _, _) in reader.bounds("order.events").unwrap() {
        let mut next = Offset::ZERO;
        loop {
            let records = reader.read(&place, next, 1000, std::time::Duration::from_millis(100)).unwrap();
            match records.last() {
                Some(last) => next = last.offset.next(),
                None if reader.at_end(&place) => break,
                None => {}
            }
            for record in &records {
                let headers = record.headers.iter().map(|it| (it.name, it.value));
                let event = catalogue.decode(headers, record.value.as_deref()).unwrap().event;
                let facts = facts_of(&event);
                all.entry(event.source).or_default().push((event.subject, facts));
            }
        }
    }
    all
}

/// Compares the events of a case with what they should be, whichever partition they lie in.
fn compare(case: &CsvCase, written: &[(String, Json)]) -> Result<(), String> {
    let mut got: Vec<&str> = written.iter().map(|(subject, _)| subject.as_str()).collect();
    let mut expected: Vec<&str> = case.subjects.iter().map(String::as_str).collect();
    got.sort_unstable();
    expected.sort_unstable();
    if got != expected {
        return Err(format!("expected events about {expected:?}, got {got:?}"));
    }
    let first = written.iter().find(|(subject, _)| Some(subject) == case.subjects.first());
    let wrong = case
        .facts
        .as_object()
        .unwrap()
        .iter()
        .find(|(name, value)| first.and_then(|(_, facts)| facts.get(name.as_str())) != Some(*value));
    wrong.map_or(Ok(()), |(name, value)| Err(format!("expected `{name}` to be {value}, got {first:?}")))
}

/// Everything that came out otherwise.
pub(super) fn judge_all(cases: &[CsvCase]) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    let mut wrong: Vec<String> = Vec::new();
    for case in cases {
        wrong.extend(judge(case, data.path()).err().map(|how| format!("{}: {how}", case.name)));
    }
    let written = written(data.path());
    for (number, case) in cases.iter().enumerate() {
        let events = written.get(&format!("urn:corpus:{number}")).map_or(&[][..], Vec::as_slice);
        wrong.extend(compare(case, events).err().map(|how| format!("{}: {how}", case.name)));
    }
    wrong
}
