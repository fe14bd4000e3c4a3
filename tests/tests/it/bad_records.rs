//! Records that no system should have written, each between two good ones: one dead letter with its code,
//! bytes and headers as they came, nothing lost, the next record handled.

use hinge_router::{DEAD_LETTERS, Outcome, Summary};
use hinge_schema::{Catalogue, Encoding};
use hinge_tests::invented::{at, event, event_with, input};
use hinge_tests::kafka::Broker;
use hinge_tests::world::{Input, World};
use serde_json::json;

use crate::scenarios::{good, starter, starter_with};

/// A name, what is written, and the code of the dead letter.
type Case = (&'static str, Input, &'static str);

fn base(catalogue: &Catalogue, encoding: Encoding) -> Input {
    let event = event(catalogue, "order.placed", "bad", at("2026-03-02T08:00:00Z"));
    input(catalogue, &event, encoding, None)
}

/// One record in an encoding, changed by one thing.
fn changed(catalogue: &Catalogue, encoding: Encoding, change: impl Fn(&mut Input)) -> Input {
    let mut input = base(catalogue, encoding);
    change(&mut input);
    input
}

fn set(input: &mut Input, header: &str, value: &[u8]) {
    input.headers.retain(|(name, _)| name != header);
    input.headers.push((header.to_owned(), value.to_vec()));
}

fn body(text: &str) -> impl Fn(&mut Input) {
    let text = text.as_bytes().to_vec();
    move |input| input.value = Some(text.clone())
}

fn without(header: &'static str) -> impl Fn(&mut Input) {
    move |input| input.headers.retain(|(name, _)| name != header)
}

fn with(header: &'static str, value: &'static [u8]) -> impl Fn(&mut Input) {
    move |input| set(input, header, value)
}

fn attribute_cases(catalogue: &Catalogue) -> Vec<Case> {
    let json = |change: &dyn Fn(&mut Input)| changed(catalogue, Encoding::JsonBinary, change);
    vec![
        ("no id", json(&without("ce_id")), "attribute-missing"),
        ("no source", json(&without("ce_source")), "attribute-missing"),
        ("no type", json(&without("ce_type")), "attribute-missing"),
        ("no time", json(&without("ce_time")), "attribute-missing"),
        (
            "neither subject nor correlation id",
            json(&|input| {
                without("ce_subject")(input);
                without("ce_correlationid")(input);
            }),
            "attribute-missing",
        ),
        ("no attributes at all", json(&|input| input.headers.clear()), "attribute-missing"),
        ("empty id", json(&with("ce_id", b"")), "attribute-invalid"),
        ("id with a line feed", json(&with("ce_id", b"a\nb")), "attribute-invalid"),
        ("id of a kilobyte", json(&|input| set(input, "ce_id", &[b'x'; 1024])), "attribute-invalid"),
        ("id that is not UTF-8", json(&with("ce_id", &[0xff, 0xfe])), "attribute-invalid"),
        ("time without a zone", json(&with("ce_time", b"2026-03-02T08:00:00")), "attribute-invalid"),
        ("time in words", json(&with("ce_time", b"yesterday")), "attribute-invalid"),
        ("time of month 13", json(&with("ce_time", b"2026-13-02T08:00:00Z")), "attribute-invalid"),
        ("recorded in words", json(&with("ce_recordedtime", b"now")), "attribute-invalid"),
        ("another CloudEvents version", json(&with("ce_specversion", b"0.3")), "attribute-invalid"),
        ("unknown type", json(&with("ce_type", b"order.teleported")), "type-unknown"),
        ("type in another case", json(&with("ce_type", b"Order.Placed")), "type-unknown"),
        ("XML", json(&with("content-type", b"application/xml")), "format-unsupported"),
        ("structured XML", json(&with("content-type", b"application/cloudevents+xml")), "format-unsupported"),
    ]
}

fn json_cases(catalogue: &Catalogue) -> Vec<Case> {
    let json = |text: &str| changed(catalogue, Encoding::JsonBinary, body(text));
    let deep = format!(r#"{{"value":"1","currency":"CHF","items":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    vec![
        ("empty body", json(""), "body-missing"),
        ("null body", changed(catalogue, Encoding::JsonBinary, |input| input.value = None), "body-missing"),
        ("broken JSON", json(r#"{"value": "1", "currency""#), "json-invalid"),
        ("a JSON list", json("[1, 2]"), "json-invalid"),
        (
            "not UTF-8",
            changed(catalogue, Encoding::JsonBinary, |it| it.value = Some(vec![b'{', 0xff, b'}'])),
            "json-invalid",
        ),
        ("something behind it", json(r#"{"value":"1","currency":"CHF"} x"#), "json-invalid"),
        ("a fact nested 500 deep", json(&deep), "data-invalid"),
        ("a fact said twice", json(r#"{"value":"1","value":"2","currency":"CHF"}"#), "json-invalid"),
        ("a required fact missing", json(r#"{"value":"1"}"#), "data-invalid"),
        ("a required fact null", json(r#"{"value":null,"currency":"CHF"}"#), "data-invalid"),
        ("a number for text", json(r#"{"value":"1","currency":7}"#), "data-invalid"),
        ("text for money", json(r#"{"value":"much","currency":"CHF"}"#), "data-invalid"),
        ("money with three decimals", json(r#"{"value":"1.001","currency":"CHF"}"#), "data-invalid"),
        ("money beyond all measure", json(r#"{"value":1e300,"currency":"CHF"}"#), "data-invalid"),
        (
            "a day that is not",
            json(r#"{"value":"1","currency":"CHF","promised_date":"2026-02-30"}"#),
            "data-invalid",
        ),
        ("a list that is text", json(r#"{"value":"1","currency":"CHF","promise_ids":"x"}"#), "data-invalid"),
        (
            "a structured event without data",
            changed(
                catalogue,
                Encoding::JsonStructured,
                body(
                    r#"{"specversion":"1.0","id":"1","source":"/s","type":"order.placed","time":"2026-03-02T08:00:00Z","subject":"x"}"#,
                ),
            ),
            "body-missing",
        ),
        (
            "a structured event that is broken",
            changed(catalogue, Encoding::JsonStructured, body(r#"{"specversion":"1.0","#)),
            "json-invalid",
        ),
        (
            "over a mebibyte",
            changed(catalogue, Encoding::JsonBinary, |it| it.value = Some(vec![b' '; 1_048_577])),
            "body-too-large",
        ),
    ]
}

fn avro_cases(catalogue: &Catalogue) -> Vec<Case> {
    let avro = |change: &dyn Fn(&mut Vec<u8>)| {
        changed(catalogue, Encoding::Avro, |input| change(input.value.as_mut().unwrap()))
    };
    vec![
        ("Avro cut in the middle", avro(&|value| value.truncate(value.len() / 2)), "avro-truncated"),
        ("Avro without its last byte", avro(&|value| value.truncate(value.len() - 1)), "avro-truncated"),
        ("Avro header alone", avro(&|value| value.truncate(10)), "avro-truncated"),
        ("half an Avro header", avro(&|value| value.truncate(5)), "avro-truncated"),
        ("a byte behind the Avro data", avro(&|value| value.push(0)), "avro-trailing"),
        ("an unknown fingerprint", avro(&|value| value[2] ^= 0xff), "schema-unknown"),
        ("no Avro marker", avro(&|value| value[0] = 2), "avro-invalid"),
        ("an unknown id of a registry", avro(&|value| value[0] = 0), "schema-id-unknown"),
        ("a length below zero", avro(&|value| value[10] = 1), "avro-invalid"),
        ("a length beyond all measure", avro(&|value| value[10..15].fill(0xff)), "avro-invalid"),
        (
            "data of another type",
            changed(catalogue, Encoding::Avro, |input| set(input, "ce_type", b"delivery.completed")),
            "schema-mismatch",
        ),
    ]
}

fn cases(catalogue: &Catalogue) -> Vec<Case> {
    [attribute_cases(catalogue), json_cases(catalogue), avro_cases(catalogue)].concat()
}

/// Writes every case between good records and checks each dead letter against what was written.
fn check(world: &World, cases: &[Case]) -> Summary {
    let catalogue = world.catalogue();
    let mut inputs = vec![];
    for (position, (_, bad, _)) in cases.iter().enumerate() {
        let mut marked = bad.clone();
        marked.key = Some(b"one key, one partition, one order".to_vec());
        inputs.push(marked);
        let mut good = good(catalogue, &format!("good-{position}"));
        good.key = Some(b"one key, one partition, one order".to_vec());
        inputs.push(good);
    }
    world.write(&inputs);
    let summary = world.drain();
    let letters = world.records(DEAD_LETTERS);
    assert_eq!(letters.len(), cases.len(), "one dead letter for each");
    for ((name, written, code), letter) in cases.iter().zip(&letters) {
        let header = |wanted: &str| {
            letter.headers.get(wanted).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        assert_eq!(
            header("hinge-error-code").as_deref(),
            Some(*code),
            "{name}: {:?}",
            header("hinge-error-detail")
        );
        if header("hinge-error-body-omitted").is_none() {
            assert_eq!(&letter.value, &written.value, "{name}: the bytes as they came");
            for (header, value) in &written.headers {
                assert_eq!(letter.headers.get(header), Some(value.as_slice()), "{name}: {header}");
            }
        }
        assert!(header("hinge-error-offset").is_some_and(|offset| !offset.is_empty()), "{name}");
    }
    let emitted: u64 =
        summary.outcomes.iter().filter(|((_, it), _)| *it == Outcome::Emitted).map(|(_, count)| count).sum();
    assert_eq!(emitted, cases.len() as u64, "every good record was handled");
    assert_eq!(summary.records(), 2 * cases.len() as u64, "outcomes add up");
    summary
}

#[test]
fn every_bad_record_becomes_one_dead_letter_with_its_code_and_the_next_is_handled() {
    let world = World::embedded(starter());
    let cases = cases(world.catalogue());
    assert!(cases.len() >= 40, "{}", cases.len());
    check(&world, &cases);
}

#[test]
fn bad_records_get_the_same_codes_on_kafka() {
    let Some(broker) = Broker::shared() else { return };
    let world = World::kafka(starter(), broker);
    // A client does not send a record of a mebibyte in the first place.
    let cases: Vec<Case> =
        cases(world.catalogue()).into_iter().filter(|(_, _, code)| *code != "body-too-large").collect();
    check(&world, &cases);
}

/// As large as a producer may send them, which with our headers is more than we may.
fn as_large_as_can_be(world: &World) {
    let catalogue = world.catalogue();
    let large = |key: usize, value: Vec<u8>| Input {
        key: Some(vec![b'k'; key]),
        value: Some(value),
        ..good(catalogue, "large")
    };
    let padded = |length: usize| {
        let mut body = good(catalogue, "large").value.unwrap();
        body.pop();
        let (padding, end) = (r#","else":""#, r#""}"#);
        let rest = length - body.len() - padding.len() - end.len();
        [body, padding.into(), vec![b'x'; rest], end.into()].concat()
    };
    world.write(&[
        large(990_000, b"broken".to_vec()),
        large(1, vec![b'{'; 990_000]),
        large(1, padded(990_000)),
        good(catalogue, "A-1"),
    ]);
    let summary = world.drain();
    assert_eq!(summary.records(), 4);
    assert_eq!(world.records(DEAD_LETTERS).len(), 2);
    let told = world.notifications();
    assert!(
        told.iter().any(|it| it.correlation_id == "A-1")
            && told.iter().any(|it| it.correlation_id == "large")
    );
}

#[test]
fn records_as_large_as_can_be_end_in_an_outcome_too() {
    as_large_as_can_be(&World::embedded(starter()));
    if let Some(broker) = Broker::shared() {
        as_large_as_can_be(&World::kafka(starter(), broker));
    }
}

#[test]
fn an_unrouted_event_too_large_to_be_copied_goes_to_the_dead_letters() {
    let only_large =
        "routes: [{id: large, owner: finance, on: order.placed, when: event.value > 500.0, to: finance},
        {id: rest, owner: finance, on: [order.confirmed, order.changed, order.cancelled], to: finance}]";
    let world = World::embedded(starter_with("routes/20-orders.yaml", only_large));
    let mut large = good(world.catalogue(), "A-1");
    let body = large.value.as_mut().unwrap();
    body.pop();
    body.extend(format!(r#","else":"{}"}}"#, "x".repeat(1_000_000)).into_bytes());
    world.write(&[large.clone()]);
    assert_eq!(world.drain().records(), 1);
    let letters = world.records(DEAD_LETTERS);
    assert_eq!(letters[0].headers.get("hinge-error-code"), Some("output-too-large".as_bytes()));
    // What was rejected was never met: under a policy that can tell it, it is told.
    world.write(&[large]);
    let again = world.drain();
    assert_eq!(again.outcomes.keys().next().map(|(_, outcome)| outcome.name()), Some("rejected"));
}

#[test]
fn a_record_without_a_key_is_as_good_as_any() {
    let world = World::embedded(starter());
    let keyless = Input { key: None, ..good(world.catalogue(), "A-1") };
    world.write(&[keyless]);
    assert_eq!(world.drain().records(), 1);
    assert_eq!(world.notifications()[0].correlation_id, "A-1");
}

#[test]
fn a_notification_too_large_to_be_written_sends_the_event_to_the_dead_letters_as_a_whole() {
    let world = World::embedded(starter());
    let catalogue = world.catalogue();
    // In Avro a quotation mark is one byte, in the JSON of a notification two.
    let long = "\"".repeat(300_000);
    let facts = json!({"claims": [&long, &long, &long], "zone": "UTC"});
    let event = event_with(catalogue, "campaign.launched", "spring", at("2026-03-02T08:00:00Z"), &facts);
    world.write(&[input(catalogue, &event, Encoding::Avro, None), good(catalogue, "A-1")]);
    let summary = world.drain();
    assert_eq!(summary.records(), 2);
    let told = world.notifications();
    assert!(told.iter().all(|it| it.correlation_id == "A-1"), "all or none");
    let letters = world.records(DEAD_LETTERS);
    assert_eq!(letters[0].headers.get("hinge-error-code"), Some("output-too-large".as_bytes()));
}
