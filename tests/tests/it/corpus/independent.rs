//! The values of the corpus before decoders that others wrote: `tests/corpus/independent/decode.py`, which reads Avro
//! with fastavro and JSON with Python's own module. They and the corpus must agree on what is taken, what is
//! not, and every fact; where a decoder rightly differs the case says why, and then it must differ.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Command;

use hinge_schema::Catalogue;
use hinge_tests::parts;
use serde_json::{Value as Json, json};

use super::record::{self, RecordCase, facts_of};
use super::{Expected, assert_right, corpus};

/// The Python that finds the decoders, if there is one.
fn python() -> Option<PathBuf> {
    let install = corpus().join("independent/install");
    let told = Command::new(&install).arg("--where").output().expect("bash is there");
    let python = PathBuf::from(String::from_utf8(told.stdout).unwrap().trim()).join("bin/python");
    if python.is_file() {
        return Some(python);
    }
    let able = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if able.is_ok_and(|able| able.status.success()) {
        parts::missing("fastavro", "`deploy/setup.sh tests` fetches it");
    } else {
        parts::skipped("fastavro", "there is no Python 3 with venv and ensurepip to fetch it with");
    }
    None
}

/// The verdicts of the independent decoders, a line for each case.
fn verdicts(python: &PathBuf, cases: &[RecordCase]) -> Vec<Json> {
    let folder = tempfile::tempdir().unwrap();
    let (list, bodies) = (folder.path().join("cases.jsonl"), folder.path().join("bodies"));
    let mut lines = BufWriter::new(File::create(&list).unwrap());
    let mut whole = Vec::new();
    for case in cases {
        let (event_type, format) = case.exchanged.as_ref().unwrap();
        let body = case.value.as_deref().unwrap_or_default();
        let (at, length) = (whole.len(), body.len());
        let line =
            json!({"name": case.name, "type": event_type, "format": format, "at": at, "length": length});
        writeln!(lines, "{line}").unwrap();
        whole.extend_from_slice(body);
    }
    lines.flush().unwrap();
    fs::write(&bodies, whole).unwrap();
    let schemas = super::bytes::schemas();
    let run = Command::new(python)
        .arg(corpus().join("independent/decode.py"))
        .args([&list, &bodies, &schemas])
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let lines = String::from_utf8(run.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect()
}

/// What our decoder says of a value: its facts, or that it refuses.
fn ours(case: &RecordCase, catalogue: &Catalogue) -> Option<Json> {
    let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    catalogue.decode(headers, case.value.as_deref()).ok().map(|decoded| facts_of(&decoded.event))
}

fn judge(case: &RecordCase, theirs: &Json, catalogue: &Catalogue) -> Result<(), String> {
    assert_eq!(theirs["name"], case.name.as_str(), "a verdict for each case, in their order");
    let told = || {
        if theirs["facts"].is_null() { theirs["refused"].to_string() } else { theirs["facts"].to_string() }
    };
    let refused = matches!(case.expected, Expected::Reject { .. });
    let same = match ours(case, catalogue) {
        None => refused && theirs.get("refused").is_some(),
        Some(ours) => !refused && theirs.get("facts") == Some(&ours),
    };
    let shortened = |text: String| text.chars().take(300).collect::<String>();
    match (&case.differs, same) {
        (None, true) | (Some(_), false) => Ok(()),
        (None, false) => Err(format!("the independent decoder says {}", shortened(told()))),
        (Some(why), true) => Err(format!("said to differ ({why}), but the independent decoder agrees")),
    }
}

#[test]
fn independent_decoders_agree_on_what_is_taken_and_what_it_says() {
    let mut cases: Vec<RecordCase> = ["avro", "json"].into_iter().flat_map(record::cases).collect();
    cases.retain(|case| case.exchanged.is_some());
    let Some(python) = python() else { return };
    let catalogue = Catalogue::builtin();
    let verdicts = verdicts(&python, &cases);
    assert_eq!(verdicts.len(), cases.len());
    let wrong = cases.iter().zip(&verdicts).filter_map(|(case, theirs)| {
        judge(case, theirs, &catalogue).err().map(|how| format!("{}: {how}", case.name))
    });
    let wrong: Vec<String> = wrong.collect();
    let differing = cases.iter().filter(|case| case.differs.is_some()).count();
    assert_right("independent decoders", cases.len(), &wrong);
    println!("{} values shown to independent decoders; {differing} rightly differ", cases.len());
}
