//! Which schemas read one another, as tables of two schemas and what is said about them.

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;

use crate::compatibility::incompatibilities;
use crate::{Catalogue, ForeignSchema, NOTIFICATION_TYPE};

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

fn field(kind: &str) -> String {
    record(&format!(r#"{{"name":"f","type":{kind}}}"#))
}

/// What is said when `reader` reads what `writer` wrote.
fn said(writer: &str, reader: &str) -> Vec<String> {
    let parse = |text: &str| Schema::parse_str(text).unwrap();
    let found = incompatibilities(&parse(writer), &parse(reader)).unwrap();
    found.iter().map(|it| format!("{it}{}", if it.sometimes { " (sometimes)" } else { "" })).collect()
}

const DATE: &str = r#"{"type":"int","logicalType":"date"}"#;
const MILLIS: &str = r#"{"type":"long","logicalType":"timestamp-millis"}"#;
const MICROS: &str = r#"{"type":"long","logicalType":"timestamp-micros"}"#;
const MONEY: &str = r#"{"type":"bytes","logicalType":"decimal","precision":18,"scale":2}"#;
const FINE: &str = r#"{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}"#;
const SHORT: &str = r#"{"type":"enum","name":"E","symbols":["a"]}"#;
const LONG: &str = r#"{"type":"enum","name":"E","symbols":["a","b","c"]}"#;
const SAFE: &str = r#"{"type":"enum","name":"E","symbols":["z"],"default":"z"}"#;

#[test]
fn each_pair_of_kinds_is_told_whether_it_fits() {
    let table: &[(&str, &str, &str)] = &[
        // Avro's promotions.
        ("\"int\"", "\"long\"", ""),
        ("\"int\"", "\"double\"", ""),
        ("\"float\"", "\"double\"", ""),
        ("\"long\"", "\"int\"", "`f`: long cannot be read as int"),
        ("\"double\"", "\"float\"", "`f`: double cannot be read as float"),
        ("\"string\"", "\"bytes\"", ""),
        ("\"bytes\"", "\"string\"", ""),
        ("\"string\"", "\"long\"", "`f`: string cannot be read as long"),
        ("\"boolean\"", "\"int\"", "`f`: boolean cannot be read as int"),
        // The same bytes, but not the same meaning.
        (DATE, "\"int\"", ""),
        ("\"int\"", DATE, ""),
        ("\"int\"", MILLIS, ""),
        (MICROS, MILLIS, "`f`: timestamp-micros cannot be read as timestamp-millis"),
        (DATE, MILLIS, "`f`: date cannot be read as timestamp-millis"),
        (MONEY, FINE, "`f`: decimal(18, 2) cannot be read as decimal(18, 4)"),
        ("\"bytes\"", MONEY, ""),
        ("\"string\"", MONEY, "`f`: string cannot be read as decimal(18, 2)"),
        (MONEY, "\"string\"", "`f`: decimal(18, 2) cannot be read as string"),
        (MONEY, "\"double\"", "`f`: decimal(18, 2) cannot be read as double"),
        // Unions.
        ("\"int\"", r#"["null","long"]"#, ""),
        (r#"["null","int"]"#, r#"["null","long"]"#, ""),
        (r#"["null","int"]"#, "\"int\"", "`f`: may be null, which int cannot be (sometimes)"),
        (r#"["null","string"]"#, r#"["null","long"]"#, "`f`: string cannot be read as null or long"),
        (r#"["int","string"]"#, "\"int\"", "`f`: string cannot be read as int"),
        ("\"null\"", "\"int\"", "`f`: null cannot be read as int"),
        // Enums.
        (SHORT, LONG, ""),
        (LONG, SHORT, "`f`: may be `b`, `c`, which it does not know, and it has no default (sometimes)"),
        (LONG, SAFE, ""),
        (SHORT, r#"{"type":"enum","name":"F","symbols":["a"]}"#, "the enum `E` cannot be read as `F`"),
        (SHORT, "\"string\"", "`f`: enum `E` cannot be read as string"),
        // Lists, maps, fixed.
        (r#"{"type":"array","items":"int"}"#, r#"{"type":"array","items":"long"}"#, ""),
        (r#"{"type":"array","items":"long"}"#, r#"{"type":"array","items":"int"}"#, "`f[]`: long cannot"),
        (r#"{"type":"map","values":"long"}"#, r#"{"type":"map","values":"int"}"#, "`f{}`: long cannot"),
        (
            r#"{"type":"array","items":"int"}"#,
            r#"{"type":"map","values":"int"}"#,
            "`f`: array cannot be read as map",
        ),
        (r#"{"type":"fixed","name":"X","size":4}"#, r#"{"type":"fixed","name":"X","size":5}"#, "fixed(4)"),
        (r#"{"type":"fixed","name":"X","size":4}"#, r#"{"type":"fixed","name":"Y","size":4}"#, "fixed(4)"),
    ];
    for (writer, reader, expected) in table {
        let said = said(&field(writer), &field(reader));
        match said.as_slice() {
            [] => assert_eq!(*expected, "", "{writer} -> {reader}"),
            [one] => assert!(!expected.is_empty() && one.contains(expected), "{writer} -> {reader}: {one}"),
            several => panic!("{writer} -> {reader}: {several:?}"),
        }
        // Never more lenient than the library, which does not look at meanings.
        let parse = |text: &str| Schema::parse_str(&field(text)).unwrap();
        if expected.is_empty() {
            assert!(
                SchemaCompatibility::can_read(&parse(writer), &parse(reader)).is_ok(),
                "{writer} {reader}"
            );
        }
    }
}

#[test]
fn every_place_is_told_and_not_only_the_first() {
    let item = |kind: &str| {
        format!(
            r#"{{"name":"items","type":{{"type":"array","items":{{"type":"record","name":"Item","fields":[
                {{"name":"price","type":{kind}}}]}}}}}}"#
        )
    };
    let writer = record(&format!(r#"{},{{"name":"total","type":"string"}}"#, item("\"string\"")));
    let reader = record(&format!(
        r#"{},{{"name":"total","type":"long"}},{{"name":"since","type":"long"}},{{"name":"kept","type":"long","default":1}},
            {{"name":"renamed","type":"string","aliases":["total"]}}"#,
        item(MONEY)
    ));
    assert_eq!(
        said(&writer, &reader),
        [
            "`items[].price`: string cannot be read as decimal(18, 2)",
            "`total`: string cannot be read as long",
            "`since`: must be given, but the other schema does not have it",
        ]
    );
}

#[test]
fn a_schema_is_compared_with_every_version_in_both_directions() {
    let catalogue = Catalogue::builtin();
    let delayed = catalogue.schema_texts("delivery.delayed").unwrap();
    assert_eq!(delayed.len(), 2);
    let own = ForeignSchema::parse(delayed[0]).unwrap();
    assert_eq!(catalogue.type_of_record(&own.full_name()), Some("delivery.delayed"));
    let compared = catalogue.compare(&own, "delivery.delayed").unwrap().unwrap();
    assert_eq!(compared.iter().map(|it| it.version).collect::<Vec<_>>(), [1, 2]);
    assert!(compared.iter().all(|it| it.hinge_reads.is_empty() && it.reads_hinge.is_empty()));
    // Of another name, with a cause that must be given and that version 1 does not have.
    let other = delayed[1].replace("hinge.delivery", "acme").replacen(
        "      \"default\": \"unknown\",\n      \"pii\": \"none\",\n      \"doc\": \"Why it is late.\"",
        "      \"doc\": \"Why it is late.\"",
        1,
    );
    let other = ForeignSchema::parse(&other).unwrap();
    let compared = catalogue.compare(&other, "delivery.delayed").unwrap().unwrap();
    assert!(compared[0].hinge_reads[0].problem.contains("`acme.DeliveryDelayed`"), "{compared:?}");
    assert_eq!(compared[0].reads_hinge.len(), 1, "{compared:?}");
    assert_eq!(compared[0].reads_hinge[0].path, "cause");
    assert_eq!(compared[1].reads_hinge, []);
    assert_eq!(catalogue.compare(&other, "order.teleported"), Ok(None));

    let notification = ForeignSchema::parse(catalogue.schema_texts(NOTIFICATION_TYPE).unwrap()[0]).unwrap();
    assert_eq!(catalogue.type_of_record(&notification.full_name()), Some(NOTIFICATION_TYPE));
    assert!(catalogue.compare(&notification, NOTIFICATION_TYPE).unwrap().unwrap()[0].reads_hinge.is_empty());
}
