//! Brokers that go away: in the orderly way, at once, for a while without saying so, one of three, for want of disk.

use std::time::Duration;

use super::deaths::limited;
use super::trial::rounded;
use super::{Stage, Wanted};

/// From the moment at which the broker answers again until all partitions move on.
const RECOVERY: Duration = Duration::from_secs(30);

/// The same where nodes are left.
const MOVE: Duration = Duration::from_secs(45);

/// Longer than anything here may take; what takes longer than its own limit is told with its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// SIGTERM and a start.
pub(super) fn restarted(stage: &mut Stage, wanted: &Wanted) {
    down_and_up(stage, wanted, crate::kafka::Broker::stop);
}

/// SIGKILL and a start.
pub(super) fn killed(stage: &mut Stage, wanted: &Wanted) {
    down_and_up(stage, wanted, crate::kafka::Broker::kill);
}

fn down_and_up(stage: &mut Stage, wanted: &Wanted, down: fn(&mut crate::kafka::Broker)) {
    // A transaction of somebody else that a broker's end leaves open would keep the readers waiting.
    stage.feed.set_haunted(false);
    for _ in 0..if wanted.full { 5 } else { 2 } {
        let wait = stage.between(Duration::from_millis(500), Duration::from_secs(3));
        stage.go_on_for(wait);
        once(stage, down);
    }
}

/// Takes the broker down, starts it again a moment later, and measures until all partitions move on.
pub(super) fn once(stage: &mut Stage, down: fn(&mut crate::kafka::Broker)) {
    down(stage.broker());
    let wait = stage.between(Duration::ZERO, Duration::from_secs(3));
    stage.go_on_for(wait);
    stage.broker().restart();
    let took = stage.until_progress(PATIENCE);
    limited(stage, "recovery_seconds", took, RECOVERY);
}

/// SIGSTOP for less than the broker's session lasts. A lone broker that was away for longer finds its partitions without
/// a leader for a moment, and Kafka 4 then ends transactions without telling these partitions (ARCHITECTURE.md): no
/// client can make good for that.
pub(super) fn paused(stage: &mut Stage, wanted: &Wanted) {
    stage.feed.set_haunted(false);
    let pauses: &[u64] = if wanted.full { &[5, 3, 7, 5] } else { &[5, 7] };
    for seconds in pauses {
        let wait = stage.between(Duration::from_millis(500), Duration::from_secs(2));
        stage.go_on_for(wait);
        stage.broker().pause();
        stage.go_on_for(Duration::from_secs(*seconds));
        stage.broker().go_on();
        let took = stage.until_progress(PATIENCE);
        limited(stage, "recovery_seconds", took, RECOVERY);
    }
}

/// SIGSTOP for longer than that, of one of three nodes.
pub(super) fn paused_for_long(stage: &mut Stage, wanted: &Wanted) {
    stage.feed.set_haunted(false);
    let pauses: &[u64] = if wanted.full { &[12, 30, 60] } else { &[12, 20] };
    for seconds in pauses {
        let wait = stage.between(Duration::from_millis(500), Duration::from_secs(2));
        stage.go_on_for(wait);
        let node = stage.rng.u8(1..=3);
        stage.broker().pause_node(node);
        let took = stage.until_progress(PATIENCE);
        limited(stage, "move_seconds", took, MOVE);
        stage.go_on_for(Duration::from_secs(*seconds).saturating_sub(took.unwrap_or_default()));
        stage.broker().go_on_with_node(node);
        let took = stage.until_progress(PATIENCE);
        limited(stage, "recovery_seconds", took, RECOVERY);
    }
}

/// One of three nodes is killed, and comes back: each in turn, so that each coordinator moves.
pub(super) fn moved(stage: &mut Stage, _: &Wanted) {
    stage.feed.set_haunted(false);
    let mut nodes = [1, 2, 3];
    stage.rng.shuffle(&mut nodes);
    for node in nodes {
        stage.broker().kill_node(node);
        let took = stage.until_progress(PATIENCE);
        limited(stage, "move_seconds", took, MOVE);
        stage.broker().restart_node(node);
        // A node that is still catching up must not be missed at once with the next one.
        stage.go_on_for(Duration::from_secs(8));
        stage.until_progress(PATIENCE);
    }
}

/// The disk is full, the broker ends, room is made, the broker starts again.
pub(super) fn disk_filled(stage: &mut Stage, _: &Wanted) {
    stage.feed.set_haunted(false);
    stage.disk.as_ref().expect("the plan asks for one").fill();
    // Segments are made in advance only in part, so that the disk is missed at some write soon.
    let ended = stage.until(PATIENCE, "the broker ends for want of room", |stage| {
        std::net::TcpStream::connect(stage.address()).is_err()
    });
    stage.note("the_broker_ended_after_seconds", ended.map(rounded));
    stage.go_on_for(Duration::from_secs(5));
    stage.broker().kill();
    stage.disk.as_ref().expect("the plan asks for one").free();
    if !stage.broker().try_restart() {
        return stage.complain("the broker does not start after its disk was full");
    }
    let took = stage.until_progress(PATIENCE);
    limited(stage, "recovery_seconds", took, RECOVERY);
}
