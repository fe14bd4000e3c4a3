//! Inputs as no system should send them, and more of them than usual.

use std::borrow::Cow;
use std::time::Duration;

use fastrand::Rng;

use super::deaths::{kill, resume};
use super::feed::Records;
use super::trial::rounded;
use super::{Stage, Wanted};
use crate::shop::{Plan, Shop, Written};

/// The shop never closes; the feed ends when it has had enough. Less than where the ghosts begin.
const ORDERS: u32 = 100_000_000;

/// The most that a record with its headers may have, so that the broker takes it and we cannot write more.
const RECORD_MOST: usize = 1_000_000;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// The most that may ever be resident, in MiB: twice what a worker may have at full speed, which leaves room for
/// identities of the inputs.
const RESIDENT_MOST: u64 = 256;

/// The troubled shop.
pub(super) fn usual(wanted: &Wanted) -> Records {
    Box::new(shop(wanted))
}

pub(super) fn shop(wanted: &Wanted) -> Shop {
    Shop::new(Plan { orders: ORDERS, seed: wanted.seed, troubled: true })
}

/// Between good records of a key others of the same key that nobody can read, one in ten; now and then many in a row.
pub(super) fn poisoned(wanted: &Wanted) -> Records {
    let mut rng = Rng::with_seed(wanted.seed);
    Box::new(shop(wanted).flat_map(move |good| {
        let count = match rng.u32(..1_000) {
            0..100 => 1,
            100 => 60,
            _ => 0,
        };
        let poison: Vec<Written> = (0..count).map(|_| spoilt(&good, &mut rng)).collect();
        poison.into_iter().chain([good])
    }))
}

fn spoilt(good: &Written, rng: &mut Rng) -> Written {
    let mut bad = good.clone();
    match rng.u8(..9) {
        0 => bad.value.clear(),
        1 => bad.value.truncate(bad.value.len() / 3),
        2 => bad.headers.clear(),
        3 => bad.value = b"{".repeat(100_000),
        4 => bad.value.iter_mut().for_each(|byte| *byte = rng.u8(..)),
        5 => bad.headers.push((Cow::Borrowed("ce_type"), vec![0xff, 0xfe])),
        6 => bad.value = b"null".to_vec(),
        7 => bad.value.extend(vec![b' '; 300_000]),
        _ => bad.headers.iter_mut().for_each(|(_, value)| *value = vec![0; 40]),
    }
    bad
}

/// Some records are as large as they may be, and some events have facts that no notification can carry.
pub(super) fn oversized(wanted: &Wanted) -> Records {
    let mut rng = Rng::with_seed(wanted.seed);
    // Few, since each is a megabyte.
    Box::new(shop(wanted).map(move |mut written| {
        let is_json = written.value.first() == Some(&b'{') && written.value.last() == Some(&b'}');
        if is_json && rng.u32(..200) == 0 {
            let headers: usize =
                written.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
            let room = RECORD_MOST.saturating_sub(written.value.len() + headers + written.key.len() + 200);
            let room = if rng.bool() { room } else { room / 2 };
            if rng.bool() {
                // Space between its tokens, so that it stays the same event.
                written.value.splice(1..1, std::iter::repeat_n(b' ', room));
            } else {
                enlarge(&mut written, room);
            }
        }
        written
    }))
}

/// A fact that is as long as there is room; readers of JSON take the member that they know.
fn enlarge(written: &mut Written, room: usize) {
    let text = String::from_utf8_lossy(&written.value).into_owned();
    let known = "\"Invented Carriers\"";
    if text.contains(known) {
        let long = format!("\"{}\"", "Invented Carriers ".repeat(room / 40));
        written.value = text.replacen(known, &long, 1).into_bytes();
    }
}

/// Each record comes up to five times, near or far behind, some with other bytes.
pub(super) fn repeated(wanted: &Wanted) -> Records {
    let mut rng = Rng::with_seed(wanted.seed);
    let mut later: Vec<(u32, Written)> = Vec::new();
    let (mut shop, mut number) = (shop(wanted), 0_u32);
    Box::new(std::iter::from_fn(move || {
        number += 1;
        let due = later.iter().position(|(at, _)| *at <= number);
        if let Some(due) = due {
            return Some(later.swap_remove(due).1);
        }
        let Some(written) = shop.next() else {
            return later.pop().map(|(_, again)| again);
        };
        if rng.u8(..4) == 0 {
            for _ in 0..rng.u8(1..5) {
                let mut again = written.clone();
                if rng.u8(..6) == 0 {
                    reworded(&mut again);
                }
                later.push((number + rng.u32(1..2_000), again));
            }
        }
        Some(written)
    }))
}

/// The same event with another fact, where it is JSON.
fn reworded(written: &mut Written) {
    let text = String::from_utf8_lossy(&written.value).into_owned();
    if text.starts_with('{') && text.contains("\"consumer\"") {
        written.value = text.replacen("\"consumer\"", "\"business\"", 1).into_bytes();
    }
}

/// In no order: each record up to a thousand places away from its own. What is late in the eyes of a clock is for those who
/// have one.
pub(super) fn shuffled(wanted: &Wanted) -> Records {
    let mut rng = Rng::with_seed(wanted.seed);
    let window = if wanted.seed.is_multiple_of(2) { 10 } else { 1_000 };
    let mut shop = shop(wanted);
    let mut waiting: Vec<Written> = Vec::new();
    Box::new(std::iter::from_fn(move || {
        while waiting.len() < window {
            match shop.next() {
                Some(written) => waiting.push(written),
                None => break,
            }
        }
        (!waiting.is_empty()).then(|| waiting.swap_remove(rng.usize(..waiting.len())))
    }))
}

/// Nine in ten orders share a key, and so a partition. Whether all is told once and in order is judged; what the crowd
/// costs the other partitions of its worker, which takes turns among them, is not.
pub(super) fn hot(wanted: &Wanted) -> Records {
    Box::new(shop(wanted).map(|mut written| {
        let cold = written.key.bytes().last().is_some_and(|byte| byte == b'0');
        if !cold {
            "everybody".clone_into(&mut written.key);
        }
        written
    }))
}

/// Goes on until most of it is written; what is bad lies in the inputs.
pub(super) fn let_be(stage: &mut Stage, wanted: &Wanted) {
    let most = u64::from(wanted.events) * 9 / 10;
    stage.until(PATIENCE, "most inputs are written", |stage| {
        stage.feed.acknowledged() >= most || stage.feed.is_done()
    });
    within_memory(stage);
}

/// The same, and in the middle of it both workers begin again, with their memory read back.
pub(super) fn begin_again(stage: &mut Stage, wanted: &Wanted) {
    let half = u64::from(wanted.events) / 2;
    stage.until(PATIENCE, "half of the inputs are written", |stage| stage.feed.acknowledged() >= half);
    for victim in 0..2 {
        kill(stage, victim);
        resume(stage, victim);
    }
    let_be(stage, wanted);
}

/// Ten times as many records a second for a while.
pub(super) fn burst(stage: &mut Stage, wanted: &Wanted) {
    let time = Duration::from_secs(if wanted.full { 120 } else { 15 });
    let rate = stage.plan.rate;
    stage.feed.set_rate(rate * 10);
    stage.go_on_for(time);
    stage.feed.set_rate(rate);
    let drained = stage.until_caught_up(PATIENCE);
    stage.note("drained_seconds", drained.map(rounded));
    within_memory(stage);
}

fn within_memory(stage: &mut Stage) {
    let sizes: Vec<_> = stage.workers.iter().map(super::worker::Worker::sizes).collect();
    for worker in 0..stage.workers.len() {
        if let Some(kibibytes) =
            stage.workers[worker].most_resident_kib().filter(|kib| *kib > RESIDENT_MOST << 10)
        {
            stage.complain(format!("worker {worker} took {} MiB", kibibytes >> 10));
        }
    }
    stage.note("sizes", sizes);
}
