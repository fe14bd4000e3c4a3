//! Partitions that stand still, and records that go back to the partition they came from.

use hinge_stream::{Committed, Error, Offset, Polled, Positions, Session, SessionOptions, TopicPartition};

use crate::backends::{Place, STEP, after, each, given, next, only, to, values};

/// A session on two topics with one partition each.
fn two(place: &Place) -> Box<dyn Session> {
    place.create(&["other"]);
    let topics = vec![place.name("in"), place.name("other")];
    let mut session = place.log.session(&SessionOptions { topics, ..place.options() }).unwrap();
    given(&mut *session);
    session
}

#[test]
fn a_paused_partition_stands_still_while_the_others_go_on_and_later_goes_on_where_it_was_committed() {
    each(|place| {
        let mut session = two(place);
        place.append("in", &["a", "b", "c"]);
        let records = next(&mut *session, 3);
        assert_eq!(session.commit(&after(&records[..1])).unwrap(), Committed::Done);
        session.pause(&place.partition("in")).unwrap();
        session.pause(&place.partition("in")).unwrap();
        place.append("in", &["d"]);
        place.append("other", &["x"]);
        let others = next(&mut *session, 1);
        assert_eq!(values(&others), ["x"]);
        // Neither a commit nor an abort elsewhere wakes it.
        assert_eq!(session.commit(&after(&others)).unwrap(), Committed::Done);
        place.append("other", &["y"]);
        assert_eq!(values(&next(&mut *session, 1)), ["y"]);
        session.begin().unwrap();
        session.send(&to(&place.name("out"), "never")).unwrap();
        session.abort().unwrap();
        assert_eq!(values(&next(&mut *session, 1)), ["y"], "and nothing of the paused one before it");

        session.resume(&place.partition("in")).unwrap();
        session.resume(&place.partition("in")).unwrap();
        let again = next(&mut *session, 3);
        assert_eq!(values(&again), ["b", "c", "d"]);
        assert_eq!(session.commit(&after(&again)).unwrap(), Committed::Done);
        session.close().unwrap();
    });
}

#[test]
fn the_end_is_that_of_the_partitions_that_are_not_paused() {
    each(|place| {
        let mut session = two(place);
        place.append("in", &["a", "b"]);
        place.append("other", &["x"]);
        let records = next(&mut *session, 3);
        let begun: Positions = after(&records).into_keys().map(|place| (place, Offset(1))).collect();
        assert_eq!(session.commit(&begun).unwrap(), Committed::Done);
        session.pause(&place.partition("in")).unwrap();
        let mut rounds = 0;
        while !session.at_end() {
            assert!(matches!(session.poll(&STEP).unwrap(), Polled::Idle));
            rounds += 1;
            assert!(rounds < 100, "the end was never told");
        }
        session.resume(&place.partition("in")).unwrap();
        assert!(!session.at_end(), "it has not been read to its end");
        assert_eq!(values(&next(&mut *session, 1)), ["b"]);
        session.close().unwrap();
    });
}

#[test]
fn a_new_session_knows_of_no_pause() {
    each(|place| {
        place.append("in", &["a"]);
        let (mut session, _) = place.session();
        session.pause(&place.partition("in")).unwrap();
        session.pause(&TopicPartition::new("not ours", 0)).unwrap();
        assert!(session.at_end(), "nothing else is ours");
        session.close().unwrap();
        let (mut session, positions) = place.session();
        assert_eq!(positions, only(place.partition("in"), Offset(0)));
        assert_eq!(values(&next(&mut *session, 1)), ["a"]);
        session.begin().unwrap();
        assert!(matches!(session.pause(&place.partition("in")), Err(Error::Misused { .. })));
        session.abort().unwrap();
        session.close().unwrap();
    });
}

#[test]
fn a_record_can_be_appended_to_a_partition_of_ones_choice() {
    each(|place| {
        let topic = place.name("many");
        place.create_with(&["many"], 4);
        let mut appender = place.log.appender().unwrap();
        for partition in [3, 1] {
            appender.append_to(partition, &to(&topic, &partition.to_string())).unwrap();
        }
        appender.flush().unwrap();
        assert!(matches!(
            appender.append_to(4, &to(&topic, "x")).and_then(|()| appender.flush()),
            Err(Error::PartitionMissing { .. } | Error::Unclassified { .. } | Error::NotDelivered { .. })
        ));
        let mut reader = place.log.reader().unwrap();
        let ends: Vec<i64> = reader.bounds(&topic).unwrap().into_iter().map(|(_, _, end)| end.0).collect();
        assert_eq!(ends, [0, 1, 0, 1]);
    });
}
