//! The drawing of crates in ARCHITECTURE.md, as data: an arrow that is not drawn is forbidden.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;

use super::{assert_none, workspace};

/// The services. They meet on topics and in the store, never as crates.
const SERVICES: &[&str] = &["hinge-router"];

/// Who may depend on which crate of ours, services apart.
const ARROWS: &[(&str, &[&str])] = &[
    ("hinge", &["hinge-store", "hinge-policy", "hinge-schema", "hinge-stream", "hinge-domain"]),
    ("hinge-policy", &["hinge-schema", "hinge-domain"]),
    ("hinge-schema", &["hinge-domain"]),
    ("hinge-store", &["hinge-domain"]),
    ("hinge-stream", &[]),
    ("hinge-domain", &[]),
    // What checks the product may be wrong in other ways than the product, never in the same.
    (CHECKER, &[]),
];

/// It recounts what the product has promised.
const CHECKER: &str = "hinge-checker";

/// What the product decodes, decides and reckons with, which the checker does by itself.
const NOT_FOR_THE_CHECKER: &[&str] =
    &["apache-avro", "cel", "chrono", "jiff", "minijinja", "rust_decimal", "uuid"];

/// What every service may depend on.
const SERVICE_ARROWS: &[&str] =
    &["hinge-store", "hinge-policy", "hinge-schema", "hinge-stream", "hinge-domain"];

/// Dependencies that are large, or that decide what a crate is about, and the only crates that may have them.
const HOMES: &[(&str, &[&str])] = &[
    ("annotate-snippets", &["hinge-policy"]),
    ("apache-avro", &["hinge-schema"]),
    ("axum", &["hinge"]),
    ("cel", &["hinge-domain"]),
    ("clap", &["hinge"]),
    ("minijinja", &["hinge-domain"]),
    ("rdkafka", &["hinge-stream", "hinge-tests", CHECKER]),
    ("rusqlite", &["hinge-stream", "hinge-tests"]),
    ("serde-saphyr", &["hinge-policy", "hinge", CHECKER]),
];

/// A crate of the workspace with all it depends on, for building and testing too.
struct Member {
    name: String,
    dependencies: BTreeSet<String>,
}

fn arrows_not_drawn(members: &[Member]) -> Vec<String> {
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut violations = Vec::new();
    for member in members {
        for target in member.dependencies.iter().filter(|target| ours.contains(target.as_str())) {
            if !is_drawn(&member.name, target) {
                violations
                    .push(format!("`{}` depends on `{target}`, an arrow that is not drawn", member.name));
            }
        }
        if !is_known(&member.name) {
            violations.push(format!("`{}` is not on the drawing: give it a place", member.name));
        }
    }
    violations
}

fn is_known(name: &str) -> bool {
    name == "hinge-tests"
        || SERVICES.contains(&name)
        || ARROWS.iter().any(|(crate_name, _)| *crate_name == name)
}

fn is_drawn(from: &str, to: &str) -> bool {
    if from == "hinge-tests" {
        return true;
    }
    if SERVICES.contains(&from) {
        return SERVICE_ARROWS.contains(&to);
    }
    let drawn = ARROWS.iter().any(|(name, targets)| *name == from && targets.contains(&to));
    drawn || (from == "hinge" && SERVICES.contains(&to))
}

fn away_from_home(members: &[Member]) -> Vec<String> {
    let mut violations = Vec::new();
    for (dependency, homes) in HOMES {
        let users = || members.iter().filter(|member| member.dependencies.contains(*dependency));
        for user in users().filter(|user| !homes.contains(&user.name.as_str())) {
            violations.push(format!("`{}` depends on `{dependency}`, which lives in {homes:?}", user.name));
        }
        if users().next().is_none() {
            violations.push(format!("nobody depends on `{dependency}`: take it off the list of homes"));
        }
    }
    violations
}

/// What the checker has in common with what it checks.
fn shared_with_the_checker(members: &[Member]) -> Vec<String> {
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let Some(checker) = members.iter().find(|member| member.name == CHECKER) else {
        return vec![format!("`{CHECKER}` is gone, and nobody recounts what was promised")];
    };
    let shared = |dependency: &&String| {
        ours.contains(dependency.as_str()) || NOT_FOR_THE_CHECKER.contains(&dependency.as_str())
    };
    let shared = checker.dependencies.iter().filter(shared);
    shared.map(|dependency| format!("`{CHECKER}` shares `{dependency}` with the product")).collect()
}

fn workspace_members() -> Vec<Member> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo describes the workspace that it has just built");
    let member = |package: cargo_metadata::Package| Member {
        name: package.name.to_string(),
        dependencies: package.dependencies.into_iter().map(|dependency| dependency.name).collect(),
    };
    metadata.packages.into_iter().map(member).collect()
}

#[test]
fn crates_depend_only_along_drawn_arrows() {
    let members = workspace_members();
    assert!(members.iter().any(|member| member.name == "hinge" && !member.dependencies.is_empty()));
    assert_none(&arrows_not_drawn(&members));
}

#[test]
fn heavy_dependencies_stay_at_home() {
    assert_none(&away_from_home(&workspace_members()));
}

#[test]
fn the_checker_shares_no_code_with_what_it_checks() {
    assert_none(&shared_with_the_checker(&workspace_members()));
}

#[test]
fn code_that_the_checker_shares_is_found() {
    let mut members = workspace_members();
    let checker = members.iter_mut().find(|member| member.name == CHECKER).expect("the checker exists");
    checker.dependencies.extend(["hinge-schema".to_owned(), "jiff".to_owned()]);
    assert_eq!(shared_with_the_checker(&members).len(), 2);
    assert_eq!(arrows_not_drawn(&members).len(), 1);

    members.retain(|member| member.name != CHECKER);
    assert_eq!(shared_with_the_checker(&members).len(), 1);
}

#[test]
fn an_arrow_that_is_not_drawn_is_found() {
    let verdict = |from: &str, to: &str| {
        let member = |name: &str, dependencies: &[&str]| Member {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(ToString::to_string).collect(),
        };
        arrows_not_drawn(&[member(from, &[to, "serde"]), member(to, &[])]).len()
    };
    assert_eq!(verdict("hinge", "hinge-router"), 0);
    assert_eq!(verdict("hinge-router", "hinge-stream"), 0);
    assert_eq!(verdict("hinge-tests", "hinge"), 0);

    assert_eq!(verdict("hinge-domain", "hinge-schema"), 1);
    assert_eq!(verdict("hinge-checker", "hinge-schema"), 1);
    assert_eq!(verdict("hinge-stream", "hinge-domain"), 1);
    assert_eq!(verdict("hinge-policy", "hinge-stream"), 1);
    assert_eq!(verdict("hinge-router", "hinge"), 1);
    assert_eq!(verdict("hinge-router", "hinge-tests"), 1);
    // A crate that nobody drew, and the arrow to it.
    assert_eq!(verdict("hinge", "hinge-common"), 2);
}

#[test]
fn a_heavy_dependency_away_from_home_is_found() {
    let mut members = workspace_members();
    let router = members.iter_mut().find(|member| member.name == "hinge-router").expect("the router exists");
    router.dependencies.insert("rdkafka".to_owned());
    let violations = away_from_home(&members);
    assert!(violations.iter().any(|found| found.starts_with("`hinge-router` depends on `rdkafka`")));

    members.retain(|member| member.name != "hinge-schema");
    let violations = away_from_home(&members);
    assert!(violations.iter().any(|found| found.starts_with("nobody depends on `apache-avro`")));
}
