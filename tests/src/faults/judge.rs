//! Who says whether all is well: the checker, which shares no code with the product, over everything that a trial
//! left on its broker, and a watcher that read it as it became visible.
//!
//! Where the checker is not built, the trial is compared with a calm run of the product over the same inputs in
//! a folder. That finds what a fault does, and nothing that is wrong without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hinge_stream::{Log, Outgoing, Record};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::stage::{GROUP, Stage};
use crate::program::{Running, find, hinge};
use crate::site::{Backend, Site};
use crate::told::{InputPlace, Told, read_all};

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
    let judged = match find(CHECKER) {
        Ok(program) => {
            let seen = seen.as_ref().and_then(|(seen, _)| seen.as_ref().ok());
            check(stage, &program, seen.map(PathBuf::as_path))
        }
        Err(_) => compare(stage),
    };
    judged.unwrap_or_else(|why| {
        stage.complain(why);
        json!({"violations": 0, "by_kind": {}, "judge": "none"})
    })
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

/// The offset of each input record that can be read, by its place among those of its partition.
type Offsets = BTreeMap<(String, i32), Vec<i64>>;

/// Compares with a calm run over the same inputs.
fn compare(stage: &Stage) -> Result<Json, String> {
    let log = stage.site.open();
    let calm = Site::fresh(Backend::Embedded, stage.policy.path()).expect("a folder can always be made");
    let offsets = copy(log.as_ref(), calm.open().as_ref()).map_err(|error| error.to_string())?;
    let mut command = hinge(calm.drain(stage.policy.path()));
    command.env("HINGE_ROUTER__STOP_PERCENT", "100").env("HINGE_ROUTER__STOP_IN_A_ROW", "0");
    let ended = Running::start(&mut command).ended();
    if ended.code != Some(0) {
        return Err(format!("the calm run ended with {:?}:\n{}", ended.code, ended.log));
    }
    let mut expected = Told::read(calm.open().as_ref()).map_err(|error| error.to_string())?;
    place(&mut expected, &offsets);
    let found = Told::read(log.as_ref()).map_err(|error| error.to_string())?;
    let differences = expected.differences(&found);
    Ok(json!({
        "judge": "a calm run of the product",
        "violations": differences.len(),
        "by_kind": {"different": differences.len()},
        "examples": differences,
        "inputs": found.inputs,
        "notifications": found.notification_count(),
        "decisions": found.decisions.len(),
        "dead_letters": found.letters.len(),
        "unrouted": found.unrouted,
        "repetitions": found.neither(),
    }))
}

fn copy(from: &dyn Log, to: &dyn Log) -> Result<Offsets, hinge_stream::Error> {
    let (mut reader, mut appender) = (from.reader()?, to.appender()?);
    let (mut offsets, mut failed) = (Offsets::new(), None);
    for topic in Stage::inputs() {
        read_all(reader.as_mut(), &topic, &mut |record| {
            let place = (topic.clone(), record.place.partition);
            offsets.entry(place).or_default().push(record.offset.0);
            let copy = Outgoing {
                topic: &topic,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &[],
                carried: Some(&record.headers),
                timestamp: record.timestamp.millis(),
            };
            failed = failed.take().or(appender.append_to(record.place.partition, &copy).err());
        })?;
    }
    failed.map_or(Ok(()), Err)?;
    appender.flush()?;
    Ok(offsets)
}

/// Says of everything at which place of the broker it came from, instead of at which of the copy.
fn place(told: &mut Told, offsets: &Offsets) {
    let moved = |(topic, partition, offset): InputPlace| {
        let offsets = offsets.get(&(topic.clone(), partition));
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        let offset = offsets.and_then(|offsets| offsets.get(index)).copied().unwrap_or(-1);
        (topic, partition, offset)
    };
    told.letters =
        std::mem::take(&mut told.letters).into_iter().map(|(at, code)| (moved(at), code)).collect();
    let decisions = std::mem::take(&mut told.decisions).into_iter().map(|((at, id), mut decision)| {
        let at = moved(at);
        decision["offset"] = at.2.into();
        ((at, id), decision)
    });
    told.decisions = decisions.collect();
}
