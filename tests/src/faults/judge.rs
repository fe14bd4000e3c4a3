//! Who says whether all is well: the checker, which shares no code with the product, over everything that a trial
//! left on its broker, and a watcher that read it as it became visible. Without the checker there is no verdict, and
//! the trial has failed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hinge_stream::Record;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::stage::{GROUP, Stage};
use crate::program::find;
use crate::told::read_all;

/// The program's name.
const CHECKER: &str = "hinge-checker";

/// Reads everything that becomes visible while faults happen.
#[derive(Debug)]
pub struct Watcher {
    process: Child,
    folder: TempDir,
}

impl Watcher {
    /// Begins to watch; `None` where the checker is not built.
    pub fn start(brokers: &str) -> Option<Self> {
        let program = find(CHECKER).ok()?;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(program);
        command.args(["watch", "--brokers", brokers, "--seen"]).arg(folder.path().join("seen"));
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Self { process: process.expect("the checker can be run"), folder })
    }

    /// Ends it; gives the file with what it saw.
    pub fn end(&mut self) -> Result<PathBuf, String> {
        drop(self.process.stdin.take());
        let status = self.process.wait().map_err(|error| error.to_string())?;
        let seen = self.folder.path().join("seen");
        if status.success() && seen.is_file() {
            Ok(seen)
        } else {
            Err(format!("the watcher ended with {status} and left no file"))
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended, and a destructor has nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The verdict on what is on the broker, as the checker words it.
pub(super) fn judge(stage: &mut Stage) -> Json {
    let seen = stage.watcher.take().map(|mut watcher| (watcher.end(), watcher));
    if let Some((Err(why), _)) = &seen {
        stage.complain(why.clone());
    }
    let mut unread = unreadable(stage);
    unread.truncate(10);
    for sentence in unread {
        stage.complain(sentence);
    }
    let seen = seen.as_ref().and_then(|(seen, _)| seen.as_ref().ok());
    let judged = find(CHECKER).and_then(|program| check(stage, &program, seen.map(PathBuf::as_path)));
    if let Ok(judged) = &judged
        && let Some(why) = overlooked(judged)
    {
        stage.complain(why);
    }
    judged.unwrap_or_else(|why| {
        stage.complain(why);
        json!({"violations": 0, "by_kind": {}, "judge": "none"})
    })
}

/// Why the watcher cannot have seen what vanished or changed: it did not see all that there is.
fn overlooked(judged: &Json) -> Option<String> {
    let count = |name: &str| judged[name].as_u64().unwrap_or_default();
    let there: u64 = ["notifications", "decisions", "dead_letters", "unrouted"].into_iter().map(count).sum();
    let watched = count("watched");
    (watched < there).then(|| format!("the watcher saw {watched} records of {there}"))
}

fn check(stage: &Stage, program: &Path, seen: Option<&Path>) -> Result<Json, String> {
    let mut command = Command::new(program);
    let inputs = Stage::inputs().join(",");
    command.args(["check", "--brokers", &stage.address(), "--inputs", &inputs, "--group", GROUP, "--policy"]);
    command.arg(stage.policy.path());
    if let Some(seen) = seen {
        command.arg("--seen").arg(seen);
    }
    if !stage.metrics.is_empty() {
        let files: Vec<String> = stage.metrics.iter().map(|file| file.display().to_string()).collect();
        command.args(["--metrics", &files.join(",")]);
    }
    let output = command.output().map_err(|error| format!("the checker cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let verdict: Result<Json, _> = serde_json::from_str(text.trim());
    match (output.status.code(), verdict) {
        (Some(0 | 1), Ok(verdict)) => Ok(verdict),
        (code, _) => {
            let why = String::from_utf8_lossy(&output.stderr);
            Err(format!("the checker could not check, exit code {code:?}: {why}"))
        }
    }
}

/// What was acknowledged to the feed and cannot be read: the broker lost it, or the feed was lied to.
fn unreadable(stage: &Stage) -> Vec<String> {
    let log = stage.site.open();
    let (mut left, mut unknown) = (stage.feed.offsets(), Vec::new());
    let mut reader = log.reader().expect("the log can be read");
    for topic in Stage::inputs() {
        let each = &mut |record: Record| {
            let place = (record.place.topic.to_string(), record.place.partition);
            if !left.get_mut(&place).is_some_and(|left| left.remove(&record.offset.0)) {
                unknown.push(format!("{place:?}: {} can be read and was never acknowledged", record.offset));
            }
        };
        read_all(reader.as_mut(), &topic, each).expect("the inputs can be read");
    }
    let missing =
        left.into_iter().flat_map(|(place, left)| left.into_iter().map(move |at| (place.clone(), at)));
    unknown.extend(missing.map(|(place, at)| format!("{place:?}: {at} was acknowledged and cannot be read")));
    unknown
}
