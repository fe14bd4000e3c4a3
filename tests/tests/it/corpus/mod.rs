//! The hostile corpus: everything that somebody could send, each with the verdict that is right.
//!
//! The cases are data, in `tests/corpus/` (its README.md tells how they are written). Here they are read, expanded
//! and put before the program through the doors that everybody uses:
//!
//! * [`record`]: headers and values, before the decoder;
//! * [`policy`]: files of a policy, and conditions on an event;
//! * [`audience`]: whom a rule chooses of its people;
//! * [`mapping`]: mappings, and what they make of a row;
//! * [`sources`]: records of other systems, before the source that reads them;
//! * [`csv`]: files of rows, before `hinge ingest`;
//! * [`router`]: records again, through a router on a log, so that dead letters are seen;
//! * [`independent`]: values again, before decoders that others wrote;
//! * [`seeds`]: all of it again, as what fuzzers begin with.

mod audience;
mod bytes;
mod csv;
mod independent;
mod mapping;
mod policy;
mod record;
mod router;
mod seeds;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hinge_schema::Catalogue;
use hinge_tests::program::run;
use serde::de::DeserializeOwned;

/// The folders of records.
const RECORDS: [&str; 3] = ["avro", "json", "cloudevents"];

/// The verdict that is right.
#[derive(Clone)]
enum Expected<A> {
    /// It is taken, and says this.
    Accept(A),
    /// It is not, with this code and words.
    Reject { code: String, says: Vec<String> },
}

fn verdict<A>(text: &str, says: Vec<String>, accepted: A) -> Expected<A> {
    match text.split_once(' ') {
        None if text == "accept" => Expected::Accept(accepted),
        Some(("reject", code)) => Expected::Reject { code: code.to_owned(), says },
        _ => panic!("`{text}` is no verdict: write `accept` or `reject CODE`"),
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The families of a folder, each under the name of folder and file.
fn files<F: DeserializeOwned>(folder: &str) -> Vec<(String, F)> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(corpus().join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    found.sort();
    let read = |path: PathBuf| {
        let name = format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap());
        let text = fs::read_to_string(&path).unwrap();
        (name.clone(), toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    found.into_iter().map(read).collect()
}

/// One combination of an entry's axes: what stands for `<axis>`, in names and elsewhere.
#[derive(Clone, Default)]
struct Named(Vec<(String, String, String)>);

impl Named {
    fn text(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (axis, _, value)| text.replace(&format!("<{axis}>"), value))
    }

    fn texts(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    /// A file of the case in which one thing is replaced, once.
    #[track_caller]
    fn replaced(&self, file: &str, replace: Option<&[String; 2]>, case: &str) -> String {
        let Some([from, to]) = replace else { return file.to_owned() };
        assert!(file.contains(from.as_str()), "{case}: `{from}` is not in it");
        file.replacen(from.as_str(), &self.text(to), 1)
    }

    fn name(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (axis, name, _)| text.replace(&format!("<{axis}>"), name))
    }
}

/// Every combination of the axes; one without any for an entry that has none.
fn filled(name: &str, axes: &BTreeMap<String, toml::Value>) -> Vec<Named> {
    let mut all = vec![Named::default()];
    for (axis, values) in axes {
        assert!(name.contains(&format!("<{axis}>")), "`{name}` does not name its axis `{axis}`");
        let text = |value: &toml::Value| value.as_str().expect("an axis is made of texts").to_owned();
        let named: Vec<(String, String)> = match values {
            toml::Value::Array(texts) => texts.iter().map(|it| (text(it), text(it))).collect(),
            toml::Value::Table(texts) => texts.iter().map(|(name, it)| (name.clone(), text(it))).collect(),
            _ => panic!("`{name}`: an axis is a list or a table"),
        };
        let with = |before: &Named| {
            let before = before.clone();
            let more = named.iter().map(move |(name, value)| {
                let mut all = before.clone();
                all.0.push((axis.clone(), name.clone(), value.clone()));
                all
            });
            more.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Fails with every case that came out otherwise, by name.
#[track_caller]
fn assert_right(what: &str, count: usize, wrong: &[String]) {
    let told = wrong.join("\n  ");
    assert!(wrong.is_empty(), "{} of {count} cases of {what} came out otherwise:\n  {told}", wrong.len());
}

#[test]
fn every_record_of_the_corpus_gets_the_verdict_that_is_right() {
    let catalogue = record::catalogue();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in RECORDS.into_iter().flat_map(record::cases) {
        count += 1;
        if let Err(how) = record::judge(&case, &catalogue) {
            wrong.push(format!("{}: {how}", case.name));
        }
    }
    assert_right("records", count, &wrong);
}

#[test]
fn every_policy_of_the_corpus_gets_the_verdict_that_is_right() {
    let catalogue = Catalogue::builtin();
    let cases = policy::policies();
    let judged = cases.iter().filter_map(|case| {
        policy::judge_policy(case, &catalogue).err().map(|how| format!("{}: {how}", case.name))
    });
    assert_right("policies", cases.len(), &judged.collect::<Vec<_>>());
}

#[test]
fn every_condition_of_the_corpus_says_what_is_right() {
    let catalogue = Catalogue::builtin();
    let cases = policy::conditions(&catalogue);
    let bench = policy::Bench::new(&catalogue);
    let judged =
        cases.iter().filter_map(|case| bench.judge(case).err().map(|how| format!("{}: {how}", case.name)));
    assert_right("conditions", cases.len(), &judged.collect::<Vec<_>>());
}

#[test]
fn every_mapping_of_the_corpus_makes_the_events_that_are_right() {
    let catalogue = Catalogue::builtin();
    let cases = mapping::mappings();
    let judged = cases
        .iter()
        .filter_map(|case| mapping::judge(case, &catalogue).err().map(|how| format!("{}: {how}", case.name)));
    assert_right("mappings", cases.len(), &judged.collect::<Vec<_>>());
}

#[test]
fn every_audience_of_the_corpus_chooses_whom_it_should() {
    let catalogue = Catalogue::builtin();
    let cases = audience::cases();
    let judged = cases.iter().filter_map(|case| {
        audience::judge(case, &catalogue).err().map(|how| format!("{}: {how}", case.name))
    });
    assert_right("audiences", cases.len(), &judged.collect::<Vec<_>>());
}

#[test]
fn every_record_of_another_system_makes_the_events_that_are_right() {
    let catalogue = Catalogue::builtin();
    let cases = sources::cases();
    let judged = cases
        .iter()
        .filter_map(|case| sources::judge(case, &catalogue).err().map(|how| format!("{}: {how}", case.name)));
    assert_right("foreign records", cases.len(), &judged.collect::<Vec<_>>());
}

#[test]
fn every_file_of_rows_of_the_corpus_is_brought_in_as_is_right() {
    let cases = csv::cases();
    assert_right("files of rows", cases.len(), &csv::judge_all(&cases));
}

/// The verdicts of all cases, under their names.
fn verdicts() -> Vec<(String, Option<String>)> {
    fn code<A>(expected: &Expected<A>) -> Option<String> {
        match expected {
            Expected::Accept(_) => None,
            Expected::Reject { code, .. } => Some(code.clone()),
        }
    }
    let catalogue = Catalogue::builtin();
    let records = RECORDS.into_iter().flat_map(record::cases);
    let mut all: Vec<_> = records.map(|case| (case.name, code(&case.expected))).collect();
    all.extend(policy::policies().into_iter().map(|case| (case.name, code(&case.expected))));
    all.extend(policy::conditions(&catalogue).into_iter().map(|case| (case.name, code(&case.expected))));
    all.extend(mapping::mappings().into_iter().map(|case| (case.name, code(&case.expected))));
    all.extend(audience::cases().into_iter().map(|case| (case.name, code(&case.expected))));
    all.extend(sources::cases().into_iter().map(|case| (case.name, code(&case.expected))));
    all.extend(csv::cases().into_iter().map(|case| (case.name, code(&case.expected))));
    all
}

#[test]
fn the_corpus_is_large_its_names_are_its_own_and_its_codes_are_explained() {
    let all = verdicts();
    let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "each case has a name of its own");

    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &names {
        *families.entry(name.split('/').next().unwrap_or_default()).or_default() += 1;
    }
    let cuts = names.iter().filter(|name| name.contains("/first-")).count();
    println!("{} cases: {families:?}, of which {cuts} are truncations", all.len());
    assert!(all.len() - cuts >= 600, "{} cases beside {cuts} truncations", all.len() - cuts);

    let codes: BTreeSet<&str> = all.iter().filter_map(|(_, code)| code.as_deref()).collect();
    let explained = run(["explain", "codes"]).well().output;
    let explained: BTreeSet<&str> =
        explained.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let unknown: Vec<_> = codes.difference(&explained).collect();
    assert!(unknown.is_empty(), "`hinge explain` knows nothing of {unknown:?}");
    assert!(codes.len() >= 20, "the corpus tries {codes:?}");
}
