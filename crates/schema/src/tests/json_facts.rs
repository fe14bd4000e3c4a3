//! Facts in JSON: what is taken, what is rejected and how the rejection reads, as tables.

use hinge_domain::Value;

use super::{assert_rejected, decode, headers};
use crate::{Catalogue, Code};

fn placed() -> Vec<(&'static str, &'static str)> {
    headers("order.placed", "application/json")
}

#[test]
fn facts_that_break_their_schema_are_rejected_with_their_path() {
    let deep = format!(r#"{{"value":1,"currency":{}"#, "[".repeat(200_000));
    let table: &[(&str, &str, Code, &str)] = &[
        ("not JSON", r#"{"value":"#, Code::JsonInvalid, "`data`: not a JSON object, at line 1 column 9"),
        ("a list", "[]", Code::JsonInvalid, "`data`: not a JSON object"),
        ("endless depth", &deep, Code::JsonInvalid, "`data`"),
        ("more after it", r#"{"value":1,"currency":"BRL"} {}"#, Code::JsonInvalid, "column 30"),
        ("missing", r#"{"currency":"BRL"}"#, Code::DataInvalid, "`value`: missing; expected an exact number"),
        ("null", r#"{"value":null,"currency":"BRL"}"#, Code::DataInvalid, "`value`: missing"),
        ("twice", r#"{"value":1,"value":2,"currency":"BRL"}"#, Code::JsonInvalid, "`value` is said twice"),
        (
            "wrong kind",
            r#"{"value":1,"currency":7}"#,
            Code::DataInvalid,
            "`currency`: expected text, got a number",
        ),
        (
            "inside",
            r#"{"value":1,"currency":"BRL","items":[{"product":"a","price":1},{"product":"b","price":[]}]}"#,
            Code::DataInvalid,
            "`items[1].price`: expected an exact number, as text or number, got a list",
        ),
        (
            "inside, missing",
            r#"{"value":1,"currency":"BRL","items":[{"price":1}]}"#,
            Code::DataInvalid,
            "`items[0].product`: missing",
        ),
        (
            "not a list",
            r#"{"value":1,"currency":"BRL","promise_ids":"p"}"#,
            Code::DataInvalid,
            "`promise_ids`: expected a list, got text",
        ),
    ];
    for (what, body, code, detail) in table {
        assert_rejected(what, decode(&placed(), body), *code, detail);
    }
    assert_rejected(
        "not UTF-8",
        decode(&placed(), b"{\"value\":\"\xC3\x28\"}"),
        Code::JsonInvalid,
        "not UTF-8 after byte 10",
    );
}

#[test]
fn numbers_and_days_that_break_their_schema_are_rejected_with_their_path() {
    let table: &[(&str, &str, Code, &str)] = &[
        (
            "a fraction",
            r#"{"value":1,"currency":"BRL","item_count":1.5}"#,
            Code::DataInvalid,
            "`item_count`: not a whole number",
        ),
        (
            "too fine",
            r#"{"value":12.999,"currency":"BRL"}"#,
            Code::DataInvalid,
            "`value`: at most 18 digits, 2 of them",
        ),
        (
            "too large",
            r#"{"value":12345678901234567.00,"currency":"BRL"}"#,
            Code::DataInvalid,
            "at most 18 digits",
        ),
        (
            "huge exponent",
            r#"{"value":1e999999999,"currency":"BRL"}"#,
            Code::DataInvalid,
            "at most 18 digits",
        ),
        ("not money", r#"{"value":"1_000","currency":"BRL"}"#, Code::DataInvalid, "not an exact number"),
        ("a comma", r#"{"value":"12,99","currency":"BRL"}"#, Code::DataInvalid, "not an exact number"),
        (
            "a date",
            r#"{"value":1,"currency":"BRL","promised_date":"12.03.2026"}"#,
            Code::DataInvalid,
            "`promised_date`: not a date",
        ),
        (
            "no such day",
            r#"{"value":1,"currency":"BRL","promised_date":"2026-02-30"}"#,
            Code::DataInvalid,
            "not a date",
        ),
        (
            "year 0",
            r#"{"value":1,"currency":"BRL","promised_date":"0000-02-28"}"#,
            Code::DataInvalid,
            "years 1 to 9999",
        ),
        ("lone surrogate", r#"{"value":1,"currency":"\ud800"}"#, Code::JsonInvalid, "`currency`"),
    ];
    for (what, body, code, detail) in table {
        assert_rejected(what, decode(&placed(), body), *code, detail);
    }
}

#[test]
fn endless_lists_are_rejected_in_either_format() {
    let ids = vec![Value::text("p"); 10_001];
    let json =
        format!(r#"{{"value":1,"currency":"BRL","promise_ids":[{}]}}"#, vec![r#""p""#; 10_001].join(","));
    assert_rejected(
        "JSON",
        decode(&placed(), json),
        Code::DataInvalid,
        "`promise_ids`: more than 10000 items",
    );
    let catalogue = Catalogue::builtin();
    let facts = catalogue.facts_from_json("order.placed", r#"{"value":1,"currency":"BRL"}"#).unwrap();
    let mut values = facts.values().to_vec();
    values[facts.shape().position("promise_ids").unwrap()] = Value::List(ids);
    let (fingerprint, writer) = catalogue.newest_writer("order.placed").unwrap();
    let mut avro = [&crate::avro::MARKER[..], &fingerprint].concat();
    writer.write(&values, &mut avro).unwrap();
    let result = decode(&headers("order.placed", "application/avro"), avro);
    assert_rejected("Avro", result, Code::DataInvalid, "`promise_ids`: more than 10000 items");
}

#[test]
fn rejections_never_repeat_a_fact() {
    let secret = "Maria da Silva";
    for fact in ["score", "channel", "answer_expected", "promised_date", "promise_ids", "text"] {
        for value in [format!(r#""{secret}""#), format!(r#"["{secret}"]"#), format!(r#"{{"{secret}":1}}"#)] {
            let body = format!(r#"{{"channel":"email","{fact}":{value}}}"#);
            if let Err(rejection) = decode(&headers("contact.received", "application/json"), body) {
                assert!(!rejection.to_string().contains("Maria"), "{rejection}");
            }
        }
    }
}

#[test]
fn facts_are_taken_as_they_were_written() {
    let facts = |body: &str| Catalogue::builtin().facts_from_json("order.placed", body).unwrap();
    let money = [
        ("12.99", "12.99"),
        (r#""12.99""#, "12.99"),
        ("5", "5.00"),
        ("-0.5", "-0.50"),
        ("1.2990e1", "12.99"),
        ("1E3", "1000.00"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("12.9900000", "12.99"),
    ];
    for (written, read) in money {
        let facts = facts(&format!(r#"{{"value":{written},"currency":"BRL"}}"#));
        assert_eq!(facts.get("value").unwrap().to_string(), read);
    }
    let facts = facts(
        r#"{"value":1,"currency":"Br\u00e9\n","channel":"pigeon","unknown":{"a":[1]},"unknown":2,"state":null,"items":[{"product":"p","price":1}]}"#,
    );
    assert_eq!(facts.get("currency"), Some(&Value::text("Bré\n")), "escapes are read");
    assert_eq!(facts.get("channel"), Some(&Value::text("other")), "an unknown symbol is the default");
    assert_eq!(facts.get("state"), None, "null is absent");
    assert_eq!(facts.get("promise_ids"), Some(&Value::List(vec![])), "a default is filled in");
    let Some(Value::List(items)) = facts.get("items") else { panic!("no items") };
    assert_eq!(items[0].to_string(), r#"{"product":"p","quantity":1,"price":"1.00"}"#, "also inside");
}
