//! `hinge run` where something is missing: how soon it says so, in which words, with which exit code.

use std::time::{Duration, Instant};

use hinge_tests::kafka::Broker;
use hinge_tests::program::run;
use hinge_tests::site::words;

use super::{policy, refused_with, shown};

#[test]
fn without_a_broker_it_ends_within_a_minute_and_says_where_it_looked() {
    let policy = policy();
    let nowhere = "127.0.0.1:1";
    let started = Instant::now();
    let ended = run([
        "run",
        "--start-at",
        "earliest",
        "--admin",
        "",
        "--policy",
        shown(policy.path()),
        "--brokers",
        nowhere,
    ]);
    assert!(started.elapsed() < Duration::from_mins(1), "it took {:?}", started.elapsed());
    refused_with(ended, 69, "broker-unreachable", &[nowhere, "check"]);
}

#[test]
fn on_kafka_missing_topics_and_a_missing_start_are_named_with_what_to_do() {
    let Some(broker) = Broker::start() else { return };
    let policy = policy();
    let on_broker = |command: &[&str]| {
        let mut arguments = words(command);
        arguments.extend(words(&["--policy", shown(policy.path()), "--brokers", broker.address()]));
        run(arguments)
    };
    let ended = on_broker(&["run", "--start-at", "earliest", "--admin", ""]);
    refused_with(ended, 78, "topic-missing", &["marketing.events", "hinge topics apply"]);

    on_broker(&["topics", "apply", "--inputs"]).well();
    let ended = on_broker(&["run", "--admin", ""]);
    refused_with(ended, 78, "start-missing", &["--start-at", "hinge-router"]);

    // Once it was said, it need not be said again.
    on_broker(&["run", "--start-at", "earliest", "--drain"]).well();
    on_broker(&["run", "--drain"]).well();

    let ended = on_broker(&["run", "--start-at", "yesterday", "--drain"]);
    ended.refused(78, &["yesterday", "earliest", "latest"]);
}

#[test]
fn a_file_that_is_no_log_is_left_as_it_is() {
    let policy = policy();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.sqlite");
    let text = "this is somebody's diary, and not a database at all. ".repeat(40);
    std::fs::write(&file, &text).unwrap();
    let ended = run(["run", "--drain", "--policy", shown(policy.path()), "--data", shown(folder.path())]);
    refused_with(ended, 74, "data-unreadable", &[shown(&file)]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let policy = policy();
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "a file").unwrap();
    let data = taken.join("data");
    let ended = run(["run", "--drain", "--policy", shown(policy.path()), "--data", shown(&data)]);
    refused_with(ended, 78, "folder-unusable", &[shown(&data)]);
}
