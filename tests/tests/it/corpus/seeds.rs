//! The corpus as seeds of the fuzz targets in `tests/fuzz`, in the forms that those read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hinge_schema::Catalogue;

use super::record::RecordCase;
use super::{RECORDS, csv, mapping, policy, record, sources};

/// Longer inputs teach a fuzzer nothing that shorter ones do not.
const LONGEST: usize = 8 * 1024;

/// What stands between a mapping and the rows, for the target `rows`, or a source and a record, for `source`.
pub(super) const DIVIDER: &[u8] = b"\n===\n";

/// A record as `tests/fuzz` reads it: headers, an empty line, the value.
pub(super) fn record_bytes<'a>(
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    value: Option<&[u8]>,
) -> Vec<u8> {
    let mut seed = Vec::new();
    for (name, value) in headers {
        seed.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            seed.extend_from_slice(b": ");
            seed.extend_from_slice(value);
        }
        seed.push(b'\n');
    }
    if let Some(value) = value {
        seed.push(b'\n');
        seed.extend_from_slice(value);
    }
    seed
}

fn record_seed(case: &RecordCase) -> Vec<u8> {
    record_bytes(
        case.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())),
        case.value.as_deref(),
    )
}

/// Writes the seeds of a target that are short enough, each once, and says how many there are.
fn write(folder: &Path, seeds: impl Iterator<Item = Vec<u8>>) -> usize {
    let seeds: BTreeSet<Vec<u8>> = seeds.filter(|seed| seed.len() <= LONGEST).collect();
    fs::create_dir_all(folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{number:05}")), seed).unwrap();
    }
    seeds.len()
}

#[test]
fn the_corpus_makes_seeds_for_every_fuzz_target() {
    let temporary = tempfile::tempdir().unwrap();
    let asked = std::env::var_os("HINGE_FUZZ_SEEDS");
    let folder = asked.as_deref().map_or(temporary.path(), Path::new);
    let catalogue = Catalogue::builtin();
    let records = RECORDS.into_iter().flat_map(record::cases);
    // A truncation is a fuzzer's own first idea.
    let records = records.filter(|case| !case.name.contains("/first-"));
    let counts = [
        ("record", write(&folder.join("record"), records.map(|case| record_seed(&case)))),
        ("policy", write(&folder.join("policy"), policy::policies().iter().map(policy::PolicyCase::seed))),
        (
            "condition",
            write(
                &folder.join("condition"),
                policy::conditions(&catalogue).into_iter().map(|case| case.when.into_bytes()),
            ),
        ),
    ];
    let files =
        csv::cases().into_iter().map(|case| [case.mapping.as_bytes(), DIVIDER, &case.content].concat());
    let row = b"number,placed_at,total,currency\nA-1,2026-03-02 10:15:00,49.90,CHF\n";
    let mappings = mapping::mappings().into_iter().map(|case| [case.text.as_bytes(), DIVIDER, row].concat());
    let rows = ("rows", write(&folder.join("rows"), files.chain(mappings)));
    let records = sources::cases().into_iter().map(|case| case.seed());
    let source = ("source", write(&folder.join("source"), records));
    for (target, count) in counts.into_iter().chain([rows, source]) {
        assert!(count >= 20, "{count} seeds for `{target}`");
    }
}
