//! What counts as told again depends on the distance to the first telling, and not on whether the program was
//! started anew in between.

use std::sync::Arc;

use hinge_router::{Filtered, Outcome};
use hinge_schema::{Catalogue, Encoding, decode_notification};
use hinge_stream::Outgoing;
use hinge_tests::disturbed::{Disturbance, Disturbed};
use hinge_tests::invented::{at, event, input};
use hinge_tests::program::{Running, hinge};
use hinge_tests::shop::write_policy;
use hinge_tests::site::{Backend, Site};
use hinge_tests::told::read_all;
use hinge_tests::world::Input;
use serde_json::Value as Json;

use crate::scenarios::{by_outcome, good, on_both, starter};

/// So far apart, in offsets, two records are the same event told twice.
const WINDOW: usize = 10;

#[test]
fn a_restart_between_an_event_and_its_repetition_changes_nothing_in_a_folder() {
    around_the_window(Backend::Embedded);
}

#[test]
fn a_restart_between_an_event_and_its_repetition_changes_nothing_on_kafka() {
    around_the_window(Backend::Kafka);
}

fn around_the_window(backend: Backend) {
    let policy = tempfile::tempdir().unwrap();
    write_policy(policy.path());
    let Some(site) = Site::fresh(backend, policy.path()) else { return };
    let drain = || {
        let mut command = hinge(site.drain(policy.path()));
        command
            .env("HINGE_ROUTER__REPETITION_OFFSETS", WINDOW.to_string())
            // Several batches, because what is remembered is trimmed with each.
            .env("HINGE_ROUTER__BATCH_RECORDS", "3");
        Running::start(&mut command).ended().well()
    };
    for restarted in [false, true] {
        for (distance, times) in [(1, 1), (WINDOW, 1), (WINDOW + 1, 2)] {
            let case = format!("{distance}-{restarted}");
            let first = format!("first-{case}");
            let others: Vec<String> = (1..distance).map(|number| format!("other-{case}-{number}")).collect();
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            write(&site, &[&[first.as_str()], others.as_slice()].concat());
            if restarted {
                drain();
            }
            write(&site, &[&first]);
            let summary: Json = serde_json::from_str(&drain().output).unwrap();

            let told = notifications_about(&site, &first);
            assert_eq!(told.len(), times, "{case}: {told:?}");
            assert!(told.iter().all(|id| *id == told[0]), "{case}: another id: {told:?}");
            let filtered = summary["outcomes"].as_array().unwrap().iter();
            let filtered: u64 = filtered
                .filter(|row| row["reason"] == "repetition")
                .filter_map(|row| row["records"].as_u64())
                .sum();
            assert_eq!(filtered, u64::from(times == 1), "{case}: {summary}");
        }
    }
}

#[test]
fn a_worker_that_is_to_end_while_it_reads_back_ends_at_once_and_decides_nothing_on_half_a_memory() {
    on_both(
        &starter(),
        |world| world,
        |world| {
            // One key, so that all of them lie in one partition.
            let one = |number: usize| Input {
                key: Some(b"one".to_vec()),
                ..good(world.catalogue(), &format!("A-{number}"))
            };
            let orders: Vec<Input> = (0..1_000).map(one).collect();
            world.write(&orders);
            assert_eq!(world.drain().records(), 1_000);
            world.write(&orders);
            let (ended, _) = world.drain_through(|seat, pulse| {
                let pulse = Arc::clone(pulse);
                Disturbed::by(seat, Disturbance::EndWhileReadingBack { after: 10, pulse })
            });
            assert_eq!(ended.records(), 0);
            let after = world.drain();
            assert_eq!(by_outcome(&after), [(Outcome::Filtered(Filtered::Repetition), 1_000)].into());
            vec![ended, after]
        },
    );
}

/// Writes orders under one key, so that they lie in one partition without a gap.
fn write(site: &Site, orders: &[&str]) {
    let catalogue = Catalogue::builtin();
    let mut appender = site.open().appender().unwrap();
    for order in orders {
        let when = at("2026-03-02T09:00:00Z");
        let record =
            input(&catalogue, &event(&catalogue, "order.placed", order, when), Encoding::Avro, Some(when));
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let outgoing = Outgoing {
            topic: "order.events",
            key: Some(b"one key"),
            value: record.value.as_deref(),
            headers: &headers,
            carried: None,
            timestamp: None,
        };
        appender.append(&outgoing).unwrap();
    }
    appender.flush().unwrap();
}

/// The ids of what one department was told about an order, in order.
fn notifications_about(site: &Site, order: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut reader = site.open().reader().unwrap();
    read_all(reader.as_mut(), "hinge.notifications.operations", &mut |record| {
        let read = decode_notification(&record.value.unwrap()).unwrap().notification;
        if read.correlation_id == order {
            ids.push(read.id.to_string());
        }
    })
    .unwrap();
    ids
}
