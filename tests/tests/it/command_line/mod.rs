//! The program as an operator meets it: what it says, what it answers, and how it ends.
//!
//! * [`commands`]: every command but `run`;
//! * [`running`]: `hinge run` while it runs and when it is asked to end;
//! * [`refusals`]: `hinge run` where it cannot go on;
//! * [`schemas`]: `hinge schemas`, and the folder of schemas for Confluent's framing;
//! * [`full_disk`]: the same where the reason goes away.

mod commands;
mod full_disk;
mod refusals;
mod running;
mod schemas;

use std::path::Path;

use hinge_tests::program::{Ended, run};
use hinge_tests::shop::{Counts, Plan, Shop, write_policy};
use hinge_tests::site::{Backend, Site, words};
use tempfile::TempDir;

/// An embedded log with orders that nobody has read yet, and the policy for them.
struct Fed {
    site: Site,
    policy: TempDir,
    made: Counts,
}

fn fed(orders: u32) -> Fed {
    let policy = policy();
    let site = Site::fresh(Backend::Embedded, policy.path()).expect("the embedded log needs nothing");
    let made = feed(&site, orders);
    Fed { site, policy, made }
}

fn policy() -> TempDir {
    let policy = tempfile::tempdir().unwrap();
    write_policy(policy.path());
    policy
}

fn feed(site: &Site, orders: u32) -> Counts {
    Shop::new(Plan { orders, seed: 3, troubled: true }).feed(site.open().as_ref()).unwrap()
}

impl Fed {
    fn drained(self) -> Self {
        run(self.site.drain(self.policy.path())).well();
        self
    }

    /// Runs a command on this log.
    fn run(&self, command: &[&str]) -> Ended {
        let mut arguments = words(command);
        arguments.extend(self.site.flags());
        run(arguments)
    }
}

/// It ended with this code of `hinge explain`, which explains it, and said each of `words`.
#[track_caller]
fn refused_with(ended: Ended, exit: i32, code: &str, words: &[&str]) {
    let ended = ended.refused(exit, words);
    assert!(ended.log.contains(&format!("error[{code}]")), "{}", ended.log);
    assert!(ended.log.contains(&format!("`hinge explain {code}`")), "{}", ended.log);
    let page = run(["explain", code]).well().output;
    assert!(page.starts_with(code) && page.contains("What to do:"), "{page}");
}

/// A path as an argument.
fn shown(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
