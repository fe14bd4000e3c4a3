//! A version as records, format 1.
//!
//! | key | value |
//! |---|---|
//! | `<version>/0` | the manifest: what it is, how many chunks follow, how many bytes and which hash they have together |
//! | `<version>/1` to `<version>/N` | the chunks: put together in order they are one JSON object, `{"files": [{"name", "text"}]}` |
//! | `current` | `{"format", "version"}`: the version that ran last |
//!
//! Each record has at most [`CHUNK_BYTES`] of value. What is put together counts only if count, bytes and hash are
//! those of the manifest.

use hinge_policy::PolicyFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Version;

/// The key of the version that ran last.
pub(super) const CURRENT: &str = "current";

/// The largest value of one record, in bytes.
pub(super) const CHUNK_BYTES: usize = 512 * 1024;

const FORMAT: u32 = 1;

const WRITABLE: &str = "text and numbers can be written as JSON";

/// What a version is, and how to know that all of it is there.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    version: String,
    name: String,
    /// The Hinge that stored it.
    pub(super) hinge: String,
    /// The catalogue of the Hinge that stored it.
    pub(super) catalogue: u32,
    chunks: usize,
    bytes: usize,
    sha256: String,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Current {
    format: u32,
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
struct File {
    name: String,
    text: String,
}

/// Why a version cannot be put together.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// There is no manifest.
    #[error("it is not there")]
    Missing,
    /// A newer Hinge wrote it.
    #[error("in the format {0}, which a newer Hinge wrote; this one reads format {FORMAT}")]
    Newer(u32),
    /// Not all of it is there, or it is not what was written.
    #[error("not as it was written: {0}")]
    Damaged(String),
}

type Entry = (String, Vec<u8>);

/// The records of a version: manifest and chunks.
pub(super) fn records(version: &Version, catalogue: u32) -> Vec<Entry> {
    let file = |file: &PolicyFile| File { name: file.name.clone(), text: file.text.clone() };
    let document = Document { files: version.files.iter().map(file).collect() };
    let text = serde_json::to_string(&document).expect(WRITABLE);
    let chunks = chunks(&text);
    let manifest = Manifest {
        format: FORMAT,
        version: version.id.clone(),
        name: version.name.clone(),
        hinge: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue,
        chunks: chunks.len(),
        bytes: text.len(),
        sha256: hash(text.as_bytes()),
    };
    let head = (key(&version.id, 0), serde_json::to_vec(&manifest).expect(WRITABLE));
    let chunks = (1..).zip(chunks).map(|(number, chunk)| (key(&version.id, number), chunk.into()));
    std::iter::once(head).chain(chunks).collect()
}

/// The record that names the version that runs.
pub(super) fn current(version: &str) -> Entry {
    let current = Current { format: FORMAT, version: version.to_owned() };
    (CURRENT.to_owned(), serde_json::to_vec(&current).expect(WRITABLE))
}

/// The version that `current` names.
pub(super) fn read_current(value: &[u8]) -> Option<String> {
    let current: Current = serde_json::from_slice(value).ok()?;
    (current.format == FORMAT).then_some(current.version)
}

/// Puts a version together of the records that `get` finds by key.
pub(super) fn assemble<'a>(
    version: &str,
    get: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<(Manifest, Vec<PolicyFile>), Fault> {
    let damaged = |what: &str| Fault::Damaged(what.to_owned());
    let head = get(&key(version, 0)).ok_or(Fault::Missing)?;
    let Format { format } =
        serde_json::from_slice(head).map_err(|_| damaged("its manifest cannot be read"))?;
    if format > FORMAT {
        return Err(Fault::Newer(format));
    }
    let manifest: Manifest =
        serde_json::from_slice(head).map_err(|_| damaged("its manifest cannot be read"))?;
    let mut document = Vec::new();
    for number in 1..=manifest.chunks {
        let chunk = get(&key(version, number))
            .ok_or_else(|| Fault::Damaged(format!("chunk {number} of {} is missing", manifest.chunks)))?;
        document.extend_from_slice(chunk);
    }
    if document.len() != manifest.bytes || hash(&document) != manifest.sha256 || manifest.version != version {
        return Err(damaged("its chunks are not those of its manifest"));
    }
    let Document { files } =
        serde_json::from_slice(&document).map_err(|_| damaged("it is no list of files"))?;
    let files = files.into_iter().map(|File { name, text }| PolicyFile { name, text }).collect();
    Ok((manifest, files))
}

fn key(version: &str, number: usize) -> String {
    format!("{version}/{number}")
}

/// The text in pieces of at most [`CHUNK_BYTES`], none of which cuts a character.
fn chunks(mut text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    while !text.is_empty() {
        let (chunk, rest) = text.split_at(text.floor_char_boundary(CHUNK_BYTES));
        chunks.push(chunk);
        text = rest;
    }
    chunks
}

fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
