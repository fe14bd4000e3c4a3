//! Records as Confluent's serializers write them, on their way through the router.

use hinge_router::{DEAD_LETTERS, Filtered, Outcome};
use hinge_schema::{Catalogue, Code, Encoding, ForeignSchema, SchemaId, VALUE_SCHEMA_ID};
use hinge_tests::invented::{at, event, event_with, input};
use hinge_tests::world::{Input, World};
use serde_json::json;

use crate::scenarios::starter;

const NUMBER: SchemaId = SchemaId::Number(17);
const GUID: &str = "6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10";

/// An Avro record of ours, framed as a producer with a schema registry frames it.
fn framed(avro: &Input, id: SchemaId, in_header: bool) -> Input {
    // The single-object encoding is ten bytes and the data.
    let data = avro.value.as_ref().unwrap()[10..].to_vec();
    let mut framed = avro.clone();
    framed.headers.retain(|(name, _)| name != "content-type");
    if in_header {
        framed.headers.push((VALUE_SCHEMA_ID.to_owned(), id.to_bytes()));
        framed.value = Some(data);
    } else {
        framed.value = Some([id.to_bytes(), data].concat());
    }
    framed
}

fn catalogue() -> Catalogue {
    let builtin = Catalogue::builtin();
    let text = builtin.schema_texts("order.placed").unwrap()[0];
    let schema = || ForeignSchema::parse(text).unwrap();
    let guid: SchemaId = GUID.parse().unwrap();
    builtin.with_confluent([(NUMBER, schema()), (guid, schema())]).unwrap()
}

#[test]
fn framed_orders_are_told_and_an_unknown_id_lies_in_the_dead_letters_as_it_came() {
    let world = World::embedded(starter()).with_catalogue(catalogue());
    let catalogue = world.catalogue();
    let occurred = at("2026-03-02T08:00:00Z");
    let order = |name: &str| {
        let promised = json!({"promise_ids": ["two-days"]});
        input(
            catalogue,
            &event_with(catalogue, "order.placed", name, occurred, &promised),
            Encoding::Avro,
            None,
        )
    };
    let by_prefix = framed(&order("A-1"), NUMBER, false);
    let by_header = framed(&order("A-2"), GUID.parse().unwrap(), true);
    let unknown = framed(&order("A-3"), SchemaId::Number(18), false);
    let mut misplaced = framed(&order("A-4"), NUMBER, true);
    for (name, value) in &mut misplaced.headers {
        if name == "ce_type" {
            *value = b"order.changed".to_vec();
        }
    }
    let plain =
        input(catalogue, &event(catalogue, "order.placed", "A-5", occurred), Encoding::JsonBinary, None);
    // The same event in another encoding is a repetition, not a conflict.
    let again = order("A-1");
    world.write(&[by_prefix, by_header, unknown.clone(), misplaced, plain, again]);

    let summary = world.drain();
    let count = |outcome: Outcome| -> u64 {
        summary.outcomes.iter().filter(|((_, it), _)| *it == outcome).map(|(_, count)| count).sum()
    };
    assert_eq!(count(Outcome::Emitted), 3);
    assert_eq!(count(Outcome::Filtered(Filtered::Repetition)), 1);
    assert_eq!(count(Outcome::Rejected(Code::SchemaIdUnknown)), 1);
    assert_eq!(count(Outcome::Rejected(Code::SchemaMismatch)), 1);
    assert_eq!(summary.records(), 6);

    let told: Vec<_> =
        world.notifications().into_iter().filter(|told| told.department == "customer-support").collect();
    let mut orders: Vec<&str> = told.iter().map(|told| told.correlation_id.as_str()).collect();
    orders.sort_unstable();
    assert_eq!(orders, ["A-1", "A-2"], "both cite a promise");
    let letters = world.records(DEAD_LETTERS);
    let letter = letters.iter().find(|it| it.headers.get("hinge-error-code") == Some(b"schema-id-unknown"));
    let letter = letter.expect("the unknown id left a dead letter");
    assert_eq!(letter.value, unknown.value);
    let detail = String::from_utf8_lossy(letter.headers.get("hinge-error-detail").unwrap());
    assert!(detail.contains("the id 18"), "{detail}");
}
