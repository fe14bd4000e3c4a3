//! A stored version is the policy that was stored, or says clearly why not.

use std::path::Path;

use super::*;

fn starter() -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(&folder.path().join("policy")).unwrap();
    hinge_policy::load(&folder.path().join("policy"), &Catalogue::builtin()).unwrap()
}

fn stored(version: &Version, catalogue: u32) -> Stored {
    Stored { records: format::records(version, catalogue).into_iter().collect() }
}

#[track_caller]
fn refused(stored: &Stored, version: &str, code: &str, words: &[&str]) {
    let error = stored.load(version, &Catalogue::builtin()).unwrap_err();
    let coded = error.downcast_ref::<Coded>().unwrap();
    assert_eq!(coded.code, code, "{coded}");
    assert!(words.iter().all(|word| coded.message.contains(word)), "{coded}");
}

#[test]
fn a_stored_version_loads_as_the_policy_that_it_was() {
    let loaded = starter();
    let version = Version::of(&loaded);
    let stored = stored(&version, 1);
    let again = stored.load(&version.id, &Catalogue::builtin()).unwrap();
    assert_eq!(again.policy.version, loaded.policy.version);
    assert_eq!(again.policy.rules.len(), loaded.policy.rules.len());
}

#[test]
fn a_large_version_is_cut_into_chunks_that_fit_and_cut_no_character() {
    let text = "é".repeat(700_000);
    let large = Version {
        id: "v".into(),
        name: "large".into(),
        files: vec![PolicyFile { name: "templates/large.md".into(), text }],
    };
    let records = format::records(&large, 1);
    assert_eq!(records.len(), 4, "a manifest and three chunks");
    assert!(records.iter().all(|(_, value)| value.len() <= format::CHUNK_BYTES));
    assert!(records.iter().all(|(_, value)| std::str::from_utf8(value).is_ok()));
    assert_eq!(stored(&large, 1).files("v").unwrap().1, large.files);
}

#[test]
fn what_is_missing_cut_or_changed_is_noticed() {
    let version = Version::of(&starter());
    let name = version.id.as_str();
    refused(&Stored::default(), name, "policy-version-missing", &[name]);

    let mut cut = stored(&version, 1);
    cut.records.remove(&format!("{name}/1"));
    refused(&cut, name, "policy-version-unreadable", &["chunk 1 of 1 is missing"]);

    let mut changed = stored(&version, 1);
    changed.records.get_mut(&format!("{name}/1")).unwrap()[200] ^= 1;
    refused(&changed, name, "policy-version-unreadable", &["not those of its manifest"]);

    let mut newer = stored(&version, 1);
    newer.records.insert(format!("{name}/0"), br#"{"format": 2}"#.to_vec());
    refused(&newer, name, "policy-version-unreadable", &["format 2"]);
}

#[test]
fn a_version_of_another_catalogue_says_whose_it_is() {
    let mut version = Version::of(&starter());
    let manifest = version.files.iter_mut().find(|file| file.name == "policy.yaml").unwrap();
    manifest.text = manifest.text.replace("catalogue: ", "catalogue: 9");
    let loaded = load_kept(Path::new("x"), version.files.clone(), &Catalogue::builtin());
    assert!(loaded.is_err(), "this catalogue is not that far");
    refused(
        &stored(&version, 91),
        &version.id,
        "policy-version-unreadable",
        &["catalogue 91", "catalogue-version"],
    );
}

#[test]
fn current_names_the_version_that_ran_last() {
    let (key, value) = format::current("abc");
    let stored = Stored { records: HashMap::from([(key, value)]) };
    assert_eq!(stored.current().as_deref(), Some("abc"));
    assert_eq!(Stored::default().current(), None);
}
