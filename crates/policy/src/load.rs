//! From a directory to a validated policy, or to everything that is wrong with it.

use std::path::Path;

use hinge_domain::{Parts, Policy};
use hinge_schema::{Catalogue, Sources};

use crate::diagnostic::{Diagnostic, Place, Problems};
use crate::directory::{Directory, PolicyFile};
use crate::routes::{Ids, Known};
use crate::{manifest, routes, sources, templates};

/// A policy that holds.
#[derive(Debug)]
pub struct Loaded {
    /// What the organisation calls it.
    pub name: String,
    /// The policy.
    pub policy: Policy,
    /// The systems whose records become events, by their topics.
    pub sources: Sources,
    /// The files that it was made of: what makes the same policy again, anywhere.
    pub files: Vec<PolicyFile>,
}

/// Reads and checks the policy in `root`.
pub fn load(root: &Path, catalogue: &Catalogue) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let directory = Directory::read(root, &mut problems);
    if !root.is_dir() {
        return Err(Problems(problems));
    }
    check(root, directory, catalogue, problems)
}

/// Checks a policy whose files were kept elsewhere; `name` stands before theirs in what is wrong with them.
pub fn load_files(name: &Path, files: Vec<PolicyFile>, catalogue: &Catalogue) -> Result<Loaded, Problems> {
    check(name, Directory::of(name, files), catalogue, Vec::new())
}

fn check(
    root: &Path,
    directory: Directory,
    catalogue: &Catalogue,
    mut problems: Vec<Diagnostic>,
) -> Result<Loaded, Problems> {
    let read = |name| directory.file(name);
    let manifest =
        read("policy.yaml").and_then(|file| manifest::manifest(&mut file.page(&mut problems), catalogue));
    let departments =
        read("departments.yaml").and_then(|file| manifest::departments(&mut file.page(&mut problems)));
    let chain = read("chain.yaml").and_then(|file| manifest::chain(&mut file.page(&mut problems), catalogue));
    let templates = templates::templates(&directory, &mut problems);
    let (Some(manifest), Some(departments), Some(chain)) = (manifest, departments, chain) else {
        return Err(Problems(problems));
    };
    let known = Known { catalogue, departments: &departments, templates: &templates };
    let mut ids = Ids::new();
    let mut rules = Vec::new();
    for file in directory.below("routes") {
        rules.extend(routes::routes(&mut file.page(&mut problems), &known, &mut ids));
    }
    let sources = sources::sources(&directory, catalogue, &mut problems);
    let policy = Policy::new(Parts {
        version: directory.version(),
        departments,
        chain,
        rules,
        templates,
        ignored: manifest.ignored,
    });
    // A rule that could not be read would be missed here a second time.
    if problems.is_empty() {
        check_whole(root, &policy, catalogue, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Ok(Loaded { name: manifest.name, policy, sources, files: directory.into_files() })
}

/// What only the whole policy can get wrong: event types that nobody thought of.
fn check_whole(root: &Path, policy: &Policy, catalogue: &Catalogue, problems: &mut Vec<Diagnostic>) {
    let mut note = |file: &str, message: String, help: &str| {
        let path = root.join(file);
        let mut page = crate::diagnostic::Page { path: &path, text: "", problems };
        page.note("event-type-unmentioned", Place::FILE, message, help);
    };
    for shape in catalogue.shapes() {
        let event_type = shape.event_type.as_ref();
        let routed = policy.rules_for(event_type).next().is_some();
        let ignored = policy.ignored.contains_key(event_type);
        if !routed && !ignored {
            let message = format!("no rule looks at `{event_type}` and it is not ignored");
            let help = format!(
                "write a rule with `on: {event_type}`, or list it under `ignored:` with the reason why nobody \
                 needs to be told"
            );
            note("policy.yaml", message, &help);
        } else if routed && ignored {
            let message = format!("`{event_type}` is ignored, but a rule looks at it");
            note("policy.yaml", message, "remove it from `ignored:` or from the rule");
        }
        if routed && policy.step_of(event_type).is_none() {
            let message = format!("`{event_type}` belongs to no step of the chain");
            note("chain.yaml", message, "list it under the step at which it happens");
        }
    }
}

#[cfg(test)]
mod tests;
