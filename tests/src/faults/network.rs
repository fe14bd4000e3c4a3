//! A network that fails: cut, slow, one-sided, and one that resets connections all the time.

use std::time::{Duration, Instant};

use super::deaths::limited;
use super::{Stage, Wanted};

/// From the moment at which the network is well again until all partitions move on.
const RECOVERY: Duration = Duration::from_secs(45);

/// Longer than anything here may take; what takes longer than its own limit is told with its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// More descriptors than before are let pass up to this.
const DESCRIPTORS_MORE: usize = 5;

/// Nothing gets through for a while.
pub(super) fn cut(stage: &mut Stage, wanted: &Wanted) {
    let cuts: &[u64] = if wanted.full { &[5, 30, 120] } else { &[5, 12] };
    for seconds in cuts {
        let wait = stage.between(Duration::from_millis(500), Duration::from_secs(2));
        stage.go_on_for(wait);
        cut_for(stage, Duration::from_secs(*seconds));
    }
}

/// Nothing gets through for so long.
pub(super) fn cut_for(stage: &mut Stage, time: Duration) {
    stage.relay().weather(|weather| weather.cut = true);
    stage.go_on_for(time);
    healed(stage);
}

/// Slow in one way after the other.
pub(super) fn slow(stage: &mut Stage, wanted: &Wanted) {
    let time = Duration::from_secs(if wanted.full { 30 } else { 6 });
    let milliseconds = Duration::from_millis;
    stage.relay().weather(|weather| weather.latency = milliseconds(100));
    stage.go_on_for(time);
    stage.relay().weather(|weather| weather.jitter = milliseconds(300));
    stage.go_on_for(time);
    healed(stage);
    stage.relay().weather(|weather| weather.lost_in_10000 = 100);
    stage.go_on_for(time);
    healed(stage);
    stage.relay().weather(|weather| weather.bytes_per_second = Some(64 << 10));
    stage.go_on_for(time);
    healed(stage);
}

/// Requests arrive and answers do not, so that everything is done and nobody knows.
pub(super) fn unanswered(stage: &mut Stage, wanted: &Wanted) {
    let times: &[u64] = if wanted.full { &[3, 8, 20, 40] } else { &[3, 9] };
    for seconds in times {
        let wait = stage.between(Duration::from_millis(500), Duration::from_secs(2));
        stage.go_on_for(wait);
        stage.relay().weather(|weather| weather.answers_lost = true);
        stage.go_on_for(Duration::from_secs(*seconds));
        healed(stage);
    }
}

/// Every connection is ended every 200 ms.
pub(super) fn reset(stage: &mut Stage, wanted: &Wanted) {
    let before: Vec<usize> = stage.workers.iter().map(super::worker::Worker::descriptors).collect();
    let time = Duration::from_secs(if wanted.full { 60 } else { 12 });
    let (began, mut ended) = (Instant::now(), 0);
    let mut most = before.clone();
    while began.elapsed() < time {
        ended += stage.relay().reset_all();
        stage.go_on_for(Duration::from_millis(200));
        for (most, worker) in most.iter_mut().zip(&stage.workers) {
            *most = worker.descriptors().max(*most);
        }
    }
    healed(stage);
    let settled = |stage: &Stage| -> Vec<usize> {
        stage.workers.iter().map(super::worker::Worker::descriptors).collect()
    };
    stage.until(PATIENCE, "descriptors are as few as before", |stage| {
        settled(stage).iter().zip(&before).all(|(now, before)| *now <= before + DESCRIPTORS_MORE)
    });
    let after = settled(stage);
    stage.note("connections_ended", ended);
    if ended < usize::try_from(time.as_secs()).unwrap_or_default() {
        stage.complain(format!("only {ended} connections were ended in {time:?}"));
    }
    stage.note("descriptors", serde_json::json!({"before": before, "most": most, "after": after}));
    let tries =
        stage.workers.iter().map(|worker| worker.log().matches("Kafka client reports an error").count());
    let tries: usize = tries.sum();
    stage.note("errors_reported", tries);
}

fn healed(stage: &mut Stage) {
    stage.relay().clear_up();
    let took = stage.until_progress(PATIENCE);
    limited(stage, "recovery_seconds", took, RECOVERY);
}
