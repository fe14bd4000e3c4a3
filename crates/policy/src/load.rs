//! From a directory to a validated policy, or to everything that is wrong with it.

use std::path::Path;

use hinge_domain::{Department, Parts, Policy};
use hinge_schema::{Catalogue, Sources};

use crate::diagnostic::{Diagnostic, Problems, Severity};
use crate::directory::{Directory, PolicyFile};
use crate::routes::{Ids, Known};
use crate::rule_tests::Tested;
use crate::{
    chain, coverage, departments, manifest, people, reachability, routes, rule_tests, sources, templates,
};

/// A policy that holds.
#[derive(Debug)]
pub struct Loaded {
    /// What the organisation calls it.
    pub name: String,
    /// The policy.
    pub policy: Policy,
    /// The systems whose records become events, by their topics.
    pub sources: Sources,
    /// What hardly means what was meant.
    pub warnings: Vec<Diagnostic>,
    /// How many tests of its rules were run; all of them pass.
    pub tests: usize,
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
    check(root, directory, catalogue, (problems, Tests::Run))
}

/// Checks a policy whose files were kept elsewhere; `name` stands before theirs in what is wrong with them. Its
/// rule tests are not run: they passed when it was kept, and it must stay readable.
pub fn load_files(name: &Path, files: Vec<PolicyFile>, catalogue: &Catalogue) -> Result<Loaded, Problems> {
    check(name, Directory::of(name, files), catalogue, (Vec::new(), Tests::Leave))
}

/// Whether the tests of the rules are run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    Run,
    Leave,
}

fn check(
    root: &Path,
    directory: Directory,
    catalogue: &Catalogue,
    (mut problems, run): (Vec<Diagnostic>, Tests),
) -> Result<Loaded, Problems> {
    let read = |name| directory.file(name);
    let manifest =
        read("policy.yaml").and_then(|file| manifest::manifest(&mut file.page(&mut problems), catalogue));
    let departments =
        read("departments.yaml").and_then(|file| departments::departments(&mut file.page(&mut problems)));
    let chain = read("chain.yaml").and_then(|file| chain::chain(&mut file.page(&mut problems), catalogue));
    let templates = templates::templates(&directory, &mut problems);
    let before = problems.len();
    let people = departments.as_deref().map(|it| people::people(&directory, it, &mut problems));
    let people = people.unwrap_or_default();
    // Of people who could not be read nobody is missed a second time.
    let unread = problems.len() > before;
    let works_in = |it: &Department| people.iter().any(|person| person.department == it.name);
    let staffed: Vec<bool> =
        departments.iter().flatten().map(|department| unread || works_in(department)).collect();
    let known =
        Known { catalogue, departments: departments.as_deref(), templates: &templates, staffed: &staffed };
    let mut ids = Ids::new();
    let mut rules = Vec::new();
    for file in directory.below("routes") {
        rules.extend(routes::routes(&mut file.page(&mut problems), &known, &file.name, &mut ids));
    }
    let sources = sources::sources(&directory, catalogue, &mut problems);
    templates::check_facts(&directory, catalogue, (&templates, &rules), &mut problems);
    reachability::warn(
        &directory,
        (&rules, departments.as_deref().unwrap_or_default()),
        catalogue,
        &mut problems,
    );
    let (Some(manifest), Some(departments), Some(chain)) = (manifest, departments, chain) else {
        return Err(Problems::sorted(problems));
    };
    let (rules, tests): (Vec<_>, Vec<_>) = rules.into_iter().map(routes::Written::into_parts).unzip();
    let mut policy = Policy::new(Parts {
        version: directory.version(),
        departments,
        chain,
        rules,
        templates,
        ignored: manifest.ignored_types(),
        people,
    });
    coverage::check((root, &directory), &manifest, &policy, catalogue, &mut problems);
    let mut count = 0;
    if run == Tests::Run {
        let mut tested = Tested { catalogue, policy: &mut policy, holds: !has_errors(&problems) };
        count = rule_tests::run(&directory, &mut tested, &tests, &mut problems);
    }
    let problems = Problems::sorted(problems);
    if has_errors(&problems.0) {
        return Err(problems);
    }
    let (name, warnings) = (manifest.name, problems.0);
    Ok(Loaded { name, policy, sources, warnings, tests: count, files: directory.into_files() })
}

fn has_errors(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

#[cfg(test)]
mod tests;
