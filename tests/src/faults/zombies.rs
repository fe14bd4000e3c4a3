//! Workers that were given up and come back, and two of the same name.

use std::time::{Duration, Instant};

use super::deaths::{POINTS, kill, limited};
use super::trial::rounded;
use super::{Stage, Wanted};

/// A worker of which there is a second one has to be gone after this long.
const GONE: Duration = Duration::from_secs(10);

/// The session's 10 s, and what a transaction's end takes.
const TAKEOVER: Duration = Duration::from_secs(10 + 25);

/// What a worker says when it finds that others have its partitions, or ended its transaction.
const SIGNS: [&str; 3] = ["partitions were lost", "rolled back", "a transaction did not end cleanly"];

/// Longer than anything here may take; what takes longer than its own limit is told with its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// Stops in the middle of a transaction until others have its partitions, and goes on where it was.
pub(super) fn stopped(stage: &mut Stage, wanted: &Wanted) {
    let points = ["after-send", "after-offsets", "commit-sent"];
    let mut turns: Vec<(&str, u64)> =
        points.into_iter().flat_map(|point| [12, 20, 40].map(|seconds| (point, seconds))).collect();
    stage.rng.shuffle(&mut turns);
    for (point, seconds) in turns.into_iter().take(if wanted.full { 9 } else { 2 }) {
        stopped_at(stage, point, Duration::from_secs(seconds));
    }
}

fn stopped_at(stage: &mut Stage, point: &str, time: Duration) {
    let passes = POINTS.iter().find(|(name, _)| *name == point).map_or(1, |(_, passes)| *passes);
    let victim = stage.rng.usize(..2);
    kill(stage, victim);
    let pass = stage.rng.u32(1..passes);
    stage.workers[victim].start_with(&format!("{point}={pass}*off->1*return(stop)"));
    let stopped = stage
        .until(PATIENCE, &format!("a worker stops at `{point}`"), |stage| stage.workers[victim].is_stopped());
    if stopped.is_none() {
        kill(stage, victim);
    } else {
        let began = Instant::now();
        if time > TAKEOVER {
            let took = stage.until_progress(PATIENCE);
            limited(stage, "takeover_seconds", took, TAKEOVER);
        }
        stage.go_on_for(time.saturating_sub(began.elapsed()));
        stage.workers[victim].signal("CONT");
        // It is fenced and ends, or finds out, rolls back and goes on; what it did shows at the end.
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(8) && stage.workers[victim].is_up() {
            stage.go_on_for(Duration::from_millis(50));
        }
        let fate = if stage.workers[victim].is_up() { "went on" } else { "ended" };
        stage.note_also("zombies", format!("at {point} for {} s: {fate}", time.as_secs()));
        // The broker ended its transaction after 15 s, and its group gave it up after 10.
        if time >= Duration::from_secs(20) && fate == "went on" {
            stage.until(PATIENCE, "a worker that came back notices that it was given up", |stage| {
                let worker = &stage.workers[victim];
                !worker.is_up() || SIGNS.iter().any(|sign| worker.log_now().contains(sign))
            });
        }
    }
    stage.left_alone.remove(&victim);
    if !stage.workers[victim].is_up() {
        stage.workers[victim].start();
    }
    stage.until_progress(PATIENCE);
}

/// A second worker of the same name is started: the older one has to go, with 75, and the second one to go on.
pub(super) fn twin(stage: &mut Stage, _: &Wanted) {
    let instance = stage.workers[0].instance.clone();
    stage.left_alone.insert(0);
    let began = Instant::now();
    let twin = stage.join(&instance);
    let gone = stage.until(GONE + PATIENCE, "the older one of two workers of a name ends", |stage| {
        !stage.workers[0].is_up()
    });
    stage.workers[0].retired = true;
    let code = stage.endings.iter().find(|ending| ending.worker == 0).map(|ending| ending.code);
    if gone.is_none() {
        stage.workers[0].kill();
    } else if code != Some(Some(75)) {
        stage.complain(format!("the older one of two workers of a name ended with {code:?} instead of 75"));
    }
    limited(stage, "gone_after_seconds", gone, GONE);
    stage.until_progress(PATIENCE);
    stage.go_on_for(Duration::from_secs(10));
    let twins: Vec<_> = stage.endings.iter().filter(|ending| ending.worker == twin).collect();
    if let Some(ending) = twins.first() {
        let (count, code, words) = (twins.len(), ending.code, ending.last_words.clone());
        stage.complain(format!(
            "the second one of two workers of a name ended, too, {count} times, first with {code:?}: {words}"
        ));
    }
    stage.note("seconds", rounded(began.elapsed()));
}

/// Does not come back from one batch for longer than the group waits for a sign of life.
pub(super) fn late(stage: &mut Stage, _: &Wanted) {
    kill(stage, 0);
    // The interval is 60 s.
    stage.workers[0].start_with("after-poll=5*off->1*sleep(75000)");
    stage.left_alone.remove(&0);
    let began = Instant::now();
    stage.until(PATIENCE, "the group gives a worker up that takes too long", |stage| {
        stage.workers[0].log_now().contains("partitions were lost")
    });
    stage.note("partitions_were_lost_after_seconds", rounded(began.elapsed()));
    stage.until_progress(PATIENCE);
    stage.until(PATIENCE, "it has partitions again", |stage| {
        stage.workers[0].log_now().matches("partitions taken up").count() > 1
    });
}
