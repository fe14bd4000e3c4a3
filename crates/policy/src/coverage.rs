//! What only the whole policy can get wrong: event types that nobody thought of.

use std::path::Path;

use hinge_domain::Policy;
use hinge_schema::Catalogue;

use crate::diagnostic::{Diagnostic, Page};
use crate::directory::Directory;
use crate::manifest::Manifest;
use crate::place::Place;

/// Notes event types that are neither routed nor ignored, or both, or that belong to no step of the chain.
/// Those that are newer than the catalogue version of the policy only give a warning.
pub(crate) fn check(
    (root, directory): (&Path, &Directory),
    manifest: &Manifest,
    policy: &Policy,
    catalogue: &Catalogue,
    problems: &mut Vec<Diagnostic>,
) {
    // What could not be read would be missed here a second time.
    const UNREAD: &[&str] =
        &["file-unread", "file-unreadable", "yaml-invalid", "key-missing", "key-unknown", "value-invalid"];
    if problems.iter().any(|problem| UNREAD.contains(&problem.code)) {
        return;
    }
    let misspelt: Vec<String> = problems.iter().filter_map(|problem| problem.suggestion.clone()).collect();
    let place =
        directory.file("policy.yaml").map_or(Place::FILE, |file| place_of_key(&file.text, "catalogue"));
    for shape in catalogue.shapes() {
        let event_type = shape.event_type.as_ref();
        if misspelt.iter().any(|meant| meant == event_type) {
            continue;
        }
        let routed = policy.rules_for(event_type).next().is_some();
        let entry = manifest.ignored.iter().find(|(ignored, _)| ignored.value == event_type);
        let mut on_page = |file: &str, note: &mut dyn FnMut(&mut Page<'_>)| match directory.file(file) {
            Some(file) => note(&mut file.page(problems)),
            None => note(&mut Page { path: &root.join(file), text: "", problems }),
        };
        if let Some((ignored, _)) = entry.filter(|_| routed) {
            let message = format!("`{event_type}` is ignored, but a rule looks at it");
            on_page("policy.yaml", &mut |page| {
                page.note(
                    "event-type-unmentioned",
                    ignored,
                    message.clone(),
                    "remove it here, or from the rule",
                );
            });
        }
        if !routed && entry.is_none() {
            let since = catalogue.since(event_type).unwrap_or_default();
            let message = format!("no rule looks at `{event_type}`, and it is not ignored");
            let newer = since > manifest.catalogue;
            let help = if newer {
                format!(
                    "it came with version {since} of the catalogue; write a rule with `on: {event_type}` or list it \
                     under `ignored`, then set `catalogue: {since}`"
                )
            } else {
                format!(
                    "write a rule with `on: {event_type}`, or list it under `ignored` with the reason why nobody \
                     needs to be told"
                )
            };
            on_page("policy.yaml", &mut |page| {
                if newer {
                    page.warn("event-type-newer", place, message.clone(), &help);
                } else {
                    page.note("event-type-unmentioned", place, message.clone(), &help);
                }
            });
        }
        if routed && policy.step_of(event_type).is_none() {
            let message = format!("`{event_type}` belongs to no step of the chain");
            on_page("chain.yaml", &mut |page| {
                let help = "list it under the step at which it happens";
                page.note("event-type-unmentioned", Place::FILE, message.clone(), help);
            });
        }
    }
}

/// The line of a key at the beginning of a line, as far as its value goes.
fn place_of_key(text: &str, key: &str) -> Place {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
            let line = line.split(" #").next().unwrap_or(line).trim_end();
            return Place::of_bytes(text, start..start + line.len());
        }
        start += line.len();
    }
    Place::FILE
}
