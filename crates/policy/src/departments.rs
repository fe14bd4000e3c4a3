//! `departments.yaml`: who can be told, and how.

use hinge_domain::{Department, Format};

use crate::diagnostic::Page;
use crate::form::{self, Form, Holds, Key};
use crate::names::valid_name;
use crate::place::Place;
use crate::yaml::text_of;

/// The form of `departments.yaml`.
pub(crate) const FORM: Form = Form {
    what: "departments.yaml",
    doc: "Who can be told. Each department reads its own topic, hinge.notifications.<name>.",
    keys: &[Key::must(
        "departments",
        Holds::Named(&DEPARTMENT),
        "the departments by name, such as `operations: {title: Operations}`",
    )],
};

/// The most partitions that a department's topic may have.
const MOST_PARTITIONS: i32 = 256;

const DEPARTMENT: Form = Form {
    what: "a department",
    doc: "A part of the organisation that is told things.",
    keys: &[
        Key::may("title", Holds::Text, "the name that people use; templates write it as {{ department }}"),
        Key::may(
            "format",
            Holds::OneOf(&["json", "avro"]),
            "how its notifications are written; json unless said",
        ),
        Key::may(
            "partitions",
            Holds::Whole(1, MOST_PARTITIONS as i64),
            "how many partitions its topic has; 1 is right unless the volume asks for more",
        ),
    ],
};

pub(crate) fn departments(page: &mut Page<'_>) -> Option<Vec<Department>> {
    let file = form::read(page, &FORM)?;
    let entries = file.get("departments").map(|node| node.value.entries())?;
    if entries.is_empty() {
        let help = "name at least one department, such as `operations: {title: Operations}`";
        page.note("policy-empty", Place::FILE, "there is no department".into(), help);
    }
    let mut departments = Vec::new();
    for (name, entry) in entries {
        let Some(name) = text_of(name) else { continue };
        // A name that is said twice is noted already.
        if departments.iter().any(|known: &Department| *known.name == name.value) {
            continue;
        }
        valid_name(page, "department", &name);
        let entry = &entry.value;
        departments.push(Department {
            title: entry.text_at("title").map_or_else(|| name.value.clone(), |title| title.value),
            name: name.value.into(),
            format: match entry.text_at("format").as_ref().map(|format| format.value.as_str()) {
                Some("avro") => Format::Avro,
                _ => Format::Json,
            },
            partitions: entry
                .number_at("partitions")
                .and_then(|given| i32::try_from(given.value).ok())
                .unwrap_or(1),
        });
    }
    Some(departments)
}
