//! The end of a transaction that arrives when nobody waits for it any more.
//!
//! A request to commit is held in the network until the client has given it up, sent it again and begun another
//! transaction; then it arrives, and the broker cannot tell that it is not meant. A worker that goes on with the
//! same producer has part of its next transaction committed, and when it dies before its end, that part is told
//! twice. A worker is safe that takes a new producer after every end that was not clean.

use std::time::Duration;

use super::deaths::{kill, resume};
use super::{Stage, Wanted};

/// A client waits this long for an answer before it asks again.
const REQUEST: Duration = Duration::from_secs(5);

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Stays in each transaction for a moment, so that what arrives late mostly meets one.
const LINGERING: &str = "after-drain=sleep(200)";

/// With the protection.
pub(super) fn delayed(stage: &mut Stage, wanted: &Wanted) {
    delay(stage, wanted, LINGERING);
    let renewed = stage.workers[0].renewed();
    stage.note("renewed", renewed);
    let cuts = stage.notes["cuts"].as_u64().unwrap_or_default();
    if u64::try_from(renewed).unwrap_or_default() < cuts {
        stage
            .complain(format!("{cuts} commits were held, and only {renewed} times a new producer was taken"));
    }
}

/// Without it.
pub(super) fn delayed_unprotected(stage: &mut Stage, wanted: &Wanted) {
    delay(stage, wanted, &format!("{LINGERING};no-renew=return"));
}

fn delay(stage: &mut Stage, wanted: &Wanted, fail_points: &str) {
    let turns = if wanted.full { 20 } else { 3 };
    let mut cuts = 0_u32;
    for _ in 0..turns {
        kill(stage, 0);
        stage.workers[0].start_with(fail_points);
        stage.until_progress(PATIENCE);
        let delay = stage.between(REQUEST + Duration::from_millis(500), Duration::from_secs(9));
        let (held, arrived_before) = stage.relay().held_and_delivered();
        stage.relay().weather(|weather| weather.hold_commit = Some(delay));
        stage.until(PATIENCE, "a commit is held", |stage| stage.relay().held_and_delivered().0 > held);
        let arrived = stage.until(PATIENCE, "the held commit arrives", |stage| {
            stage.relay().held_and_delivered().1 > arrived_before
        });
        cuts += u32::from(arrived.is_some());
        let moment = stage.between(Duration::from_millis(5), Duration::from_millis(60));
        stage.go_on_for(moment);
        kill(stage, 0);
        resume(stage, 0);
    }
    stage.note("cuts", cuts);
}
