//! The embedded log as a service sees it: what is committed, what is not, and who may do it beside whom.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::{
    Committed, Error, ExitCode, Header, Headers, Limits, Log, Offset, Outgoing, Polled, Positions, Record,
    Session, SessionOptions, StartAt, TopicPartition, TopicSpec,
};
use tempfile::TempDir;

const NOW: Limits = Limits { records: 10_000, bytes: 8 << 20, wait: Duration::ZERO };
const SOON: Limits = Limits { records: 10_000, bytes: 8 << 20, wait: Duration::from_secs(10) };

fn log_with(folder: &Path, topics: &[(&str, i32)]) -> EmbeddedLog {
    let log = EmbeddedLog::open(folder, Options::default()).unwrap();
    let specs: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| TopicSpec {
            name: (*name).to_owned(),
            partitions: *partitions,
            replication: 1,
            settings: Vec::new(),
        })
        .collect();
    log.topics().unwrap().create(&specs).unwrap();
    log
}

fn new_log() -> (TempDir, EmbeddedLog) {
    let folder = tempfile::tempdir().unwrap();
    let log = log_with(folder.path(), &[("in", 1), ("out", 1)]);
    (folder, log)
}

fn options(start_at: Option<StartAt>) -> SessionOptions {
    SessionOptions {
        group: "hinge-test".to_owned(),
        instance: "0".to_owned(),
        topics: vec!["in".to_owned()],
        start_at,
    }
}

/// A session that has been given its partitions, and where it goes on.
fn given(log: &EmbeddedLog) -> (Box<dyn Session>, Positions) {
    let mut session = log.session(&options(None)).unwrap();
    let Polled::Given(positions) = session.poll(&NOW).unwrap() else { panic!("no partitions were given") };
    (session, positions)
}

fn to<'a>(topic: &'a str, value: &'a str) -> Outgoing<'a> {
    let value = Some(value.as_bytes());
    Outgoing { topic, key: Some(b"key"), value, headers: &[], carried: None, timestamp: None }
}

fn append(log: &EmbeddedLog, topic: &str, values: &[&str]) {
    let mut appender = log.appender().unwrap();
    for value in values {
        appender.append(&to(topic, value)).unwrap();
    }
    appender.flush().unwrap();
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap()).collect()
}

fn all(log: &EmbeddedLog, topic: &str) -> Vec<Record> {
    let mut reader = log.reader().unwrap();
    let bounds = reader.bounds(topic).unwrap();
    let mut records = Vec::new();
    for (place, oldest, end) in bounds {
        let found = reader.read(&place, oldest, usize::MAX, Duration::ZERO).unwrap();
        assert!(reader.at_end(&place));
        assert_eq!(found.last().map_or(oldest, |record| record.offset.next()), end);
        records.extend(found);
    }
    records
}

fn polled(session: &mut dyn Session) -> Vec<Record> {
    match session.poll(&SOON).unwrap() {
        Polled::Records(records) => records,
        other => panic!("expected records, got {other:?}"),
    }
}

fn at(offset: i64) -> Positions {
    Positions::from([(TopicPartition::new("in", 0), Offset(offset))])
}

#[test]
fn outputs_and_positions_are_committed_together() {
    let (_folder, log) = new_log();
    append(&log, "in", &["a", "b", "c"]);
    let (mut session, positions) = given(&log);
    assert_eq!(positions, at(0));
    assert_eq!(values(&polled(&mut *session)), ["a", "b", "c"]);
    session.begin().unwrap();
    session.send(&to("out", "A")).unwrap();
    assert!(all(&log, "out").is_empty(), "nothing is visible before the commit");
    assert_eq!(session.commit(&at(2)).unwrap(), Committed::Done);
    session.close().unwrap();

    assert_eq!(values(&all(&log, "out")), ["A"]);
    let (mut session, positions) = given(&log);
    assert_eq!(positions, at(2));
    assert_eq!(values(&polled(&mut *session)), ["c"]);
}

#[test]
fn an_aborted_batch_leaves_nothing_and_comes_again() {
    let (_folder, log) = new_log();
    append(&log, "in", &["a", "b"]);
    let (mut session, _) = given(&log);
    for _ in 0..2 {
        assert_eq!(values(&polled(&mut *session)), ["a", "b"]);
        session.begin().unwrap();
        session.send(&to("out", "A")).unwrap();
        session.abort().unwrap();
    }
    assert!(all(&log, "out").is_empty());
    assert_eq!(polled(&mut *session).len(), 2);
    session.begin().unwrap();
    session.send(&to("out", "A")).unwrap();
    assert_eq!(session.commit(&at(2)).unwrap(), Committed::Done);
    assert_eq!(all(&log, "out")[0].offset, Offset(0), "an aborted batch takes no offsets");
}

#[test]
fn a_session_that_vanishes_inside_a_transaction_leaves_nothing() {
    let (folder, log) = new_log();
    append(&log, "in", &["a"]);
    let (mut session, _) = given(&log);
    polled(&mut *session);
    session.begin().unwrap();
    session.send(&to("out", "A")).unwrap();
    drop(session);
    drop(log);

    let log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    assert!(all(&log, "out").is_empty());
    append(&log, "out", &["B"]);
    assert_eq!(all(&log, "out")[0].offset, Offset(0));
    assert_eq!(given(&log).1, at(0));
}

#[test]
fn a_folder_has_one_session_and_everything_else_beside_it() {
    let (folder, log) = new_log();
    let (session, _) = given(&log);
    let refused = log.session(&options(None)).err().unwrap();
    assert!(matches!(refused, Error::Locked { .. }));
    assert_eq!(refused.exit_code(), ExitCode::Fenced);
    let sentence = format!(
        "`{}` is in use by another `hinge run`; one folder has one runner (every other command works beside it)",
        folder.path().display()
    );
    assert_eq!(refused.to_string(), sentence);
    append(&log, "in", &["beside"]);
    assert_eq!(values(&all(&log, "in")), ["beside"]);
    session.close().unwrap();
    given(&log);
}

#[test]
fn an_appender_beside_a_busy_session_loses_and_doubles_no_offset() {
    let (_folder, log) = new_log();
    let (mut session, _) = given(&log);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut appender = log.appender().unwrap();
            for number in 0..200 {
                appender.append(&to("out", &format!("appender {number}"))).unwrap();
                appender.flush().unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut number = 0;
        while !done.load(Ordering::Acquire) {
            session.begin().unwrap();
            for _ in 0..10 {
                session.send(&to("out", &format!("session {number}"))).unwrap();
                number += 1;
            }
            assert_eq!(session.commit(&Positions::new()).unwrap(), Committed::Done);
        }
        let records = all(&log, "out");
        assert_eq!(records.len(), 200 + number);
        assert!(records.iter().map(|record| record.offset.0).eq(0..i64::try_from(records.len()).unwrap()));
        assert!(records.is_sorted_by_key(|record| record.timestamp.millis()));
        for (writer, expected) in [("appender ", 200), ("session ", number)] {
            let numbers: Vec<usize> = values(&records)
                .iter()
                .filter_map(|value| value.strip_prefix(writer)?.parse().ok())
                .collect();
            assert!(numbers.iter().copied().eq(0..expected), "{writer}");
        }
    });
}

#[test]
fn a_new_folder_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let log = log_with(folder.path(), &[("in", 2)]);
                append(&log, "in", &["x"]);
            });
        }
    });
    let log = EmbeddedLog::open(folder.path(), Options::default()).unwrap();
    assert_eq!(all(&log, "in").len(), 8);
}

type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

#[test]
fn every_shape_of_record_comes_back_as_it_was() {
    let (_folder, log) = new_log();
    let large = vec![0xa5; 1_000_000];
    let carried = [Header { name: "null", value: None }, Header { name: "empty", value: Some(&[]) }];
    let carried = Headers::Readable(carried.into_iter().collect());
    let cases: [KeyAndValue<'_>; 4] =
        [(None, None), (Some(b""), Some(b"")), (Some(b"\xff\x00"), Some(&large)), (Some(b"k"), None)];
    let mut appender = log.appender().unwrap();
    for (key, value) in cases {
        let headers: &[(&str, &[u8])] = &[("own", b"\xff"), ("own", b"again")];
        let carried = Some(&carried);
        appender.append(&Outgoing { topic: "in", key, value, headers, carried, timestamp: None }).unwrap();
    }
    appender.flush().unwrap();

    let (mut session, _) = given(&log);
    let records = polled(&mut *session);
    assert_eq!(records.len(), cases.len());
    for (record, (key, value)) in records.iter().zip(cases) {
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (key, value));
        let read: Vec<_> = record.headers.iter().map(|h| (h.name, h.value)).collect();
        let expected: [(&str, Option<&[u8]>); 4] =
            [("null", None), ("empty", Some(b"")), ("own", Some(b"\xff")), ("own", Some(b"again"))];
        assert_eq!(read, expected);
    }
}

#[test]
fn a_record_that_is_too_large_spoils_only_itself() {
    let (_folder, log) = new_log();
    let (mut session, _) = given(&log);
    session.begin().unwrap();
    session.send(&to("out", "before")).unwrap();
    let large = "x".repeat(9 << 20);
    assert!(matches!(session.send(&to("out", &large)), Err(Error::Unwritable { .. })));
    session.send(&to("out", "after")).unwrap();
    assert_eq!(session.commit(&Positions::new()).unwrap(), Committed::Done);
    assert_eq!(values(&all(&log, "out")), ["before", "after"]);
}

#[test]
fn a_group_without_positions_begins_where_it_is_told_to_and_once() {
    let (_folder, log) = new_log();
    append(&log, "in", &["old"]);
    let written = all(&log, "in")[0].timestamp.millis().unwrap();
    let start = |group: &str, start_at| {
        let group = group.to_owned();
        let mut session = log.session(&SessionOptions { group, ..options(start_at) }).unwrap();
        match session.poll(&NOW).unwrap() {
            Polled::Given(positions) => positions,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(start("unsaid", None), at(0));
    assert_eq!(start("earliest", Some(StartAt::Earliest)), at(0));
    assert_eq!(start("latest", Some(StartAt::Latest)), at(1));
    assert_eq!(start("then", Some(StartAt::Time(written))), at(0));
    assert_eq!(start("after", Some(StartAt::Time(written + 1))), at(1));
    append(&log, "in", &["new"]);
    assert_eq!(start("latest", Some(StartAt::Latest)), at(1), "the first start is remembered");
    assert_eq!(start("later", Some(StartAt::Latest)), at(2));
}

#[test]
fn the_end_and_the_lag_are_told() {
    let (_folder, log) = new_log();
    append(&log, "in", &["a", "b"]);
    let mut session = log.session(&options(None)).unwrap();
    assert!(!session.at_end() && session.lag().is_empty(), "nothing was given yet");
    session.poll(&NOW).unwrap();
    assert!(!session.at_end());
    let records = polled(&mut *session);
    assert!(session.at_end());
    let lag = session.lag().remove(0);
    assert_eq!((lag.records, lag.head, lag.at_end), (Some(2), records[0].timestamp.millis(), false));
    assert_eq!(session.commit(&at(2)).unwrap(), Committed::Done);
    let lag = session.lag().remove(0);
    assert_eq!((lag.records, lag.head, lag.at_end), (Some(0), None, true));
    assert!(matches!(session.poll(&NOW).unwrap(), Polled::Idle));
    append(&log, "in", &["c"]);
    assert!(!session.at_end());
}

#[test]
fn a_waiting_poll_wakes_up_when_somebody_writes() {
    let (_folder, log) = new_log();
    let (mut session, _) = given(&log);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| values(&polled(&mut *session)));
        append(&log, "in", &["a"]);
        assert_eq!(waiting.join().unwrap(), ["a"]);
    });
}

#[test]
fn a_batch_keeps_its_limits_and_no_input_starves() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_with(folder.path(), &[("in", 1), ("more", 1)]);
    append(&log, "in", &["0123456789"; 50]);
    append(&log, "more", &["0123456789"; 3]);
    let topics = vec!["in".to_owned(), "more".to_owned()];
    let mut session = log.session(&SessionOptions { topics, ..options(None) }).unwrap();
    session.poll(&NOW).unwrap();
    let mut batch = |records, bytes| match session.poll(&Limits { records, bytes, ..NOW }).unwrap() {
        Polled::Records(records) => records,
        other => panic!("{other:?}"),
    };
    let first = batch(10, usize::MAX);
    assert_eq!(first.len(), 10);
    assert!(batch(10, usize::MAX).iter().any(|record| &*record.place.topic == "more"));
    assert_eq!(batch(1_000, 35).len(), 3, "three records of 13 bytes pass 35");
    assert_eq!(batch(1_000, 0).len(), 1, "a batch always gets on");
}

#[test]
fn reading_back_does_not_move_the_position() {
    let (_folder, log) = new_log();
    append(&log, "in", &["a", "b", "c", "d"]);
    let (mut session, _) = given(&log);
    assert_eq!(polled(&mut *session).len(), 4);
    append(&log, "in", &["e"]);
    let place = TopicPartition::new("in", 0);
    let mut again = Vec::new();
    let each = &mut |record| {
        again.push(record);
        ControlFlow::Continue(())
    };
    session.read_back(&place, Offset(1), Offset(3), each).unwrap();
    assert_eq!(values(&again), ["b", "c"]);
    assert_eq!(values(&polled(&mut *session)), ["e"]);
    let nowhere = TopicPartition::new("in", 7);
    let refused = session.read_back(&nowhere, Offset(0), Offset(1), &mut |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(Error::PartitionMissing { .. })));
}

#[test]
fn keys_go_where_the_java_client_puts_them_and_the_others_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_with(folder.path(), &[("in", 3)]);
    let mut appender = log.appender().unwrap();
    for key in [Some("21"), Some("foobar"), Some("abc"), None, None, None] {
        appender
            .append(&Outgoing { key: key.map(str::as_bytes), ..to("in", key.unwrap_or("none")) })
            .unwrap();
    }
    appender.flush().unwrap();
    let mut per_partition = [0; 3];
    for record in all(&log, "in") {
        let partition = record.place.partition;
        match &record.key {
            Some(key) => assert_eq!(partition, hinge_stream::partition_for_key(key, 3)),
            None => per_partition[usize::try_from(partition).unwrap()] += 1,
        }
    }
    assert_eq!(per_partition, [1, 1, 1]);
}

#[test]
fn topics_are_created_once_and_never_by_writing() {
    let (_folder, log) = new_log();
    let mut session = log.session(&options(None)).unwrap();
    session.begin().unwrap();
    assert!(matches!(session.send(&to("typo", "x")), Err(Error::TopicMissing { topic }) if topic == "typo"));
    session.close().unwrap();
    assert!(matches!(log.appender().unwrap().append(&to("typo", "x")), Err(Error::TopicMissing { .. })));
    let topics = vec!["typo".to_owned()];
    let missing = log.session(&SessionOptions { topics, ..options(None) });
    assert!(matches!(missing, Err(Error::TopicMissing { .. })));

    append(&log, "in", &["kept"]);
    let mut topics = log.topics().unwrap();
    let spec = |name: &str, partitions| TopicSpec {
        name: name.into(),
        partitions,
        replication: 1,
        settings: vec![],
    };
    topics.create(&[spec("in", 5), spec("new", 2)]).unwrap();
    let listed: Vec<_> =
        topics.list().unwrap().into_iter().map(|topic| (topic.name, topic.partitions)).collect();
    assert_eq!(listed, [("in".to_owned(), 1), ("new".to_owned(), 2), ("out".to_owned(), 1)]);
    assert_eq!(values(&all(&log, "in")), ["kept"]);
    for refused in [spec("spaces no", 1), spec("", 1), spec("none", 0), spec("..", 1)] {
        assert!(matches!(topics.create(&[spec("half", 1), refused]), Err(Error::TopicRefused { .. })));
    }
    assert!(topics.list().unwrap().iter().all(|topic| topic.name != "half"));
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = |create| EmbeddedLog::open(folder.path(), Options { create, ..Options::default() });
    assert!(matches!(open(false), Err(Error::DataMissing { .. })));
    let file = folder.path().join("log.sqlite");

    std::fs::write(
        &file,
        "this is a text, and long enough to be looked at as a header of a file. ".repeat(4),
    )
    .unwrap();
    let error = open(true).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("data-unreadable", ExitCode::Io));
    assert!(std::fs::read(&file).unwrap().starts_with(b"this is a text"));

    std::fs::remove_file(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 3;").unwrap();
    assert_eq!(open(true).unwrap_err().code(), "data-unreadable");
    drop(other);

    std::fs::remove_file(&file).unwrap();
    drop(open(true).unwrap());
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.execute_batch("PRAGMA user_version = 2;").unwrap();
    assert!(matches!(open(true), Err(Error::DataTooNew { found: 2, known: 1, .. })));
}

/// Copies `in` to `out`, two for each, until it is killed; see the test below.
#[test]
fn the_child_that_is_killed() {
    let Some(folder) = std::env::var_os("HINGE_TEST_KILLED_IN") else { return };
    let log = EmbeddedLog::open(Path::new(&folder), Options::default()).unwrap();
    let (mut session, _) = given(&log);
    loop {
        if let Polled::Records(records) = session.poll(&Limits { records: 20, ..SOON }).unwrap() {
            session.begin().unwrap();
            for _ in 0..2 * records.len() {
                session.send(&to("out", "copy")).unwrap();
            }
            let next = records.last().unwrap().offset.next();
            assert_eq!(session.commit(&at(next.0)).unwrap(), Committed::Done);
        }
    }
}

#[test]
fn a_killed_runner_leaves_whole_transactions_and_no_lock() {
    let (folder, log) = new_log();
    append(&log, "in", &vec!["x"; 30_000]);
    let (mut copied, mut reader) = (0, log.reader().unwrap());
    let place = TopicPartition::new("out", 0);
    for _ in 0..5 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child_that_is_killed"])
            .env("HINGE_TEST_KILLED_IN", folder.path())
            .spawn()
            .unwrap();
        let more = reader.read(&place, Offset(copied), 1, Duration::from_secs(30)).unwrap();
        assert!(!more.is_empty(), "the child did nothing");
        child.kill().unwrap();
        child.wait().unwrap();
        let (session, positions) = given(&log);
        copied = i64::try_from(all(&log, "out").len()).unwrap();
        assert_eq!(positions, at(copied / 2));
        session.close().unwrap();
    }
}
