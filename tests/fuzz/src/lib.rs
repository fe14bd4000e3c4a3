//! What the fuzz targets share: how bytes of a fuzzer become a record or files, and a small policy around them.
//!
//! Seeds in these forms are written by the tests of the corpus (`tests/tests/it/corpus/seeds.rs`).

#![forbid(unsafe_code)]

use std::path::Path;

use hinge_policy::{Loaded, PolicyFile, Problems, load_files};
use hinge_schema::Catalogue;

/// A record as bytes: a line for each header (`name: value`, or the name alone where it has no value), an empty line,
/// the value. Without an empty line there is no value.
pub fn record(bytes: &[u8]) -> (Vec<(&str, Option<&[u8]>)>, Option<&[u8]>) {
    let mut headers = Vec::new();
    let mut rest = bytes;
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return (headers, None) };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            return (headers, Some(rest));
        }
        let colon = line.windows(2).position(|pair| pair == b": ");
        let (name, value) = colon.map_or((line, None), |colon| (&line[..colon], Some(&line[colon + 2..])));
        if let Ok(name) = std::str::from_utf8(name) {
            headers.push((name, value));
        }
    }
}

/// A text, and what stands behind a line of three equals signs.
pub fn divided(bytes: &[u8]) -> Option<(&str, &[u8])> {
    const LINE: &[u8] = b"\n===\n";
    let end = bytes.windows(LINE.len()).position(|window| window == LINE)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + LINE.len()..]))
}

/// Texts one after the other, divided by lines `=== NAME`; what stands before the first has no name.
pub fn parts(text: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    for part in text.split("\n=== ").map(|part| part.strip_prefix("=== ").unwrap_or(part)) {
        all.push(part.split_once('\n').unwrap_or((part, "")));
    }
    all
}

/// A policy of these files, and of the least that a policy has where they are silent.
pub fn policy(files: &[(&str, &str)], catalogue: &Catalogue) -> Result<Loaded, Problems> {
    let version = catalogue.version();
    let types: Vec<&str> = catalogue.shapes().map(|shape| shape.event_type.as_ref()).collect();
    let types = types.join(", ");
    let least = [
        ("policy.yaml", format!("name: fuzz\ncatalogue: {version}\nignored: []\n")),
        ("departments.yaml", "departments: {operations: {title: Operations}, finance: {format: avro}}\n".to_owned()),
        ("chain.yaml", format!("chain:\n  - step: all\n    events: [{types}]\n")),
        ("routes/10-all.yaml", format!("routes: [{{id: all, owner: x, on: [{types}], to: operations, template: t}}]\n")),
        ("templates/t.md", "# {{ event.subject }}\n\n{{ event.state }}\n".to_owned()),
    ];
    let given = |name: &str| files.iter().any(|(known, _)| *known == name);
    let least = least.into_iter().filter(|(name, _)| !given(name));
    let mut all: Vec<PolicyFile> = least.map(|(name, text)| PolicyFile { name: name.into(), text }).collect();
    all.extend(files.iter().map(|(name, text)| PolicyFile { name: (*name).into(), text: (*text).into() }));
    load_files(Path::new("fuzz"), all, catalogue)
}

/// An order with some facts and not all, which conditions and templates read.
pub const ORDER: &str = r#"{"value":"149.80","currency":"BRL","freight":"0.10","item_count":3,"state":"SP",
    "zone":"America/Sao_Paulo","promised_date":"2026-03-12","promise_ids":["fast","green"],"channel":"web",
    "items":[{"product":"p-1","category":"garden","quantity":2,"price":"49.95"},{"product":"p-2","price":"30.00"}]}"#;

/// That order as an event.
pub fn order(catalogue: &Catalogue) -> hinge_domain::Event {
    hinge_domain::Event {
        id: "e-1".into(),
        source: "/fuzz".into(),
        subject: "o-1".into(),
        correlation_id: "o-1".into(),
        occurred: jiff::Timestamp::from_second(1_772_446_500).expect("a second of 2026"),
        history: None,
        facts: catalogue.facts_from_json("order.placed", ORDER).expect("these are facts of an order"),
        extensions: Vec::new(),
    }
}
