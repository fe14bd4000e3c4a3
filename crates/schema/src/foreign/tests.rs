//! Records of invented systems, byte by byte: what of them is a row, what comes with it, what is refused.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hinge_domain::{EventMapping, Expression, FactSource};
use jiff::tz::TimeZone;

use super::*;
use crate::Catalogue;

/// A mapping to an order placed whose value is an expression.
fn mapping(value: &str) -> Mapping {
    let parsed = |text: &str| Expression::parse(text).unwrap();
    let shape = Arc::clone(Catalogue::builtin().shape("order.placed").unwrap());
    let facts = shape.fields.iter().map(|field| match &*field.name {
        "value" => FactSource::Own(parsed(value)),
        "currency" => FactSource::Own(parsed("'CHF'")),
        _ => FactSource::Default,
    });
    let facts = facts.collect();
    Mapping {
        source: hinge_domain::Origin::Fixed("urn:example:shop".into()),
        zone: TimeZone::UTC,
        rows: None,
        delimiter: b',',
        joins: Vec::new(),
        when: None,
        shared: Vec::new(),
        events: vec![EventMapping {
            shape,
            when: None,
            id: parsed("row.number"),
            subject: Arc::new(parsed("row.number")),
            correlation_id: None,
            time: parsed("row.placed_at"),
            facts,
        }],
    }
}

fn source(format: Format, avro: Option<AvroTable>, value: &str) -> Source {
    Source::new(SourceParts {
        name: "orders".into(),
        topics: vec!["shop.orders".into()],
        format,
        avro,
        mapping: mapping(value),
        ignored: vec!["note".to_owned()],
    })
}

fn record<'a>(value: &'a [u8], headers: &'a [(&'a str, Option<&'a [u8]>)]) -> ForeignRecord<'a> {
    ForeignRecord { topic: "shop.orders", key: None, headers, value: Some(value) }
}

/// What expressions read of a record: `name=value`, in JSON; or the code of what is refused.
fn read(source: &Source, record: &ForeignRecord<'_>) -> Vec<String> {
    let shown = |value: &Value| serde_json::to_string(value).unwrap();
    match source.open(record) {
        Err(why) => vec![why.code.to_string()],
        Ok(None) => vec!["nothing".to_owned()],
        Ok(Some(given)) => {
            let row = format!("row={}", shown(&Value::Record(given.row.clone())));
            let beside = given.beside.iter().filter(|(name, _)| *name != "topic");
            [row].into_iter().chain(beside.map(|(name, value)| format!("{name}={}", shown(value)))).collect()
        }
    }
}

fn check(format: Format, cases: &[(&str, &[&str])]) {
    let source = source(format, None, "row.total");
    for (value, expected) in cases {
        assert_eq!(read(&source, &record(value.as_bytes(), &[])), *expected, "{value}");
    }
}

#[test]
fn numbers_of_json_keep_their_digits() {
    for (written, value) in [
        ("149.80", Value::Decimal("149.80".parse().unwrap())),
        ("1234567890123456.78", Value::Decimal("1234567890123456.78".parse().unwrap())),
        ("1.5e2", Value::Decimal("150".parse().unwrap())),
        ("-7", Value::Int(-7)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("9223372036854775808", Value::text("9223372036854775808")),
        ("1e300", Value::Float(1e300)),
        ("1e999", Value::text("1e999")),
    ] {
        let row = json_row(format!("{{\"a\": {written}}}").as_bytes()).unwrap();
        assert_eq!(row, [(Arc::from("a"), value)], "{written}");
    }
    // Exact where the place itself is asked for, whatever CEL would make of it.
    let event = |total: &str| {
        let value = format!(r#"{{"number": "A-1", "placed_at": "2026-03-02T10:00:00Z", "total": {total}}}"#);
        let source = source(Format::Json, None, "row.total");
        let given = source.open(&record(value.as_bytes(), &[])).unwrap().unwrap();
        source.events(&given).map(|events| events[0].facts.get("value").unwrap().to_string())
    };
    assert_eq!(event("1234567890123456.78").unwrap(), "1234567890123456.78");
    assert_eq!(event("12345678901234567.89").unwrap_err().code, Code::DataInvalid);
    assert_eq!(event("12.999").unwrap_err().code, Code::MappingFailed);
}

#[test]
fn rows_in_json_say_nothing_twice_and_nest_within_reason() {
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    let long = format!("{{\"a\": [{}1]}}", "1,".repeat(10_000));
    check(
        Format::Json,
        &[
            (r#"{"a": 1, "b": {"c": [true, null, "x"]}}"#, &[r#"row={"a":1,"b":{"c":[true,null,"x"]}}"#]),
            ("null", &["nothing"]),
            ("[1]", &["json-invalid"]),
            ("{\"a\": ", &["json-invalid"]),
            (r#"{"a": 1} x"#, &["json-invalid"]),
            (r#"{"a": {"b": 1, "b": 2}}"#, &["json-invalid"]),
            (&deep, &["json-invalid"]),
            (&long, &["json-invalid"]),
            ("", &["json-invalid"]),
        ],
    );
    let source = source(Format::Json, None, "row.total");
    assert_eq!(read(&source, &record(&[b'{', 0xff, b'}'], &[])), ["json-invalid"]);
    assert_eq!(read(&source, &record(&vec![b' '; MAX_BODY_BYTES + 1], &[])), ["body-too-large"]);
    assert_eq!(read(&source, &ForeignRecord { value: None, ..record(b"", &[]) }), ["nothing"]);
}

#[test]
fn a_change_is_its_row_with_or_without_a_wrapper_and_flattened() {
    let beside = ["op=\"u\"", "before={\"a\":1}", "source={\"table\":\"t\"}", "ts_ms=5"];
    let update =
        r#"{"before": {"a": 1}, "after": {"a": 2}, "source": {"table": "t"}, "op": "u", "ts_ms": 5}"#;
    let wrapped = format!(r#"{{"schema": {{"type": "struct"}}, "payload": {update}}}"#);
    let updated = [&["row={\"a\":2}"][..], &beside].concat();
    check(
        Format::Debezium,
        &[
            (update, &updated),
            (&wrapped, &updated),
            (
                r#"{"op": "c", "before": null, "after": {"a": 1}}"#,
                &["row={\"a\":1}", "op=\"c\"", "before={}", "source={}", "ts_ms=null"],
            ),
            (
                r#"{"op": "d", "before": {"a": 1}, "after": null}"#,
                &["row={\"a\":1}", "op=\"d\"", "before={\"a\":1}", "source={}", "ts_ms=null"],
            ),
            (r#"{"op": "t", "source": {"table": "t"}}"#, &["nothing"]),
            (r#"{"schema": null, "payload": null}"#, &["nothing"]),
            (
                r#"{"a": 1, "__op": "c", "__ts_ms": 7}"#,
                &[
                    "row={\"a\":1,\"__op\":\"c\",\"__ts_ms\":7}",
                    "op=\"c\"",
                    "before={}",
                    "source={}",
                    "ts_ms=7",
                ],
            ),
            (
                r#"{"a": 1, "__deleted": "true"}"#,
                &[
                    "row={\"a\":1,\"__deleted\":\"true\"}",
                    "op=\"d\"",
                    "before=null",
                    "source={}",
                    "ts_ms=null",
                ],
            ),
            (r#"{"a": 1}"#, &["data-invalid"]),
            (r#"{"op": "x", "after": {"a": 1}}"#, &["data-invalid"]),
            (r#"{"op": "c", "after": null}"#, &["data-invalid"]),
            (r#"{"op": "c", "after": 7}"#, &["data-invalid"]),
            // A large column that was not touched is as it was before; if nobody knows, it is absent.
            (
                r#"{"op": "u", "before": {"t": "long"}, "after": {"t": "__debezium_unavailable_value", "u": "__debezium_unavailable_value"}}"#,
                &["row={\"t\":\"long\"}", "op=\"u\"", "before={\"t\":\"long\"}", "source={}", "ts_ms=null"],
            ),
        ],
    );
}

#[test]
fn keys_are_records_or_text_without_their_wrapper() {
    let mut mapping = mapping("'1'");
    mapping.events[0].id = Expression::parse("key.id").unwrap();
    let parts = source(Format::Json, None, "'1'").parts;
    let source = Source::new(SourceParts { mapping, ..parts });
    for (key, expected) in [
        (&br#"{"id": 7}"#[..], r#"key={"id":7}"#),
        (br#"{"schema": {}, "payload": {"id": 7}}"#, r#"key={"id":7}"#),
        (br#"{"schema": {}, "payload": "A-1"}"#, r#"key="A-1""#),
        (br#""A-1""#, r#"key="A-1""#),
        (b"A-1", r#"key="A-1""#),
        (b"1004", r#"key="1004""#),
        (&[0xff], "key={}"),
    ] {
        let read = read(&source, &ForeignRecord { key: Some(key), ..record(b"{}", &[]) });
        assert_eq!(read[1], expected, "{key:?}");
    }
    assert_eq!(read(&source, &record(b"{}", &[]))[1], "key={}");
}

#[test]
fn foreign_cloud_events_are_read_in_both_modes() {
    let source = source(Format::CloudEvents, None, "'1'");
    let binary: [(&str, Option<&[u8]>); 3] = [
        ("ce_type", Some(b"com.example.paid")),
        ("ce_id", Some(b"7")),
        ("content-type", Some(b"application/json")),
    ];
    assert_eq!(
        read(&source, &record(br#"{"a": 1}"#, &binary)),
        ["row={\"a\":1}", r#"ce={"type":"com.example.paid","id":"7"}"#]
    );
    assert_eq!(read(&source, &ForeignRecord { value: None, ..record(b"", &binary) })[0], "row={}");
    for (value, expected) in [
        (r#"{"specversion": "1.0", "type": "t", "data": {"a": 1}}"#, "row={\"a\":1}"),
        (r#"{"specversion": "1.0", "type": "t", "data_base64": "eyJhIjogMX0="}"#, "row={\"a\":1}"),
        (r#"{"specversion": "1.0", "type": "t"}"#, "row={}"),
        (r#"{"specversion": "1.0", "data": 7}"#, "data-invalid"),
        (r#"{"specversion": "1.0", "data": {}, "data_base64": "e30="}"#, "json-invalid"),
        (r#"{"specversion": "1.0", "data_base64": "%"}"#, "json-invalid"),
        (r#"{"type": "t", "data": {"a": 1}}"#, "attribute-missing"),
        ("", "attribute-missing"),
    ] {
        assert_eq!(read(&source, &record(value.as_bytes(), &[]))[0], expected, "{value}");
    }
    let batch: [(&str, Option<&[u8]>); 1] = [("content-type", Some(b"application/cloudevents-batch+json"))];
    assert_eq!(read(&source, &record(b"[]", &batch)), ["format-unsupported"]);
    let xml: [(&str, Option<&[u8]>); 2] = [("ce_type", Some(b"t")), ("content-type", Some(b"text/xml"))];
    assert_eq!(read(&source, &record(b"<a/>", &xml)), ["format-unsupported"]);
}

const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "number", "type": "string"},
    {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
    {"name": "due", "type": {"type": "int", "logicalType": "date"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "rate", "type": "float"},
    {"name": "ship", "type": {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}},
    {"name": "bill", "type": ["null", "Address"], "default": null},
    {"name": "labels", "type": {"type": "map", "values": "int"}},
    {"name": "raw", "type": {"type": "fixed", "name": "Hash", "size": 2}}]}"#;

/// An order, in Avro.
fn order() -> Vec<u8> {
    let text = |text: &str| Avro::String(text.to_owned());
    let address = || Avro::Record(vec![("city".to_owned(), Avro::String("Bern".to_owned()))]);
    let values = [
        ("number", text("A-1")),
        ("placed_at", Avro::TimestampMicros(1_772_445_600_000_000)),
        ("local", Avro::LocalTimestampMillis(1_772_445_600_000)),
        ("due", Avro::Date(20517)),
        ("total", Avro::Decimal(vec![0x3a, 0x84].into())),
        ("rate", Avro::Float(0.1)),
        ("ship", address()),
        ("bill", Avro::Union(1, Box::new(address()))),
        ("labels", Avro::Map([("b".to_owned(), Avro::Int(2)), ("a".to_owned(), Avro::Int(1))].into())),
        ("raw", Avro::Fixed(2, vec![1, 2])),
    ];
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let schema = Schema::parse_str(ORDER).unwrap();
    let mut bytes = Vec::new();
    GenericDatumWriter::builder(&schema)
        .build()
        .unwrap()
        .write_value_ref(&mut bytes, &Avro::Record(values))
        .unwrap();
    bytes
}

fn table(framing: Framing, schema: &str) -> Result<AvroTable, (usize, String)> {
    let guid = Some("6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10".parse().unwrap());
    AvroTable::new(framing, &[SchemaEntry { schema: schema.to_owned(), id: Some(7), guid }])
}

#[test]
fn foreign_avro_is_read_by_the_schema_that_its_framing_names() {
    let row = r#"row={"number":"A-1","placed_at":"2026-03-02T10:00:00Z","local":"2026-03-02T10:00:00","due":"2026-03-05","total":"149.80","rate":0.1,"ship":{"city":"Bern"},"bill":{"city":"Bern"},"labels":{"a":1,"b":2},"raw":"AQI="}"#;
    let guid = b"\x6f\x1c\x3c\x4e\x0b\x1d\x5c\x52\x9f\x3e\x2f\x6a\x4f\x9b\x7c\x10";
    let fingerprint = crate::fingerprint::fingerprint(&serde_json::from_str(ORDER).unwrap());
    let single = [&[0xC3, 0x01][..], &fingerprint, &order()].concat();
    let prefixed = [&[0, 0, 0, 0, 7][..], &order()].concat();
    let with_guid = [&[1][..], guid, &order()].concat();
    let stranger = [&[0, 0, 0, 0, 8][..], &order()].concat();
    let cut = prefixed[..prefixed.len() - 1].to_vec();
    let trailing = [prefixed.clone(), vec![0]].concat();
    let in_header: [(&str, Option<&[u8]>); 1] = [("__value_schema_id", Some(&[0, 0, 0, 0, 7]))];
    let odd_header: [(&str, Option<&[u8]>); 1] = [("__value_schema_id", Some(b"7"))];
    for (framing, value, headers, expected) in [
        (Framing::Bare, &order(), &[][..], row),
        (Framing::SingleObject, &single, &[], row),
        (Framing::SingleObject, &order(), &[], "avro-invalid"),
        (Framing::Confluent, &prefixed, &[], row),
        (Framing::Confluent, &with_guid, &[], row),
        (Framing::Confluent, &order(), &in_header, row),
        (Framing::Confluent, &order(), &odd_header, "avro-invalid"),
        (Framing::Confluent, &stranger, &[], "schema-id-unknown"),
        (Framing::Confluent, &single, &[], "avro-invalid"),
        (Framing::Confluent, &cut, &[], "avro-truncated"),
        (Framing::Confluent, &trailing, &[], "avro-trailing"),
    ] {
        let source = source(Format::Avro, Some(table(framing, ORDER).unwrap()), "row.total");
        assert_eq!(read(&source, &record(value, headers)), [expected], "{framing:?} {value:?}");
    }
    // An exact number stays one all the way to the fact.
    let source = source(Format::Avro, Some(table(Framing::Bare, ORDER).unwrap()), "row.total");
    let given = source.open(&record(&order(), &[])).unwrap().unwrap();
    let events = source.events(&given).unwrap();
    assert_eq!(events[0].facts.get("value").unwrap().to_string(), "149.80");
}

#[test]
fn change_records_may_be_in_avro_too() {
    let envelope = r#"{"type": "record", "name": "Envelope", "namespace": "shop", "fields": [
        {"name": "before", "type": ["null", {"type": "record", "name": "Value",
            "fields": [{"name": "a", "type": "long"}]}]},
        {"name": "after", "type": ["null", "Value"]}, {"name": "op", "type": "string"}]}"#;
    let source = source(Format::Debezium, Some(table(Framing::Confluent, envelope).unwrap()), "'1'");
    // No row before, `a` is 2 after, and it was created.
    let value = [0, 0, 0, 0, 7, 0, 2, 4, 2, b'c'];
    let expected = ["row={\"a\":2}", "op=\"c\"", "before={}", "source={}", "ts_ms=null"];
    assert_eq!(read(&source, &record(&value, &[])), expected);
}

#[test]
fn schemas_whose_data_has_no_bound_are_refused() {
    let field = |schema: &str| {
        format!(r#"{{"type": "record", "name": "A", "fields": [{{"name": "a", "type": {schema}}}]}}"#)
    };
    for (schema, why) in [
        (field(r#"["null", "A"]"#), "contains itself"),
        (field(r#"{"type": "array", "items": "null"}"#), "no bytes"),
        (field(r#"{"type": "array", "items": {"type": "record", "name": "B", "fields": []}}"#), "no bytes"),
        (field(r#"{"type": "array", "items": {"type": "fixed", "name": "B", "size": 0}}"#), ""),
        (field("\"C\""), ""),
        ("{".to_owned(), ""),
    ] {
        let (position, said) = table(Framing::Bare, &schema).unwrap_err();
        assert!(position == 0 && said.contains(why), "{schema}: {said}");
    }
    let nested =
        (0..40).fold("\"int\"".to_owned(), |inner, _| format!(r#"{{"type": "array", "items": {inner}}}"#));
    assert!(table(Framing::Bare, &field(&nested)).is_err());
    let both =
        [ORDER, ORDER].map(|schema| SchemaEntry { schema: schema.to_owned(), id: Some(7), guid: None });
    assert!(AvroTable::new(Framing::Confluent, &both).is_err());
    assert!(AvroTable::new(Framing::Bare, &both).is_err());
    let nameless = [SchemaEntry { schema: ORDER.to_owned(), id: None, guid: None }];
    assert!(AvroTable::new(Framing::Confluent, &nameless).is_err());
}

#[test]
fn fields_that_nobody_reads_are_counted_apart_from_those_left_out_on_purpose() {
    let source = source(Format::Json, None, "row.total");
    let value =
        br#"{"number": "A-1", "placed_at": "x", "total": 1, "note": "n", "colour": "blue", "size": null}"#;
    let given = source.open(&record(value, &[])).unwrap().unwrap();
    assert_eq!(source.unread(&given).map(AsRef::as_ref).collect::<Vec<_>>(), ["colour"]);
}

#[test]
fn an_event_keeps_the_limits_of_events_on_hinge_s_own_topics() {
    let event = |number: &str, time: &str| {
        let value = serde_json::json!({"number": number, "placed_at": time, "total": "1"}).to_string();
        let source = source(Format::Json, None, "row.total");
        let given = source.open(&record(value.as_bytes(), &[])).unwrap().unwrap();
        source.events(&given).map(|events| events.len()).map_err(|why| why.code)
    };
    let now = "2026-03-02T10:00:00Z";
    assert_eq!(event("A-1", now), Ok(1));
    assert_eq!(event(&"x".repeat(513), now), Err(Code::AttributeInvalid));
    assert_eq!(event("a\nb", now), Err(Code::AttributeInvalid));
    assert_eq!(event("", now), Err(Code::MappingFailed));
    assert_eq!(event("A-1", "1969-12-31T23:59:59Z"), Err(Code::AttributeInvalid));
    // What cannot be mapped is told without its value.
    let source = source(Format::Json, None, "{'1': 2}[row.secret]");
    let value = br#"{"number": "A-1", "placed_at": "2026-03-02", "secret": "anna@example.org"}"#;
    let given = source.open(&record(value, &[])).unwrap().unwrap();
    let why = source.events(&given).unwrap_err();
    assert!(!why.detail.contains("anna"), "{why}");
}

#[test]
fn whatever_the_bytes_nothing_panics() {
    let avro = || Some(table(Framing::Bare, ORDER).unwrap());
    let sources = [
        source(Format::Json, None, "row.total"),
        source(Format::Debezium, None, "row.total"),
        source(Format::CloudEvents, avro(), "row.total"),
        source(Format::Avro, avro(), "row.total"),
    ];
    let seeds = [
        order(),
        br#"{"op": "u", "before": {"number": 1}, "after": {"number": "A-1", "total": 1.5}}"#.to_vec(),
        STANDARD.encode(order()).into_bytes(),
    ];
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..3_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random(4) {
            let place = random(bytes.len());
            bytes[place] = u8::try_from(random(256)).unwrap();
        }
        bytes.truncate(1 + random(bytes.len()));
        for source in &sources {
            if let Ok(Some(given)) = source.open(&record(&bytes, &[])) {
                let _ = source.events(&given);
            }
        }
    }
}
