//! Notifications: both formats tell the same, damaged ones are rejected, samples stay readable.

use std::fs;
use std::sync::Arc;

use hinge_domain::{About, Ask, Audience, Format, Notification, Priority, Reason, Value, notification_id};
use jiff::Timestamp;
use proptest::prelude::*;

use super::schemas;
use crate::{Code, NotificationAudience, ReadNotification, Stamp, decode_notification, encode_notification};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stamp() -> Stamp {
    let (recorded, decided) = (at("2026-03-13T08:00:01.5Z"), at("2026-03-13T08:00:01.512Z"));
    Stamp { policy_version: "3f9a1c20".into(), recorded, decided }
}

/// What the delivery department is told of the sample delay.
fn notification() -> Notification {
    let reason = |rule: &str, ask, because: Option<&str>| Reason {
        rule: rule.into(),
        owner: "delivery".into(),
        ask,
        because: because.map(Arc::from),
    };
    Notification {
        id: notification_id("/carriers", "d-5521-late", "customer-support"),
        department: "customer-support".into(),
        about: Arc::new(About {
            id: "d-5521-late".into(),
            source: "/carriers".into(),
            event_type: "delivery.delayed".into(),
            subject: "d-5521".into(),
            correlation_id: "o-1042".into(),
            occurred: at("2026-03-13T07:59:58.000123Z"),
        }),
        chain_step: "delivery".into(),
        rank: 4,
        ask: Ask::Do,
        priority: Priority::High,
        title: "Order o-1042 will be late: 16 March instead of 11 March".into(),
        body: "Tell the customer before 12 March.\n\n- promised: 12 March".into(),
        reasons: vec![
            reason("late-tell-support", Ask::Do, Some("Customers hear of delays from us first.")),
            reason("delays-known", Ask::Know, None),
        ],
        facts: vec![
            ("new_date".into(), Value::Date(jiff::civil::date(2026, 3, 16))),
            ("customer_informed".into(), Value::Bool(false)),
            ("cause".into(), Value::text("weather")),
            ("promise_ids".into(), Value::List(vec![Value::text("fast-delivery-2026")])),
        ],
        missing: vec!["customer_group".into()],
        history: false,
        audience: Some(Arc::new(Audience::of("customer-support", ["p-1", "p-2", "p-3"]))),
    }
}

fn encoded(notification: &Notification, format: Format) -> Vec<u8> {
    encode_notification(notification, &stamp(), format).unwrap().value
}

#[test]
fn both_formats_tell_the_same() {
    let [json, avro] = [Format::Json, Format::Avro].map(|format| encoded(&notification(), format));
    let read = decode_notification(&json).unwrap();
    assert_eq!(read, decode_notification(&avro).unwrap());
    assert_eq!((read.recorded, read.decided), (stamp().recorded, stamp().decided));
    let record = read.notification;
    assert_eq!(record.event.occurred, notification().about.occurred, "finer than a millisecond");
    assert_eq!(record.facts[1], ("customer_informed".to_owned(), "false".to_owned()));
    assert_eq!(record.facts[3].1, r#"["fast-delivery-2026"]"#);
    assert_eq!((record.ask, record.rank, record.reasons.len()), (Ask::Do, 4, 2));
    assert_eq!(record.missing, ["customer_group"]);
    let audience = notification().audience.unwrap();
    assert_eq!(record.audience.unwrap(), NotificationAudience { hash: audience.hash().to_string(), size: 3 });
    let without = Notification { audience: None, ..notification() };
    let [json, avro] = [Format::Json, Format::Avro].map(|format| encoded(&without, format));
    assert!(!String::from_utf8(json.clone()).unwrap().contains("audience"));
    let read = decode_notification(&json).unwrap();
    assert_eq!(read, decode_notification(&avro).unwrap());
    assert_eq!(read.notification.audience, None);
}

#[test]
fn a_notification_says_how_many_it_is_for_and_not_who() {
    for format in [Format::Json, Format::Avro] {
        let bytes = encoded(&notification(), format);
        assert!(!String::from_utf8_lossy(&bytes).contains("p-1"));
    }
}

#[test]
fn notifications_of_the_first_version_are_read_for_ever() {
    for ending in ["json", "avro"] {
        let sample = fs::read(schemas().join(format!("hinge/samples/notification.v1.{ending}"))).unwrap();
        let mut read = decode_notification(&sample).unwrap();
        let expected = Notification { audience: None, ..notification() };
        let mut expected = decode_notification(&encoded(&expected, Format::Json)).unwrap();
        // A list among the facts is kept as it was written, and the sample in JSON is indented.
        let list = |read: &mut ReadNotification| read.notification.facts.pop().map(|(name, _)| name);
        assert_eq!((list(&mut read), &read), (list(&mut expected), &expected), "{ending}");
    }
}

#[test]
fn the_same_decision_at_another_time_is_the_same_canonical_notification() {
    let later =
        Stamp { decided: at("2026-04-01T00:00:00Z"), recorded: at("2026-03-31T00:00:00Z"), ..stamp() };
    let later = encode_notification(&notification(), &later, Format::Json).unwrap();
    let (first, again) = (encoded(&notification(), Format::Json), later.value);
    assert_ne!(first, again);
    let canonical = |value: &[u8]| decode_notification(value).unwrap().notification;
    assert_eq!(canonical(&first), canonical(&again));
}

#[test]
fn the_headers_identify_it() {
    let encoded = encode_notification(&notification(), &stamp(), Format::Avro).unwrap();
    let header = |name: &str| {
        let (_, value) = encoded.headers.iter().find(|(known, _)| known == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    };
    assert_eq!(header("ce_id"), notification().id.to_string());
    assert_eq!(header("ce_type"), "hinge.notification");
    assert_eq!(header("ce_correlationid"), "o-1042");
    assert_eq!(header("ce_causationid"), "d-5521-late");
    assert_eq!(header("content-type"), "application/avro");
}

#[test]
fn the_samples_are_what_is_written() {
    let write = std::env::var_os("HINGE_WRITE_SAMPLES").is_some();
    for (format, ending) in [(Format::Json, "json"), (Format::Avro, "avro")] {
        let path = schemas().join(format!("hinge/samples/notification.v2.{ending}"));
        if write && !path.exists() {
            let mut bytes = encoded(&notification(), format);
            if format == Format::Json {
                let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                bytes = format!("{json:#}\n").into_bytes();
            }
            fs::write(&path, bytes).unwrap();
        }
        let sample = fs::read(&path).unwrap();
        let decoded = decode_notification(&sample).unwrap();
        assert_eq!(decoded.notification.id, notification().id);
        assert_eq!(decoded.notification.facts.len(), 4, "{ending}");
        if format == Format::Avro {
            assert_eq!(sample, encoded(&notification(), format));
        }
    }
}

#[test]
fn damaged_notifications_are_rejected() {
    let avro = encoded(&notification(), Format::Avro);
    for length in 2..avro.len() {
        let rejection = decode_notification(&avro[..length]).unwrap_err();
        assert_eq!(rejection.code, Code::AvroTruncated, "cut at {length}");
    }
    let json = encoded(&notification(), Format::Json);
    for length in 0..json.len() {
        assert!(decode_notification(&json[..length]).is_err(), "cut at {length}");
    }
    let table = [(r"{}", Code::DataInvalid), ("", Code::BodyMissing), ("[]", Code::JsonInvalid)];
    for (body, code) in table {
        assert_eq!(decode_notification(body.as_bytes()).unwrap_err().code, code, "{body}");
    }
    let mut other = avro;
    other[2] ^= 1;
    assert_eq!(decode_notification(&other).unwrap_err().code, Code::SchemaUnknown);
}

proptest! {
    #[test]
    fn any_texts_survive_both_formats(
        title in any::<String>(),
        body in any::<String>(),
        because in any::<Option<String>>(),
        facts in prop::collection::vec((any::<String>(), any::<i64>(), any::<bool>()), 0..5),
    ) {
        let mut notification = notification();
        notification.title = title;
        notification.body = body;
        notification.reasons[0].because = because.map(Arc::from);
        let facts = facts.into_iter().enumerate();
        notification.facts = facts
            .map(|(number, (text, whole, is_text))| {
                let value = if is_text { Value::text(text) } else { Value::Int(whole) };
                (format!("fact_{number}").into(), value)
            })
            .collect();
        let [json, avro] = [Format::Json, Format::Avro].map(|format| encoded(&notification, format));
        let read = decode_notification(&json).unwrap();
        prop_assert_eq!(&read, &decode_notification(&avro).unwrap());
        prop_assert_eq!(&read.notification.body, &notification.body);
        prop_assert_eq!(&avro[10..], crate::notification::by_library(&notification, &stamp()));
    }
}
