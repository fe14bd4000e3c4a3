//! One fault on one stage, from the first record to the verdict.
//!
//! Nothing happens in the first fifth of the work. Then the fault has its way while records go on coming. At the end
//! everything is healed, all inputs have to be handled, the workers are asked to end and have to, no transaction
//! may stay open, and the judge looks at what is there.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::judge::judge;
use super::stage::{Plan, Relayed, Stage};
use super::worker::Worker;
use super::{Fault, Wanted};

/// What is left to be handled when the fault is over has to be handled in this time.
const CATCHING_UP: Duration = Duration::from_mins(4);

/// A worker that is asked to end has to be gone after this long.
pub(super) const GRACE: Duration = Duration::from_secs(20);

/// From the end of a commit until what was in it is counted, at most.
const COUNTED: Duration = Duration::from_secs(5);

/// A broker ends a transaction after 15 s, and looks for such every 10 s.
const TRANSACTIONS_END: Duration = Duration::from_secs(40);

/// Goes through with it; the verdict in JSON, or `None` where there is no Kafka, which has then been told.
pub fn run(fault: &Fault, wanted: &Wanted) -> Option<Json> {
    eprintln!("{}: {} (seed {}, {} events)", fault.name, fault.what, wanted.seed, wanted.events);
    let started = Instant::now();
    let plan = (fault.plan)(wanted);
    let records = (fault.records)(wanted);
    let mut stage = Stage::set(plan, records)?;
    let set = started.elapsed();
    let fifth = u64::from(wanted.events / 5);
    stage.until(CATCHING_UP, "a fifth of the inputs is written", |stage| stage.feed.acknowledged() >= fifth);
    stage.until_caught_up(CATCHING_UP);

    let (fault_began, fed_before) = (Instant::now(), stage.feed.acknowledged());
    (fault.act)(&mut stage, wanted);
    let acted = fault_began.elapsed();
    let fed = stage.feed.acknowledged() - fed_before;
    if fed == 0 {
        stage.complain("nothing was written during the fault, so that it cannot have disturbed anything");
    }
    let recovery = heal(&mut stage);
    let transactions = end(&mut stage);
    let judged = judge(&mut stage);
    endings(&mut stage, fault.exits);

    let count = |value: &Json| value.as_u64().unwrap_or_default();
    let shown: Vec<u64> = fault.must_show.iter().map(|kind| count(&judged["by_kind"][kind])).collect();
    if shown.contains(&0) {
        let kinds = fault.must_show.join(", ");
        stage.complain(format!(
            "{kinds} not found where the protection is switched off: the trial has no power"
        ));
    }
    let wrong = count(&judged["violations"]).saturating_sub(shown.iter().sum());
    let violations = wrong + u64::try_from(stage.complaints.len()).unwrap_or(u64::MAX);
    let renewed: Vec<usize> = stage.workers.iter().map(Worker::renewed).collect();
    let logs = keep_logs(&stage, fault.name);
    Some(json!({
        "fault": fault.name,
        "seed": wanted.seed,
        "violations": violations,
        "complaints": stage.complaints,
        "judged": judged,
        "acknowledged": stage.feed.acknowledged(),
        "aborted_inputs": stage.feed.ghosts(),
        "fed_during_fault": fed,
        "starts": stage.workers.iter().map(|worker| worker.starts).collect::<Vec<_>>(),
        "ended_by_themselves": stage.endings.iter().map(|it| json!([it.worker, it.code])).collect::<Vec<_>>(),
        "renewed": renewed,
        "setting_seconds": rounded(set),
        "fault_seconds": rounded(acted),
        "recovery_seconds": recovery.map(rounded),
        "transactions_open_seconds": transactions.map(rounded),
        "took_seconds": rounded(started.elapsed()),
        "notes": stage.notes,
        "logs": logs,
    }))
}

/// Where what the workers said can be read afterwards.
fn keep_logs(stage: &Stage, fault: &str) -> String {
    let folder = std::env::temp_dir().join("hinge-torture").join(format!("{fault}-{}", stage.plan.seed));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    for (number, worker) in stage.workers.iter().enumerate() {
        let path = folder.join(format!("worker-{number}.log"));
        std::fs::write(path, worker.log()).expect("a temporary file can be written");
    }
    folder.display().to_string()
}

/// Whole milliseconds, so that lines stay readable.
pub(super) fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Good weather, all workers up, everything handled; gives how long that took from now or, where that is later, from
/// the end of the feed.
fn heal(stage: &mut Stage) -> Option<Duration> {
    if let Some(relay) = &stage.relay {
        relay.clear_up();
    }
    stage.left_alone.clear();
    for worker in &mut stage.workers {
        if !worker.is_up() && worker.down_since().is_none() && !worker.retired {
            worker.start();
        }
    }
    let healed = Instant::now();
    // What is left is written as fast as it goes: nothing is learnt any more.
    stage.feed.end_at(stage.plan.events.into());
    stage.feed.set_rate(0);
    stage.feed.set_haunted(false);
    stage.until(Duration::from_mins(15), "the feed ends", |stage| stage.feed.is_done());
    let fed = Instant::now();
    for failure in stage.feed.failures() {
        stage.complain(format!("the feed failed, so that the trial says nothing: {failure}"));
    }
    stage.until_caught_up(CATCHING_UP)?;
    let recovered = fed.max(healed).elapsed();
    // A process that has only just begun cannot show how it ends.
    stage.until(CATCHING_UP, "all workers are at work", |stage| {
        stage.workers.iter().all(|worker| !worker.is_up() || worker.is_at_work())
    });
    Some(recovered)
}

/// Asks all workers to end; gives how long transactions stayed open after that.
fn end(stage: &mut Stage) -> Option<Duration> {
    // Counters begin at nothing with each process: only those of undisturbed ones can be counted again.
    if stage.workers.iter().all(|worker| worker.starts == 1 && worker.is_up()) {
        // A commit is known to the broker a moment before it is counted.
        let inputs = stage.feed.acknowledged();
        stage.until(COUNTED, "what is handled is counted", |stage| stage.counted() >= inputs);
        stage.keep_metrics();
    }
    let miscounted = |stage: &mut Stage| stage.workers.iter().find_map(Worker::miscounted);
    let mut last = None;
    stage.until(COUNTED, "each worker has counted the troubles that it told of", |stage| {
        last = miscounted(stage);
        last.is_none()
    });
    if let Some(why) = last {
        stage.complain(why);
    }
    let asked = Instant::now();
    stage.workers.iter_mut().for_each(Worker::ask_to_end);
    for number in 0..stage.workers.len() {
        if !stage.workers[number].is_up() {
            continue;
        }
        let (code, took) = stage.workers[number].ended(asked, GRACE);
        if code != Some(0) {
            let (instance, log) =
                (stage.workers[number].instance.clone(), stage.workers[number].last_words());
            stage.complain(format!(
                "worker {instance}, asked to end, ended with {code:?} after {took:?}:\n{log}"
            ));
        }
    }
    let ended = Instant::now();
    let open = loop {
        let found = stage.site.open_transactions();
        if found.is_empty() {
            return Some(ended.elapsed());
        }
        if ended.elapsed() > TRANSACTIONS_END {
            break found;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    for sentence in open {
        stage.complain(sentence);
    }
    None
}

/// What became of workers that ended by themselves.
fn endings(stage: &mut Stage, allowed: &[i32]) {
    for ending in stage.endings.clone() {
        let right = ending.code.is_some_and(|code| allowed.contains(&code)) || ending.doomed;
        if ending.panicked || !right {
            let (worker, code, words) = (ending.worker, ending.code, &ending.last_words);
            stage.complain(format!("worker {worker} ended by itself with {code:?}: {words}"));
        }
    }
}

/// A plan from which most faults differ in little.
pub(super) fn usual(wanted: &Wanted, lasts: Duration) -> Plan {
    // The first fifth and some rest come on top of the fault.
    let seconds = u32::try_from(lasts.as_secs().max(1)).unwrap_or(u32::MAX);
    let rate = (wanted.events * 7 / 10 / seconds).clamp(20, 2_000);
    Plan {
        seed: wanted.seed,
        events: wanted.events,
        rate: wanted.rate.unwrap_or(rate),
        workers: 2,
        static_membership: true,
        relayed: Relayed::Nobody,
        nodes: 1,
        broker_session: None,
        batch_records: 100,
        settings: vec![("HINGE_LOG__LEVEL".to_owned(), wanted.log_level.clone())],
        disk: None,
    }
}
