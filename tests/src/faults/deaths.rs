//! Workers that die or are asked to end: at every point of a transaction, at random, with and without a successor.

use std::time::{Duration, Instant};

use super::trial::{GRACE, rounded};
use super::{Stage, Wanted};

/// From a restart until the partitions move on.
const RESTART: Duration = Duration::from_secs(5);

/// From a death until a peer has taken over: the session's 10 s, and what a transaction's end takes.
const TAKEOVER: Duration = Duration::from_secs(10 + 25);

/// Records a second while workers are asked to end.
const BURST: u32 = 1_000;

/// Longer than anything here may take; what takes longer than its own limit is told with its time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every point at which a worker can be made to die, and within how many passes it is chosen.
pub(super) const POINTS: &[(&str, u32)] = &[
    ("after-poll", 10),
    ("after-begin", 8),
    ("after-send", 400),
    ("after-drain", 8),
    ("after-offsets", 8),
    ("commit-sent", 8),
    ("after-commit", 8),
    ("in-revoke", 1),
];

/// Dies at each point once, and then at random moments; is started again at once.
pub(super) fn restarted(stage: &mut Stage, wanted: &Wanted) {
    let mut points = POINTS.to_vec();
    stage.rng.shuffle(&mut points);
    for (point, passes) in points {
        let victim = stage.rng.usize(..2);
        die_at(stage, victim, point, passes);
        resume(stage, victim);
    }
    for _ in 0..if wanted.full { wanted.kills.max(60) } else { wanted.kills } {
        let victim = stage.rng.usize(..2);
        let wait =
            stage.between(Duration::from_millis(300), Duration::from_secs(if wanted.full { 8 } else { 2 }));
        stage.go_on_for(wait);
        kill(stage, victim);
        resume(stage, victim);
    }
}

/// Three of the points, chosen by the seed: small enough for every change.
pub(super) fn restarted_at_three(stage: &mut Stage, _: &Wanted) {
    let mut points = POINTS.to_vec();
    stage.rng.shuffle(&mut points);
    for (point, passes) in points.into_iter().take(3) {
        let victim = stage.rng.usize(..2);
        die_at(stage, victim, point, passes);
        resume(stage, victim);
    }
}

/// Dies, and nobody starts it again: its peer has to take over.
pub(super) fn taken_over(stage: &mut Stage, wanted: &Wanted) {
    let turns = if wanted.full { POINTS.len() } else { 2 };
    let mut points = POINTS.to_vec();
    points.retain(|(point, _)| *point != "in-revoke");
    stage.rng.shuffle(&mut points);
    for turn in 0..turns {
        let victim = stage.rng.usize(..2);
        match points.get(turn) {
            Some((point, passes)) => die_at(stage, victim, point, *passes),
            None => kill(stage, victim),
        }
        let took = stage.until_progress(TAKEOVER + PATIENCE);
        limited(stage, "takeover_seconds", took, TAKEOVER);
        stage.workers[victim].start();
        stage.left_alone.remove(&victim);
        stage.until_progress(PATIENCE);
    }
}

/// Asked to end at random moments of a burst; ends with 0 in time and leaves no transaction open.
pub(super) fn asked_to_end(stage: &mut Stage, wanted: &Wanted) {
    stage.feed.set_haunted(false);
    stage.feed.set_rate(BURST);
    let turns = if wanted.full { 20 } else { 6 };
    for turn in 0..turns {
        let wait = stage.between(Duration::ZERO, Duration::from_millis(1_500));
        stage.go_on_for(wait);
        // Now and then both, since a transaction of the other cannot be told from one left behind.
        let both = turn % 4 == 3;
        let first = stage.rng.usize(..2);
        let asked: Vec<usize> = if both { vec![0, 1] } else { vec![first] };
        for worker in &asked {
            stage.left_alone.insert(*worker);
            stage.tend();
            stage.workers[*worker].ask_to_end();
        }
        let began = Instant::now();
        for worker in &asked {
            let working = stage.workers[*worker].is_at_work();
            let (code, took) = stage.workers[*worker].ended(began, GRACE);
            stage.note_also("end_seconds", rounded(took));
            // Before the work has begun there is nothing to finish, and the code says so.
            // Before it can hear a signal, the system ends it.
            let too_early = !working && took < GRACE && matches!(code, None | Some(130));
            if code != Some(0) && !too_early {
                let words = stage.workers[*worker].last_words();
                stage.complain(format!("asked to end, worker {worker} ended with {code:?}: {words}"));
            }
        }
        if both {
            let ended = Instant::now();
            let mut open = stage.site.open_transactions();
            // A look takes a while by itself, so there are at least two.
            while !open.is_empty() && ended.elapsed() < Duration::from_secs(3) {
                open = stage.site.open_transactions();
            }
            for sentence in open {
                stage.complain(format!("after both had ended: {sentence}"));
            }
        }
        for worker in asked {
            stage.workers[worker].start();
            stage.left_alone.remove(&worker);
        }
    }
}

/// Is killed, started again with the point armed, and dies there.
pub(super) fn die_at(stage: &mut Stage, victim: usize, point: &str, passes: u32) {
    kill(stage, victim);
    let pass = stage.rng.u32(..passes);
    let armed = if pass == 0 {
        format!("{point}=1*return(abort)")
    } else {
        format!("{point}={pass}*off->1*return(abort)")
    };
    stage.workers[victim].start_with(&armed);
    if point == "in-revoke" {
        stage.until(PATIENCE, "a worker has partitions", |stage| {
            stage.workers[victim].log_now().contains("partitions taken up")
        });
        // It stays: the partitions of one that goes for good wait until its session ends.
        stage.join(&format!("guest-{}", stage.workers.len()));
    }
    let began = Instant::now();
    let reached = stage.until(
        PATIENCE,
        &format!("the point `{point}` is reached (`hinge` has points with the feature `failpoints`)"),
        |stage| !stage.workers[victim].is_up(),
    );
    if reached.is_some() {
        stage.note_also(
            "points",
            format!("{armed} of worker {victim} after {:.1} s", began.elapsed().as_secs_f64()),
        );
    } else {
        kill(stage, victim);
    }
}

/// Asks a worker that came to help to end, for good.
pub(super) fn leave(stage: &mut Stage, worker: usize) {
    stage.workers[worker].retired = true;
    let (code, took) = stage.workers[worker].end(GRACE);
    if code != Some(0) && code != Some(130) {
        let words = stage.workers[worker].last_words();
        stage
            .complain(format!("asked to leave, worker {worker} ended with {code:?} after {took:?}: {words}"));
    }
}

/// Kills a worker, which stays down until [`resume`].
pub(super) fn kill(stage: &mut Stage, victim: usize) {
    stage.left_alone.insert(victim);
    stage.tend();
    stage.workers[victim].kill();
}

/// Starts a worker at once, and measures until all partitions move on.
pub(super) fn resume(stage: &mut Stage, victim: usize) {
    resume_within(stage, victim, RESTART);
}

/// The same where more is remembered, which has to be read back first.
pub(super) fn resume_within(stage: &mut Stage, victim: usize, limit: Duration) {
    stage.workers[victim].start();
    stage.left_alone.remove(&victim);
    let took = stage.until_progress(PATIENCE);
    limited(stage, "restart_seconds", took, limit);
}

/// Notes a time, and complains where it is above its limit.
pub(super) fn limited(stage: &mut Stage, name: &str, took: Option<Duration>, limit: Duration) {
    let Some(took) = took else { return };
    stage.note_also(name, rounded(took));
    if took > limit {
        stage.complain(format!("{name}: {:.1}, at most {} wanted", took.as_secs_f64(), limit.as_secs()));
    }
}
