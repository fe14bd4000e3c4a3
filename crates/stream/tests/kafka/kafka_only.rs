//! What only Kafka has: brokers that are not there, rivals, rebalances, headers that are no text.

use std::time::Duration;

use hinge_stream::kafka::{KafkaLog, Settings};
use hinge_stream::{
    Committed, ExitCode, Headers, Log, Offset, Outgoing, Polled, Positions, SessionOptions, StartAt,
    TopicSpec,
};

use crate::backends::{STEP, after, brokers, given, kafka, next, only, to, until, values};
use crate::wire;

#[test]
fn no_broker_is_an_error_that_names_the_address() {
    let settings = Settings { patience: Duration::from_millis(500), ..Settings::new("127.0.0.1:1") };
    let error = KafkaLog::connect(settings).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("broker-unreachable", ExitCode::Unavailable));
    assert!(error.to_string().contains("`127.0.0.1:1`"), "{error}");
}

#[test]
fn a_property_that_the_client_does_not_know_is_refused() {
    let properties = vec![("no.such.property".to_owned(), "1".to_owned())];
    let error = KafkaLog::connect(Settings { properties, ..Settings::new("127.0.0.1:1") }).unwrap_err();
    assert_eq!(error.code(), "broker-settings-refused");
}

#[test]
fn a_group_without_positions_must_be_told_where_to_begin() {
    let Some(place) = kafka() else { return };
    place.append("in", &["old"]);
    let options = |start_at| SessionOptions { start_at, ..place.options() };
    let mut session = place.log.session(&options(None)).unwrap();
    let error = loop {
        match session.poll(&STEP) {
            Ok(Polled::Idle) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code(), error.exit_code()), ("start-missing", ExitCode::Config));
    assert!(error.to_string().contains(&format!("`{}/0`", place.name("in"))), "{error}");
    assert!(error.to_string().contains("--start-at earliest|latest|TIME"), "{error}");
    session.close().unwrap();

    let mut session = place.log.session(&options(Some(StartAt::Latest))).unwrap();
    assert_eq!(given(&mut *session), only(place.partition("in"), Offset(1)));
    session.close().unwrap();
    place.append("in", &["new"]);
    let mut session = place.log.session(&options(None)).unwrap();
    assert_eq!(given(&mut *session), only(place.partition("in"), Offset(1)), "the first start is remembered");
    session.close().unwrap();
}

#[test]
fn a_group_may_begin_at_an_instant() {
    let Some(place) = kafka() else { return };
    place.append("in", &["a"]);
    place.append("in", &["b"]);
    let instant = place.all("in")[1].timestamp.millis().unwrap();
    let expected =
        place.all("in").iter().find(|record| record.timestamp.millis() >= Some(instant)).unwrap().offset;
    let start = |group: &str, instant| {
        let options = SessionOptions {
            start_at: Some(StartAt::Time(instant)),
            group: place.name(group),
            ..place.options()
        };
        let mut session = place.log.session(&options).unwrap();
        given(&mut *session)
    };
    assert_eq!(start("then", instant), only(place.partition("in"), expected));
    assert_eq!(start("later", instant + 3_600_000), only(place.partition("in"), Offset(2)));
}

#[test]
fn headers_that_are_no_text_are_carried_byte_for_byte() {
    let Some(place) = kafka() else { return };
    let brokers = brokers().unwrap();
    let name = b"\xff\xfebad-name\xc0";
    wire::produce(&brokers, &place.name("in"), (name, b"\x00\x01value"));
    place.append("in", &["after it"]);
    let (mut session, _) = place.session();
    let records = next(&mut *session, 2);
    assert!(matches!(&records[0].headers, Headers::Unreadable(headers) if headers.count() == 1));
    assert!(records[0].headers.get("anything").is_none());
    assert_eq!(values(&records), ["value", "after it"]);
    session.begin().unwrap();
    let out = place.name("out");
    let carried = Some(&records[0].headers);
    session
        .send(&Outgoing { carried, headers: &[("hinge-reason", b"unreadable")], ..to(&out, "v") })
        .unwrap();
    assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
    session.close().unwrap();

    let raw = wire::fetch(&brokers, &out);
    let position = |bytes: &[u8]| raw.windows(bytes.len()).position(|window| window == bytes);
    let (foreign, own) = (position(b"\xff\xfebad-name\xc0\x0e\x00\x01value"), position(b"hinge-reason"));
    assert!(foreign.is_some() && foreign < own, "{raw:?}");
    assert!(matches!(&place.all("out")[0].headers, Headers::Unreadable(headers) if headers.count() == 2));
}

#[test]
fn a_successor_fences_its_predecessor_and_its_open_transaction() {
    let Some(place) = kafka() else { return };
    place.append("in", &["a"]);
    let (mut first, _) = place.session();
    next(&mut *first, 1);
    first.begin().unwrap();
    first.send(&to(&place.name("out"), "of the first")).unwrap();

    let mut second = place.log.session(&place.options()).unwrap();
    let refused = first.commit(&Positions::new()).unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("fenced", ExitCode::Fenced), "{refused:?}");
    drop(first);
    assert_eq!(given(&mut *second), only(place.partition("in"), Offset(0)));
    let records = next(&mut *second, 1);
    second.begin().unwrap();
    second.send(&to(&place.name("out"), "of the second")).unwrap();
    assert_eq!(second.commit(&after(&records)).unwrap(), Committed::Done);
    assert_eq!(values(&place.all("out")), ["of the second"]);
    second.close().unwrap();
}

#[test]
fn partitions_are_taken_and_given_when_workers_come_and_go() {
    let Some(place) = kafka() else { return };
    place.append("in", &["a", "b"]);
    let (mut first, _) = place.session();
    let records = next(&mut *first, 2);
    assert_eq!(first.commit(&after(&records[..1])).unwrap(), Committed::Done);
    let mut second =
        place.log.session(&SessionOptions { instance: "1".to_owned(), ..place.options() }).unwrap();
    let (mut taken, mut owner, mut rounds) = (false, None, 0);
    while owner.is_none() || !taken {
        for (name, session) in [("first", &mut first), ("second", &mut second)] {
            match session.poll(&STEP).unwrap() {
                Polled::Taken(_) => taken = true,
                Polled::Given(positions) if !positions.is_empty() => owner = Some((name, positions)),
                Polled::Given(_) | Polled::Records(_) | Polled::Idle => {}
                Polled::Unreadable { place, why, .. } => panic!("{place}: {why}"),
            }
        }
        rounds += 1;
        assert!(rounds < 300, "the group did not settle");
    }
    assert_eq!(owner.unwrap().1, only(place.partition("in"), Offset(1)));
    first.close().unwrap();
    let positions = loop {
        match second.poll(&STEP).unwrap() {
            Polled::Given(positions) if positions.is_empty() => {}
            Polled::Given(positions) => break positions,
            // It was the owner all along.
            Polled::Records(records) => break only(records[0].place.clone(), records[0].offset),
            Polled::Taken(_) | Polled::Idle => {}
            Polled::Unreadable { place, why, .. } => panic!("{place}: {why}"),
        }
    };
    assert_eq!(positions, only(place.partition("in"), Offset(1)));
    second.close().unwrap();
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let Some(place) = kafka() else { return };
    let settings = Settings { static_membership: true, ..Settings::new(brokers().unwrap()) };
    let log = KafkaLog::connect(settings).unwrap();
    place.append("in", &["a"]);
    for expected in 0..2 {
        let mut session = log.session(&place.options()).unwrap();
        assert_eq!(given(&mut *session), only(place.partition("in"), Offset(expected)));
        if expected == 0 {
            let records = next(&mut *session, 1);
            assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
        }
        session.close().unwrap();
    }
}

#[test]
fn the_ends_of_several_topics_are_told_apart() {
    let Some(place) = kafka() else { return };
    place.create(&["more"]);
    place.append("in", &["a"]);
    place.append("more", &["b", "c"]);
    let topics = vec![place.name("in"), place.name("more")];
    let mut session = place.log.session(&SessionOptions { topics, ..place.options() }).unwrap();
    assert_eq!(given(&mut *session).len(), 2);
    let records = next(&mut *session, 3);
    assert_eq!(session.commit(&after(&records)).unwrap(), Committed::Done);
    let mut rounds = 0;
    while !session.at_end() {
        assert!(matches!(session.poll(&STEP).unwrap(), Polled::Idle));
        rounds += 1;
        assert!(rounds < 100, "the ends were never told");
    }
    until(&mut *session, |polled| matches!(polled, Polled::Idle).then_some(()));
    assert!(session.lag().iter().all(|lag| lag.at_end));
    session.close().unwrap();
}

#[test]
fn a_position_outside_what_is_there_is_an_error_that_names_the_place() {
    let Some(place) = kafka() else { return };
    place.append("in", &["a"]);
    let (mut session, _) = place.session();
    let nowhere = only(place.partition("in"), Offset(1_000));
    assert_eq!(session.commit(&nowhere).unwrap(), Committed::Done);
    session.close().unwrap();
    let (mut session, positions) = place.session();
    assert_eq!(positions, nowhere);
    let error = loop {
        match session.poll(&STEP) {
            Ok(polled) => assert!(matches!(polled, Polled::Idle), "{polled:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "data-loss", "{error:?}");
    assert!(error.to_string().contains(&format!("`{}/0` from 1000 on", place.name("in"))), "{error}");
    session.close().unwrap();
}

#[test]
fn records_that_the_brokers_refuse_are_reported_and_not_tried_for_ever() {
    let Some(place) = kafka() else { return };
    let narrow = TopicSpec {
        name: place.name("narrow"),
        partitions: 1,
        replication: 1,
        settings: vec![("max.message.bytes".to_owned(), "500".to_owned())],
    };
    place.log.topics().unwrap().create(std::slice::from_ref(&narrow)).unwrap();
    place.append("in", &["a"]);
    // What lz4 cannot make small.
    let mut state = 1_u32;
    let wide: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from((state >> 16) % 89).unwrap())
    })
    .take(2_000)
    .collect();
    let (mut session, _) = place.session();
    let error = loop {
        let records = next(&mut *session, 1);
        session.begin().unwrap();
        session.send(&to(&narrow.name, &wide)).unwrap();
        match session.commit(&after(&records)) {
            Ok(committed) => assert_eq!(committed, Committed::RolledBack),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "no-progress", "{error:?}");
    assert!(error.to_string().contains(&narrow.name), "{error}");
    session.close().unwrap();
    assert!(place.all("narrow").is_empty());

    let mut appender = place.log.appender().unwrap();
    appender.append(&to(&narrow.name, "fits")).unwrap();
    appender.append(&to(&narrow.name, &wide)).unwrap();
    assert_eq!(appender.flush().unwrap_err().code(), "not-delivered");
}
