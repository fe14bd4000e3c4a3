//! Records of the corpus through a router on a log, between good ones: what is rejected lies in the dead letters with
//! its code and byte for byte, what is taken does not, and the good ones are told.

use std::collections::BTreeMap;

use hinge_router::{DEAD_LETTERS, Outcome};
use hinge_tests::world::{Input, World};

use super::record::{self, RecordCase};
use super::{Expected, RECORDS, assert_right};
use crate::scenarios::{good, starter};

/// Longer values are seen by the decoder alone, and by `bad_records`.
const LONGEST: usize = 16 * 1024;

/// So many cases share a world.
const TOGETHER: usize = 150;

/// A fair share of every family: all that is short, of the truncations each tenth.
fn shown() -> Vec<RecordCase> {
    let mut cases: Vec<RecordCase> = RECORDS.into_iter().flat_map(record::cases).collect();
    cases.retain(|case| {
        let headers: usize =
            case.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
        let short = headers + case.value.as_ref().map_or(0, Vec::len) <= LONGEST;
        // A record of the log has headers with values, and what is taken needs an identity of its own.
        let writable = case.headers.iter().all(|(_, value)| value.is_some());
        let own_identity = case.plain_headers || matches!(case.expected, Expected::Reject { .. });
        let cut = case.name.rsplit_once("/first-").map(|(_, length)| length.ends_with('7'));
        short && writable && own_identity && cut.unwrap_or(true)
    });
    cases
}

fn input(case: &RecordCase, number: usize) -> Input {
    let header = |(name, value): &(String, Option<Vec<u8>>)| {
        let value = value.clone().unwrap_or_default();
        let value =
            if name == "ce_id" && case.plain_headers { format!("corpus-{number}").into() } else { value };
        (name.clone(), value)
    };
    Input {
        key: Some(b"one key, one partition, one order".to_vec()),
        headers: case.headers.iter().map(header).collect(),
        value: case.value.clone(),
    }
}

/// Handles some cases in a world of their own, and tells what came out otherwise.
fn judge(cases: &[RecordCase]) -> Vec<String> {
    let world = World::embedded(starter()).with_catalogue(record::catalogue());
    let mut written = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        written.push(input(case, number));
        written.push(Input {
            key: written[2 * number].key.clone(),
            ..good(world.catalogue(), &format!("good-{number}"))
        });
    }
    world.write(&written);
    let summary = world.drain();
    assert_eq!(summary.records(), written.len() as u64, "outcomes add up");
    let letters = world.records(DEAD_LETTERS);
    let letters: BTreeMap<String, _> = letters
        .iter()
        .map(|letter| {
            let offset =
                letter.headers.get("hinge-error-offset").expect("a letter says where its record lies");
            (String::from_utf8(offset.to_vec()).unwrap(), letter)
        })
        .collect();
    let told = world.notifications();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let letter = letters.get(&(2 * number).to_string());
        let code = letter.and_then(|letter| letter.headers.get("hinge-error-code"));
        let code = code.map(|code| String::from_utf8_lossy(code).into_owned());
        let expected = match &case.expected {
            Expected::Accept(_) => None,
            Expected::Reject { code, .. } => Some(code.clone()),
        };
        if code != expected {
            wrong.push(format!("{}: expected the dead letter {expected:?}, got {code:?}", case.name));
        }
        let input = &written[2 * number];
        if let Some(letter) = letter
            && (letter.value != input.value
                || input.headers.iter().any(|(name, value)| {
                    !letter.headers.iter().any(|it| it.name == *name && it.value == Some(value.as_slice()))
                }))
        {
            wrong.push(format!("{}: the dead letter is not as the record came", case.name));
        }
        if !told.iter().any(|it| it.correlation_id == format!("good-{number}")) {
            wrong.push(format!("{}: the good record behind it was not told", case.name));
        }
    }
    let panics = summary
        .outcomes
        .keys()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Rejected(code) if code.as_str() == "panic"));
    assert_eq!(panics.count(), 0, "no record makes the router panic");
    wrong
}

#[test]
fn hostile_records_end_in_the_dead_letters_and_hold_up_nobody() {
    let cases = shown();
    let families: Vec<&str> =
        cases.iter().filter_map(|case| case.name.rsplit_once('/')).map(|(it, _)| it).collect();
    for family in
        ["avro/blocks", "avro/followed", "json/times", "json/twice", "cloudevents/modes", "cloudevents/sizes"]
    {
        assert!(families.iter().any(|it| it.starts_with(family)), "nothing of {family} is shown");
    }
    let wrong: Vec<String> = cases.chunks(TOGETHER).flat_map(judge).collect();
    assert_right("records through a router", cases.len(), &wrong);
}
