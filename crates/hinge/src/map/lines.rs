//! Records of another system in a file of JSON lines: each line a value, or a record with its key and headers.

use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hinge_schema::{ForeignRecord, Source};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::try_record;
use crate::ingest::{Lines, Tried, unusable};

/// A record as `hinge tail --format json` writes it; bytes that are no text stand in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    topic: Option<String>,
    #[serde(rename = "partition")]
    _partition: Option<IgnoredAny>,
    #[serde(rename = "offset")]
    _offset: Option<IgnoredAny>,
    #[serde(rename = "timestamp")]
    _timestamp: Option<IgnoredAny>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    key_base64: Option<String>,
    #[serde(default)]
    headers: Map<String, Json>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    value_base64: Option<String>,
}

/// Tries a source on the first records of files.
pub(super) fn first(files: &[PathBuf], source: &Source, sample: usize) -> Result<Vec<Tried>> {
    let mut tried = Vec::new();
    for path in files {
        let mut lines = Lines::open(path, &ProgressBar::hidden()).map_err(|why| unusable(&why))?;
        let mut is_empty = true;
        while tried.len() < sample
            && let Some(line) = lines.next()
        {
            is_empty = false;
            let at = format!("{}:{}", shown(path), line.number);
            if let Some(broken) = &line.broken {
                tried.push(Tried::only(at, Err(broken.to_string())));
                continue;
            }
            match std::str::from_utf8(&line.bytes) {
                Err(_) => tried.push(Tried::only(at, Err("it is not UTF-8".to_owned()))),
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => tried.push(record(source, at, text.trim())),
            }
        }
        if is_empty && tried.len() < sample {
            tried.push(Tried::only(shown(path), Err("the file is empty".to_owned())));
        }
    }
    Ok(tried)
}

fn record(source: &Source, at: String, line: &str) -> Tried {
    let topic = source.topics().first().map_or("", AsRef::as_ref);
    let value = ForeignRecord { topic, key: None, headers: &[], value: Some(line.as_bytes()) };
    // Only what has a value is a record; anything else is a value itself, whatever its members are called.
    let Some(line) = parsed(line) else { return try_record(source, at, &value) };
    let (Ok(key), Ok(body)) = (bytes(line.key, line.key_base64), bytes(line.value, line.value_base64)) else {
        return Tried::only(at, Err("its base64 cannot be read".to_owned()));
    };
    let headers: Vec<(&str, Option<&[u8]>)> =
        line.headers.iter().map(|(name, value)| (name.as_str(), value.as_str().map(str::as_bytes))).collect();
    let topic = line.topic.as_deref().unwrap_or(topic);
    try_record(
        source,
        at,
        &ForeignRecord { topic, key: key.as_deref(), headers: &headers, value: body.as_deref() },
    )
}

fn parsed(line: &str) -> Option<Line<'_>> {
    let members: Map<String, Json> = serde_json::from_str(line).ok()?;
    let has_value = members.contains_key("value") || members.contains_key("value_base64");
    if has_value { serde_json::from_str(line).ok() } else { None }
}

/// The bytes that JSON stands for: a text for itself, anything else as it is written.
fn bytes(raw: Option<&RawValue>, base64: Option<String>) -> Result<Option<Vec<u8>>, base64::DecodeError> {
    if let Some(base64) = base64 {
        return STANDARD.decode(base64).map(Some);
    }
    Ok(raw.map(|raw| match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text.into_bytes(),
        Err(_) => raw.get().as_bytes().to_vec(),
    }))
}

fn shown(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
