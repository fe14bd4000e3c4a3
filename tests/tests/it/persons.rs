//! Persons inside departments: `hinge why-not --person` says which part of which rule did not choose one, `hinge plan`
//! who would be told more, less or otherwise, `hinge replay` that nobody was chosen otherwise than they were.

use std::fs;

use hinge_schema::{Catalogue, Encoding};
use hinge_stream::Outgoing;
use hinge_tests::invented::{at, event_with, input};
use hinge_tests::program::{Ended, run};
use hinge_tests::shop::write_policy;
use hinge_tests::site::{Backend, Site};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const PEOPLE: &str = "people:
  - {id: b-1, department: board, location: ZH, seniority: 5, languages: [de]}
  - {id: b-2, department: board, location: BE, seniority: 2}
  - {id: b-3, department: board, seniority: 4}
  - {id: q-1, department: quality, location: ZH}
  - {id: o-1, department: operations}
  - {id: d-1, department: delivery}
";

/// Two rules for the board, so that people may be chosen by one, by both or by none.
const RULES: &str = "routes:
  - {id: near-by, owner: finance, on: order.changed, to: board, audience: person.location == event.state}
  - {id: seniors, owner: finance, on: order.changed, to: board,
     audience: \"person.seniority > 4 && 'fr' in person.languages\"}
";

struct Staffed {
    site: Site,
    policy: TempDir,
}

impl Staffed {
    /// One order changed in Zurich, one in Berne; decided.
    fn new() -> Self {
        let policy = tempfile::tempdir().unwrap();
        write_policy(policy.path());
        let write = |name: &str, text: &str| fs::write(policy.path().join(name), text).unwrap();
        let departments = fs::read_to_string(policy.path().join("departments.yaml")).unwrap();
        write("departments.yaml", &format!("{departments}\n  board: {{title: The board}}\n"));
        write("people.yaml", PEOPLE);
        write("routes/90-board.yaml", RULES);
        // The rules of the starter ask for people of their own.
        write(
            "routes/20-orders.yaml",
            "routes:\n  - {id: all, owner: operations, to: operations,\n     on: [order.placed, order.confirmed, order.changed, order.cancelled]}\n",
        );
        write(
            "routes/30-deliveries.yaml",
            "routes:\n  - {id: deliveries, owner: delivery, to: delivery,\n     on: [delivery.scheduled, delivery.dispatched, delivery.delayed, delivery.completed]}\n",
        );
        let site = Site::fresh(Backend::Embedded, policy.path()).unwrap();
        let staffed = Self { site, policy };
        for state in ["ZH", "BE"] {
            staffed.change(state);
        }
        run(staffed.site.drain(staffed.policy.path())).well();
        staffed
    }

    fn change(&self, state: &str) {
        let catalogue = Catalogue::builtin();
        let when = at("2026-03-02T09:00:00Z");
        let event =
            event_with(&catalogue, "order.changed", &format!("in-{state}"), when, &json!({"state": state}));
        let record = input(&catalogue, &event, Encoding::JsonBinary, Some(when));
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let log = self.site.open();
        let mut appender = log.appender().unwrap();
        let key = record.key.as_deref();
        let value = record.value.as_deref();
        let topic = "order.events";
        appender
            .append(&Outgoing { topic, key, value, headers: &headers, carried: None, timestamp: None })
            .unwrap();
        appender.flush().unwrap();
    }

    fn ask(&self, command: &[&str]) -> Ended {
        let mut arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
        arguments.extend(self.site.flags());
        run(arguments)
    }

    fn why_not(&self, order: &str, department: &str, person: &str) -> String {
        let event = format!("{order}/order.changed");
        self.ask(&["why-not", &event, "--department", department, "--person", person]).well().output
    }
}

#[track_caller]
fn says(answer: &str, words: &[&str]) {
    for word in words {
        assert!(answer.contains(word), "it does not say `{word}`:\n{answer}");
    }
}

#[test]
fn a_person_who_was_not_chosen_hears_which_part_of_each_rule_was_not_so() {
    let staffed = Staffed::new();
    let proof = "Proof: the stored event, decided again under the stored policy";
    let excluded = staffed.why_not("in-ZH", "board", "b-2");
    says(&excluded, &["board was told", "It was for 1 person of board, and not for b-2:", proof]);
    says(&excluded, &["`near-by` does not choose b-2, because `person.location == event.state` is not so."]);
    says(&excluded, &["`seniors` does not choose b-2, because `person.seniority > 4` is not so."]);
    // What nobody said of a person does not choose that person either.
    let unknown = staffed.why_not("in-ZH", "board", "b-3");
    says(&unknown, &["`near-by` does not choose b-3, because `person.location` is not given."]);
    says(
        &staffed.why_not("in-ZH", "board", "b-1"),
        &["It was for b-1, chosen by `near-by` (1 person of board in all).", proof],
    );
    says(&staffed.why_not("in-ZH", "board", "q-1"), &["q-1 belongs to quality"]);
    // A rule without an audience is for everybody of its department.
    let everybody = staffed.why_not("in-ZH", "operations", "o-1");
    says(&everybody, &["It was for o-1, chosen by `all` (1 person of operations in all)."]);
    // Where the department was not told, the rules say why, and the person is beside the point.
    let untold = staffed.why_not("in-ZH", "delivery", "d-1");
    says(&untold, &["delivery was not told"]);
    assert!(!untold.contains("d-1"), "{untold}");
    let asked = ["why-not", "in-ZH/order.changed", "--department", "board", "--person", "nobody"];
    staffed.ask(&asked).refused(2, &["error[person-unknown]", "`nobody`"]);
    let asked =
        ["why-not", "in-ZH/order.changed", "--department", "board", "--person", "b-2", "--format", "json"];
    let answer: Json = serde_json::from_str(&staffed.ask(&asked).well().output).unwrap();
    assert_eq!((&answer["person"]["chosen"], &answer["proven"]), (&json!(false), &json!(true)), "{answer}");
    assert_eq!(answer["person"]["rules"][1]["excluded"], "`person.seniority > 4` is not so");
}

#[test]
fn a_plan_names_the_people_who_would_be_told_more_less_or_otherwise_and_nobody_else() {
    let staffed = Staffed::new();
    let untouched = staffed.ask(&["replay", "--format", "json"]).well().output;
    let untouched: Json = serde_json::from_str(&untouched).unwrap();
    assert_eq!((&untouched["changed"], &untouched["people"]), (&json!(0), &json!({})), "{untouched}");

    let planned = |rules: &str| {
        let new = tempfile::tempdir().unwrap();
        for file in hinge_policy::load(staffed.policy.path(), &Catalogue::builtin()).unwrap().files {
            let path = new.path().join(file.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.text).unwrap();
        }
        fs::write(new.path().join("routes/90-board.yaml"), rules).unwrap();
        new
    };
    let plan = |new: &TempDir, more: &[&str]| {
        let flags = staffed.site.flags();
        run([&["plan", "--against", &flags[1], "--policy", new.path().to_str().unwrap()], more].concat())
            .well()
            .output
    };
    let people = |new: &TempDir| {
        let found: Json = serde_json::from_str(&plan(new, &["--format", "json"])).unwrap();
        let people = found["people"]["board"].as_object().cloned().unwrap_or_default();
        let counts = |of: &Json| ["more", "less", "otherwise"].map(|name| of[name].as_u64().unwrap());
        people.iter().map(|(id, of)| (id.clone(), counts(of))).collect::<Vec<_>>()
    };
    let named = |id: &str, counts: [u64; 3]| (id.to_owned(), counts);

    // Seniors without a question of language: b-1 of both orders, so of the one in Berne too.
    let seniors = planned(&RULES.replace(" && 'fr' in person.languages", ""));
    let found = people(&seniors);
    assert_eq!(found, [named("b-1", [1, 0, 0])]);
    let said = plan(&seniors, &[]);
    says(&said, &["board would be told 1 otherwise", "people: 1 (", "-> 2 ("]);
    says(&said, &["People of board: 1 told more, 0 less, 0 otherwise, such as"]);
    says(&said, &["  b-1: 1 more, 0 less, 0 otherwise (order.changed about in-BE)"]);
    // Nobody but those of Berne, whoever is asked, and more urgently.
    let berne =
        RULES.replace("person.location == event.state}", "person.location == 'BE', priority: urgent}");
    assert_eq!(people(&planned(&berne)), [named("b-1", [0, 1, 0]), named("b-2", [1, 0, 1])]);
    // No rule for the board any more.
    let none = RULES
        .replace("to: board", "to: delivery")
        .replace("audience: person.location == event.state", "kind: know");
    let none = none.replace(",\n     audience: \"person.seniority > 4 && 'fr' in person.languages\"", "");
    assert_eq!(people(&planned(&none)), [named("b-1", [0, 1, 0]), named("b-2", [0, 1, 0])]);
}
