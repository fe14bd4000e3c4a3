//! `policy.yaml`, `departments.yaml` and `chain.yaml`: the small files that name things.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hinge_domain::{ChainStep, Department, Format};
use hinge_schema::Catalogue;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::diagnostic::{Page, Place};

/// `policy.yaml`, read.
pub(crate) struct Manifest {
    /// What the organisation calls its policy.
    pub(crate) name: String,
    /// The version of the catalogue that it was written for.
    pub(crate) catalogue: u32,
    /// Event types of which nobody wants to be told, and why.
    pub(crate) ignored: HashMap<Arc<str>, Arc<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    catalogue: Spanned<u32>,
    #[serde(default)]
    ignored: Vec<Ignored>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignored {
    #[serde(rename = "type")]
    event_type: Spanned<String>,
    reason: Spanned<String>,
}

pub(crate) fn manifest(page: &mut Page<'_>, catalogue: &Catalogue) -> Option<Manifest> {
    let file: ManifestFile = page.yaml()?;
    if file.catalogue.value == 0 || file.catalogue.value > catalogue.version() {
        let message = format!("catalogue version {} is not known", file.catalogue.value);
        let help = format!("this Hinge knows the catalogue up to version {}", catalogue.version());
        page.note("catalogue-version", &file.catalogue, message, &help);
    }
    let mut ignored = HashMap::new();
    for entry in file.ignored {
        if known_event_type(page, catalogue, &entry.event_type) {
            ignored.insert(Arc::from(entry.event_type.value), Arc::from(entry.reason.value));
        }
    }
    Some(Manifest { name: file.name, catalogue: file.catalogue.value, ignored })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentsFile {
    departments: DepartmentEntries,
}

/// The entries of a mapping in the order of the file, each with the place of its name.
struct DepartmentEntries(Vec<(Spanned<String>, Option<DepartmentEntry>)>);

impl<'de> Deserialize<'de> for DepartmentEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = DepartmentEntries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("departments by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(DepartmentEntries(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DepartmentEntry {
    title: Option<String>,
    format: Option<FormatName>,
    partitions: Option<Spanned<i32>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Json,
    Avro,
}

/// The most partitions that a department's topic may have.
const MOST_PARTITIONS: i32 = 256;

pub(crate) fn departments(page: &mut Page<'_>) -> Option<Vec<Department>> {
    let file: DepartmentsFile = page.yaml()?;
    if file.departments.0.is_empty() {
        let help = "name at least one department, such as `operations: {title: Operations}`";
        page.note("policy-empty", Place::FILE, "there is no department".into(), help);
    }
    let mut departments = Vec::new();
    for (name, entry) in file.departments.0 {
        valid_name(page, "department", &name);
        let entry = entry.unwrap_or_default();
        let partitions = entry.partitions.as_ref().map_or(1, |partitions| partitions.value);
        if let Some(given) = entry.partitions.filter(|given| !(1..=MOST_PARTITIONS).contains(&given.value)) {
            let message = format!("`{}` is not a number of partitions", given.value);
            let help = format!(
                "give a number from 1 to {MOST_PARTITIONS}; 1 is right unless the volume asks for more"
            );
            page.note("name-invalid", &given, message, &help);
        }
        departments.push(Department {
            title: entry.title.unwrap_or_else(|| name.value.clone()),
            name: name.value.into(),
            format: match entry.format {
                None | Some(FormatName::Json) => Format::Json,
                Some(FormatName::Avro) => Format::Avro,
            },
            partitions,
        });
    }
    Some(departments)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    chain: Vec<StepEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    step: Spanned<String>,
    events: Vec<Spanned<String>>,
}

pub(crate) fn chain(page: &mut Page<'_>, catalogue: &Catalogue) -> Option<Vec<ChainStep>> {
    let file: ChainFile = page.yaml()?;
    let mut chain: Vec<ChainStep> = Vec::new();
    let mut steps_of: HashMap<String, Arc<str>> = HashMap::new();
    for entry in file.chain {
        valid_name(page, "step", &entry.step);
        if chain.iter().any(|step| *step.name == entry.step.value) {
            let message = format!("the step `{}` is already named above", entry.step.value);
            page.note("name-duplicate", &entry.step, message, "put its events into one list");
        }
        let name: Arc<str> = entry.step.value.into();
        let mut event_types = Vec::new();
        for event_type in &entry.events {
            if !known_event_type(page, catalogue, event_type) {
                continue;
            }
            if let Some(other) = steps_of.insert(event_type.value.clone(), Arc::clone(&name)) {
                let message = format!("`{}` already belongs to the step `{other}`", event_type.value);
                page.note(
                    "name-duplicate",
                    event_type,
                    message,
                    "an event type belongs to one step; remove one",
                );
            }
            event_types.push(Arc::from(event_type.value.as_str()));
        }
        chain.push(ChainStep { name, event_types });
    }
    Some(chain)
}

/// Notes an event type that the catalogue does not have.
pub(crate) fn known_event_type(
    page: &mut Page<'_>,
    catalogue: &Catalogue,
    event_type: &Spanned<String>,
) -> bool {
    if catalogue.shape(&event_type.value).is_some() {
        return true;
    }
    let known: Vec<&str> = catalogue.shapes().map(|shape| shape.event_type.as_ref()).collect();
    let message = format!("`{}` is not an event type of the catalogue", event_type.value);
    page.note("name-unknown", event_type, message, &format!("the event types are {}", known.join(", ")));
    false
}

/// Notes a name that cannot be part of a topic's name.
pub(crate) fn valid_name(page: &mut Page<'_>, what: &str, name: &Spanned<String>) {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.value.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.value.chars().all(letters) || name.value.len() > 64 || name.value.ends_with('-') {
        let message = format!("`{}` cannot be the name of a {what}", name.value);
        let help = "use lower-case letters, digits and hyphens, a letter first, at most 64 (such as `customer-support`)";
        page.note("name-invalid", name, message, help);
    }
}
