//! Workers that come and go all the time.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;

use super::deaths::leave;
use super::feed::{Place, Records};
use super::trial::rounded;
use super::{Stage, Wanted, inputs};
use crate::shop::{Plan, Shop};

/// So many are there at most.
const MOST: usize = 6;

/// In every window as long as this something has to be handled.
const WINDOW: Duration = Duration::from_secs(30);

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// Within this time a group that grew has to be served.
const NOTICED: Duration = Duration::from_mins(6);

/// Joins, leaves and deaths, one every few seconds.
pub(super) fn storm(stage: &mut Stage, wanted: &Wanted) {
    let time = Duration::from_secs(if wanted.full { 180 } else { 25 });
    let began = Instant::now();
    let (mut joined, mut left, mut died) = (0_u32, 0_u32, 0_u32);
    let mut handled = (Instant::now(), sum(stage));
    while began.elapsed() < time {
        let wait = stage.between(Duration::from_secs(1), Duration::from_secs(3));
        stage.go_on_for(wait);
        let here: Vec<usize> =
            (2..stage.workers.len()).filter(|&number| stage.workers[number].is_up()).collect();
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
    let guests: Vec<usize> =
        (2..stage.workers.len()).filter(|&number| stage.workers[number].is_up()).collect();
    for guest in guests {
        leave(stage, guest);
    }
}

/// The orders of the second shop begin here.
const LATER: u32 = 200_000_000;

/// A shop that closes, and another one with other orders.
pub(super) fn two_shops(wanted: &Wanted) -> Records {
    Box::new(first_shop(wanted).chain(inputs::shop(wanted).with_orders_from(LATER)))
}

fn first_shop(wanted: &Wanted) -> Shop {
    Shop::new(Plan { orders: wanted.events / 12, seed: wanted.seed, troubled: true })
}

/// Four more partitions for each input, between the two shops: a key that moves would have no order.
pub(super) fn grow(stage: &mut Stage, wanted: &Wanted) {
    let first = u64::try_from(first_shop(wanted).count()).unwrap_or(u64::MAX);
    stage.feed.wait_at(first);
    stage.until(PATIENCE, "the first shop closes", |stage| stage.feed.acknowledged() >= first);
    stage.until_caught_up(PATIENCE);
    let admin: AdminClient<DefaultClientContext> =
        stage.broker().client_config().create().expect("the settings are valid");
    let topics = Stage::inputs();
    let counts: Vec<(String, usize)> =
        topics.iter().map(|topic| (topic.clone(), partitions(&admin, topic) + 4)).collect();
    let wishes: Vec<NewPartitions<'_>> =
        counts.iter().map(|(topic, count)| NewPartitions::new(topic, *count)).collect();
    let made = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers asks nothing of the system")
        .block_on(admin.create_partitions(&wishes, &AdminOptions::new()));
    if !made.is_ok_and(|made| made.iter().all(Result::is_ok)) {
        stage.complain("partitions could not be added");
    }
    // Until the feed knows of them, it would go on with the old ones.
    stage.go_on_for(Duration::from_secs(4));
    let began = Instant::now();
    stage.feed.wait_at(u64::MAX);
    stage.go_on_for(Duration::from_secs(5));
    // Clients look for new partitions every five minutes.
    stage.until(NOTICED, "records of the new partitions are handled", |stage| {
        let old = |place: &Place| {
            counts.iter().any(|(topic, count)| {
                *topic == place.0 && usize::try_from(place.1).unwrap_or_default() + 4 < *count
            })
        };
        let positions = stage.positions().unwrap_or_default();
        let mut new = stage.feed.ends().into_keys().filter(|place| !old(place)).peekable();
        new.peek().is_some() && new.all(|place| positions.get(&place).is_some_and(|position| *position > 0))
    });
    stage.note("noticed_after_seconds", rounded(began.elapsed()));
}

fn partitions(admin: &AdminClient<DefaultClientContext>, topic: &str) -> usize {
    let metadata =
        admin.inner().fetch_metadata(Some(topic), Duration::from_secs(10)).expect("the broker answers");
    metadata.topics().first().map_or(0, |topic| topic.partitions().len())
}

fn sum(stage: &Stage) -> i64 {
    stage.positions().map(|positions| positions.values().sum()).unwrap_or_default()
}
