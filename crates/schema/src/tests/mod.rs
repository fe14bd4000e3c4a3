//! Tests of the whole crate: the files in `schemas/`, records as tables, properties. One module per question.

mod avro_records;
mod compatible_schemas;
mod confluent_records;
mod house_rules;
mod json_facts;
mod json_records;
mod notifications;
mod properties;
mod readme;
mod samples;

use std::fs;
use std::path::PathBuf;

use crate::{Catalogue, Code, Decoded, Rejection};

/// The folder `schemas/`.
fn schemas() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas"))
}

/// Everything that lies in `schemas/<folder>` with this ending, as (folder, name without ending).
fn files(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in
        fs::read_dir(schemas()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            found.extend(file.strip_suffix(ending).map(|stem| (name.clone(), stem.to_owned())));
        }
    }
    found.sort();
    found
}

/// The headers of an event of this type in binary mode.
fn headers<'a>(event_type: &'a str, content_type: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("ce_specversion", "1.0"),
        ("ce_id", "e-1"),
        ("ce_source", "/shop"),
        ("ce_type", event_type),
        ("ce_time", "2026-03-02T10:15:00Z"),
        ("ce_subject", "o-1"),
        ("content-type", content_type),
    ]
}

fn decode(headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Result<Decoded, Rejection> {
    let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
    Catalogue::builtin().decode(headers, Some(body.as_ref()))
}

/// Both the code and a part of the detail, so that a table says what an operator reads.
fn assert_rejected(what: &str, result: Result<Decoded, Rejection>, code: Code, detail: &str) {
    let rejection = result.expect_err(what);
    assert_eq!(rejection.code, code, "{what}: {rejection}");
    assert!(rejection.detail.contains(detail), "{what}: `{}` lacks `{detail}`", rejection.detail);
}
