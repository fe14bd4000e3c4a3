//! What holds for every event and for every heap of bytes.

use std::sync::Arc;

use hinge_domain::{Event, Facts, Field, Kind, Value};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::samples::samples;
use crate::{Catalogue, Encoded, Encoding};

/// 2000-01-01 to 2100-01-01, in milliseconds.
const MILLIS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

fn value(kind: &Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int => any::<i64>().prop_map(Value::Int).boxed(),
        Kind::Float => (-1e300..1e300).prop_map(Value::Float).boxed(),
        Kind::Decimal { scale } => {
            let scale = *scale;
            (-999_999_999_999_999_999_i64..=999_999_999_999_999_999)
                .prop_map(move |unscaled| Value::Decimal(Decimal::new(unscaled, scale)))
                .boxed()
        }
        Kind::Text => any::<String>().prop_map(Value::text).boxed(),
        Kind::Uuid => any::<u128>().prop_map(|id| Value::text(uuid::Uuid::from_u128(id).to_string())).boxed(),
        Kind::Symbol { symbols, .. } => prop::sample::select(symbols.clone()).prop_map(Value::Text).boxed(),
        Kind::Instant => {
            MILLIS.prop_map(|at| Value::Instant(Timestamp::from_millisecond(at).unwrap())).boxed()
        }
        Kind::Date => (-719_162..=2_932_896).prop_map(|days| crate::fact_rules::days(days).unwrap()).boxed(),
        Kind::List(item) => vec(value(item), 0..4).prop_map(Value::List).boxed(),
        Kind::Record(fields) => {
            let names: Vec<Arc<str>> = fields.iter().map(|field| Arc::clone(&field.name)).collect();
            let values = fields.iter().map(field).collect::<Vec<_>>();
            values.prop_map(move |values| Value::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
    }
}

fn field(field: &Field) -> BoxedStrategy<Value> {
    let given = value(&field.kind);
    if crate::fact_rules::is_optional(field) {
        prop_oneof![Just(Value::Absent), given].boxed()
    } else {
        given
    }
}

/// An attribute: any text without control characters and noncharacters.
fn attribute() -> impl Strategy<Value = String> {
    "[^\\p{Cc}\\p{Noncharacter_Code_Point}]{1,100}"
}

/// Who says so: what may stand in a URI reference.
fn source() -> impl Strategy<Value = String> {
    "(%[0-9A-Fa-f]{2}|[-A-Za-z0-9:/?#@!$&'()*+,;=._~]){1,100}"
}

fn event() -> impl Strategy<Value = (Event, Option<Timestamp>)> {
    let shapes: Vec<_> = Catalogue::builtin().shapes().cloned().collect();
    let facts = prop::sample::select(shapes).prop_flat_map(|shape| {
        let values: Vec<_> = shape.fields.iter().map(field).collect();
        values.prop_map(move |values| Facts::new(Arc::clone(&shape), values))
    });
    let names = prop::sample::subsequence(vec!["traceparent", "partitionkey", "dataschema"], 0..=3);
    let attributes = (attribute(), source(), attribute(), attribute(), attribute(), names);
    let instant = (MILLIS, 0_i64..1_000_000);
    (attributes, instant, any::<Option<bool>>(), prop::option::of(MILLIS), facts).prop_map(
        |(
            (id, source, subject, correlation_id, extension, names),
            (millis, nanos),
            history,
            recorded,
            facts,
        )| {
            let nanos = i128::from(millis) * 1_000_000 + i128::from(nanos);
            let occurred = Timestamp::from_nanosecond(nanos).unwrap();
            let extensions = names.into_iter().map(|name| (name.to_owned(), extension.clone())).collect();
            let event = Event { id, source, subject, correlation_id, occurred, history, facts, extensions };
            (event, recorded.map(|at| Timestamp::from_millisecond(at).unwrap()))
        },
    )
}

fn decode(encoded: &Encoded) -> Result<crate::Decoded, crate::Rejection> {
    let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
    Catalogue::builtin().decode(headers, Some(&encoded.value))
}

proptest! {
    #[test]
    fn every_event_survives_every_encoding((event, recorded) in event()) {
        for encoding in Encoding::ALL {
            let encoded = Catalogue::builtin().encode_event(&event, recorded, encoding).unwrap();
            let decoded = decode(&encoded).unwrap();
            prop_assert_eq!(&decoded.event, &event);
            prop_assert_eq!(decoded.event.content(), event.content());
            prop_assert_eq!((decoded.recorded, decoded.encoding), (recorded, encoding));
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in vec(any::<u8>(), 0..300), event_type in any::<prop::sample::Index>()) {
        let catalogue = Catalogue::builtin();
        let shapes: Vec<_> = catalogue.shapes().collect();
        let shape = event_type.get(&shapes);
        let (fingerprint, _) = catalogue.newest_writer(&shape.event_type).unwrap();
        let framed = [&crate::avro::MARKER[..], &fingerprint, &bytes].concat();
        for content_type in ["application/json", "application/avro", "application/cloudevents+json"] {
            let headers = super::headers(&shape.event_type, content_type);
            let _ = super::decode(&headers, &bytes);
            let _ = super::decode(&headers, &framed);
        }
        let raw = [("ce_id", Some(bytes.as_slice())), ("content-type", Some(bytes.as_slice()))];
        let _ = catalogue.decode(raw, Some(&bytes));
    }

    #[test]
    fn no_change_to_a_sample_makes_decoding_panic(
        sample in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let all = samples();
        let sample = sample.get(&all);
        for (content_type, body) in [("application/json", sample.json.as_bytes()), ("application/avro", &sample.avro)] {
            let mut body = body.to_vec();
            for (position, byte) in &changes {
                let position = position.index(body.len());
                body[position] = *byte;
            }
            let headers = super::headers(sample.event_type, content_type);
            if let Ok(decoded) = super::decode(&headers, &body) {
                // What is accepted can also be written again.
                for encoding in Encoding::ALL {
                    let encoded = Catalogue::builtin().encode_event(&decoded.event, None, encoding).unwrap();
                    prop_assert_eq!(&decode(&encoded).unwrap().event, &decoded.event);
                }
            }
        }
    }

    /// Whatever bytes lie behind a fingerprint: what is read without the library is what the library reads.
    #[test]
    fn avro_is_read_as_the_library_reads_it(
        (event, _) in event(),
        changes in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0u8..4, Just(0x80), Just(0xFF)]), 0..4),
        (cut, added) in (prop::option::weighted(0.2, any::<prop::sample::Index>()), prop::option::weighted(0.2, any::<u8>())),
    ) {
        let catalogue = Catalogue::builtin();
        let (_, writer) = catalogue.newest_writer(event.event_type()).unwrap();
        let mut datum = Vec::new();
        writer.write(event.facts.values(), &mut datum).unwrap();
        prop_assert!(crate::avro_datum::read(&datum, writer.fields()).is_some(), "what is sound needs no library");
        for (position, byte) in &changes {
            let position = position.index(datum.len());
            datum[position] = *byte;
        }
        datum.truncate(cut.map_or(datum.len(), |cut| cut.index(datum.len())));
        datum.extend(added);
        if let Some(values) = crate::avro_datum::read(&datum, writer.fields()) {
            prop_assert_eq!(Ok(values), writer.read_by_library(&datum));
        }
    }
}
