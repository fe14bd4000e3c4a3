//! Points at which tests make the program fail, and bugs that they plant, are in no build that anybody is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use cargo_metadata::{Metadata, MetadataCommand};
use toml::Table;

use super::{assert_none, workspace};

/// The feature that compiles the points in.
const FEATURE: &str = "failpoints";

/// The crate that they stand on.
const CRATE: &str = "fail";

/// What turns the feature on, in the words of command lines: by itself, by variables of the Makefile, or with all.
const TURNED_ON: [&str; 4] = [FEATURE, "$(FAILING)", "$(TESTED)", "--all-features"];

/// What a command line says that builds what is given away or measured.
const RELEASING: [&str; 5] =
    ["--release", "--profile release", "--profile=release", "cargo install", "cargo bench"];

/// The part of a manifest that says what is compiled in.
struct Member {
    name: String,
    /// What each feature turns on.
    features: BTreeMap<String, Vec<String>>,
    dependencies: Vec<Wanted>,
}

struct Wanted {
    name: String,
    optional: bool,
    features: Vec<String>,
}

fn ways_in(members: &[Member]) -> Vec<String> {
    let turns_on = |what: &String| {
        let (crate_name, of_crate) = what.split_once(['/', '?']).unwrap_or((what, ""));
        let crate_name = crate_name.trim_start_matches("dep:");
        [crate_name, of_crate.trim_start_matches('/')].contains(&FEATURE) || crate_name == CRATE
    };
    let mut violations = Vec::new();
    for Member { name, features, dependencies } in members {
        let others = features.iter().filter(|(feature, _)| *feature != FEATURE);
        for (feature, what) in others.flat_map(|(feature, on)| on.iter().map(move |what| (feature, what))) {
            if turns_on(what) {
                violations.push(format!("`{name}`: its feature `{feature}` turns on `{what}`"));
            }
        }
        for wanted in dependencies {
            if wanted.name == CRATE && !wanted.optional {
                violations.push(format!("`{name}` depends on `{CRATE}` whatever its features are"));
            }
            if wanted.name != CRATE && wanted.features.iter().any(|feature| feature == FEATURE) {
                violations.push(format!("`{name}` turns on `{FEATURE}` of `{}`", wanted.name));
            }
        }
    }
    violations
}

fn described(manifest: &Path) -> Metadata {
    MetadataCommand::new()
        .manifest_path(manifest)
        // What other platforms need has never been downloaded.
        .other_options(["--offline", "--locked", "--filter-platform", &host()].map(str::to_owned))
        .exec()
        .expect("cargo describes the workspace that it has just built")
}

fn members(metadata: &Metadata) -> Vec<Member> {
    let member = |package: &&cargo_metadata::Package| Member {
        name: package.name.to_string(),
        features: package.features.clone().into_iter().collect(),
        dependencies: package
            .dependencies
            .iter()
            .map(|dependency| Wanted {
                name: dependency.name.clone(),
                optional: dependency.optional,
                features: dependency.features.clone(),
            })
            .collect(),
    };
    metadata.workspace_packages().iter().map(member).collect()
}

/// Command lines that build what is given away, with the points in it.
fn armed_releases(path: &str, text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let says = |line: &str, any: &[&str]| any.iter().any(|words| line.contains(words));
    let armed = joined.lines().filter(|line| says(line, &RELEASING) && says(line, &TURNED_ON));
    armed.map(|line| format!("`{path}` gives away what can be made to fail: {}", line.trim())).collect()
}

/// Profiles under which the points could be compiled although they are not for development.
fn checked_releases(root: &Table) -> Vec<String> {
    let profiles = root.get("profile").and_then(|profiles| profiles.as_table()).into_iter().flatten();
    let is_checked = |(name, profile): &(&String, &toml::Value)| {
        let checks = profile.get("debug-assertions").and_then(toml::Value::as_bool);
        !["dev", "test"].contains(&name.as_str()) && checks == Some(true)
    };
    profiles.filter(is_checked).map(|(name, _)| format!("`[profile.{name}]` has debug assertions")).collect()
}

/// Files with command lines in them: makefiles, scripts, recipes of images and of CI.
fn scripts(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "corpus"].contains(&name.as_str()) {
                scripts(&path, into);
            }
        } else if name.contains("Dockerfile")
            || path
                .extension()
                .is_none_or(|end| ["sh", "mk", "yml", "yaml"].iter().any(|known| end == *known))
        {
            into.push(path);
        }
    }
}

fn rustc() -> Command {
    let compiler = env::var_os("CARGO")
        .map_or_else(|| "rustc".into(), |cargo| Path::new(&cargo).with_file_name("rustc"));
    Command::new(compiler)
}

/// The platform that this is.
fn host() -> String {
    let output = rustc().arg("-vV").output().expect("the compiler that has just built this can be run");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("every compiler names its host").to_owned()
}

/// What the compiler says of the module with the points alone, with the feature or without it.
fn compiled(feature: bool, debug_assertions: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = rustc();
    command.args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"]);
    command.arg(folder.path()).args(["-C", &format!("debug-assertions={debug_assertions}")]);
    if feature {
        command.arg("--cfg").arg(format!("feature=\"{FEATURE}\""));
    }
    let output = command.arg(workspace().join("crates/stream/src/faults.rs")).output();
    let output = output.expect("the compiler that has just built this can be run");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn no_feature_and_no_dependency_turns_them_on_but_their_own() {
    let metadata = described(&workspace().join("Cargo.toml"));
    let members = members(&metadata);
    let having = members.iter().filter(|member| member.features.contains_key(FEATURE));
    assert!(having.count() >= 2, "nobody has the feature, so there is nothing to look after");
    assert_none(&ways_in(&members));

    // What cargo itself makes of the default features.
    let resolve = metadata.resolve.as_ref().expect("it was asked for");
    let armed = resolve.nodes.iter().filter(|node| {
        let is_crate = metadata[&node.id].name.as_str() == CRATE;
        let is_ours = metadata.workspace_members.contains(&node.id);
        is_crate || is_ours && node.features.iter().any(|feature| feature.as_str() == FEATURE)
    });
    assert_none(&armed.map(|node| format!("`{}` is on by default", node.id)).collect::<Vec<_>>());
}

#[test]
fn no_command_that_builds_a_release_turns_them_on() {
    let mut paths = Vec::new();
    scripts(&workspace(), &mut paths);
    assert!(paths.iter().any(|path| path.ends_with("Makefile")) && paths.len() > 3, "{paths:?}");
    let mut releases = 0;
    let mut violations = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        releases += text.lines().filter(|line| RELEASING.iter().any(|words| line.contains(words))).count();
        violations.extend(armed_releases(&path.display().to_string(), &text));
    }
    assert!(releases > 0, "no command that builds a release was recognised");
    assert_none(&violations);
}

#[test]
fn a_release_with_them_does_not_compile() {
    let refusal = "a release build must not have points";
    let (compiles, said) = compiled(true, "off");
    assert!(!compiles && said.contains(refusal), "{said}");
    // It is refused for being a release, and for nothing else that this compiler says of it.
    assert!(!compiled(true, "on").1.contains(refusal));
    let (compiles, said) = compiled(false, "off");
    assert!(compiles, "{said}");

    let root = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    assert_none(&checked_releases(&root.parse().unwrap()));
}

#[test]
fn a_way_in_is_found() {
    let verdict = |features: &[(&str, &str)], dependency: (&str, bool, &[&str])| {
        let (name, optional, on) = dependency;
        let wanted = Wanted {
            name: name.to_owned(),
            optional,
            features: on.iter().map(ToString::to_string).collect(),
        };
        let feature = |(name, on): &(&str, &str)| ((*name).to_owned(), vec![(*on).to_owned()]);
        let features = features.iter().map(feature).collect();
        ways_in(&[Member { name: "planted".to_owned(), features, dependencies: vec![wanted] }]).len()
    };
    let own = [("failpoints", "dep:fail")];
    assert_eq!(verdict(&own, ("fail", true, &["failpoints"])), 0);
    assert_eq!(verdict(&[("failpoints", "hinge-stream/failpoints")], ("hinge-stream", false, &[])), 0);
    assert_eq!(verdict(&own, ("fail", false, &[])), 1);
    assert_eq!(verdict(&own, ("hinge-stream", false, &["failpoints"])), 1);
    for on in
        ["failpoints", "dep:fail", "fail", "fail/std", "hinge-stream/failpoints", "hinge-stream?/failpoints"]
    {
        assert_eq!(verdict(&[("default", on)], ("serde", false, &[])), 1, "{on}");
    }
}

#[test]
fn a_command_or_a_profile_that_lets_them_into_a_release_is_found() {
    let verdict = |text: &str| armed_releases("planted", text).len();
    assert_eq!(verdict("cargo build --locked -p hinge $(FAILING)\ncargo build --release -p hinge"), 0);
    assert_eq!(verdict("cargo build --release --features hinge/failpoints"), 1);
    assert_eq!(verdict("RUN cargo build --profile release \\\n  --all-features"), 1);
    assert_eq!(verdict("\tcargo bench $(FAILING)"), 1);

    let verdict = |text: &str| checked_releases(&text.parse().unwrap()).len();
    assert_eq!(verdict("[profile.release]\nlto = \"fat\"\n[profile.dev]\ndebug-assertions = true"), 0);
    assert_eq!(verdict("[profile.release]\ndebug-assertions = true"), 1);
    assert_eq!(verdict("[profile.dist]\ninherits = \"release\"\ndebug-assertions = true"), 1);
}
