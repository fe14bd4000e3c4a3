//! `hinge schemas`, and records in Confluent's framing with a folder of schemas.

use std::fs;

use hinge_schema::{Catalogue, Encoding, SchemaId};
use hinge_tests::invented::{at, event, input};
use hinge_tests::program::{Running, hinge, run};
use hinge_tests::shop::Written;
use hinge_tests::told::Told;
use serde_json::Value as Json;

use super::{fed, refused_with, shown};

#[test]
fn schemas_lists_every_event_type_and_shows_each_version() {
    let listed = run(["schemas", "list"]).well().output;
    let catalogue = Catalogue::builtin();
    for shape in catalogue.shapes() {
        assert!(listed.lines().any(|line| line.trim().starts_with(&*shape.event_type)), "{listed}");
    }
    assert!(listed.contains("catalogue version 2"), "{listed}");
    let rows = run(["schemas", "list", "--format", "json"]).well().output;
    let rows: Vec<Json> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), catalogue.shapes().count());
    let delayed = rows.iter().find(|row| row["type"] == "delivery.delayed").unwrap();
    assert_eq!((&delayed["versions"], &delayed["since"]), (&Json::from(vec![1, 2]), &Json::from(1)));
    assert_eq!(rows.iter().find(|row| row["type"] == "promise.made").unwrap()["since"], 2);

    let newest = run(["schemas", "show", "delivery.delayed"]).well().output;
    let oldest = run(["schemas", "show", "delivery.delayed", "--version", "1"]).well().output;
    assert_eq!(newest, catalogue.schema_texts("delivery.delayed").unwrap()[1]);
    assert!(newest.contains("DelayCause") && !oldest.contains("DelayCause"));
    assert!(run(["schemas", "show", "hinge.notification"]).well().output.contains("\"Notification\""));
    refused_with(run(["schemas", "show", "order.teleported"]), 2, "type-unknown", &["hinge schemas list"]);
    refused_with(
        run(["schemas", "show", "order.placed", "--version", "9"]),
        2,
        "type-unknown",
        &["no version 9"],
    );
}

#[test]
fn check_compatibility_tells_every_place_where_a_schema_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("placed.avsc");
    let ours = Catalogue::builtin().schema_texts("order.placed").unwrap()[0];
    fs::write(&file, ours).unwrap();
    let said = run(["schemas", "check-compatibility", shown(&file)]).well().output;
    assert!(said.contains("fully compatible"), "{said}");

    // Two facts of another kind, and one that is gone although it must be given.
    let mut changed: Json = serde_json::from_str(ours).unwrap();
    let fields = changed["fields"].as_array_mut().unwrap();
    fields.retain(|field| field["name"] != "currency");
    for field in fields.iter_mut() {
        match field["name"].as_str().unwrap() {
            "value" => field["type"] = "double".into(),
            "item_count" => field["type"] = serde_json::json!(["null", "string"]),
            _ => {}
        }
    }
    fs::write(&file, changed.to_string()).unwrap();
    let said = run(["schemas", "check-compatibility", shown(&file)]);
    assert_eq!(said.code, Some(2), "{}", said.log);
    for words in [
        "Hinge reads what was written with it: no",
        "`value`: double cannot be read as decimal(18, 2)",
        "`currency`: must be given",
        "`item_count`: string cannot be read as null or long",
        "it reads what Hinge's schema wrote: no",
        "`value`: decimal(18, 2) cannot be read as double",
        "not compatible: 5 problems",
    ] {
        assert!(said.output.contains(words), "{words}: {}", said.output);
    }
    let json = run(["schemas", "check-compatibility", shown(&file), "--format", "json"]);
    assert_eq!(json.code, Some(2));
    let json: Json = serde_json::from_str(&json.output).unwrap();
    assert_eq!((&json["compatible"], &json["type"]), (&Json::from(false), &Json::from("order.placed")));
    assert_eq!(json["problems"].as_array().unwrap().len(), 5);
    assert_eq!(json["problems"][0]["direction"], "hinge-reads");

    let against = ["schemas", "check-compatibility", shown(&file), "--against", "order.confirmed"];
    let said = run(against).refused(2, &[]).output;
    assert!(said.contains("Hinge knows the event type by the name `hinge.order.OrderConfirmed`"), "{said}");
    fs::write(&file, changed.to_string().replace("hinge.order", "acme")).unwrap();
    let nameless = run(["schemas", "check-compatibility", shown(&file)]);
    refused_with(nameless, 2, "type-unknown", &["`acme.OrderPlaced`", "--against"]);
    fs::write(&file, "{").unwrap();
    let broken = run(["schemas", "check-compatibility", shown(&file)]);
    refused_with(broken, 2, "schema-unusable", &["placed.avsc"]);
}

#[test]
fn records_framed_for_a_registry_are_read_with_the_folder_of_schemas() {
    let fed = fed(1);
    let catalogue = Catalogue::builtin();
    let placed = event(&catalogue, "order.placed", "framed-1", at("2026-03-02T09:00:00Z"));
    let record = input(&catalogue, &placed, Encoding::Avro, Some(placed.occurred));
    let data = &record.value.as_ref().unwrap()[10..];
    let written = Written {
        topic: "order.events".to_owned(),
        key: "framed-1".to_owned(),
        value: [&SchemaId::Number(17).to_bytes(), data].concat(),
        headers: record.headers.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    };
    let log = fed.site.open();
    let mut appender = log.appender().unwrap();
    written.append(appender.as_mut()).unwrap();
    appender.flush().unwrap();
    drop((appender, log));

    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("17.avsc");
    fs::write(&schema, run(["schemas", "show", "order.placed"]).well().output).unwrap();
    let with_schemas = |arguments: &[String]| {
        Running::start(hinge(arguments).env("HINGE_SCHEMAS__CONFLUENT", folder.path())).ended()
    };
    let drain = fed.site.drain(fed.policy.path());

    // What is wrong with the folder ends the run before anything is read.
    let odd = folder.path().join("orders.avsc");
    fs::write(&odd, "{}").unwrap();
    refused_with(with_schemas(&drain), 78, "schema-unusable", &["orders.avsc", "17.avsc"]);
    fs::rename(&odd, folder.path().join("18.avsc")).unwrap();
    refused_with(with_schemas(&drain), 78, "schema-unusable", &["18.avsc"]);
    fs::remove_file(folder.path().join("18.avsc")).unwrap();

    with_schemas(&drain).well();
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    assert!(told.notifications.keys().any(|(to, _, order)| to == "operations" && order == "framed-1"));
    let mut tail = hinge_tests::site::words(&["tail", "order.events", "--until-end", "--format", "json"]);
    tail.extend(fed.site.flags());
    let shown = with_schemas(&tail).well().output;
    let row = shown.lines().find(|line| line.contains("framed-1")).unwrap();
    let row: Json = serde_json::from_str(row).unwrap();
    assert_eq!(row["value"]["value"], "49.90");
}
