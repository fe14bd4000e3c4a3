//! What a source may say, and what its author is told about what it may not.

use super::*;
use crate::{PolicyFile, load_files, write_starter};

/// As short as a source gets.
const SHORT: &str = "\
topics: [shop.public.orders]
format: debezium
source: urn:example:shop
zone: Europe/Zurich
subject: row.number
events:
  - type: order.placed
    id: key.number + '/placed'
    time: timestamp_micros(row.placed_at)
    facts: {value: row.total, currency: \"'CHF'\"}
";

const SCHEMA: &str =
    r#"{"type": "record", "name": "Order", "fields": [{"name": "number", "type": "string"}]}"#;

/// The starter policy with these files in `sources/`.
fn loaded(files: &[(&str, &str)]) -> Result<crate::Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    write_starter(folder.path()).unwrap();
    let starter = crate::load(folder.path(), &Catalogue::builtin()).unwrap();
    let own = files
        .iter()
        .map(|(name, text)| PolicyFile { name: format!("sources/{name}"), text: (*text).to_owned() });
    load_files(Path::new("policy"), starter.files.into_iter().chain(own).collect(), &Catalogue::builtin())
}

fn of_avro(avro: &str) -> String {
    SHORT.replacen("format: debezium", &format!("format: avro\navro: {avro}"), 1)
}

#[test]
fn a_source_is_part_of_the_policy_and_of_its_version() {
    let avro = of_avro("{framing: confluent, schemas: [{file: order.avsc, id: 7}]}")
        .replacen("shop.public.orders", "shop.avro", 1)
        .replacen("subject", "when: row.number != 'A-0'\nignored: [note]\nsubject", 1);
    let with = loaded(&[("a.yaml", SHORT), ("b.yaml", &avro), ("order.avsc", SCHEMA)]).unwrap();
    let topics: Vec<&str> = with.sources.topics().into_iter().map(AsRef::as_ref).collect();
    assert_eq!(topics, ["shop.avro", "shop.public.orders"]);
    assert_eq!(with.sources.of("shop.avro").map(|source| source.name().as_ref()), Some("b"));
    assert!(with.sources.of("order.events").is_none());
    let without = loaded(&[]).unwrap();
    let changed = loaded(&[("a.yaml", &SHORT.replace("placed'", "taken'"))]).unwrap();
    let versions = [&with, &without, &changed].map(|loaded| loaded.policy.version.clone());
    assert!(versions[0] != versions[1] && versions[1] != versions[2] && versions[0] != versions[2]);
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_to_do() {
    let no_schema = of_avro("{framing: bare, schemas: []}");
    let recursive = r#"{"type": "record", "name": "A", "fields": [{"name": "a", "type": ["null", "A"]}]}"#;
    let recursive = of_avro(&format!("{{framing: bare, schemas: [{{schema: '{recursive}'}}]}}"));
    let missing = of_avro("{framing: bare, schemas: [{file: nothing.avsc}]}");
    let twice = of_avro("{framing: bare, schemas: [{file: a.avsc, schema: b}]}");
    let guid = of_avro("{framing: confluent, schemas: [{schema: '{}', guid: seven}]}");
    let nameless = of_avro(&format!("{{framing: confluent, schemas: [{{schema: '{SCHEMA}'}}]}}"));
    let framing = of_avro("{framing: glue, schemas: [{schema: '{}'}]}");
    let in_place = |part: &str, by: &str| SHORT.replacen(part, by, 1);
    // The file; the place and the beginning of the first message; a word of its help.
    for (text, place, message, help) in [
        (
            in_place("topics: [shop.public.orders]\n", ""),
            "0:0",
            "a source reads at least one topic",
            "topics:",
        ),
        (in_place("[shop.public.orders]", "[]"), "1:9", "a source reads at least one topic", "topics:"),
        (
            in_place("shop.public", "hinge"),
            "1:10",
            "`hinge.orders` is a topic that Hinge writes",
            "other system",
        ),
        (in_place("shop.public.", "shop/"), "1:10", "`shop/orders` cannot be the name of a topic", "topics"),
        (in_place("format: debezium\n", ""), "0:0", "it does not say what its records are", "cloudevents"),
        (in_place("debezium", "xml"), "2:9", "`xml` is not a format", "json, debezium"),
        (in_place("debezium", "avro"), "2:9", "records in Avro cannot be read without", "schemas"),
        (in_place("subject", "rows: orders\nsubject"), "5:7", "`rows` is for files", "records"),
        (in_place("subject", "delimiter: tab\nsubject"), "5:12", "`delimiter` is for files", "records"),
        (in_place("subject", "join: {a: {key: b}}\nsubject"), "5:8", "`join` is for files", "records"),
        (
            in_place("key.number + '/placed'", "topic + op"),
            "8:9",
            "every row would have the same id",
            "unique",
        ),
        (in_place("key.number", "ce.id"), "8:9", "there is nothing called `ce`", "before"),
        (in_place("subject", "when: row.number ==\nsubject"), "5:18", "", "CEL"),
        (no_schema, "3:7", "there is no schema", ".avsc"),
        (recursive, "3:33", "this schema cannot be used: `A` contains itself", "once"),
        (missing, "3:40", "`nothing.avsc` cannot be read", "beside"),
        (twice, "3:33", "a schema is given once", "either"),
        (guid, "3:59", "`seven` is not a GUID", "registry"),
        (nameless, "3:38", "this schema cannot be used: the registry's `id`", "call it"),
        (framing, "3:17", "`glue` is not a framing", "confluent"),
    ] {
        let problems = loaded(&[("orders.yaml", &text)]).map(|_| ()).unwrap_err();
        let first = &problems.0[0];
        let found = (format!("{}:{}", first.line, first.column), first.message.starts_with(message));
        assert_eq!(found, (place.to_owned(), true), "{problems}");
        assert!(first.help.contains(help), "{problems}");
    }
}

#[test]
fn a_topic_belongs_to_one_source() {
    let problems = loaded(&[("a.yaml", SHORT), ("b.yaml", SHORT)]).map(|_| ()).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!((problems.0[0].code, problems.0[0].line), ("name-duplicate", 1));
    assert!(problems.to_string().contains("already read by `sources/a.yaml`"), "{problems}");
}

#[test]
fn a_source_is_not_taken_for_a_mapping_of_files_nor_the_other_way() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let catalogue = Catalogue::builtin();
    let source = written("source.yaml", SHORT);
    assert!(matches!(load_mapped(&source, &catalogue), Ok(Mapped::Topics(_))));
    let for_files = SHORT.replacen("topics: [shop.public.orders]\nformat: debezium", "rows: orders", 1);
    let for_files = for_files.replacen("key.number", "row.number", 1);
    let mapping = written("mapping.yaml", &for_files);
    assert!(matches!(load_mapped(&mapping, &catalogue), Ok(Mapped::Files(_))));
    let problems = crate::load_mapping(&source, &catalogue).map(|_| ()).unwrap_err();
    assert!(problems.to_string().contains("hinge map test"), "{problems}");
    assert!(load_mapped(&folder.path().join("none.yaml"), &catalogue).is_err());
    // A schema that lies beside a source is found wherever the source is.
    written("order.avsc", SCHEMA);
    let avro = written("avro.yaml", &of_avro("{framing: bare, schemas: [{file: order.avsc}]}"));
    assert!(matches!(load_mapped(&avro, &catalogue), Ok(Mapped::Topics(_))));
}
