//! Every crate is under the workspace's lints, and these forbid unsafe code.

use std::{fs, path::Path};

use toml::Table;

use super::{assert_none, workspace};

/// A Cargo.toml.
struct Manifest {
    path: String,
    content: Table,
}

impl Manifest {
    fn new(path: &str, text: &str) -> Self {
        let content = text.parse().unwrap_or_else(|error| panic!("`{path}` is not TOML: {error}"));
        Self { path: path.to_owned(), content }
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::new(&path.display().to_string(), &text)
    }
}

fn without_workspace_lints(manifests: &[Manifest]) -> Vec<String> {
    let inherits = |manifest: &Manifest| {
        manifest.content.get("lints")?.get("workspace")?.as_bool().filter(|inherited| *inherited)
    };
    let sentence = |manifest: &Manifest| format!("`{}` lacks `[lints] workspace = true`", manifest.path);
    manifests.iter().filter(|manifest| inherits(manifest).is_none()).map(sentence).collect()
}

fn without_ban_on_unsafe(root: &Manifest) -> Vec<String> {
    let level = || root.content.get("workspace")?.get("lints")?.get("rust")?.get("unsafe_code")?.as_str();
    if level() == Some("forbid") {
        return Vec::new();
    }
    vec![format!("`{}` lacks `unsafe_code = \"forbid\"` under `[workspace.lints.rust]`", root.path)]
}

#[test]
fn every_crate_is_under_the_workspace_lints() {
    let crates = fs::read_dir(workspace().join("crates")).expect("the folder of crates is there");
    let mut manifests: Vec<Manifest> = crates
        .map(|entry| Manifest::read(&entry.expect("the folder can be read").path().join("Cargo.toml")))
        .collect();
    for path in ["tests/Cargo.toml", "tests/checker/Cargo.toml"] {
        manifests.push(Manifest::read(&workspace().join(path)));
    }
    assert!(manifests.len() > 2);
    assert_none(&without_workspace_lints(&manifests));
}

#[test]
fn unsafe_code_is_forbidden() {
    assert_none(&without_ban_on_unsafe(&Manifest::read(&workspace().join("Cargo.toml"))));
}

#[test]
fn a_crate_that_left_the_lints_is_found() {
    let verdict = |text: &str| without_workspace_lints(&[Manifest::new("planted", text)]).len();
    assert_eq!(verdict("[lints]\nworkspace = true"), 0);
    assert_eq!(verdict("[lints]\nworkspace = false"), 1);
    assert_eq!(verdict("[lints.clippy]\npedantic = \"allow\""), 1);
    assert_eq!(verdict("[package]\nname = \"planted\""), 1);
}

#[test]
fn a_softened_ban_on_unsafe_is_found() {
    let verdict = |text: &str| without_ban_on_unsafe(&Manifest::new("planted", text)).len();
    assert_eq!(verdict("[workspace.lints.rust]\nunsafe_code = \"forbid\""), 0);
    assert_eq!(verdict("[workspace.lints.rust]\nunsafe_code = \"deny\""), 1);
    assert_eq!(verdict("[workspace.lints.rust]"), 1);
}
