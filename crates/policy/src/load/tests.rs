//! Mistakes in a policy, each with the place and the words that it must be told with.

use std::fs;

use super::*;
use crate::write_starter;

/// Loads the starter policy with one file changed.
fn load_with(file: &str, change: impl Fn(&str) -> String) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    write_starter(folder.path()).unwrap();
    let path = folder.path().join(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the mistake is there");
    fs::write(&path, after).unwrap();
    load(folder.path(), &Catalogue::builtin())
}

/// One mistake gives one diagnostic: its code, the file and line of the mistake, and words that it says.
fn check(file: &str, from: &str, to: &str, (code, words): (&str, &[&str])) {
    let line = std::cell::Cell::new(0);
    let mistake = |text: &str| {
        line.set(text[..text.find(from).unwrap()].matches('\n').count() + 1);
        text.replacen(from, to, 1)
    };
    let problems = load_with(file, mistake).map(|_| ()).unwrap_err().0;
    let told = problems.iter().find(|problem| problem.code == code);
    let told = told.unwrap_or_else(|| panic!("`{from}` -> `{to}`: no `{code}` in {problems:#?}"));
    assert!(told.file.ends_with(file), "{told}");
    assert_eq!(told.line, line.get(), "{told}");
    let all = format!("{} {} {}", told.message, told.help, told.suggestion.as_deref().unwrap_or_default());
    for word in words {
        assert!(all.contains(word), "`{word}` is not said: {told}");
    }
    assert!(!told.help.is_empty(), "{told}");
}

const ROUTES: &str = "routes/20-orders.yaml";

#[test]
fn the_starter_policy_holds_and_its_version_follows_its_content() {
    let version = |change: &dyn Fn(&str) -> String| load_with(ROUTES, change).unwrap().policy.version;
    let one = version(&|text| format!("{text}\n# a comment"));
    assert_eq!(one, version(&|text| format!("{text}\n# a comment")));
    assert_ne!(one, version(&|text| format!("{text}\n# another")));
}

#[test]
fn each_mistake_is_told_with_file_line_and_what_to_do() {
    check(ROUTES, "to: warehouse", "to: warehous", ("name-unknown", &["`warehous`", "customer-support"]));
    check(
        ROUTES,
        "on: order.confirmed",
        "on: order.confirm",
        ("name-unknown", &["`order.confirm`", "order.confirmed"]),
    );
    check(
        ROUTES,
        "template: order-to-pack",
        "template: order-pack",
        ("name-unknown", &["templates/order-pack.md"]),
    );
    check(ROUTES, "kind: do", "kind: done", ("value-invalid", &["`done`", "know, do, answer"]));
    check(ROUTES, "id: order-promised", "id: order-to-pack", ("name-duplicate", &["order-to-pack"]));
    check(ROUTES, "id: order-to-pack", "id: Order To Pack", ("name-invalid", &["lower-case"]));
    check(
        ROUTES,
        "requires: [promised_date, zone]",
        "requires: [promised]",
        ("fact-unknown", &["`promised`", "promised_date"]),
    );
    check(ROUTES, "event.value >=", "event.valeu >=", ("fact-unknown", &["`valeu`", "value"]));
    check(ROUTES, "event.value >=", "order.value >=", ("fact-unknown", &["`order`", "event.value"]));
    check(
        ROUTES,
        "event.value >= 500.0",
        "event.value >=",
        ("expression-invalid", &["missing after `>=`", "CEL"]),
    );
    check(ROUTES, "event.value >= 500.0", "shout(event.value)", ("expression-invalid", &["`shout`"]));
    check(ROUTES, "owner: finance", "ownr: finance", ("key-unknown", &["`ownr`", "owner"]));
    check(ROUTES, "to: finance", "to: *nobody", ("yaml-invalid", &["anchor"]));
    check(ROUTES, "to: finance", "to: []", ("policy-empty", &["tells nobody"]));
    check(ROUTES, "owner: finance", "owner: ''", ("policy-empty", &["large-order"]));
    check("departments.yaml", "finance:", "Finance:", ("name-invalid", &["`Finance`"]));
    check("departments.yaml", "format: avro", "format: xml", ("value-invalid", &["`xml`", "avro"]));
    check("departments.yaml", "{title: Finance}", "{partitions: 0}", ("value-invalid", &["256"]));
    check("chain.yaml", "delivery.scheduled", "delivery.schedule", ("name-unknown", &["delivery.scheduled"]));
    check("chain.yaml", "order.changed", "order.placed", ("name-duplicate", &["`operations`"]));
    check("chain.yaml", "step: delivery\n", "step: operations\n", ("name-duplicate", &["`operations`"]));
    check("policy.yaml", "catalogue: 2", "catalogue: 9", ("catalogue-version", &["9", "version 2"]));
    check(
        "policy.yaml",
        "ignored: []",
        "ignored: [{type: order.lost, reason: x}]",
        ("name-unknown", &["order.lost"]),
    );
    check("policy.yaml", "name: An", "nme: An", ("key-unknown", &["`nme`", "name"]));
    check(
        "templates/delivered.md",
        "{{ event.correlationid }}",
        "{{ event.correlationid",
        ("template-invalid", &["correct the template"]),
    );
    check("templates/delivered.md", "# Order", "\n# Order", ("template-invalid", &["title"]));
}

#[test]
fn an_event_type_that_nobody_thought_of_is_refused_by_name() {
    let routed = |text: &str| text.replace("on: order.changed", "on: order.cancelled");
    let problems = load_with(ROUTES, routed).map(|_| ()).unwrap_err();
    assert!(problems.to_string().contains("no rule looks at `order.changed`"), "{problems}");
    let both = |text: &str| text.replace("ignored: []", "ignored: [{type: order.placed, reason: tired}]");
    let problems = load_with("policy.yaml", both).map(|_| ()).unwrap_err();
    assert!(problems.to_string().contains("`order.placed` is ignored, but a rule looks at it"), "{problems}");
}

#[test]
fn an_event_type_newer_than_the_pinned_catalogue_need_not_be_thought_of() {
    let without_rules = |pinned: &str| {
        let folder = tempfile::tempdir().unwrap();
        write_starter(folder.path()).unwrap();
        fs::remove_file(folder.path().join("routes/45-complaints.yaml")).unwrap();
        let manifest = folder.path().join("policy.yaml");
        let text = fs::read_to_string(&manifest).unwrap().replace("catalogue: 2", pinned);
        fs::write(manifest, text).unwrap();
        load(folder.path(), &Catalogue::builtin()).map(|_| ())
    };
    let problems = without_rules("catalogue: 2").unwrap_err();
    assert!(problems.to_string().contains("no rule looks at `complaint.closed`"), "{problems}");
    without_rules("catalogue: 1").unwrap();
}

#[test]
fn a_template_reads_only_what_its_events_can_say() {
    let problems = load_with("templates/delivered.md", |text| text.replace("correlationid", "corelationid"));
    let problems = problems.map(|_| ()).unwrap_err();
    assert!(problems.to_string().contains("`delivery.completed` has no fact `corelationid`"), "{problems}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let three = |text: &str| {
        text.replace("to: warehouse", "to: nobody")
            .replace("requires: [value", "requires: [valu")
            .replace("template: order-changed", "template: order-changd")
    };
    assert_eq!(load_with(ROUTES, three).map(|_| ()).unwrap_err().0.len(), 3);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let problems = load(&folder.path().join("nowhere"), &Catalogue::builtin()).map(|_| ()).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert!(problems.0.iter().all(|problem| problem.code == "file-unreadable"), "{problems}");
    write_starter(folder.path()).unwrap();
    fs::write(folder.path().join("chain.yaml"), [0xff, 0xfe]).unwrap();
    fs::write(folder.path().join("policy.yaml"), " ".repeat(2 * 1024 * 1024)).unwrap();
    let problems = load(folder.path(), &Catalogue::builtin()).map(|_| ()).unwrap_err().to_string();
    assert!(problems.contains("not UTF-8") && problems.contains("larger than 1048576"), "{problems}");
    assert!(problems.contains("comments count too"), "{problems}");
    let problems = load_with(ROUTES, |_| "#".repeat(1024 * 1024 + 1)).map(|_| ()).unwrap_err().to_string();
    assert!(problems.contains("over several files in `routes/`"), "{problems}");
}

#[test]
fn a_rule_file_that_would_not_be_read_is_told() {
    for name in ["routes/50-more.yml", "routes/50-more/rules.yaml", "templates/thanks.txt"] {
        let folder = tempfile::tempdir().unwrap();
        write_starter(folder.path()).unwrap();
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "routes: []").unwrap();
        let problems = load(folder.path(), &Catalogue::builtin()).map(|_| ()).unwrap_err();
        assert!(problems.to_string().contains("is not read"), "{problems}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistakes() {
    load_with("chain.yaml", |text| format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
}

#[test]
fn the_files_of_a_policy_make_the_same_policy_again() {
    let loaded = load_with(ROUTES, |text| format!("{text}\n# kept")).unwrap();
    let again = load_files(Path::new("stored"), loaded.files.clone(), &Catalogue::builtin()).unwrap();
    assert_eq!(again.policy.version, loaded.policy.version);
    assert_eq!(again.files, loaded.files);
}

#[test]
fn a_file_that_looks_as_if_it_belonged_to_the_policy_is_warned_of() {
    let check = |name: &str, words: Option<&str>| {
        let loaded = load_with(name, |_| "routes: []".to_owned()).unwrap();
        let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.iter().any(|it| it.contains("is not read")), words.is_some(), "{name}: {told:?}");
        assert!(told.iter().any(|it| it.contains(words.unwrap_or_default())) || words.is_none(), "{told:?}");
    };
    check("people.yml", Some("did you mean `people.yaml`?"));
    check("peple.yaml", Some("did you mean `people.yaml`?"));
    check("source/shop.yaml", Some("did you mean `sources`?"));
    check("rules.yaml", Some("`routes/rules.yaml` if it holds rules"));
    check("more/rules.yaml", Some("rules stand in `routes/`"));
    check("README.md", None);
    check("docs/why.md", None);
    check(".git/config", None);
}

#[test]
fn a_file_that_nests_without_end_is_refused_like_any_other() {
    for open in ["[", "{a: ", "- "] {
        let problems = load_with(ROUTES, |_| open.repeat(100_000)).map(|_| ()).unwrap_err();
        assert!(problems.0.iter().any(|problem| problem.code == "yaml-invalid"), "{open}: {problems}");
    }
}
