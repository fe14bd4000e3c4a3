//! Avro that is cut short, followed by something, forged or of another type.

use super::samples::{newest_sample, samples};
use super::{assert_rejected, decode, headers};
use crate::{Catalogue, Code, MAX_BODY_BYTES};

/// What an attacker or a broken producer puts where `order.placed` is expected: its data starts with the
/// bytes of `value`, then the text `currency`.
fn forged(datum: &[u8]) -> Vec<u8> {
    let mut bytes = placed()[..10].to_vec();
    bytes.extend_from_slice(datum);
    bytes
}

fn placed() -> Vec<u8> {
    newest_sample("order.placed").avro
}

#[test]
fn every_truncation_of_every_sample_is_rejected() {
    for sample in samples() {
        for length in 1..sample.avro.len() {
            let result = decode(&headers(sample.event_type, "application/avro"), &sample.avro[..length]);
            let code = if length < 2 { Code::AvroInvalid } else { Code::AvroTruncated };
            assert_rejected(&format!("{} cut at {length}", sample.event_type), result, code, "");
        }
    }
}

#[test]
fn whatever_follows_the_data_is_rejected() {
    for sample in samples() {
        for more in [1, 7, 1024, 64 * 1024] {
            let mut body = sample.avro.clone();
            body.resize(sample.avro.len() + more, 0);
            let result = decode(&headers(sample.event_type, "application/avro"), body);
            assert_rejected(sample.event_type, result, Code::AvroTrailing, &format!("{more} bytes follow"));
        }
    }
}

#[test]
fn forged_data_is_rejected() {
    // 1.00, "BRL", no freight, no item count: what comes before `items`.
    let before_items = [&[0x02, 0x64, 0x06][..], b"BRL", &[0x00, 0x00]].concat();
    let items = |bytes: &[u8]| forged(&[&before_items[..], bytes].concat());
    let table: Vec<(&str, Vec<u8>, Code, &str)> = vec![
        ("negative length", forged(&[0x01]), Code::AvroInvalid, "negative length"),
        (
            "length of 2^62",
            forged(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
            Code::AvroInvalid,
            "beyond the limit",
        ),
        ("endless number", forged(&[0xFF; 12]), Code::AvroInvalid, "too large"),
        ("length beyond the data", forged(&[0x80, 0x10]), Code::AvroTruncated, "ends before"),
        ("money without bytes", forged(&[0x00, 0x06, b'B', b'R', b'L']), Code::AvroTruncated, ""),
        ("text that is not UTF-8", forged(&[0x02, 0x64, 0x04, 0xC3, 0x28]), Code::AvroInvalid, "UTF-8"),
        ("lone surrogate", forged(&[0x02, 0x64, 0x06, 0xED, 0xA0, 0x80]), Code::AvroInvalid, "UTF-8"),
        (
            "union branch 2",
            forged(&[&before_items[..6], &[0x04]].concat()),
            Code::AvroInvalid,
            "union branch",
        ),
        ("union branch -1", forged(&[&before_items[..6], &[0x01]].concat()), Code::AvroInvalid, "negative"),
        ("2^40 items", items(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x40]), Code::AvroInvalid, "beyond the limit"),
        ("a million items", items(&[0x80, 0x89, 0x7A]), Code::AvroInvalid, "beyond the limit"),
        ("many items that are not there", items(&[0xD0, 0x0F]), Code::AvroTruncated, ""),
        (
            "negative count of 2^63",
            items(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00]),
            Code::AvroInvalid,
            "too large",
        ),
        ("enum symbol 99", items(&[0x00, 0xC6, 0x01]), Code::AvroInvalid, "enum symbol"),
        ("enum symbol -1", items(&[0x00, 0x01]), Code::AvroInvalid, "negative"),
        ("nothing but the header", forged(&[]), Code::AvroTruncated, ""),
    ];
    for (what, body, code, detail) in table {
        assert_rejected(what, decode(&headers("order.placed", "avro/binary"), body), code, detail);
    }
}

#[test]
fn values_outside_their_kind_are_rejected_with_their_path() {
    let scheduled = newest_sample("delivery.scheduled").avro;
    // `scheduled_date` comes first and has three bytes in the sample; then `window_starts`.
    let with_date = |days: &[u8]| [&scheduled[..10], days, &scheduled[13..]].concat();
    let with_instant = |millis: &[u8]| [&scheduled[..13], &[0x02], millis, &scheduled[20..]].concat();
    let huge = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    let table = [
        (
            "date of 5 million years",
            with_date(&[0xFE, 0xFF, 0xFF, 0xFF, 0x0F]),
            "`scheduled_date`: a date outside",
        ),
        ("instant at the end of numbers", with_instant(&huge), "`window_starts`: an instant outside"),
        ("instant in 1969", with_instant(&[0x01]), "`window_starts`: before 1970"),
    ];
    for (what, body, detail) in table {
        assert_rejected(
            what,
            decode(&headers("delivery.scheduled", "application/avro"), body),
            Code::DataInvalid,
            detail,
        );
    }
    // 19 digits, and 17 bytes.
    for bytes in
        [&[0x10, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][..], &[&[0x22][..], &[0x01; 17]].concat()]
    {
        let body = [&placed()[..10], bytes, &placed()[13..]].concat();
        let result = decode(&headers("order.placed", "application/avro"), body);
        assert_rejected("money with too many digits", result, Code::DataInvalid, "`value`: ");
    }
}

#[test]
fn the_fingerprint_of_the_rust_library_is_understood_too() {
    let catalogue = Catalogue::builtin();
    let [by_specification, by_library] = catalogue.newest_writer("order.placed").unwrap().1.fingerprints();
    assert_ne!(by_specification, by_library, "the library has learnt the specification: drop the second");
    let (placed, mut renamed) = (placed(), placed());
    renamed[2..10].copy_from_slice(&by_library);
    let facts = |body| decode(&headers("order.placed", "application/avro"), body).unwrap().event.facts;
    assert_eq!(facts(placed), facts(renamed));
}

#[test]
fn data_of_another_kind_is_named() {
    let body = placed();
    let mut unknown = body.clone();
    unknown[2..10].fill(0xAB);
    let table: Vec<(&str, &str, Vec<u8>, Code, &str)> = vec![
        (
            "another type",
            "order.changed",
            body,
            Code::SchemaMismatch,
            "type `order.changed`, data of `order.placed`",
        ),
        ("unknown schema", "order.placed", unknown, Code::SchemaUnknown, "abababababababab"),
        ("JSON as Avro", "order.placed", b"{}".to_vec(), Code::AvroInvalid, "C3 01"),
        ("too large", "order.placed", vec![0xC3; MAX_BODY_BYTES + 1], Code::BodyTooLarge, "1048577 bytes"),
    ];
    for (what, event_type, body, code, detail) in table {
        assert_rejected(
            what,
            decode(&headers(event_type, "application/vnd.apache.avro"), body),
            code,
            detail,
        );
    }
}
