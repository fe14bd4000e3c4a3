//! Policies and their conditions: what an author writes by mistake, or to see whether it breaks. A case is the starter
//! policy with something changed, or a condition in a rule of its own and what it says of one event.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hinge_domain::{Event, Expression, Policy, Scope, Unknown, Value, decide};
use hinge_policy::{Loaded, PolicyFile, Problems, load_files};
use hinge_schema::Catalogue;
use hinge_tests::invented::at;
use serde::Deserialize;

use super::bytes::{Pieces, bytes};
use super::{Expected, files, filled, verdict};

/// Longer than reading any policy, or evaluating any condition, may take: a bomb takes hours.
const PATIENCE: Duration = Duration::from_secs(20);

/// A policy and what must become of it.
pub(super) struct PolicyCase {
    /// Folder, file and name.
    pub(super) name: String,
    files: Vec<PolicyFile>,
    /// The file that is changed.
    changed: String,
    /// What is right.
    pub(super) expected: Expected<()>,
}

impl PolicyCase {
    /// The changed file, as a seed of the fuzz target `policy`.
    pub(super) fn seed(&self) -> Vec<u8> {
        let changed = self.files.iter().find(|file| file.name == self.changed);
        changed.map_or_else(Vec::new, |file| format!("=== {}\n{}", file.name, file.text).into_bytes())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFamily {
    #[serde(rename = "about")]
    _about: String,
    case: Vec<PolicyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyEntry {
    name: String,
    /// The file of the starter policy that is changed, or a new one.
    file: String,
    /// What is replaced in it, once, and by what ...
    replace: Option<[String; 2]>,
    /// ... or its whole text ...
    text: Option<String>,
    /// ... in parts ...
    bytes: Option<Vec<String>>,
    /// ... or it is not there.
    #[serde(default)]
    removed: bool,
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// The files of the policy that `hinge init` writes.
pub(super) fn starter() -> Vec<PolicyFile> {
    let folder = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(folder.path()).unwrap();
    hinge_policy::load(folder.path(), &Catalogue::builtin()).unwrap().files
}

/// All cases of `tests/corpus/policy`.
pub(super) fn policies() -> Vec<PolicyCase> {
    let starter = starter();
    let mut cases = Vec::new();
    for (family, file) in files::<PolicyFamily>("policy") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let mut files = starter.clone();
                let before = files.iter().position(|known| known.name == entry.file);
                let before = before.map(|position| files.remove(position).text).unwrap_or_default();
                let text = match (&entry.replace, &entry.text, &entry.bytes) {
                    (Some(_), None, None) => fill.replaced(&before, entry.replace.as_ref(), &name),
                    (None, Some(text), None) => fill.text(text),
                    (None, None, Some(parts)) => String::from_utf8(bytes(&fill.texts(parts), &Pieces::new()))
                        .expect("a policy file is text"),
                    _ => {
                        assert!(entry.removed, "{name}: give `replace`, `text`, `bytes` or `removed`");
                        String::new()
                    }
                };
                if !entry.removed {
                    files.push(PolicyFile { name: entry.file.clone(), text });
                }
                let expected = verdict(&fill.text(&entry.verdict), fill.texts(&entry.says), ());
                cases.push(PolicyCase { name, files, changed: entry.file.clone(), expected });
            }
        }
    }
    cases
}

/// How what the program makes of a policy differs from what is right.
pub(super) fn judge_policy(case: &PolicyCase, catalogue: &Catalogue) -> Result<(), String> {
    let began = Instant::now();
    let loaded = load_files(Path::new("corpus"), case.files.clone(), catalogue);
    compare(&case.expected, loaded.map(|_| ()))?;
    in_time(began)
}

/// Codes and words of all that is wrong.
pub(super) fn refusals(problems: &Problems) -> Vec<(String, String)> {
    problems.0.iter().map(|problem| (problem.code.to_owned(), problem.to_string())).collect()
}

fn in_time(began: Instant) -> Result<(), String> {
    let took = began.elapsed();
    if took > PATIENCE { Err(format!("it took {took:?}")) } else { Ok(()) }
}

pub(super) fn compare<A>(expected: &Expected<A>, got: Result<(), Problems>) -> Result<(), String> {
    match (expected, got) {
        (Expected::Accept(_), Ok(())) => Ok(()),
        (Expected::Accept(_), Err(problems)) => Err(format!("expected it to be accepted, got {problems}")),
        (Expected::Reject { code, .. }, Ok(())) => Err(format!("expected `{code}`, but it was accepted")),
        (Expected::Reject { code, says }, Err(problems)) => {
            let Some(found) = problems.0.iter().find(|problem| problem.code == code) else {
                return Err(format!("expected `{code}`, got {problems}"));
            };
            let told = found.to_string();
            let unsaid = says.iter().find(|words| !told.contains(words.as_str()));
            unsaid.map_or(Ok(()), |words| Err(format!("expected the words `{words}`, got {told}")))
        }
    }
}

/// A condition and what it must say of an event.
pub(super) struct ConditionCase {
    /// Folder, file and name.
    pub(super) name: String,
    on: String,
    pub(super) when: String,
    event: Event,
    /// What is right.
    pub(super) expected: Expected<Said>,
}

/// What a condition says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    True,
    False,
    /// It cannot tell.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionFamily {
    #[serde(rename = "about")]
    _about: String,
    /// The event type that the rule looks at.
    on: String,
    /// The facts of the event, as JSON.
    event: String,
    #[serde(default)]
    pieces: Pieces,
    case: Vec<ConditionEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionEntry {
    name: String,
    when: Option<String>,
    bytes: Option<Vec<String>>,
    /// Other facts than those of the family, as JSON.
    event: Option<String>,
    /// `true`, `false`, `unknown`, or `reject CODE`.
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// All cases of `tests/corpus/conditions`.
pub(super) fn conditions(catalogue: &Catalogue) -> Vec<ConditionCase> {
    let mut cases = Vec::new();
    for (family, file) in files::<ConditionFamily>("conditions") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let when = match (&entry.when, &entry.bytes) {
                    (Some(when), None) => fill.text(when),
                    (None, Some(parts)) => String::from_utf8(bytes(&fill.texts(parts), &file.pieces))
                        .expect("a condition is text"),
                    _ => panic!("{name}: give `when` or `bytes`"),
                };
                let facts = fill.text(entry.event.as_ref().unwrap_or(&file.event));
                let facts = catalogue.facts_from_json(&file.on, &facts);
                let expected = match entry.verdict.as_str() {
                    "true" => Expected::Accept(Said::True),
                    "false" => Expected::Accept(Said::False),
                    "unknown" => Expected::Accept(Said::Unknown),
                    rejected => verdict(rejected, fill.texts(&entry.says), Said::Unknown),
                };
                let event = Event {
                    id: "e-1".into(),
                    source: "/corpus".into(),
                    subject: "o-1".into(),
                    correlation_id: "o-1".into(),
                    occurred: at("2026-03-02T10:15:00Z"),
                    history: None,
                    facts: facts.unwrap_or_else(|why| panic!("{name}: {why}")),
                    extensions: Vec::new(),
                };
                cases.push(ConditionCase { name, on: file.on.clone(), when, event, expected });
            }
        }
    }
    cases
}

/// Puts conditions into rules and asks them, over the policy of `hinge init`.
pub(super) struct Bench {
    catalogue: Catalogue,
    starter: Vec<PolicyFile>,
}

impl Bench {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        Self { catalogue: catalogue.clone(), starter: starter() }
    }

    fn with(&self, case: &ConditionCase) -> Result<Policy, Problems> {
        // JSON's texts are YAML's.
        let when = serde_json::to_string(&case.when).unwrap();
        let text = format!(
            "routes:\n  - id: corpus\n    owner: corpus\n    on: {}\n    when: {when}\n    to: operations\n",
            case.on
        );
        let mut files = self.starter.clone();
        files.push(PolicyFile { name: "routes/00-corpus.yaml".into(), text });
        load_files(Path::new("corpus"), files, &self.catalogue).map(|Loaded { policy, .. }| policy)
    }

    /// How what the program makes of a condition differs from what is right; also where the router's way of
    /// answering differs from asking CEL itself.
    pub(super) fn judge(&self, case: &ConditionCase) -> Result<(), String> {
        let began = Instant::now();
        let loaded = self.with(case);
        if let (Expected::Accept(expected), Ok(policy)) = (&case.expected, &loaded) {
            let decision = decide(&case.event, policy, case.event.occurred);
            let is_ours = |id: &str| id == "corpus";
            let unknown = decision.unknown.iter().find(|it| is_ours(&it.rule.id));
            let got = if decision.matched.iter().any(|it| is_ours(&it.rule.id)) {
                Said::True
            } else if unknown.is_some() {
                Said::Unknown
            } else {
                Said::False
            };
            if got != *expected {
                return Err(format!("expected {expected:?}, got {got:?} ({:?})", unknown.map(|it| &it.why)));
            }
            let by_cel = asked(&case.when, &case.event);
            if by_cel != *expected {
                return Err(format!("expected {expected:?}, but CEL itself says {by_cel:?}"));
            }
            if let Some(why) = unknown.map(|it| it.why.to_string()).filter(|why| why.contains("canary")) {
                return Err(format!("the reason repeats a value: {why}"));
            }
        }
        compare(&case.expected, loaded.map(|_| ()))?;
        in_time(began)
    }
}

/// What CEL says of the whole event, without any of the router's short cuts.
fn asked(when: &str, event: &Event) -> Said {
    let mut scope = Scope::default();
    let names = Event::ATTRIBUTES.iter().map(|name| (*name).into());
    let facts = event.facts.given().map(|(name, _)| name.clone());
    let values = names.chain(facts).filter_map(|name: std::sync::Arc<str>| {
        let value: Option<Value> = event.attribute(&name);
        value.map(|value| (name, value))
    });
    scope.set_record("event", values);
    match Expression::parse(when).expect("it was loaded").evaluate(&scope) {
        Ok(Value::Bool(true)) => Said::True,
        Ok(Value::Bool(false)) => Said::False,
        Ok(_) | Err(Unknown::Missing(_) | Unknown::Failed(_)) => Said::Unknown,
    }
}
