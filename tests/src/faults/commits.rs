//! The end of a transaction that arrives when nobody waits for it any more.
//!
//! A request to commit is held in the network until the client has given it up, sent it again and begun another
//! transaction; then it arrives, and the broker cannot tell that it is not meant. A worker that goes on with the
//! same producer has part of its next transaction committed, and when it dies before its end, that part is told
//! twice. A worker is safe that takes a new producer after every end that was not clean.

use std::time::Duration;

use serde_json::Value as Json;

use super::deaths::{kill, resume};
use super::{Stage, Wanted};
use crate::told::Told;

/// A client waits this long for an answer before it asks again.
const REQUEST: Duration = Duration::from_secs(5);

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Stays in each transaction for a moment between its records and its positions, so that what arrives late mostly meets
/// records without them.
const LINGERING: &str = "after-burst=sleep(200)";

/// With the protection.
pub(super) fn delayed(stage: &mut Stage, wanted: &Wanted) {
    for _ in 0..if wanted.full { 200 } else { 3 } {
        delay(stage, LINGERING);
    }
    let renewed = stage.workers[0].renewed();
    stage.note("renewed", renewed);
    let cuts = stage.notes["cuts"].as_u64().unwrap_or_default();
    if u64::try_from(renewed).unwrap_or_default() < cuts {
        stage
            .complain(format!("{cuts} commits were held, and only {renewed} times a new producer was taken"));
    }
}

/// Without it, until something is told twice: whether a commit that is late meets records whose positions are not there
/// yet is left to chance, each time.
pub(super) fn delayed_unprotected(stage: &mut Stage, wanted: &Wanted) {
    for _ in 0..if wanted.full { 30 } else { 12 } {
        delay(stage, &format!("{LINGERING};no-renew=return"));
        stage.until_progress(PATIENCE);
        if is_told_twice(stage) {
            break;
        }
    }
}

/// Holds a commit until its worker has begun another transaction, lets it arrive, and ends the worker.
fn delay(stage: &mut Stage, fail_points: &str) {
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
    let cuts = stage.notes.get("cuts").and_then(Json::as_u64).unwrap_or_default();
    stage.note("cuts", cuts + u64::from(arrived.is_some()));
    let moment = stage.between(Duration::from_millis(5), Duration::from_millis(60));
    stage.go_on_for(moment);
    kill(stage, 0);
    resume(stage, 0);
}

fn is_told_twice(stage: &Stage) -> bool {
    Told::read(stage.site.open().as_ref()).is_ok_and(|told| !told.faults.is_empty())
}
