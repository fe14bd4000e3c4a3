//! The samples of every version in `schemas/*/samples`. With `HINGE_WRITE_SAMPLES=1` the missing Avro ones are
//! written from the JSON ones beside them; existing ones never change.

use std::fs;
use std::path::PathBuf;

use hinge_domain::{Facts, Shape};

use super::{decode, files, headers, schemas};
use crate::avro::{MARKER, Writer};
use crate::files::{EVENT_SCHEMAS, SchemaFile};
use crate::{Catalogue, json_facts};

/// One version's samples.
pub(super) struct Sample {
    pub(super) file: &'static SchemaFile,
    pub(super) event_type: &'static str,
    pub(super) version: u32,
    pub(super) json: String,
    pub(super) avro: Vec<u8>,
}

fn path(folder: &str, event_type: &str, version: u32, ending: &str) -> PathBuf {
    schemas().join(folder).join("samples").join(format!("{event_type}.v{version}.{ending}"))
}

pub(super) fn samples() -> Vec<Sample> {
    let read = |file: &'static SchemaFile| {
        let json = fs::read_to_string(path(file.folder, file.event_type, file.version, "json")).unwrap();
        let avro_path = path(file.folder, file.event_type, file.version, "avro");
        if !avro_path.exists() && std::env::var_os("HINGE_WRITE_SAMPLES").is_some() {
            fs::write(&avro_path, written(file, &json)).unwrap();
        }
        let avro = fs::read(&avro_path).unwrap_or_else(|_| panic!("{} is missing", avro_path.display()));
        Sample { file, event_type: file.event_type, version: file.version, json, avro }
    };
    EVENT_SCHEMAS.iter().map(read).collect()
}

/// The sample of the newest version of an event type.
pub(super) fn newest_sample(event_type: &str) -> Sample {
    samples().into_iter().rfind(|sample| sample.event_type == event_type).unwrap()
}

/// A JSON sample in Avro, by the schema of its own version.
fn written(file: &SchemaFile, json: &str) -> Vec<u8> {
    let (doc, writer) = Writer::parse(file.text).unwrap();
    let stream = Catalogue::builtin().shape(file.event_type).unwrap().stream;
    let (event_type, fields) = (file.event_type.into(), writer.fields().to_vec());
    let shape = Shape { event_type, stream, version: file.version, doc, fields };
    let facts = json_facts::facts(json, &shape.into()).unwrap();
    let mut bytes = MARKER.to_vec();
    bytes.extend_from_slice(&writer.fingerprint());
    writer.write(facts.values(), &mut bytes).unwrap();
    bytes
}

#[test]
fn every_version_has_samples_that_tell_the_same_in_both_formats() {
    for sample in samples() {
        let what = format!("{}.v{}", sample.event_type, sample.version);
        let facts = |content_type, body: &[u8]| -> Facts {
            decode(&headers(sample.event_type, content_type), body).expect(&what).event.facts
        };
        let (json, avro) =
            (facts("application/json", sample.json.as_bytes()), facts("application/avro", &sample.avro));
        assert_eq!(json, avro, "{what}");
        assert!(json.given().count() > 4, "{what} says too little");
        assert_eq!(written(sample.file, &sample.json), sample.avro, "{what}");
    }
}

#[test]
fn a_sample_of_a_newest_version_mentions_every_fact() {
    for sample in samples() {
        let shape = Catalogue::builtin().shape(sample.event_type).unwrap().clone();
        let json: serde_json::Value = serde_json::from_str(&sample.json).unwrap();
        for field in shape.fields.iter().filter(|_| shape.version == sample.version) {
            assert!(json.get(&*field.name).is_some(), "{}: {} is missing", sample.event_type, field.name);
        }
        for name in json.as_object().unwrap().keys() {
            assert!(shape.position(name).is_some(), "{}: {name} is no fact", sample.event_type);
        }
    }
}

#[test]
fn an_old_version_is_brought_up_to_the_newest() {
    let old =
        samples().into_iter().find(|sample| sample.event_type == "delivery.delayed" && sample.version == 1);
    let decoded = decode(&headers("delivery.delayed", "application/avro"), old.unwrap().avro).unwrap();
    assert_eq!(decoded.event.facts.shape().version, 2);
    assert_eq!(decoded.event.attribute("cause").unwrap().to_string(), "unknown");
    assert_eq!(decoded.event.attribute("new_date").unwrap().to_string(), "2026-03-16");
}

#[test]
fn every_sample_belongs_to_a_schema() {
    let stems: Vec<_> = files(".avsc").into_iter().map(|(_, stem)| stem).collect();
    for folder in ["marketing", "order", "delivery", "service", "hinge"] {
        for file in fs::read_dir(schemas().join(folder).join("samples")).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            let stem = file.trim_end_matches(".json").trim_end_matches(".avro");
            assert!(stems.iter().any(|known| known == stem), "{file} has no schema");
        }
    }
}
