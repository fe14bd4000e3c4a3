//! `init`, `check`, `topics`, `tail`, `why`, `explain`, `demo`.

use std::fs;

use hinge_schema::{Catalogue, Encoding};
use hinge_tests::invented::{at, event_with, input};
use hinge_tests::program::{Running, hinge, run};
use hinge_tests::shop::Written;
use hinge_tests::told::Told;
use serde_json::{Value as Json, json};

use super::{fed, refused_with, shown};

fn objects(output: &str) -> Vec<Json> {
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

#[test]
fn init_writes_a_policy_that_holds_and_never_over_one() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");

    run(["init", shown(&policy)]).well();
    let said = run(["check", "--policy", shown(&policy)]).well();
    assert!(said.output.contains("nothing to object to"), "{}", said.output);

    let rules = policy.join("routes/20-orders.yaml");
    fs::write(&rules, "mine").unwrap();
    refused_with(run(["init", shown(&policy)]), 1, "starter-exists", &["nothing was written"]);
    assert_eq!(fs::read_to_string(rules).unwrap(), "mine");
}

#[test]
fn a_policy_with_errors_starts_nothing_and_is_shown_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    run(["init", shown(&policy)]).well();
    let rules = policy.join("routes/20-orders.yaml");
    let text = fs::read_to_string(&rules).unwrap();
    let line = 1 + text.lines().position(|line| line.ends_with("to: operations")).unwrap();
    fs::write(&rules, text.replace("to: operations", "to: nowhere")).unwrap();
    let place = format!("20-orders.yaml:{line}:");
    let data = folder.path().join("data");

    run(["check", "--policy", shown(&policy)]).refused(2, &[&place, "nowhere", "name-unknown", "operations"]);
    run(["run", "--drain", "--policy", shown(&policy), "--data", shown(&data)])
        .refused(2, &[&place, "nothing was done"]);
    assert!(!data.exists(), "a run that was refused made a log");
    let found = run(["check", "--format", "json", "--policy", shown(&policy)]);
    assert_eq!(found.code, Some(2));
    let first = &objects(&found.output)[0];
    assert_eq!((&first["line"], &first["severity"]), (&json!(line), &json!("error")));
    let width = first["end_column"].as_u64().unwrap() - first["column"].as_u64().unwrap();
    assert_eq!((width, &first["end_line"]), (7, &json!(line)), "`nowhere` is underlined as a whole: {first}");
}

#[test]
fn a_policy_with_warnings_holds_and_each_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, data) = (folder.path().join("policy"), folder.path().join("data"));
    run(["init", shown(&policy)]).well();
    let dead =
        "routes:\n  - {id: dead, owner: quality, on: order.placed, to: quality, when: event.valeu < 1.0}\n";
    let rules = policy.join("routes/90-dead.yaml");
    fs::write(&rules, dead.replace("event.valeu < 1.0", "event.value < 1.0 && event.value > 2.0")).unwrap();

    let said = run(["check", "--policy", shown(&policy)]).well();
    assert!(said.output.contains("1 warning") && said.log.contains("rule-never-matches"), "{}", said.log);
    let found = objects(&run(["check", "--format", "json", "--policy", shown(&policy)]).well().output);
    assert_eq!((found.len(), &found[0]["severity"]), (2, &json!("warning")));
    let drained = run(["run", "--drain", "--policy", shown(&policy), "--data", shown(&data)]).well();
    assert_eq!(drained.log.matches("rule-never-matches").count(), 1, "{}", drained.log);

    // A misspelling comes with what was meant.
    fs::write(&rules, dead).unwrap();
    let found = run(["check", "--format", "json", "--policy", shown(&policy)]);
    assert_eq!((found.code, &objects(&found.output)[0]["suggestion"]), (Some(2), &json!("value")));
}

#[test]
fn a_policy_whose_rule_tests_fail_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, data) = (folder.path().join("policy"), folder.path().join("data"));
    run(["init", shown(&policy)]).well();
    let rules = policy.join("routes/20-orders.yaml");
    let text = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, text.replace("event.value >= 500.0", "event.value > 500.0")).unwrap();
    for command in [vec!["check"], vec!["run", "--drain", "--data", shown(&data)]] {
        let arguments = command.into_iter().chain(["--policy", shown(&policy)]);
        run(arguments).refused(2, &["test-failed", "expected the rule to match", "its condition is false"]);
    }
    assert!(!data.exists(), "a run that was refused made a log");
}

#[test]
fn schemas_for_editors_are_written_beside_a_policy_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    run(["init", shown(&policy)]).well();
    let schema = policy.join(".schemas/routes.schema.json");
    let before = fs::read_to_string(&schema).unwrap();
    fs::write(&schema, "{}").unwrap();
    run(["init", shown(&policy), "--schemas"]).well();
    assert_eq!(fs::read_to_string(&schema).unwrap(), before);
}

#[test]
fn topics_are_planned_then_created_then_there() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, data) = (folder.path().join("policy"), folder.path().join("data"));
    run(["init", shown(&policy)]).well();
    let topics = |action: &str| {
        let ended = run([
            "topics",
            action,
            "--inputs",
            "--format",
            "json",
            "--policy",
            shown(&policy),
            "--data",
            shown(&data),
        ]);
        let rows = objects(&ended.well().output);
        rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = |states: &[String], state: &str| states.len() > 10 && states.iter().all(|found| found == state);
    assert!(all(&topics("plan"), "would be created"));
    assert!(all(&topics("apply"), "created"));
    assert!(all(&topics("apply"), "there"));
    let listed = run(["topics", "list", "--data", shown(&data)]).well().output;
    assert!(listed.contains("order.events") && listed.contains("hinge.notifications.quality"), "{listed}");
}

#[test]
fn tail_prints_a_json_object_a_line() {
    let fed = fed(30).drained();
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    let tail = |topic: &str| fed.run(&["tail", topic, "--until-end", "--format", "json"]).well().output;

    // One department reads JSON, another one Avro; both are shown alike.
    for department in ["warehouse", "delivery"] {
        let rows = objects(&tail(&format!("hinge.notifications.{department}")));
        let expected: usize = told
            .notifications
            .iter()
            .filter(|((to, ..), _)| to == department)
            .map(|(_, all)| all.len())
            .sum();
        assert_eq!(rows.len(), expected);
        assert!(
            rows.iter()
                .all(|row| row["value"]["department"] == department && row["value"]["title"].is_string())
        );
    }
    assert_eq!(objects(&tail("hinge.decisions")).len(), told.decisions.len());
    let letters = objects(&tail("hinge.dead-letters"));
    assert_eq!(letters.len(), told.letters.len());
    assert!(letters.iter().all(|letter| letter["headers"]["hinge-error-code"].is_string()));
    assert_eq!(
        fed.run(&["tail", "hinge.decisions", "--until-end", "-n", "3"]).well().output.matches("──").count(),
        3
    );
    refused_with(
        fed.run(&["tail", "hinge.decision", "--until-end"]),
        78,
        "topic-missing",
        &["hinge.decision"],
    );
}

#[test]
fn why_answers_for_the_told_the_unrouted_the_ignored_and_the_rejected() {
    let fed = fed(60).drained();
    let told = Told::read(fed.site.open().as_ref()).unwrap();
    let why = |id: &str| fed.run(&["why", id]).well().output;
    let event_with = |outcome: &str| {
        let decision = told.decisions.values().find(|decision| decision["outcome"] == outcome);
        decision.expect("the shop has one")["event"]["id"].as_str().unwrap().to_owned()
    };

    let notification =
        told.notifications.values().flatten().find(|told| told.department == "quality").unwrap();
    let answer = why(&notification.id.to_string());
    assert!(
        answer.contains("quality was told") && answer.contains(&notification.reasons[0].rule),
        "{answer}"
    );
    assert!(!answer.contains("customer-support was told"), "only one department was asked for: {answer}");

    let answer = why(&event_with("unrouted"));
    assert!(answer.contains("No rule matched") && answer.contains("hinge.unrouted"), "{answer}");
    let answer = why(&event_with("filtered"));
    assert!(answer.contains("ignores") && answer.contains("everybody was at the party"), "{answer}");

    let letters = fed.run(&["tail", "hinge.dead-letters", "--until-end", "--format", "json"]).well().output;
    let letters = objects(&letters);
    let conflict = letters.iter().find(|letter| {
        letter["headers"]["hinge-error-code"] == "conflict" && letter["headers"]["ce_id"].is_string()
    });
    let answer = why(conflict.expect("the shop has one")["headers"]["ce_id"].as_str().unwrap());
    assert!(
        answer.contains("was rejected with `conflict`") && answer.contains("hinge explain conflict"),
        "{answer}"
    );

    refused_with(fed.run(&["why", "nobody-knows-me"]), 1, "not-found", &["nobody-knows-me"]);
}

#[test]
fn why_names_the_fact_that_reaches_a_person_and_never_shows_it() {
    let fed = fed(1);
    let rules = fed.policy.path().join("routes/40-contacts.yaml");
    let asks = "routes:\n  - {id: words, owner: quality, on: contact.received, to: quality, kind: know,\n     \
                when: \"event.text != '' && event.channel == 'letter'\"}\n";
    fs::write(rules, asks).unwrap();
    let catalogue = Catalogue::builtin();
    let when = at("2026-03-02T09:00:00Z");
    let facts = json!({"channel": "letter", "text": "my neighbour Erika took it"});
    let letter = event_with(&catalogue, "contact.received", "case-1", when, &facts);
    let record = input(&catalogue, &letter, Encoding::JsonBinary, Some(when));
    let written = Written {
        topic: "service.events".to_owned(),
        key: "case-1".to_owned(),
        headers: record.headers.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        value: record.value.unwrap(),
    };
    let log = fed.site.open();
    let mut appender = log.appender().unwrap();
    written.append(appender.as_mut()).unwrap();
    appender.flush().unwrap();
    let fed = fed.drained();

    for format in ["text", "json"] {
        let answer = fed.run(&["why", "case-1/contact.received", "--format", format]).well().output;
        assert!(
            answer.contains("words") && answer.contains("text") && answer.contains("(personal)"),
            "{answer}"
        );
        assert!(answer.contains("letter") && !answer.contains("Erika"), "{answer}");
    }
}

#[test]
fn a_log_that_is_not_there_is_not_begun_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    refused_with(run(["tail", "order.events", "--data", shown(&data)]), 78, "data-missing", &[shown(&data)]);
    refused_with(run(["why", "some-id", "--data", shown(&data)]), 78, "data-missing", &[shown(&data)]);
    assert!(!data.exists());
}

#[test]
fn explain_knows_codes_settings_and_exit_codes() {
    refused_with(run(["explain", "nonsense"]), 2, "code-unknown", &["hinge explain codes"]);
    assert!(run(["explain", "codes"]).well().output.lines().count() > 30);
    assert!(run(["explain", "settings"]).well().output.contains("batch_records = 10000"));
    assert!(run(["explain", "exit-codes"]).well().output.contains("74"));
}

#[test]
fn an_unknown_setting_is_named() {
    let with = |name: &str, value: &str| {
        Running::start(hinge(["run", "--drain"]).env(name, value)).ended().refused(78, &[]).log
    };
    let log = with("HINGE_STREAM__NONSENSE", "1");
    assert!(log.contains("nonsense"), "{log}");
    let log = with("HINGE_ROUTER__BATCH_RECORDS", "many");
    assert!(log.contains("batch_records"), "{log}");

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hinge.toml");
    fs::write(&config, "[router]\nbatch_record = 5\n").unwrap();
    run(["run", "--drain", "--config", shown(&config)]).refused(78, &["batch_record"]);
}

#[test]
fn the_demo_shows_the_product_and_replaces_only_what_a_demo_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    for _ in 0..2 {
        let said = run(["demo", "--fast", "--dir", shown(&dir)]).well();
        assert!(said.output.contains("hinge why"), "{}", said.output);
    }
    run(["check", "--policy", shown(&dir.join("policy"))]).well();

    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("letter.txt"), "mine").unwrap();
    refused_with(run(["demo", "--fast", "--dir", shown(&own)]), 1, "demo-folder-taken", &[shown(&own)]);
    assert_eq!(fs::read_to_string(own.join("letter.txt")).unwrap(), "mine");
}
