//! Rust files: each says at its head what it owns, none grows without end, and none is named for everything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{assert_none, workspace};

/// The most lines that a file may have; 300 are wanted.
const MOST_LINES: usize = 500;

/// Names that say nothing about what is inside, so that in the end everything is.
const EMPTY_NAMES: &[&str] =
    &["common", "core", "helper", "helpers", "misc", "shared", "types", "util", "utils"];

fn violations(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut found = Vec::new();

    let lines = text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("`{shown}` has {lines} lines, more than {MOST_LINES}"));
    }
    if !text.starts_with("//!") {
        found.push(format!("`{shown}` does not open with `//!` and what it owns"));
    }
    // A module is a file or a folder.
    let parts = path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
    for part in parts.filter(|part| EMPTY_NAMES.contains(part)) {
        found.push(format!("`{shown}`: `{part}` is no name; name it for what it owns"));
    }
    found
}

/// All Rust files of the workspace, by their paths in it.
fn rust_files() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from("crates"), PathBuf::from("tests")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(workspace().join(&folder)).expect("a folder just found can be read") {
            let entry = entry.expect("a folder just found can be read");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("its kind is known").is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn rust_files_are_named_headed_and_short() {
    let files = rust_files();
    assert!(files.iter().any(|path| path.ends_with("crates/hinge/src/main.rs")));
    assert!(files.iter().any(|path| path.ends_with("tests/it/house/sources.rs")));

    let read = |path: &PathBuf| fs::read_to_string(workspace().join(path)).expect("Rust files are text");
    let found: Vec<String> = files.iter().flat_map(|path| violations(path, &read(path))).collect();
    assert_none(&found);
}

#[test]
fn a_long_or_headless_or_nameless_file_is_found() {
    let verdict = |path: &str, text: &str| violations(Path::new(path), text).len();
    let lines = |count: usize| "//! Owns lines.\n".repeat(count);

    assert_eq!(verdict("crates/domain/src/event.rs", &lines(MOST_LINES)), 0);
    assert_eq!(verdict("crates/domain/src/event.rs", &lines(MOST_LINES + 1)), 1);
    assert_eq!(verdict("crates/domain/src/event.rs", "// Owns nothing.\n"), 1);
    assert_eq!(verdict("crates/domain/src/event.rs", ""), 1);
    assert_eq!(verdict("crates/domain/src/utils.rs", "//! All sorts.\n"), 1);
    assert_eq!(verdict("crates/domain/src/types/mod.rs", "//! All sorts.\n"), 1);
    assert_eq!(verdict("crates/core/src/lib.rs", "//! All sorts.\n"), 1);
}
