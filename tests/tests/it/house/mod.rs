//! The house rules that neither the compiler nor clippy knows. Each is a function over data that returns
//! what is against it, one sentence each; each is shown to find a planted violation.
//!
//! * [`bounds`]: what a worker keeps, at most;
//! * [`drawing`]: which crate may depend on which, and where heavy dependencies live;
//! * [`sources`]: how files are named, how they begin and how long they may get;
//! * [`manifests`]: that every crate is under the workspace's lints, and none may be unsafe;
//! * [`failpoints`]: that what tests make fail is in no release.

mod bounds;
mod drawing;
mod failpoints;
mod manifests;
mod sources;

use std::path::{Path, PathBuf};

/// The workspace's folder.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace").to_owned()
}

/// Passes when nothing is against a rule, else fails with every sentence.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "against the house rules:\n  {}", violations.join("\n  "));
}
