//! What an operator does by hand beside the real program: releasing, discarding, replaying, resuming.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use hinge_schema::{Catalogue, Encoding};
use hinge_stream::{Appender, Outgoing};
use hinge_tests::invented::{at, event, input};
use hinge_tests::kafka::until;
use hinge_tests::program::{Ended, Running, hinge, run};
use hinge_tests::shop::write_policy;
use hinge_tests::site::{Backend, Site, words};
use hinge_tests::told::{Told, read_all};
use serde_json::Value as Json;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

/// How a record gets into the log.
type Append<'a> = &'a dyn Fn(&mut dyn Appender, &Outgoing<'_>) -> Result<(), hinge_stream::Error>;

/// A log with all topics, its policy, and a router that holds.
struct Shop {
    site: Site,
    policy: TempDir,
}

impl Shop {
    fn open(backend: Backend) -> Option<Self> {
        let policy = tempfile::tempdir().unwrap();
        write_policy(policy.path());
        let site = Site::fresh(backend, policy.path())?;
        Some(Self { site, policy })
    }

    /// Writes order events under one key; those without a type cannot be read.
    fn write(&self, key: &str, events: &[(&str, Option<&str>)]) {
        self.append(key, events, &|appender, record| appender.append(record));
    }

    /// Writes so many that cannot be read into one partition, without a key, so that none waits behind another.
    fn write_unreadable(&self, count: usize) {
        let ids: Vec<String> = (0..count).map(|number| format!("bad-{number}")).collect();
        let bad: Vec<(&str, Option<&str>)> = ids.iter().map(|id| (id.as_str(), None)).collect();
        self.append("A-9", &bad, &|appender, record| {
            appender.append_to(1, &Outgoing { key: None, ..*record })
        });
    }

    fn append(&self, key: &str, events: &[(&str, Option<&str>)], append: Append<'_>) {
        let catalogue = Catalogue::builtin();
        let log = self.site.open();
        let mut appender = log.appender().unwrap();
        for (id, event_type) in events {
            let when = at("2026-03-02T09:00:00Z");
            let mut event = event(&catalogue, event_type.unwrap_or("order.changed"), key, when);
            (*id).clone_into(&mut event.id);
            let mut record = input(&catalogue, &event, Encoding::JsonBinary, Some(when));
            if event_type.is_none() {
                record.value = Some(b"{\"broken".to_vec());
            }
            let headers: Vec<(&str, &[u8])> =
                record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let value = record.value.as_deref();
            let key = Some(key.as_bytes());
            let record = Outgoing {
                topic: "order.events",
                key,
                value,
                headers: &headers,
                carried: None,
                timestamp: None,
            };
            append(appender.as_mut(), &record).unwrap();
        }
        appender.flush().unwrap();
    }

    /// `hinge run`, draining or not, in batches of so many records.
    fn start(&self, drain: bool, batch: u32) -> Running {
        let policy = self.policy.path();
        let mut command = hinge(if drain { self.site.drain(policy) } else { self.site.run(policy) });
        command.env("HINGE_ROUTER__HOLD", "order.events");
        command.env("HINGE_ROUTER__BATCH_RECORDS", batch.to_string());
        Running::start(&mut command)
    }

    fn drain(&self) -> Ended {
        self.start(true, 10_000).ended()
    }

    fn run(&self, command: &[&str]) -> Ended {
        let mut arguments = words(command);
        arguments.extend(self.site.flags());
        run(arguments)
    }

    fn held(&self) -> Vec<Json> {
        let output = self.run(&["held", "list", "--format", "json"]).well().output;
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The ids of the events that a department was told of, in its topic's order.
    fn told(&self, department: &str) -> Vec<String> {
        let mut told = Vec::new();
        let log = self.site.open();
        let topic = format!("hinge.notifications.{department}");
        read_all(log.reader().unwrap().as_mut(), &topic, &mut |record| {
            let read = hinge_schema::decode_notification(&record.value.unwrap()).unwrap();
            told.push(read.notification.event.id);
        })
        .unwrap();
        told
    }
}

/// Ids, each of an event that can be read.
fn readable(ids: &[String]) -> Vec<(&str, Option<&str>)> {
    ids.iter().map(|id| (id.as_str(), Some("order.changed"))).collect()
}

fn the_running_router_does_what_is_wished(backend: Backend) {
    let Some(shop) = Shop::open(backend) else { return };
    let mut running = shop.start(false, 10_000);
    running.says("partitions taken up");
    shop.write("A-1", &[("bad", None), ("one", Some("order.changed")), ("two", Some("order.changed"))]);
    until(PATIENCE, "both wait", || (shop.held().first()?["records"] == 2).then_some(()));
    let shown = shop.run(&["held", "show", "A-1"]).well().output;
    assert!(shown.contains("`json-invalid`") && shown.contains("two"), "{shown}");
    shop.run(&["held", "release", "A-1", "--by", "Erika"]).well();
    until(PATIENCE, "nothing is held any more", || shop.held().is_empty().then_some(()));
    assert_eq!(shop.told("warehouse"), ["one", "two"]);

    // The rejected one comes back repaired, and it comes back once only.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("repaired.json");
    fs::write(&file, r#"{"changes": ["address"]}"#).unwrap();
    let letters = shop.run(&["dead-letters", "list", "--format", "json"]).well().output;
    let letter: Json = serde_json::from_str(letters.trim()).unwrap();
    let place = letter["place"].as_str().unwrap();
    assert_eq!(letter["id"], "bad");
    let with = ["dead-letters", "replay", place, "--with", file.to_str().unwrap(), "--by", "Erika"];
    shop.run(&with).well();
    until(PATIENCE, "the repaired one is told", || (shop.told("warehouse").len() == 3).then_some(()));
    shop.run(&with).refused(1, &["repair-refused", "Erika", "--again"]);
    let listed = shop.run(&["dead-letters", "list"]).well().output;
    assert!(listed.contains("0 dead letters; 1 more"), "{listed}");

    // A bad release: the partition stops, and goes on when it is told to.
    shop.write_unreadable(60);
    let said = running.says("partition stopped");
    assert!(said.contains("json-invalid 50") && said.contains("hinge dead-letters list"), "{said}");
    let stopped = place.split('/').take(1).collect::<String>();
    let resume = said.split("hinge resume ").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(resume.starts_with(&stopped), "{resume}");
    shop.run(&["resume", resume]).well();
    running.says("partition resumed");
    let rejected =
        || shop.run(&["dead-letters", "list", "--code", "json-invalid", "--format", "json"]).well();
    until(PATIENCE, "the rest is handled", || (rejected().output.lines().count() == 60).then_some(()));
    running.signal("TERM");
    running.ended().well();
}

#[test]
fn the_running_router_does_what_is_wished_in_a_folder() {
    the_running_router_does_what_is_wished(Backend::Embedded);
}

#[test]
fn the_running_router_does_what_is_wished_on_kafka() {
    the_running_router_does_what_is_wished(Backend::Kafka);
}

#[test]
fn a_drain_that_leaves_a_stopped_partition_says_so_and_does_not_end_well() {
    let shop = Shop::open(Backend::Embedded).unwrap();
    shop.write_unreadable(60);
    let ended =
        shop.drain().refused(65, &["error[partition-stopped]", "offsets 0 to 49", "dead-letters list"]);
    let summary: Json = serde_json::from_str(&ended.output).unwrap();
    assert_eq!(summary["records"], 50);
    assert_eq!(summary["stopped"].as_object().unwrap().values().next().unwrap(), "rejected-in-a-row");
    let summary: Json = serde_json::from_str(&shop.drain().well().output).unwrap();
    assert_eq!(summary["records"], 10, "a restart goes on where it stopped");
    shop.run(&["resume", "order.events/99"]).refused(1, &["order.events/99"]);
}

#[test]
fn dead_letters_are_listed_without_what_they_hold_shown_with_it_and_marked_when_discarded() {
    let shop = Shop::open(Backend::Embedded).unwrap();
    shop.write("A-1", &[("bad", None), ("one", Some("order.changed"))]);
    shop.drain().well();
    let listed = shop.run(&["dead-letters", "list", "--topic", "order.events"]).well().output;
    assert!(listed.contains("json-invalid") && listed.contains("event bad"), "{listed}");
    assert!(!listed.contains("broken"), "a list shows no bodies: {listed}");
    let none = shop.run(&["dead-letters", "list", "--code", "conflict"]).well().output;
    assert!(none.contains("0 dead letters"), "{none}");
    let place = listed.split_whitespace().next().unwrap();
    let shown = shop.run(&["dead-letters", "show", place]).well().output;
    assert!(shown.contains("{\\\"broken") || shown.contains("{\"broken"), "{shown}");
    shop.run(&["dead-letters", "discard", place]).refused(2, &["--reason"]);
    shop.run(&["dead-letters", "list", "--code", "conflct"]).refused(2, &["code-unknown", "`conflict`"]);
    let discarded = ["dead-letters", "discard", place, "--reason", "a test order", "--by", "Erika"];
    let said = shop.run(&discarded).well().output;
    assert!(
        said.contains("Its key is still held, and 1 record with it: `hinge held release order.events/"),
        "{said}"
    );
    let all = shop.run(&["dead-letters", "list", "--all"]).well().output;
    assert!(all.contains("by Erika: a test order"), "{all}");

    shop.run(&["held", "release", "nobody"]).refused(1, &["not-found", "hinge held list"]);
    shop.run(&["held", "discard", "A-1"]).refused(2, &["--reason"]);
    shop.run(&["held", "discard", "A-1", "--reason", "it never happened", "--by", "Erika"]).well();
    let summary: Json = serde_json::from_str(&shop.drain().well().output).unwrap();
    assert_eq!(summary["released"]["discarded"], 1);
    let listed = shop.run(&["dead-letters", "list"]).well().output;
    assert!(listed.contains("0 dead letters; 2 more"), "{listed}");

    shop.run(&["dead-letters", "replay", "order.events"]).refused(2, &["topic/partition/offset"]);
    shop.run(&["dead-letters", "show", "order.events/0/99999"]).refused(1, &["not-found"]);
}

#[test]
fn a_repair_can_be_read_and_keeps_the_id_of_the_event() {
    let shop = Shop::open(Backend::Embedded).unwrap();
    let body = |id: &str, changes: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"order.changed","time":"2026-03-02T09:00:00Z","subject":"A-1","data":{{"changes":{changes}}}}}"#
        )
    };
    let log = shop.site.open();
    let mut appender = log.appender().unwrap();
    let bad = body("first", "7");
    let (key, value) = (Some(&b"A-1"[..]), Some(bad.as_bytes()));
    let record = Outgoing { topic: "order.events", key, value, headers: &[], carried: None, timestamp: None };
    appender.append(&record).unwrap();
    appender.flush().unwrap();
    shop.drain().well();
    let listed = shop.run(&["dead-letters", "list", "--format", "json"]).well().output;
    let letter: Json = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!((&letter["code"], &letter["id"]), (&"data-invalid".into(), &"first".into()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("repaired.json");
    let place = letter["place"].as_str().unwrap();
    let replay = ["dead-letters", "replay", place, "--with", file.to_str().unwrap()];
    fs::write(&file, body("another", "[\"address\"]")).unwrap();
    shop.run(&replay).refused(1, &["repair-refused", "`another`", "`first`"]);
    fs::write(&file, body("first", "8")).unwrap();
    shop.run(&replay).refused(1, &["repair-refused", "cannot be read either", "changes"]);
    // Named by where the letter lies it is the same record.
    let by_letter = letter["lies_at"].as_str().unwrap();
    let replay_letter = ["dead-letters", "replay", by_letter, "--with", file.to_str().unwrap()];
    shop.run(&replay_letter).refused(1, &["repair-refused", "cannot be read either"]);
    fs::write(&file, body("first", "[\"address\"]")).unwrap();
    shop.run(&replay).well();
    shop.drain().well();
    assert_eq!(shop.told("warehouse"), ["first"]);
}

#[test]
fn why_and_replay_know_what_is_held_released_discarded_and_repaired() {
    let shop = Shop::open(Backend::Embedded).unwrap();
    let nothing_differs = || drop(shop.run(&["replay", "--start-at", "earliest"]).well());
    let good = Some("order.changed");
    shop.write("A-1", &[("bad", None), ("one", good), ("two", good)]);
    shop.write("A-2", &[("bad-2", None), ("three", good)]);
    shop.drain().well();
    let answer = shop.run(&["why", "one"]).well().output;
    assert!(answer.contains("held behind a rejected record") && answer.contains("/A-1`"), "{answer}");
    nothing_differs();
    shop.run(&["held", "release", "A-1"]).well();
    shop.run(&["held", "discard", "A-2", "--reason", "a test order", "--by", "Erika"]).well();
    shop.drain().well();
    nothing_differs();
    let answer = shop.run(&["why", "three"]).well().output;
    assert!(answer.contains("discarded by Erika: a test order"), "{answer}");

    // The same id tells something else, and an operator decides that this is what counts.
    shop.write("A-3", &[("four", good)]);
    shop.write("A-3", &[("four", Some("order.confirmed"))]);
    shop.drain().well();
    let letters = shop.run(&["dead-letters", "list", "--code", "conflict", "--format", "json"]).well().output;
    let letter: Json = serde_json::from_str(letters.trim()).unwrap();
    shop.run(&["dead-letters", "replay", letter["place"].as_str().unwrap()]).well();
    shop.drain().well();
    assert_eq!(shop.told("warehouse"), ["one", "two", "four", "four"]);
    nothing_differs();
}

#[test]
fn why_says_of_a_record_with_the_id_of_another_that_it_is_held_and_not_that_it_repeats_it() {
    let shop = Shop::open(Backend::Embedded).unwrap();
    shop.write("A-1", &[("one", Some("order.changed")), ("bad", None), ("one", Some("order.confirmed"))]);
    shop.drain().well();
    for answer in [shop.run(&["why", "one"]), shop.run(&["why-not", "one", "--department", "finance"])] {
        let answer = answer.well().output;
        assert!(answer.contains("is held behind a rejected one (`hinge held show order.events/"), "{answer}");
        assert!(!answer.contains("told again"), "{answer}");
    }
    let bad = shop.run(&["why", "bad"]).well().output;
    assert!(bad.contains("hinge dead-letters replay order.events/"), "{bad}");
    let listed = shop.run(&["dead-letters", "list"]).well().output;
    let place = listed.split_whitespace().next().unwrap();
    shop.run(&["dead-letters", "discard", place, "--reason", "a test order", "--by", "Erika"]).well();
    let bad = shop.run(&["why", "bad"]).well().output;
    assert!(bad.contains("It was discarded at ") && bad.contains("by Erika: a test order."), "{bad}");
    assert!(!bad.contains("dead-letters replay"), "{bad}");
}

/// Kills the release of many records again and again; what is left must be as if nobody had.
fn killed_in_the_middle_of_a_release(backend: Backend) {
    const RECORDS: usize = 600;
    let ids: Vec<String> = (0..RECORDS).map(|number| format!("event-{number:04}")).collect();
    let prepared = || {
        let shop = Shop::open(backend)?;
        shop.write("A-1", &[("bad", None)]);
        shop.write("A-1", &readable(&ids));
        let summary: Json = serde_json::from_str(&shop.drain().well().output).unwrap();
        assert_eq!(summary["records"], 1 + RECORDS);
        assert!(shop.told("warehouse").is_empty());
        shop.run(&["held", "release", "A-1"]).well();
        Some(shop)
    };
    let Some(calm) = prepared() else { return };
    calm.drain().well();
    assert_eq!(calm.told("warehouse"), ids);
    let calm = Told::read(calm.site.open().as_ref()).unwrap();

    let Some(shop) = prepared() else { return };
    let mut inside = 0;
    for turn in 1..=5 {
        let mut running = shop.start(false, 10);
        let goal = RECORDS * turn / 7;
        until(PATIENCE, "the release makes progress", || {
            (shop.told("warehouse").len() >= goal || !running.is_running()).then_some(())
        });
        running.kill();
        inside += usize::from(shop.told("warehouse").len() < RECORDS);
    }
    assert!(inside > 0, "no kill came in the middle");
    shop.drain().well();
    assert_eq!(shop.told("warehouse"), ids, "each once, in order");
    assert!(shop.held().is_empty());
    let told = Told::read(shop.site.open().as_ref()).unwrap();
    assert_eq!(calm.differences(&told), Vec::<String>::new());
    // What was released has been met, whoever reads it back.
    shop.write("A-1", &readable(&ids));
    let summary: Json = serde_json::from_str(&shop.drain().well().output).unwrap();
    let reasons: BTreeMap<&str, u64> = summary["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["reason"].as_str().unwrap(), row["records"].as_u64().unwrap()))
        .collect();
    assert_eq!(reasons, BTreeMap::from([("repetition", RECORDS as u64)]));
}

#[test]
fn a_release_that_is_killed_again_and_again_loses_and_doubles_nothing_in_a_folder() {
    killed_in_the_middle_of_a_release(Backend::Embedded);
}

#[test]
fn a_release_that_is_killed_again_and_again_loses_and_doubles_nothing_on_kafka() {
    killed_in_the_middle_of_a_release(Backend::Kafka);
}
