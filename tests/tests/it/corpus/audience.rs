//! Audiences: whom a rule chooses, by an expression that reads what is known of people. The traps are what is not
//! known, what only looks the same, and expressions that say the opposite of what was meant.

use std::collections::BTreeMap;
use std::path::Path;

use hinge_domain::{Event, Rule};
use hinge_policy::{PolicyFile, load_files};
use hinge_schema::Catalogue;
use hinge_tests::invented::at;
use serde::Deserialize;

use super::policy::{compare, starter};
use super::{Expected, files, filled, verdict};

/// An audience and whom it must choose.
pub(super) struct AudienceCase {
    /// Folder, file and name.
    pub(super) name: String,
    people: String,
    on: String,
    event: String,
    audience: String,
    /// What is right: the people, by id.
    pub(super) expected: Expected<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[serde(rename = "about")]
    _about: String,
    /// `people.yaml`.
    people: String,
    on: String,
    /// The facts of the event, as JSON.
    event: String,
    case: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// What is replaced in `people.yaml`, once, and by what.
    replace: Option<[String; 2]>,
    audience: String,
    verdict: String,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    chosen: Vec<String>,
    #[serde(default)]
    axes: BTreeMap<String, toml::Value>,
}

/// All cases of `tests/corpus/audiences`.
pub(super) fn cases() -> Vec<AudienceCase> {
    let mut cases = Vec::new();
    for (family, file) in files::<Family>("audiences") {
        for entry in &file.case {
            for fill in filled(&entry.name, &entry.axes) {
                let name = format!("{family}/{}", fill.name(&entry.name));
                let people = fill.replaced(&file.people, entry.replace.as_ref(), &name);
                cases.push(AudienceCase {
                    people,
                    on: file.on.clone(),
                    event: file.event.clone(),
                    audience: fill.text(&entry.audience),
                    expected: verdict(
                        &fill.text(&entry.verdict),
                        fill.texts(&entry.says),
                        entry.chosen.clone(),
                    ),
                    name,
                });
            }
        }
    }
    cases
}

/// How whom the program chooses differs from what is right.
pub(super) fn judge(case: &AudienceCase, catalogue: &Catalogue) -> Result<(), String> {
    // JSON's texts are YAML's.
    let audience = serde_json::to_string(&case.audience).unwrap();
    let rule = format!(
        "routes: [{{id: corpus, owner: corpus, on: {}, to: warehouse, audience: {audience}}}]\n",
        case.on
    );
    let mut files = starter();
    files.retain(|file| file.name != "people.yaml");
    files.push(PolicyFile { name: "people.yaml".into(), text: case.people.clone() });
    files.push(PolicyFile { name: "routes/00-corpus.yaml".into(), text: rule });
    let loaded = load_files(Path::new("corpus"), files, catalogue);
    let Ok(loaded) = loaded else { return compare(&case.expected, loaded.map(|_| ())) };
    let Expected::Accept(expected) = &case.expected else { return compare(&case.expected, Ok(())) };
    let policy = &loaded.policy;
    let event = Event {
        id: "e-1".into(),
        source: "/corpus".into(),
        subject: "o-1".into(),
        correlation_id: "o-1".into(),
        occurred: at("2026-03-02T10:15:00Z"),
        history: None,
        facts: catalogue.facts_from_json(&case.on, &case.event).unwrap(),
        extensions: Vec::new(),
    };
    let rules: Vec<&Rule> = policy.rules.iter().filter(|rule| &*rule.id == "corpus").collect();
    let department =
        policy.departments.iter().position(|department| &*department.name == "warehouse").unwrap();
    let audience = policy.people.audience(&event, department, &rules);
    let mut got: Vec<String> = audience.iter().flat_map(|it| it.people()).map(ToString::to_string).collect();
    got.sort_unstable();
    let mut expected = expected.clone();
    expected.sort_unstable();
    if got == expected { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}")) }
}
