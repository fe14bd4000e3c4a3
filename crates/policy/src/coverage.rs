//! What only the whole policy can get wrong: event types that nobody thought of.

use std::collections::BTreeMap;
use std::path::Path;

use hinge_domain::Policy;
use hinge_schema::Catalogue;

use crate::diagnostic::{Diagnostic, Page, Severity};
use crate::directory::Directory;
use crate::manifest::Manifest;
use crate::place::Place;

/// Whether something could not be read because of it, so that what uses it or is used by it is not known.
pub(crate) fn hides_things(problem: &Diagnostic) -> bool {
    const UNREAD: &[&str] =
        &["file-unread", "file-unreadable", "yaml-invalid", "key-missing", "key-unknown", "value-invalid"];
    problem.severity == Severity::Error && UNREAD.contains(&problem.code)
}

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
    if problems.iter().any(hides_things) {
        return;
    }
    let misspelt: Vec<String> = problems.iter().filter_map(|problem| problem.suggestion.clone()).collect();
    let mut on_page = |file: &str, note: &mut dyn FnMut(&mut Page<'_>)| match directory.file(file) {
        Some(file) => note(&mut file.page(problems)),
        None => note(&mut Page { path: &root.join(file), text: "", problems }),
    };
    let mut newer: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for shape in catalogue.shapes() {
        let event_type = shape.event_type.as_ref();
        if misspelt.iter().any(|meant| meant == event_type) {
            continue;
        }
        let routed = policy.rules_for(event_type).next().is_some();
        let entry = manifest.ignored.iter().find(|(ignored, _)| ignored.value == event_type);
        let since = catalogue.since(event_type).unwrap_or_default();
        match entry {
            Some((ignored, _)) if routed => {
                let message = format!("`{event_type}` is ignored, but a rule looks at it");
                on_page("policy.yaml", &mut |page| {
                    let help = "remove it here, or from the rule";
                    page.note("event-type-unmentioned", ignored, message.clone(), help);
                });
            }
            None if !routed && since > manifest.catalogue => newer.entry(since).or_default().push(event_type),
            None if !routed => {
                let message = format!("no rule looks at `{event_type}`, and it is not ignored");
                let help = format!(
                    "write a rule with `on: {event_type}`, or list it under `ignored` with the reason why nobody \
                     needs to be told"
                );
                on_page("policy.yaml", &mut |page| {
                    let place = place_of_key(page.text, "catalogue");
                    page.note("event-type-unmentioned", place, message.clone(), &help);
                });
            }
            Some(_) | None => {}
        }
        if routed && policy.step_of(event_type).is_none() {
            let message = format!("`{event_type}` belongs to no step of the chain");
            on_page("chain.yaml", &mut |page| {
                let (place, help) =
                    (place_of_key(page.text, "chain"), "list it under the step at which it happens");
                page.note("event-type-unmentioned", place, message.clone(), help);
            });
        }
    }
    for (since, event_types) in newer {
        let message =
            format!("version {since} of the catalogue has event types that this policy does not know");
        let help = format!(
            "nobody is told of {}; write rules for them or list them under `ignored`, then set `catalogue: {since}`",
            event_types.join(", ")
        );
        on_page("policy.yaml", &mut |page| {
            page.warn("event-type-newer", place_of_key(page.text, "catalogue"), message.clone(), &help);
        });
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
