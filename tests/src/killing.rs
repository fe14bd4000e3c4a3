//! The real program, killed again and again in the middle of its work, must leave what it leaves undisturbed.
//!
//! One run on a fresh log is left alone. On another fresh log with the same inputs `hinge run` is started
//! and killed with SIGKILL, at random moments spread over the work; some fall into its start, where memory
//! is read back. Then it is asked to end in the middle of its work, and at last it drains. What both left
//! behind must be equal in every canonical notification and its order, every decision and every dead letter.

use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hinge_router::DECISIONS;
use hinge_stream::Reader;
use serde_json::{Value as Json, json};

use crate::kafka::until;
use crate::program::{Ended, Running, hinge};
use crate::site::{Backend, Site};
use crate::told::Told;

/// Longer than any wait for progress.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(25);

/// What to do to the program.
pub struct Ordeal<'a> {
    /// On which log.
    pub backend: Backend,
    /// Under which policy.
    pub policy: &'a Path,
    /// How often it is killed.
    pub kills: u32,
    /// Decides when.
    pub seed: u64,
    /// Records in one batch, few, so that there are many transactions to be killed in.
    pub batch_records: u32,
    /// Writes the inputs to a log.
    pub feed: &'a dyn Fn(&Site),
}

/// What came of it.
#[derive(Debug)]
pub struct Verdict {
    /// What the undisturbed run left.
    pub calm: Told,
    /// What the undisturbed run said of itself, as JSON.
    pub summary: Json,
    /// How many kills came before the work was done.
    pub kills_inside: u32,
    /// How long the undisturbed run took, from its start to its end.
    pub undisturbed: Duration,
    /// The same for the disturbed one, with all its starts.
    pub disturbed: Duration,
    /// Records that were left for the last run.
    pub drained_last: u64,
    /// What is different, or must not be; nothing where all is well.
    pub differences: Vec<String>,
}

impl Verdict {
    /// One line for programs.
    pub fn json(&self, ordeal: &Ordeal<'_>) -> Json {
        json!({
            "verdict": if self.differences.is_empty() { "equal" } else { "different" },
            "backend": format!("{:?}", ordeal.backend).to_lowercase(),
            "seed": ordeal.seed,
            "kills": ordeal.kills,
            "kills_inside": self.kills_inside,
            "batch_records": ordeal.batch_records,
            "inputs": self.calm.inputs,
            "notifications": self.calm.notification_count(),
            "decisions": self.calm.decisions.len(),
            "dead_letters": self.calm.letters.len(),
            "repetitions": self.calm.neither(),
            "undisturbed_seconds": self.undisturbed.as_secs_f64(),
            "disturbed_seconds": self.disturbed.as_secs_f64(),
            "drained_last": self.drained_last,
            "differences": self.differences,
        })
    }
}

/// Goes through with it; `None` where there is no Kafka, which has then been told.
pub fn endure(ordeal: &Ordeal<'_>) -> Option<Verdict> {
    let calm_site = Site::fresh(ordeal.backend, ordeal.policy)?;
    (ordeal.feed)(&calm_site);
    let calm = ordeal.leave_alone(&calm_site);
    drop(calm_site);

    let site = Site::fresh(ordeal.backend, ordeal.policy)?;
    (ordeal.feed)(&site);
    let mut differences = Vec::new();
    let started = Instant::now();
    let kills_inside = ordeal.disturb(&site, &calm, &mut differences);
    let drained_last = records(&ordeal.drain(&site));
    let disturbed = started.elapsed();
    let left = records(&ordeal.drain(&site));
    if left != 0 {
        differences.push(format!("{left} records were handled after everything had been"));
    }
    differences.extend(site.open_transactions());
    let told = Told::read(site.open().as_ref()).expect("the log can be read");
    differences.extend(calm.told.differences(&told));
    differences.extend(calm.told.faults.iter().map(|fault| format!("undisturbed: {fault}")));
    differences.extend(misreported(&calm.summary, &calm.told));
    Some(Verdict {
        calm: calm.told,
        summary: calm.summary,
        kills_inside,
        undisturbed: calm.took,
        disturbed,
        drained_last,
        differences,
    })
}

/// The undisturbed run.
struct Calm {
    told: Told,
    summary: Json,
    /// From the start to the first commit.
    startup: Duration,
    took: Duration,
    progress: i64,
}

impl Ordeal<'_> {
    fn leave_alone(&self, site: &Site) -> Calm {
        let log = site.open();
        let mut reader = log.reader().expect("the log can be read");
        let started = Instant::now();
        let mut running = self.start(site.drain(self.policy));
        let first = until(PATIENCE, "the undisturbed run commits something", || {
            let begun = progress(reader.as_mut()) > 0 || !running.is_running();
            begun.then(|| started.elapsed())
        });
        let ended = running.ended().well();
        let took = started.elapsed();
        let summary = summary(&ended);
        let told = Told::read(log.as_ref()).expect("the log can be read");
        Calm { told, summary, startup: first, took, progress: progress(reader.as_mut()) }
    }

    /// Kills as often as it was asked to, then asks once to end; gives how many kills came in time.
    fn disturb(&self, site: &Site, calm: &Calm, faults: &mut Vec<String>) -> u32 {
        let mut rng = Rng::with_seed(self.seed);
        let log = site.open();
        let mut reader = log.reader().expect("the log can be read");
        let working = calm.took.saturating_sub(calm.startup);
        let inputs = u32::try_from(calm.told.inputs.max(1)).unwrap_or(u32::MAX);
        let a_few_batches = working * self.batch_records * 3 / inputs;
        let mut inside = 0;
        for turn in 0..self.kills {
            let mut running = self.start(site.run(self.policy));
            if rng.u8(..5) == 0 {
                std::thread::sleep(calm.startup.mul_f64(rng.f64()));
            } else {
                // In ten thousandths of the work, of which the last tenth is left for the end.
                let share = (i64::from(turn) * 9_000 + rng.i64(0..9_000)) / i64::from(self.kills);
                wait_for(&mut running, reader.as_mut(), calm.progress * share / 10_000);
                std::thread::sleep(a_few_batches.mul_f64(rng.f64()));
            }
            if !running.is_running() {
                faults.push(format!("it ended by itself:\n{}", running.log()));
            }
            running.kill();
            inside += u32::from(progress(reader.as_mut()) < calm.progress);
        }
        let mut running = self.start(site.run(self.policy));
        running.says("partitions taken up");
        wait_for(&mut running, reader.as_mut(), calm.progress * 9_200 / 10_000);
        running.signal("TERM");
        let asked = Instant::now();
        let ended = running.ended();
        if ended.code != Some(0) || asked.elapsed() > GRACE {
            faults.push(format!("asked to end, it ended with {:?} after {:?}", ended.code, asked.elapsed()));
        }
        faults.extend(
            site.open_transactions().into_iter().map(|open| format!("after it was asked to end: {open}")),
        );
        inside
    }

    fn drain(&self, site: &Site) -> Json {
        summary(&self.start(site.drain(self.policy)).ended().well())
    }

    fn start(&self, arguments: Vec<String>) -> Running {
        let mut command = hinge(arguments);
        command.env("HINGE_ROUTER__BATCH_RECORDS", self.batch_records.to_string());
        // The troubled shop has more broken records than a partition goes on with.
        command.env("HINGE_ROUTER__STOP_PERCENT", "100");
        // Otherwise the brokers wait for each killed worker until they give it up.
        command.env("HINGE_STREAM__STATIC_MEMBERSHIP", "true");
        Running::start(&mut command)
    }
}

/// Waits until so much is committed, or the program is gone.
fn wait_for(running: &mut Running, reader: &mut dyn Reader, goal: i64) {
    until(PATIENCE, "the run makes progress", || {
        (progress(reader) >= goal || !running.is_running()).then_some(())
    });
}

/// How far the work has come: it only ever grows.
fn progress(reader: &mut dyn Reader) -> i64 {
    let bounds = reader.bounds(DECISIONS).expect("the log has the topic of decisions");
    bounds.into_iter().map(|(_, _, end)| end.0).sum()
}

fn summary(ended: &Ended) -> Json {
    serde_json::from_str(&ended.output).unwrap_or_else(|error| panic!("{error}: {}", ended.output))
}

fn records(summary: &Json) -> u64 {
    summary["records"].as_u64().expect("a summary says how many records there were")
}

/// What a run said of itself, against what it left behind.
fn misreported(summary: &Json, told: &Told) -> Vec<String> {
    let outcomes = summary["outcomes"].as_array().into_iter().flatten();
    let said = |outcome: &str, reason: Option<&str>| -> usize {
        let counted = outcomes
            .clone()
            .filter(|row| row["outcome"] == outcome && reason.is_none_or(|reason| row["reason"] == reason));
        counted
            .filter_map(|row| row["records"].as_u64())
            .filter_map(|count| usize::try_from(count).ok())
            .sum()
    };
    let notified: u64 = summary["notifications"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    let pairs = [
        ("records", usize::try_from(records(summary)).unwrap_or_default(), told.inputs),
        ("emitted", said("emitted", None), told.decided("emitted")),
        ("ignored", said("filtered", Some("ignored")), told.decided("filtered")),
        ("unrouted", said("unrouted", None), told.unrouted),
        ("rejected", said("rejected", None), told.letters.len()),
        ("repetitions", said("filtered", Some("repetition")), told.neither()),
        ("notifications", usize::try_from(notified).unwrap_or_default(), told.notification_count()),
    ];
    let wrong = pairs.into_iter().filter(|(_, said, there)| said != there);
    wrong.map(|(what, said, there)| format!("it reported {said} {what}, and there are {there}")).collect()
}
