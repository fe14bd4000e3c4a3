//! Workers that come and go all the time.

use std::time::{Duration, Instant};

use super::deaths::leave;
use super::{Stage, Wanted};

/// So many are there at most.
const MOST: usize = 6;

/// In every window as long as this something has to be handled.
const WINDOW: Duration = Duration::from_secs(30);

/// Joins, leaves and deaths, one every few seconds.
pub(super) fn storm(stage: &mut Stage, wanted: &Wanted) {
    let time = Duration::from_secs(if wanted.full { 180 } else { 25 });
    let began = Instant::now();
    let (mut joined, mut left, mut died) = (0_u32, 0_u32, 0_u32);
    let mut handled = (Instant::now(), sum(stage));
    while began.elapsed() < time {
        let wait = stage.between(Duration::from_secs(1), Duration::from_secs(3));
        stage.go_on_for(wait);
        let here: Vec<usize> = (2..stage.workers.len()).filter(|&number| stage.workers[number].is_up()).collect();
        let goes = here.len() + 2 >= MOST || (!here.is_empty() && stage.rng.bool());
        if !goes {
            joined += 1;
            stage.join(&format!("guest-{joined}"));
        } else if stage.rng.u8(..3) == 0 {
            died += 1;
            let victim = here[stage.rng.usize(..here.len())];
            stage.workers[victim].retired = true;
            stage.workers[victim].kill();
        } else {
            left += 1;
            let leaver = here[stage.rng.usize(..here.len())];
            leave(stage, leaver);
        }
        let now = sum(stage);
        if now > handled.1 {
            handled = (Instant::now(), now);
        } else if handled.0.elapsed() > WINDOW {
            stage.complain(format!("nothing was handled for {WINDOW:?}"));
            handled.0 = Instant::now();
        }
    }
    for (name, count) in [("joined", joined), ("left", left), ("died", died)] {
        stage.note(name, count);
    }
    let guests: Vec<usize> = (2..stage.workers.len()).filter(|&number| stage.workers[number].is_up()).collect();
    guests.into_iter().for_each(|guest| leave(stage, guest));
}

fn sum(stage: &Stage) -> i64 {
    stage.positions().map(|positions| positions.values().sum()).unwrap_or_default()
}
