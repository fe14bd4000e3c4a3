//! The rules of `schemas/README.md`, over every file that lies there.

use std::collections::BTreeSet;

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use hinge_domain::{Event, Stream};
use serde_json::Value as Json;

use super::files;
use crate::avro::Writer;
use crate::compatibility::incompatibilities;
use crate::files::{EVENT_SCHEMAS, NOTIFICATION_SCHEMAS, SchemaFile};
use crate::schema_fields::{MAX_SCHEMA_BYTES, check_limits};
use crate::{CATALOGUE_VERSION, Catalogue};

fn all() -> impl Iterator<Item = &'static SchemaFile> {
    EVENT_SCHEMAS.iter().chain(NOTIFICATION_SCHEMAS)
}

fn pascal_case(event_type: &str) -> String {
    let parts = event_type.split('.');
    parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

/// Calls `check` with every field of a schema, nested ones included, and its path.
fn each_field(schema: &Json, path: &str, check: &mut dyn FnMut(&str, &Json)) {
    match schema {
        Json::Object(members) => {
            for field in members.get("fields").and_then(Json::as_array).into_iter().flatten() {
                let path = format!("{path}.{}", field["name"].as_str().unwrap());
                check(&path, field);
                each_field(&field["type"], &path, check);
            }
            members.get("items").into_iter().for_each(|items| each_field(items, path, check));
        }
        Json::Array(branches) => branches.iter().for_each(|branch| each_field(branch, path, check)),
        _ => {}
    }
}

/// Calls `check` with every type that a schema mentions.
fn each_type(schema: &Json, check: &mut dyn FnMut(&Json)) {
    check(schema);
    match schema {
        Json::Object(members) => {
            members.get("items").into_iter().for_each(|items| each_type(items, check));
            for field in members.get("fields").and_then(Json::as_array).into_iter().flatten() {
                each_type(&field["type"], check);
            }
        }
        Json::Array(branches) => branches.iter().for_each(|branch| each_type(branch, check)),
        _ => {}
    }
}

#[test]
fn every_schema_file_is_compiled_in() {
    let compiled: BTreeSet<_> = all()
        .map(|file| (file.folder.to_owned(), format!("{}.v{}", file.event_type, file.version)))
        .collect();
    assert_eq!(compiled, files(".avsc").into_iter().collect());
}

#[test]
fn every_schema_keeps_the_house_rules() {
    for file in all() {
        let name = format!("{}.v{}", file.event_type, file.version);
        let schema: Json = serde_json::from_str(file.text).unwrap();
        let namespace =
            if file.folder == "hinge" { "hinge".to_owned() } else { format!("hinge.{}", file.folder) };
        assert_eq!(schema["namespace"], namespace.as_str(), "{name}");
        assert_eq!(schema["name"], pascal_case(file.event_type).as_str(), "{name}");
        assert!(schema["doc"].as_str().is_some_and(|doc| !doc.is_empty()), "{name} has no doc");
        each_field(&schema, &name, &mut |path, field| {
            let optional = field["type"].is_array();
            assert!(field["doc"].as_str().is_some_and(|doc| doc.ends_with('.')), "{path} has no doc");
            assert!(matches!(field["pii"].as_str(), Some("direct" | "indirect" | "none")), "{path}: pii");
            assert!(!optional || field.get("default") == Some(&Json::Null), "{path}: not null by default");
            let reserved = Event::ATTRIBUTES.contains(&field["name"].as_str().unwrap());
            assert!(!reserved || file.folder == "hinge", "{path} is named like an attribute");
        });
        each_type(&schema, &mut |kind| {
            let primitive = kind["type"].as_str().or(kind.as_str()).unwrap_or_default();
            let logical = kind["logicalType"].as_str();
            match (primitive, logical) {
                ("enum", None) => {
                    assert!(kind["default"].is_string(), "{name}: enum without default: {kind}");
                }
                ("bytes", Some("decimal")) => {
                    assert_eq!((&kind["precision"], &kind["scale"]), (&18.into(), &2.into()));
                }
                ("int", Some("date"))
                | ("long", Some("timestamp-millis"))
                | ("string", Some("uuid"))
                | ("long" | "string" | "record" | "array" | "null" | "boolean" | "double" | "", None) => {}
                other => panic!("{name}: {other:?} is not used here"),
            }
        });
    }
}

#[test]
fn every_event_says_who_did_it_and_which_promises_it_is_under() {
    for shape in Catalogue::builtin().shapes() {
        let mut wanted = vec!["promise_ids", "performed_by", "zone"];
        if shape.stream != Stream::Marketing {
            wanted.extend(["customer_id", "state", "promised_date"]);
        }
        for fact in wanted {
            assert!(shape.position(fact).is_some(), "{} lacks {fact}", shape.event_type);
        }
    }
}

#[test]
fn every_version_reads_every_other() {
    let mut compared = 0;
    for written in all() {
        for read in all().filter(|file| file.event_type == written.event_type) {
            let parse = |file: &SchemaFile| Schema::parse_str(file.text).unwrap();
            let compatible = SchemaCompatibility::can_read(&parse(written), &parse(read));
            let what = format!("{}: v{} -> v{}", read.event_type, written.version, read.version);
            assert!(compatible.is_ok(), "{what}: {compatible:?}");
            assert_eq!(incompatibilities(&parse(written), &parse(read)), Ok(Vec::new()), "{what}");
            compared += 1;
        }
    }
    assert!(compared > all().count(), "no type has two versions");
}

#[test]
fn the_catalogue_version_is_that_of_its_newest_type_and_older_types_stay_in_theirs() {
    let catalogue = Catalogue::builtin();
    let with = |version: u32| {
        let since = catalogue.shapes().filter(|shape| catalogue.since(&shape.event_type) == Some(version));
        since.count()
    };
    let counts: Vec<usize> = (1..=CATALOGUE_VERSION).map(with).collect();
    assert_eq!(counts, [10, 18], "a published version of the catalogue never changes");
    assert_eq!(counts.iter().sum::<usize>(), catalogue.shapes().count());
    assert_eq!(catalogue.since("order.teleported"), None);
}

#[test]
fn schemas_beyond_the_limits_are_refused() {
    let field =
        |kind: &str| format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{kind}}}]}}"#);
    let deep =
        (0..40).fold("\"long\"".to_owned(), |inner, _| format!(r#"{{"type":"array","items":{inner}}}"#));
    let many: Vec<String> = (0..501).map(|n| format!(r#"{{"name":"f{n}","type":"long"}}"#)).collect();
    let table = [
        ("deep", field(&deep), "nested deeper"),
        (
            "wide",
            format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, many.join(",")),
            "more than 500 fields",
        ),
        ("large", field(&format!("\"long\",\"doc\":\"{}\"", "x".repeat(MAX_SCHEMA_BYTES))), "bytes"),
        ("not JSON", "{".to_owned(), "EOF"),
    ];
    for (what, text, problem) in table {
        let error = check_limits(&text).expect_err(what).to_string();
        assert!(error.contains(problem), "{what}: {error}");
    }
    let table = [
        ("recursive", field(r#"["null","R"]"#)),
        ("no default", field(r#"["null","long"],"pii":"none""#)),
        ("a wide union", field(r#"["null","long","string"],"default":null,"pii":"none""#)),
        ("no pii", field("\"long\"")),
        ("int", field(r#""int","pii":"none""#)),
        ("enum without default", field(r#"{"type":"enum","name":"E","symbols":["a"]},"pii":"none""#)),
    ];
    for (what, text) in table {
        assert!(Writer::parse(&text).is_err(), "{what}");
    }
}
