//! Attributes and the detection of the mode, as tables.

use super::{assert_rejected, decode, headers};
use crate::{Catalogue, Code, Encoding, MAX_BODY_BYTES, MAX_EXTENSIONS};

const PLACED: &str = r#"{"value":"10.00","currency":"BRL"}"#;

/// Headers of an order in JSON, one of them replaced; an empty value removes it.
fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut all = headers("order.placed", "application/json");
    all.retain(|(known, _)| *known != name);
    if !value.is_empty() {
        all.push((name, value));
    }
    all
}

fn structured(members: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.placed","time":"2026-03-02T10:15:00Z","subject":"o-1"{members}}}"#
    )
}

#[test]
fn attributes_become_the_event() {
    let mut all = with("ce_correlationid", "o-77");
    all.extend([
        ("ce_time", "2026-03-02T10:15:00.123456+02:00"),
        ("ce_recordedtime", "2026-03-02T11:00:00Z"),
        ("ce_history", "false"),
        ("ce_traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("traceparent", "00-not-an-attribute"),
        ("hinge-repairs", "order.events/0/7"),
    ]);
    all.retain(|(name, value)| *name != "ce_time" || value.len() > 20);
    let decoded = decode(&all, PLACED).unwrap();
    let event = &decoded.event;
    assert_eq!(
        (&*event.id, &*event.source, &*event.subject, &*event.correlation_id),
        ("e-1", "/shop", "o-1", "o-77")
    );
    assert_eq!(event.occurred.to_string(), "2026-03-02T08:15:00.123456Z");
    assert_eq!(decoded.recorded.unwrap().to_string(), "2026-03-02T11:00:00Z");
    assert_eq!(event.history, Some(false));
    let names: Vec<&str> = event.extensions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["traceparent"]);
}

#[test]
fn subject_and_correlation_id_stand_in_for_each_other() {
    for name in ["ce_subject", "ce_correlationid"] {
        let mut all = with("ce_subject", "");
        all.push((name, "o-9"));
        let event = decode(&all, PLACED).unwrap().event;
        assert_eq!((&*event.subject, &*event.correlation_id), ("o-9", "o-9"), "{name}");
    }
}

#[test]
fn attributes_that_may_not_be_so_are_rejected() {
    let long: &'static str = "x".repeat(513).leak();
    let table: &[(&str, &str, Code, &str)] = &[
        ("ce_id", "", Code::AttributeMissing, "`id` is missing"),
        ("ce_source", "", Code::AttributeMissing, "`source` is missing"),
        ("ce_type", "", Code::AttributeMissing, "`type` is missing"),
        ("ce_time", "", Code::AttributeMissing, "`time` is missing"),
        ("ce_specversion", "", Code::AttributeMissing, "`specversion` is missing"),
        ("ce_subject", "", Code::AttributeMissing, "`subject` or `correlationid` is missing"),
        ("ce_specversion", "0.3", Code::AttributeInvalid, "only `1.0`"),
        ("ce_type", "order.eaten", Code::TypeUnknown, "`order.eaten`"),
        ("ce_id", long, Code::AttributeInvalid, "`id`: longer than 512 bytes"),
        ("ce_subject", "a\u{0}b", Code::AttributeInvalid, "`subject`: contains a control character"),
        ("ce_source", "a\nb", Code::AttributeInvalid, "`source`: contains a control character"),
        ("ce_history", "perhaps", Code::AttributeInvalid, "`history`"),
        ("ce_recordedtime", "yesterday", Code::AttributeInvalid, "`recordedtime`: not an instant"),
        ("ce_time", "2026-03-02", Code::AttributeInvalid, "`time`: not an instant"),
        ("ce_time", "2026-03-02T10:15:00", Code::AttributeInvalid, "not an instant"),
        ("ce_time", "2026-03-02T10:15Z", Code::AttributeInvalid, "not an instant"),
        ("ce_time", "2026-03-02T10:15:00.Z", Code::AttributeInvalid, "not an instant"),
        ("ce_time", "2026-03-02T10:15:00+01:00[Europe/Paris]", Code::AttributeInvalid, "not an instant"),
        ("ce_time", "2026-02-30T10:15:00Z", Code::AttributeInvalid, "not an instant"),
        ("ce_time", "1969-12-31T23:59:59Z", Code::AttributeInvalid, "before 1970"),
        ("ce_time", "1772446500000", Code::AttributeInvalid, "not an instant"),
        ("content-type", "text/csv", Code::FormatUnsupported, "neither JSON nor Avro"),
        ("content-type", "application/cloudevents+avro", Code::FormatUnsupported, "another format"),
        ("content-type", "application/cloudevents-batch+json", Code::FormatUnsupported, "another format"),
        ("ce_data", "{}", Code::AttributeInvalid, "not the name of an attribute"),
        ("ce_", "nameless", Code::AttributeInvalid, "empty"),
    ];
    for (name, value, code, detail) in table {
        assert_rejected(&format!("{name}={value}"), decode(&with(name, value), PLACED), *code, detail);
    }
    let mut twice = with("ce_id", "e-1");
    twice.push(("ce_id", "e-2"));
    assert_rejected("two ids", decode(&twice, PLACED), Code::AttributeInvalid, "`id`: given twice");
    let names: Vec<String> = (0..=MAX_EXTENSIONS).map(|number| format!("ce_x{number}")).collect();
    let mut many = with("", "");
    many.extend(names.iter().map(|name| (name.as_str(), "1")));
    assert_rejected("many", decode(&many, PLACED), Code::AttributeInvalid, "more than 64");
}

#[test]
fn headers_that_are_not_text_are_rejected_by_name() {
    let raw: Vec<(&str, Option<&[u8]>)> = vec![("ce_id", Some(b"\xFF")), ("ce_time", None)];
    let rejection = Catalogue::builtin().decode(raw, Some(b"{}")).unwrap_err();
    assert_eq!(rejection.to_string(), "attribute-invalid: `ce_id`: not UTF-8");
}

#[test]
fn a_record_without_a_value_is_rejected() {
    for value in [None, Some(&b""[..])] {
        let rejection = Catalogue::builtin().decode(std::iter::empty(), value).unwrap_err();
        assert_eq!(rejection.code, Code::BodyMissing);
    }
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    assert_rejected("large", decode(&with("", ""), large), Code::BodyTooLarge, "at most 1048576");
}

#[test]
fn the_mode_comes_from_content_type_then_headers_then_body() {
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<u8>, Encoding);
    let body = structured(&format!(r#","data":{PLACED}"#));
    let avro = super::samples::newest_sample("order.placed").avro;
    let table: Vec<Row<'_>> = vec![
        ("JSON in binary mode", with("", ""), PLACED.into(), Encoding::JsonBinary),
        (
            "+json",
            with("content-type", "application/vnd.shop+JSON; charset=utf-8"),
            PLACED.into(),
            Encoding::JsonBinary,
        ),
        (
            "JSON without a type",
            with("content-type", ""),
            format!("\n {PLACED}").into(),
            Encoding::JsonBinary,
        ),
        ("Avro without a type", with("content-type", ""), avro.clone(), Encoding::Avro),
        ("Avro", with("content-type", "Application/Avro"), avro, Encoding::Avro),
        (
            "structured",
            vec![("content-type", "Application/CloudEvents+JSON; charset=UTF-8")],
            body.clone().into(),
            Encoding::JsonStructured,
        ),
        (
            "structured, with copied headers",
            with("content-type", "application/cloudevents+json"),
            body.clone().into(),
            Encoding::JsonStructured,
        ),
        ("typed by hand", vec![], body.clone().into(), Encoding::JsonStructured),
        (
            "typed by hand, as JSON",
            vec![("content-type", "application/json")],
            body.into(),
            Encoding::JsonStructured,
        ),
    ];
    for (what, headers, body, encoding) in table {
        assert_eq!(decode(&headers, body).expect(what).encoding, encoding, "{what}");
    }
    assert_rejected("nothing", decode(&[], PLACED), Code::AttributeMissing, "neither `ce_` headers");
    assert_rejected(
        "text",
        decode(&with("content-type", ""), "hello"),
        Code::FormatUnsupported,
        "no content type",
    );
}

#[test]
fn structured_events_keep_their_attributes_and_refuse_doubt() {
    let body = structured(&format!(
        r#","data":{PLACED},"history":true,"sequence":7,"note":null,"dataschema":"https://shop.example/s""#
    ));
    let event = decode(&[], body).unwrap().event;
    assert_eq!(event.history, Some(true));
    assert_eq!(
        event.extensions,
        [("sequence".into(), "7".into()), ("dataschema".into(), "https://shop.example/s".into())]
    );
    let avro = super::samples::newest_sample("order.placed").avro;
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, avro);
    let with_avro =
        structured(&format!(r#","datacontenttype":"application/avro","data_base64":"{encoded}""#));
    assert_eq!(decode(&[], with_avro).unwrap().event.attribute("value").unwrap().to_string(), "149.80");
    let table: &[(&str, &str, Code, &str)] = &[
        ("no data", "", Code::BodyMissing, "no `data`"),
        ("null data", r#","data":null"#, Code::BodyMissing, "no `data`"),
        ("two data", r#","data":{},"data":{}"#, Code::JsonInvalid, "`data` is said twice"),
        ("two forms", r#","data":{},"data_base64":"e30=""#, Code::JsonInvalid, "both"),
        ("two ids", r#","data":{},"id":"e-2""#, Code::AttributeInvalid, "`id`: given twice"),
        (
            "an object as attribute",
            r#","data":{},"actor":{}"#,
            Code::AttributeInvalid,
            "expected text, got an object",
        ),
        (
            "not base64",
            r#","datacontenttype":"avro/binary","data_base64":"***""#,
            Code::JsonInvalid,
            "not base64",
        ),
        (
            "Avro as JSON",
            r#","datacontenttype":"avro/binary","data":{}"#,
            Code::FormatUnsupported,
            "`data_base64`",
        ),
        ("data is text", r#","data":"secret""#, Code::JsonInvalid, "`data`: not a JSON object"),
    ];
    for (what, members, code, detail) in table {
        assert_rejected(what, decode(&[], structured(members)), *code, detail);
    }
}
