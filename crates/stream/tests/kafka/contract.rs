//! What a service may rely on, whichever backend it runs on.

use std::ops::ControlFlow;
use std::time::Duration;

use hinge_stream::{Committed, Error, Offset, Polled, Positions, SessionOptions};

use crate::backends::{STEP, after, each, given, next, only, to, until, values};

#[test]
fn outputs_and_positions_are_committed_together() {
    each(|place| {
        place.append("in", &["a", "b", "c"]);
        let (mut session, positions) = place.session();
        assert_eq!(positions, only(place.partition("in"), Offset(0)));
        let records = next(&mut *session, 3);
        assert_eq!(values(&records), ["a", "b", "c"]);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "A")).unwrap();
        session.send(&to(&place.name("out"), "B")).unwrap();
        assert_eq!(session.commit(&after(&records[..2])).unwrap(), Committed::Done);
        session.close().unwrap();
        assert_eq!(values(&place.all("out")), ["A", "B"]);

        let (mut session, positions) = place.session();
        assert_eq!(positions, only(place.partition("in"), Offset(2)));
        assert_eq!(values(&next(&mut *session, 1)), ["c"]);
        session.close().unwrap();
    });
}

#[test]
fn an_aborted_batch_is_invisible_and_comes_again() {
    each(|place| {
        place.append("in", &["a", "b"]);
        let (mut session, _) = place.session();
        for _ in 0..2 {
            assert_eq!(values(&next(&mut *session, 2)), ["a", "b"]);
            session.begin().unwrap();
            session.send(&to(&place.name("out"), "never")).unwrap();
            session.abort().unwrap();
        }
        let records = next(&mut *session, 2);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "once")).unwrap();
        assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        assert_eq!(values(&place.all("out")), ["once"]);
        session.close().unwrap();
    });
}

#[test]
fn a_session_that_vanishes_inside_a_transaction_leaves_nothing() {
    each(|place| {
        place.append("in", &["a"]);
        let (mut session, _) = place.session();
        next(&mut *session, 1);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "never")).unwrap();
        drop(session);
        let (mut session, positions) = place.session();
        assert_eq!(positions, only(place.partition("in"), Offset(0)));
        let records = next(&mut *session, 1);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "once")).unwrap();
        assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        assert_eq!(values(&place.all("out")), ["once"]);
        session.close().unwrap();
    });
}

#[test]
fn positions_may_be_committed_alone() {
    each(|place| {
        place.append("in", &["a"]);
        let (mut session, _) = place.session();
        let records = next(&mut *session, 1);
        assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        session.close().unwrap();
        assert_eq!(place.session().1, after(&records));
    });
}

#[test]
fn a_session_may_write_before_anything_is_given_to_it() {
    each(|place| {
        place.append("in", &["a"]);
        let mut session = place.log.session(&place.options()).unwrap();
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "never")).unwrap();
        session.abort().unwrap();
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "first")).unwrap();
        session.send(&to(&place.name("out"), "second")).unwrap();
        assert_eq!(session.commit(&Positions::new()).unwrap(), Committed::Done);
        assert_eq!(values(&place.all("out")), ["first", "second"]);

        assert_eq!(given(&mut *session), only(place.partition("in"), Offset(0)));
        assert_eq!(values(&next(&mut *session, 1)), ["a"]);
        session.close().unwrap();
    });
}

#[test]
fn the_end_is_told_and_forgotten_when_more_comes() {
    each(|place| {
        let (mut session, _) = place.session();
        place.append("in", &["a", "b"]);
        let records = next(&mut *session, 2);
        // Outputs of a transaction end with a marker that is no record.
        session.begin().unwrap();
        session.send(&to(&place.name("in"), "of our own")).unwrap();
        assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        let own = next(&mut *session, 1);
        assert_eq!(values(&own), ["of our own"]);
        assert_eq!(session.commit(&after(&own)).unwrap(), Committed::Done);
        let (mut rounds, mut idle) = (0, false);
        while !(session.at_end() && idle) {
            idle = matches!(session.poll(&STEP).unwrap(), Polled::Idle);
            rounds += 1;
            assert!(rounds < 100, "the end was never told");
        }
        let lag = session.lag().remove(0);
        assert_eq!((lag.records, lag.head, lag.at_end), (Some(0), None, true));
        place.append("in", &["c"]);
        let more = next(&mut *session, 1);
        let lag = session.lag().remove(0);
        assert_eq!((lag.head, lag.at_end), (more[0].timestamp.millis(), false));
        session.close().unwrap();
    });
}

#[test]
fn reading_back_does_not_move_the_position() {
    each(|place| {
        place.append("in", &["a", "b", "c", "d"]);
        let (mut session, _) = place.session();
        next(&mut *session, 4);
        place.append("in", &["e"]);
        let read_some = |session: &mut dyn hinge_stream::Session, from, until, enough| {
            let mut records = Vec::new();
            let place = place.partition("in");
            let each = &mut |record| {
                records.push(record);
                if records.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            session.read_back(&place, Offset(from), Offset(until), each).unwrap();
            values(&records).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let read = |session: &mut dyn hinge_stream::Session, from, until| {
            read_some(session, from, until, usize::MAX)
        };
        assert_eq!(read(&mut *session, 1, 3), ["b", "c"]);
        assert_eq!(read(&mut *session, 0, 2), ["a", "b"]);
        assert_eq!(read(&mut *session, 4, 100), ["e"], "the end comes first");
        assert_eq!(read_some(&mut *session, 0, 4, 2), ["a", "b"], "that was enough");
        assert_eq!(read(&mut *session, 0, 4), ["a", "b", "c", "d"]);
        assert!(read(&mut *session, 50, 100).is_empty());
        assert_eq!(values(&next(&mut *session, 1)), ["e"]);
        session.close().unwrap();
    });
}

#[test]
fn a_record_that_is_too_large_spoils_only_itself() {
    each(|place| {
        let (mut session, _) = place.session();
        let large = "x".repeat(9 << 20);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "before")).unwrap();
        assert!(matches!(session.send(&to(&place.name("out"), &large)), Err(Error::Unwritable { .. })));
        session.send(&to(&place.name("out"), "after")).unwrap();
        assert_eq!(session.commit(&Positions::new()).unwrap(), Committed::Done);
        assert_eq!(values(&place.all("out")), ["before", "after"]);
        session.close().unwrap();
    });
}

#[test]
fn a_missing_topic_is_an_error_and_is_not_made_by_writing() {
    each(|place| {
        let typo = place.name("typo");
        let topics = vec![typo.clone()];
        let missing = place.log.session(&SessionOptions { topics, ..place.options() });
        assert!(matches!(missing, Err(Error::TopicMissing { topic }) if topic == typo));
        assert!(matches!(
            place.log.appender().unwrap().append(&to(&typo, "x")),
            Err(Error::TopicMissing { .. })
        ));
        assert!(matches!(place.log.reader().unwrap().bounds(&typo), Err(Error::TopicMissing { .. })));
        let (mut session, _) = place.session();
        session.begin().unwrap();
        assert!(matches!(session.send(&to(&typo, "x")), Err(Error::TopicMissing { .. })));
        session.abort().unwrap();
        session.close().unwrap();
        let listed = place.log.topics().unwrap().list().unwrap();
        assert!(listed.iter().any(|topic| topic.name == place.name("in")));
        assert!(listed.iter().all(|topic| topic.name != typo));
    });
}

#[test]
fn a_reader_waits_for_what_comes_and_finds_the_end() {
    each(|place| {
        place.append("in", &["a"]);
        let mut reader = place.log.reader().unwrap();
        let (partition, oldest, end) = reader.bounds(&place.name("in")).unwrap().remove(0);
        assert_eq!((oldest, end), (Offset(0), Offset(1)));
        let first = reader.read(&partition, oldest, 10, Duration::from_secs(10)).unwrap();
        assert_eq!(values(&first), ["a"]);
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                loop {
                    let found = reader.read(&partition, Offset(1), 10, Duration::from_secs(10)).unwrap();
                    if !found.is_empty() {
                        return found;
                    }
                }
            });
            place.append("in", &["b"]);
            assert_eq!(values(&reading.join().unwrap()), ["b"]);
        });
    });
}

#[test]
fn headers_keys_and_tombstones_come_back_as_they_were() {
    each(|place| {
        let topic = place.name("in");
        let headers: &[(&str, &[u8])] = &[("ce_id", b"1"), ("ce_id", b""), ("raw", b"\xff\x00")];
        let mut appender = place.log.appender().unwrap();
        for (key, value) in [(None, None), (Some(&b""[..]), Some(&b""[..])), (Some(b"\xff"), Some(b"v"))] {
            let outgoing = hinge_stream::Outgoing { key, value, headers, ..to(&topic, "") };
            appender.append(&outgoing).unwrap();
        }
        appender.flush().unwrap();
        let (mut session, _) = place.session();
        let records = next(&mut *session, 3);
        let read = |index: usize| (records[index].key.as_deref(), records[index].value.as_deref());
        assert_eq!(read(0), (None, None));
        assert_eq!(read(1), (Some(&b""[..]), Some(&b""[..])));
        assert_eq!(read(2), (Some(&b"\xff"[..]), Some(&b"v"[..])));
        let names: Vec<_> = records[0].headers.iter().map(|header| (header.name, header.value)).collect();
        assert_eq!(names, [("ce_id", Some(&b"1"[..])), ("ce_id", Some(b"")), ("raw", Some(b"\xff\x00"))]);
        // A copy of a record carries its headers on, whatever they are.
        session.begin().unwrap();
        let carried = Some(&records[0].headers);
        let copy = hinge_stream::Outgoing { carried, headers: &[("own", b"2")], ..to(&topic, "copy") };
        session.send(&copy).unwrap();
        assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        let copies = next(&mut *session, 1);
        let names: Vec<_> = copies[0].headers.iter().map(|header| header.name).collect();
        assert_eq!(names, ["ce_id", "ce_id", "raw", "own"]);
        assert!(matches!(copies[0].timestamp, hinge_stream::Timestamp::Append(_)));
        until(&mut *session, |polled| matches!(polled, Polled::Idle).then_some(()));
        session.close().unwrap();
    });
}
