//! `hinge run` at work: beside other commands, watched over its admin port, and asked to end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use hinge_stream::Outgoing;
use hinge_tests::kafka::until;
use hinge_tests::program::{Running, hinge, run};
use hinge_tests::site::words;
use hinge_tests::told::Told;
use serde_json::Value as Json;

use super::{fed, feed, refused_with, shown};

const PATIENCE: Duration = Duration::from_mins(1);

/// Status and body of a page.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).expect("the admin port is open");
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("HTTP has a status");
    let (_, body) = answer.split_once("\r\n\r\n").expect("HTTP has a body");
    (status, body.to_owned())
}

/// The sum of a metric over all series whose labels contain `labels`.
fn sum(metrics: &str, name: &str, labels: &str) -> usize {
    let series =
        metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(labels));
    series.map(|line| line.rsplit_once(' ').and_then(|(_, value)| value.parse::<usize>().ok()).unwrap()).sum()
}

#[test]
fn a_second_run_on_a_folder_is_refused_while_tail_and_ingest_work_beside_the_first() {
    let fed = fed(20);
    let mut first = Running::start(&mut hinge(fed.site.run(fed.policy.path())));
    first.says("partitions taken up");

    let second = run(fed.site.run(fed.policy.path()));
    refused_with(second, 75, "data-locked", &["in use by another `hinge run`"]);

    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("mapping.yaml");
    let orders = folder.path().join("orders.csv");
    fs::write(&orders, "number,ordered_at,total\nA-1,2026-03-02 09:00:00,49.90\n").unwrap();
    fs::write(
        &mapping,
        "source: /my-shop\nzone: Europe/Zurich\nrows: orders\nevents:\n  - type: order.placed\n    \
         id: row.number + '/placed'\n    subject: row.number\n    time: row.ordered_at\n    \
         facts: {value: row.total, currency: \"'CHF'\"}\n",
    )
    .unwrap();
    fed.run(&["ingest", "--mapping", shown(&mapping), shown(&orders)]).well();
    let told = until(PATIENCE, "the first run tells what was ingested beside it", || {
        let seen =
            fed.run(&["tail", "hinge.notifications.operations", "--until-end", "--format", "json"]).well();
        seen.output.lines().find(|line| line.contains("\"A-1/placed\"")).map(str::to_owned)
    });
    let told: Json = serde_json::from_str(&told).unwrap();
    assert_eq!(told["key"], "A-1");

    first.signal("TERM");
    first.ended().well();
}

#[test]
fn the_admin_port_tells_health_and_counts_what_was_committed() {
    let fed = fed(40);
    let mut arguments = fed.site.run(fed.policy.path());
    let admin = arguments.iter().position(|argument| argument == "--admin").unwrap();
    arguments[admin + 1] = "127.0.0.1:0".to_owned();
    let mut running = Running::start(&mut hinge(&arguments));
    let line = running.says("admin port open");
    let (_, address) = line.split_once("address=").expect("the address is told");
    let address = address.trim();

    until(PATIENCE, "it is ready", || (get(address, "/readyz").0 == 200).then_some(()));
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, "/elsewhere").0, 404);
    let metrics = until(PATIENCE, "everything is committed and the lag is gone", || {
        let (status, metrics) = get(address, "/metrics");
        assert_eq!(status, 200);
        let done = sum(&metrics, "hinge_records_total", "") >= fed.made.records();
        (done && sum(&metrics, "hinge_group_lag_records", "") == 0).then_some(metrics)
    });
    let count = |labels: &str| sum(&metrics, "hinge_records_total", labels);
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    assert_eq!(count(""), fed.made.records());
    assert_eq!(count("outcome=\"emitted\""), told.decided("emitted"));
    assert_eq!(count("outcome=\"unrouted\""), told.decided("unrouted"));
    assert_eq!(count("reason=\"ignored\""), told.decided("filtered"));
    assert_eq!(count("reason=\"repetition\""), fed.made.repetitions);
    assert_eq!(count("outcome=\"rejected\""), told.letters.len());
    let ours = metrics.lines().filter(|line| line.contains("order-0") || line.contains("customer-1"));
    assert_eq!(ours.count(), 0, "no label names an order or a customer");

    // The port is taken now, and whoever comes second is told.
    let other = super::fed(1);
    let mut arguments = other.site.run(other.policy.path());
    arguments[admin + 1] = address.to_owned();
    refused_with(run(arguments), 78, "admin-port-taken", &[address, "--admin"]);

    running.signal("INT");
    running.ended().well();
}

#[test]
fn a_partition_that_stopped_makes_it_unready_and_is_named() {
    let fed = fed(0);
    let log = fed.site.open();
    let mut appender = log.appender().unwrap();
    for _ in 0..60 {
        let (key, value) = (Some(&b"A-1"[..]), Some(&b"{"[..]));
        let record =
            Outgoing { topic: "order.events", key, value, headers: &[], carried: None, timestamp: None };
        appender.append(&record).unwrap();
    }
    appender.flush().unwrap();
    let mut arguments = fed.site.run(fed.policy.path());
    let admin = arguments.iter().position(|argument| argument == "--admin").unwrap();
    arguments[admin + 1] = "127.0.0.1:0".to_owned();
    let mut running = Running::start(&mut hinge(&arguments));
    let line = running.says("admin port open");
    let (_, address) = line.split_once("address=").expect("the address is told");
    let address = address.trim();

    running.says("partition stopped");
    let (status, body) = until(PATIENCE, "it is not ready", || {
        Some(get(address, "/readyz")).filter(|(_, body)| body.contains("stopped"))
    });
    assert!(status == 503 && body.contains("order.events/") && body.contains("50"), "{body}");
    let (_, metrics) = get(address, "/metrics");
    assert_eq!(sum(&metrics, "hinge_partition_stopped", "reason=\"rejected-in-a-row\""), 1);
    assert_eq!(sum(&metrics, "hinge_partition_stopped", ""), 1);
    assert_eq!(sum(&metrics, "hinge_records_total", "outcome=\"rejected\""), 50);
    running.signal("TERM");
    running.ended().well();
}

#[test]
fn asked_to_end_it_finishes_its_batch_and_goes_on_later_where_it_was() {
    let fed = fed(400);
    let mut running =
        Running::start(hinge(fed.site.run(fed.policy.path())).env("HINGE_ROUTER__BATCH_RECORDS", "50"));
    running.says("partitions taken up");
    running.signal("TERM");
    let ended = running.ended().well();
    assert!(ended.log.contains("asked to end"), "{}", ended.log);

    let before = Told::read(fed.site.open().as_ref()).unwrap();
    let rest: Json = serde_json::from_str(&run(fed.site.drain(fed.policy.path())).well().output).unwrap();
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    assert_eq!(told.faults, Vec::<String>::new());
    assert_eq!(told.neither(), fed.made.repetitions);
    assert_eq!(told.decisions.len(), fed.made.events);
    let handled_before = fed.made.records() - usize::try_from(rest["records"].as_u64().unwrap()).unwrap();
    assert!(handled_before >= before.decisions.len() + before.letters.len());
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_of_its_batch_is_there() {
    let fed = fed(1500);
    let mut command = hinge(fed.site.run(fed.policy.path()));
    // One batch of everything, which takes far longer than two signals.
    command.env("HINGE_ROUTER__BATCH_RECORDS", "1000000").env("HINGE_ROUTER__BATCH_BYTES", "100000000");
    let mut running = Running::start(&mut command);
    running.says("partitions taken up");
    running.signal("STOP");
    running.signal("TERM");
    running.signal("INT");
    running.signal("CONT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{}", ended.log);
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    assert_eq!((told.decisions.len(), told.letters.len(), told.notification_count()), (0, 0, 0));

    // So much of this shop is broken that its partitions would stop.
    let mut drain = hinge(fed.site.drain(fed.policy.path()));
    Running::start(drain.env("HINGE_ROUTER__STOP_PERCENT", "100")).ended().well();
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    assert_eq!((told.faults.len(), told.decisions.len()), (0, fed.made.events));
}

#[test]
fn a_run_that_waits_sees_what_comes_later() {
    let fed = fed(5);
    let mut arguments = fed.site.run(fed.policy.path());
    arguments.extend(words(&["--log", "debug"]));
    let mut running = Running::start(&mut hinge(arguments));
    running.says("partitions taken up");
    let twice = feed(&fed.site, 10);
    // The second feeding begins with the first one's orders, told again: repetitions.
    let told = until(PATIENCE, "the new orders are decided", || {
        let told = Told::read(fed.site.open().as_ref()).unwrap();
        (told.decisions.len() >= twice.events).then_some(told)
    });
    assert_eq!(told.faults, Vec::<String>::new());
    running.signal("TERM");
    running.ended().well();
}
