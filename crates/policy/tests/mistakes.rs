//! Policies with mistakes, and what `hinge check` says of each: a file of expected text beside each policy.
//!
//! After a change that is meant, `HINGE_WRITE_EXPECTED=1 cargo test -p hinge-policy --test mistakes` writes the
//! files anew; read the difference as somebody would who has to mend the policy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hinge_policy::{Problems, load};
use hinge_schema::Catalogue;

/// What is said of the policy `tests/mistakes/<name>`: errors, or only warnings.
fn said(name: &str) -> Problems {
    // Relative, so that the paths in what is said are the same everywhere; tests run in the crate's folder.
    let folder = Path::new("tests/mistakes").join(name);
    load(&folder, &Catalogue::builtin()).map_or_else(|problems| problems, |loaded| Problems(loaded.warnings))
}

/// Compares what is said with the file of expected text.
#[track_caller]
fn check(name: &str) -> Problems {
    let problems = said(name);
    let text = format!("{problems}\n");
    let file = Path::new("tests/mistakes").join(format!("{name}.txt"));
    if std::env::var_os("HINGE_WRITE_EXPECTED").is_some() {
        fs::write(&file, &text).expect("the folder of expected texts is writable");
    }
    let expected = fs::read_to_string(&file).expect("each policy has its file of expected text");
    assert!(text == expected, "{name} is told otherwise than {}:\n{text}", file.display());
    problems
}

#[test]
fn many_mistakes_are_told_at_once_each_at_its_place() {
    let problems = check("many").0;
    let told: BTreeSet<String> = problems.iter().map(|it| format!("{} {}", it.code, it.message)).collect();
    assert_eq!((problems.len(), told.len()), (64, 64), "as many as there are mistakes, and no two the same");
}

#[test]
fn what_only_the_whole_policy_gets_wrong_is_told_and_what_can_never_match_warned_of() {
    let (errors, warnings) = check("whole").counts();
    assert_eq!((errors, warnings), (4, 19));
}

#[test]
fn a_rule_test_that_fails_says_what_was_expected_and_what_came() {
    let problems = check("failing").0;
    let failed = problems.iter().filter(|it| it.code == "test-failed" && it.help.contains("; got: "));
    assert_eq!(failed.count(), 17);
}

#[test]
fn many_mistakes_of_a_source_are_told_at_once_each_at_its_place() {
    let problems = check("foreign").0;
    let of = |file: &str| problems.iter().filter(|it| it.file.ends_with(file)).count();
    assert_eq!((of("shop.yaml"), of("stock.yaml"), of("tickets.yaml")), (21, 10, 5));
}
