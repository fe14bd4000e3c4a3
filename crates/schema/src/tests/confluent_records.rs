//! Records in Confluent's framing: with our schemas, with a producer's own, and with none that is known.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::samples::{newest_sample, samples};
use super::{assert_rejected, headers};
use crate::files::EVENT_SCHEMAS;
use crate::{Catalogue, Code, Decoded, ForeignSchema, Rejection, SchemaId, VALUE_SCHEMA_ID};

/// A producer's schema of its own: other numbers, another order, more fields than Hinge knows, fewer than it has.
const OWN: &str = r#"{"type":"record","name":"OrderPlaced","namespace":"hinge.order","fields":[
    {"name":"notes","type":{"type":"map","values":["null","string"]},"default":{}},
    {"name":"currency","type":["null","string"],"default":null},
    {"name":"checksum","type":{"type":"fixed","name":"Md5","size":4}},
    {"name":"billing","type":["null",{"type":"record","name":"Place","fields":[{"name":"town","type":"string"}]}]},
    {"name":"shipping","type":["null","Place"]},
    {"name":"item_count","type":["null","int"],"default":null},
    {"name":"channel","type":{"type":"enum","name":"SalesChannel","symbols":["web","carrier_pigeon"]}},
    {"name":"weight","type":"float"},
    {"name":"state","type":"string"},
    {"name":"promised_date","type":["null","int"]},
    {"name":"value","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":2}}]}"#;

fn own_value(currency: Avro, channel: (u32, &str)) -> Avro {
    let place = |town: &str| Avro::Record(vec![("town".to_owned(), Avro::String(town.to_owned()))]);
    let of = |branch, value| Avro::Union(branch, Box::new(value));
    let notes = [("gift".to_owned(), of(1, Avro::String("yes".to_owned())))];
    let fields = [
        ("notes", Avro::Map(notes.into())),
        ("currency", currency),
        ("checksum", Avro::Fixed(4, vec![1, 2, 3, 4])),
        ("billing", of(1, place("Bern"))),
        ("shipping", of(1, place("Thun"))),
        ("item_count", of(1, Avro::Int(3))),
        ("channel", Avro::Enum(channel.0, channel.1.to_owned())),
        ("weight", Avro::Float(1.5)),
        ("state", Avro::String("BE".to_owned())),
        ("promised_date", of(1, Avro::Int(20_523))),
        ("value", Avro::Decimal(vec![0x3A, 0x84].into())),
    ];
    Avro::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn own_datum(currency: Avro, channel: (u32, &str)) -> Vec<u8> {
    let schema = Schema::parse_str(OWN).unwrap();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let mut bytes = Vec::new();
    writer.write_value(&mut bytes, own_value(currency, channel)).unwrap();
    bytes
}

fn currency(text: &str) -> Avro {
    Avro::Union(1, Box::new(Avro::String(text.to_owned())))
}

const OWN_ID: SchemaId = SchemaId::Number(4_000_000_000);

fn guid(number: u128) -> SchemaId {
    SchemaId::Guid(uuid::Uuid::from_u128(number))
}

/// Every schema of Hinge under a number and a GUID, and a producer's own.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let ours = EVENT_SCHEMAS.iter().zip(1_u32..).flat_map(|(file, number)| {
        let parse = || ForeignSchema::parse(file.text).unwrap();
        [(SchemaId::Number(number), parse()), (guid(number.into()), parse())]
    });
    let own = [(OWN_ID, ForeignSchema::parse(OWN).unwrap())];
    Catalogue::builtin().with_confluent(ours.chain(own)).unwrap()
});

/// The id as a prefix, or in the header.
#[derive(Clone, Copy, Debug)]
enum Form {
    Prefix,
    Header,
}

fn read(
    catalogue: &Catalogue,
    (form, id): (Form, SchemaId),
    event_type: &str,
    datum: &[u8],
) -> Result<Decoded, Rejection> {
    let id = id.to_bytes();
    let mut said: Vec<(&str, Option<&[u8]>)> = Vec::new();
    let described = headers(event_type, "application/avro");
    said.extend(described.iter().map(|(name, value)| (*name, Some(value.as_bytes()))));
    match form {
        Form::Prefix => catalogue.decode(said, Some(&[&id, datum].concat())),
        Form::Header => {
            said.push((VALUE_SCHEMA_ID, Some(&id)));
            catalogue.decode(said, Some(datum))
        }
    }
}

#[test]
fn every_version_of_every_type_is_read_from_prefix_and_header_as_from_single_object_encoding() {
    let catalogue = &CATALOGUE;
    for (sample, number) in samples().iter().zip(1_u32..) {
        let expected = super::decode(&headers(sample.event_type, "application/avro"), &sample.avro).unwrap();
        let datum = &sample.avro[10..];
        for form in [Form::Prefix, Form::Header] {
            for id in [SchemaId::Number(number), guid(number.into())] {
                let what = format!("{} {form:?} {id}", sample.event_type);
                assert_eq!(read(catalogue, (form, id), sample.event_type, datum).expect(&what), expected);
                let last = datum.len() - 1;
                for length in [0, 1, last / 2, last] {
                    let cut = read(catalogue, (form, id), sample.event_type, &datum[..length]);
                    let (code, detail) = match (form, length) {
                        (Form::Header, 0) => (Code::BodyMissing, ""),
                        (_, _) => (Code::AvroTruncated, "ends before"),
                    };
                    assert_rejected(&format!("{what} cut at {length}"), cut, code, detail);
                }
                let more = [datum, &[0; 3]].concat();
                let more = read(catalogue, (form, id), sample.event_type, &more);
                assert_rejected(&what, more, Code::AvroTrailing, "3 bytes follow");
            }
        }
    }
}

#[test]
fn a_producers_own_schema_is_read_by_the_rules_of_avro() {
    let catalogue = &CATALOGUE;
    let decoded = read(
        catalogue,
        (Form::Prefix, OWN_ID),
        "order.placed",
        &own_datum(currency("CHF"), (1, "carrier_pigeon")),
    );
    let event = decoded.unwrap().event;
    let said = |name: &str| event.attribute(name).unwrap().to_string();
    assert_eq!(said("value"), "149.80");
    assert_eq!((said("currency"), said("state")), ("CHF".to_owned(), "BE".to_owned()));
    assert_eq!((said("item_count"), said("promised_date")), ("3".to_owned(), "2026-03-11".to_owned()));
    assert_eq!(said("channel"), "other", "a symbol that is not known is the default");
    assert_eq!(said("promise_ids"), "[]", "a fact that the producer lacks has its default");
    assert_eq!(event.attribute("freight"), None);

    let without = own_datum(Avro::Union(0, Box::new(Avro::Null)), (0, "web"));
    let without = read(catalogue, (Form::Header, OWN_ID), "order.placed", &without);
    assert_rejected("null", without, Code::DataInvalid, "`currency`: null; expected text");
}

#[test]
fn the_bytes_of_confluents_own_client_are_understood() {
    // Framed by confluent-kafka 2.16 for Python, data by fastavro 1.13.
    let hex = |text: &str| -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    };
    let guid = "6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10".parse().unwrap();
    let own = || ForeignSchema::parse(OWN).unwrap();
    let known = [(SchemaId::Number(17), own()), (guid, own())];
    let catalogue = Catalogue::builtin().with_confluent(known).unwrap();
    let prefixed = hex(concat!(
        "000000001102086769667402067965730002064348460102030402084265726e",
        "02085468756e0206020000c03f04424502d6c002043a84"
    ));
    let in_header = hex("016f1c3c4e0b1d5c529f3e2f6a4f9b7c10");
    let described = headers("order.placed", "application/avro");
    let said = || described.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
    let by_prefix = catalogue.decode(said(), Some(&prefixed)).unwrap();
    let header = [(VALUE_SCHEMA_ID, Some(in_header.as_slice()))];
    let by_header = catalogue.decode(said().chain(header), Some(&prefixed[5..])).unwrap();
    assert_eq!(by_prefix, by_header);
    let ours = own_datum(currency("CHF"), (1, "carrier_pigeon"));
    assert_eq!(by_prefix, read(&CATALOGUE, (Form::Prefix, OWN_ID), "order.placed", &ours).unwrap());
}

#[test]
fn what_does_not_fit_is_named() {
    let catalogue = &CATALOGUE;
    let placed = newest_sample("order.placed").avro;
    let unknown = read(catalogue, (Form::Prefix, SchemaId::Number(77_777)), "order.placed", &placed[10..]);
    assert_rejected("unknown number", unknown, Code::SchemaIdUnknown, "77777");
    let unknown = read(catalogue, (Form::Header, guid(77_777)), "order.placed", &placed[10..]);
    assert_rejected("unknown GUID", unknown, Code::SchemaIdUnknown, "00000000-0000-0000-0000-000000012fd1");
    let nothing_configured = super::decode(&headers("order.placed", "avro/binary"), [0, 0, 0, 0, 7, 2]);
    assert_rejected("no table", nothing_configured, Code::SchemaIdUnknown, "the id 7");
    let other = read(catalogue, (Form::Prefix, OWN_ID), "order.changed", &placed[10..]);
    assert_rejected(
        "another type",
        other,
        Code::SchemaMismatch,
        "data of `order.placed` by the id 4000000000",
    );
    let short = super::decode(&headers("order.placed", "avro/binary"), [0, 0, 0]);
    assert_rejected("half an id", short, Code::AvroTruncated, "within the id");

    let with = |extra: &[(&'static str, &'static [u8])], body: &[u8]| {
        let described = headers("order.placed", "");
        let described = described.iter().filter(|(name, _)| *name != "content-type");
        let mut said: Vec<_> = described.map(|(name, value)| (*name, Some(value.as_bytes()))).collect();
        said.extend(extra.iter().map(|(name, value)| (*name, Some(*value))));
        catalogue.decode(said, Some(body))
    };
    assert_rejected("a header", with(&[(VALUE_SCHEMA_ID, b"17")], b"x"), Code::AvroInvalid, VALUE_SCHEMA_ID);
    let twice = [(VALUE_SCHEMA_ID, &[0; 5][..]), (VALUE_SCHEMA_ID, &[0; 5][..])];
    assert_rejected("twice", with(&twice, b"x"), Code::AttributeInvalid, "given twice");
    // Without a content type the framing tells; JSON that names a JSON Schema stays JSON.
    let datum = own_datum(currency("CHF"), (0, "web"));
    let prefixed = [OWN_ID.to_bytes(), datum.clone()].concat();
    assert!(with(&[], &prefixed).is_ok());
    assert!(with(&[(VALUE_SCHEMA_ID, &[0, 0xEE, 0x6B, 0x28, 0])], &datum).is_ok());
    let json = newest_sample("order.placed").json;
    let json_with_header = [("content-type", &b"application/json"[..]), (VALUE_SCHEMA_ID, &[0; 5][..])];
    assert!(with(&json_with_header, json.as_bytes()).is_ok());
}

#[test]
fn a_schema_that_cannot_be_read_is_refused_when_it_is_configured() {
    let refused = |text: &str| {
        let schema = ForeignSchema::parse(text).unwrap();
        let refused = Catalogue::builtin().with_confluent([(SchemaId::Number(17), schema)]);
        refused.map(|_| ()).unwrap_err().to_string()
    };
    let renamed = refused(&OWN.replace("hinge.order", "acme"));
    assert!(renamed.contains("schema `17`") && renamed.contains("`acme.OrderPlaced`"), "{renamed}");
    let imprecise = refused(&OWN.replace("\"scale\":2", "\"scale\":3"));
    assert!(imprecise.contains("`value`: decimal(18, 3) cannot be read as decimal(18, 2)"), "{imprecise}");
    let without: Json = serde_json::from_str(OWN).unwrap();
    let fields = without["fields"].as_array().unwrap();
    let fields: Vec<&Json> = fields.iter().filter(|field| field["name"] != "currency").collect();
    let mut without = without.clone();
    without["fields"] = serde_json::to_value(fields).unwrap();
    let without = refused(&without.to_string());
    assert!(without.contains("`currency`: must be given"), "{without}");
}

#[test]
fn a_schema_that_could_make_values_large_or_deep_is_refused() {
    let record =
        |kind: &str| format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{kind}}}]}}"#);
    // Each record holds the one before twice: few bytes of schema, very many fields.
    let doubling: Vec<String> = (1..20)
        .map(|at| {
            format!(
                r#"{{"name":"f{at}","type":{{"type":"record","name":"D{at}","fields":[
                    {{"name":"a","type":"D{0}"}},{{"name":"b","type":"D{0}"}}]}}}}"#,
                at - 1
            )
        })
        .collect();
    let doubling = format!(
        r#"{{"type":"record","name":"R","fields":[
            {{"name":"f0","type":{{"type":"record","name":"D0","fields":[]}}}},{}]}}"#,
        doubling.join(",")
    );
    let table = [
        ("itself", record(r#"["null","R"]"#), "contains itself"),
        ("lists of nothing", record(r#"{"type":"array","items":"null"}"#), "no bytes"),
        (
            "lists of nothing, by name",
            record(
                r#"{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}}"#,
            ),
            "no bytes",
        ),
        ("doubling", doubling, "more than 500 fields"),
        ("large", record(r#"{"type":"fixed","name":"F","size":2000000}"#), "2000000 bytes"),
        ("no record", "\"string\"".to_owned(), "not a record"),
        ("no schema", "{\"type\":\"recrd\"}".to_owned(), ""),
    ];
    for (what, text, problem) in table {
        let error = ForeignSchema::parse(&text).expect_err(what).to_string();
        assert!(error.contains(problem), "{what}: {error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_with_a_foreign_schema_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read(&CATALOGUE, (Form::Header, OWN_ID), "order.placed", &bytes);
    }

    #[test]
    fn no_change_to_foreign_data_makes_reading_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut datum = own_datum(currency("CHF"), (0, "web"));
        for (position, byte) in changes {
            let position = position.index(datum.len());
            datum[position] = byte;
        }
        let _ = read(&CATALOGUE, (Form::Prefix, OWN_ID), "order.placed", &datum);
    }
}
