//! `hinge replay` finds nothing where nothing was touched, and exactly what was touched where something was; `hinge plan`
//! shows a planted change and nothing else. Neither writes anything.

use std::collections::BTreeMap;
use std::fs;

use hinge_domain::Event;
use hinge_schema::{Catalogue, Encoding, Stamp, encode_notification};
use hinge_stream::{Outgoing, TopicPartition};
use hinge_tests::invented::{at, event_with, input};
use hinge_tests::program::{Ended, Running, hinge, run};
use hinge_tests::shop::{Plan, Shop, write_policy};
use hinge_tests::site::{Backend, Site};
use hinge_tests::told::Told;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// Rules of these tests' own, to be changed by them.
const ORDERS: &str = "
routes:
  - {id: order-to-pack, owner: operations, on: order.confirmed, to: warehouse, kind: do, requires: [promised_date, zone],
     template: order-to-pack}
  - {id: order-promised, owner: operations, on: order.placed, to: operations, requires: [promised_date, state],
     template: order-placed}
  - {id: large-order, owner: finance, on: order.placed, to: finance, kind: do, priority: high, template: order-placed,
     when: event.value >= 500.0}
  - {id: order-changed, owner: operations, on: [order.changed, order.cancelled], to: warehouse}
";

const DELIVERIES: &str = "
routes:
  - {id: delivery-to-load, owner: delivery, on: delivery.scheduled, to: [warehouse, delivery], template: delivery-scheduled}
  - {id: delivery-on-its-way, owner: delivery, on: [delivery.dispatched, delivery.delayed], to: customer-support}
  - {id: delivered-late, owner: quality, on: delivery.completed, to: [quality, customer-support], kind: do,
     template: delivered-late, when: event.delivered_date > event.promised_date}
  - {id: delivered, owner: delivery, on: delivery.completed, to: finance}
";

struct Played {
    site: Site,
    policy: TempDir,
}

impl Played {
    /// An empty log; `None` where there is no Kafka.
    fn fresh(backend: Backend) -> Option<Self> {
        let policy = tempfile::tempdir().unwrap();
        write_policy(policy.path());
        fs::write(policy.path().join("routes/20-orders.yaml"), ORDERS).unwrap();
        fs::write(policy.path().join("routes/30-deliveries.yaml"), DELIVERIES).unwrap();
        Some(Self { site: Site::fresh(backend, policy.path())?, policy })
    }

    fn feed(&self, orders: u32, seed: u64) {
        Shop::new(Plan { orders, seed, troubled: true }).feed(self.site.open().as_ref()).unwrap();
    }

    fn decide(&self) {
        run(self.site.drain(self.policy.path())).well();
    }

    /// Changes a file of the policy.
    fn rewrite(&self, file: &str, from: &str, to: &str) {
        rewrite(&self.policy, file, from, to);
    }

    /// A copy of the policy, to be changed.
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        let loaded = hinge_policy::load(self.policy.path(), &Catalogue::builtin()).unwrap();
        for file in loaded.files {
            let path = copy.path().join(file.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.text).unwrap();
        }
        copy
    }

    fn ask(&self, command: &[&str]) -> Ended {
        let mut arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
        arguments.extend(self.site.flags());
        run(arguments)
    }

    fn replay(&self, more: &[&str]) -> (Option<i32>, Json) {
        let ended = self.ask(&[&["replay", "--start-at", "earliest", "--format", "json"], more].concat());
        (ended.code, parsed(&ended))
    }

    /// Deciding again gives what is there.
    #[track_caller]
    fn is_untouched(&self) -> Json {
        let (code, found) = self.replay(&[]);
        assert_eq!(changes(&found), [0, 0, 0], "{found}");
        assert_eq!((code, &found["endings"]), (Some(0), &json!([])), "{found}");
        found
    }

    fn ends(&self) -> BTreeMap<TopicPartition, i64> {
        let log = self.site.open();
        let mut reader = log.reader().unwrap();
        let topics = log.topics().unwrap().list().unwrap();
        let bounds = topics.iter().flat_map(|topic| reader.bounds(&topic.name).unwrap());
        bounds.map(|(place, _, end)| (place, end.0)).collect()
    }

    /// Writes one record as somebody who is no router might.
    fn forge(&self, topic: &str, (key, value): (&str, &[u8])) {
        self.append(&Outgoing {
            topic,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &[],
            carried: None,
            timestamp: None,
        });
    }

    fn write(&self, topic: &str, event: &Event) {
        let record = input(&Catalogue::builtin(), event, Encoding::JsonBinary, Some(event.occurred));
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        self.append(&Outgoing {
            topic,
            key: Some(b"one key"),
            value: record.value.as_deref(),
            headers: &headers,
            carried: None,
            timestamp: None,
        });
    }

    fn append(&self, record: &Outgoing<'_>) {
        let log = self.site.open();
        let mut appender = log.appender().unwrap();
        appender.append(record).unwrap();
        appender.flush().unwrap();
    }
}

fn rewrite(policy: &TempDir, file: &str, from: &str, to: &str) {
    let path = policy.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn parsed(ended: &Ended) -> Json {
    serde_json::from_str(&ended.output).unwrap_or_else(|_| panic!("{}{}", ended.output, ended.log))
}

fn changes(found: &Json) -> [u64; 3] {
    ["added", "gone", "changed"].map(|name| found[name].as_u64().unwrap())
}

/// The departments for which something differs, with what.
fn changed_departments(found: &Json) -> Vec<(String, [u64; 3])> {
    let departments = found["departments"].as_object().unwrap();
    let all = departments.iter().map(|(name, counts)| (name.clone(), changes(counts)));
    all.filter(|(_, changes)| *changes != [0, 0, 0]).collect()
}

fn order(order: &str, facts: &Json) -> Event {
    event_with(&Catalogue::builtin(), "order.placed", order, at("2026-03-02T09:00:00Z"), facts)
}

#[test]
fn an_untouched_log_is_what_its_input_and_its_policies_make_of_it_in_a_folder() {
    untouched(Backend::Embedded);
}

#[test]
fn an_untouched_log_is_what_its_input_and_its_policies_make_of_it_on_kafka() {
    untouched(Backend::Kafka);
}

/// Repetitions, conflicts, broken records, ignored and unrouted events, a restart with another policy in the middle.
fn untouched(backend: Backend) {
    let Some(played) = Played::fresh(backend) else { return };
    played.feed(60, 1);
    played.decide();
    let found = played.is_untouched();
    assert!(found["repetitions"].as_u64().unwrap() > 0, "{found}");
    assert_eq!(found["versions"].as_object().unwrap().len(), 1);

    // From here on another policy decides, with other texts, ranks and recipients.
    played.rewrite("routes/20-orders.yaml", "event.value >= 500.0", "event.value >= 200.0");
    played.rewrite("templates/order-placed.md", "# ", "# New: ");
    played.feed(80, 2);
    let waiting = played.is_untouched();
    assert!(waiting["not_decided"].as_u64().unwrap() > 300, "{waiting}");
    played.decide();

    let before = played.ends();
    let found = played.is_untouched();
    assert_eq!(before, played.ends(), "a replay wrote something");
    let told = Told::read(played.site.open().as_ref()).unwrap();
    assert_eq!(found["versions"].as_object().unwrap().len(), 2, "{found}");
    assert_eq!(found["not_decided"], 0, "{found}");
    assert_eq!(found["same"].as_u64().unwrap(), told.notification_count() as u64);
    assert_eq!(found["records"].as_u64().unwrap(), told.inputs as u64);
    let compared = told.decisions.len() + told.letters.len();
    assert_eq!(found["compared"].as_u64().unwrap(), compared as u64, "{found}");
    let said = played.ask(&["replay"]).well().output;
    assert!(said.contains("Nothing differs: deciding again gives what is there."), "{said}");
}

#[test]
fn what_is_told_twice_beyond_the_window_is_the_same_again_and_another_window_is_a_difference() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    let with_window = |window: &str, arguments: Vec<String>| {
        let mut command = hinge(arguments);
        command.env("HINGE_ROUTER__REPETITION_OFFSETS", window);
        Running::start(&mut command).ended()
    };
    for number in [1, 2, 3, 4, 1] {
        played.write("order.events", &order(&format!("order-{number}"), &json!({})));
    }
    with_window("3", played.site.drain(played.policy.path())).well();
    let replay = |window: &str| {
        let mut arguments = hinge_tests::site::words(&["replay", "--format", "json"]);
        arguments.extend(played.site.flags());
        parsed(&with_window(window, arguments))
    };
    let found = replay("3");
    assert_eq!((changes(&found), &found["same"]), ([0, 0, 0], &json!(5)), "{found}");
    let found = replay("4");
    assert_eq!((changes(&found), &found["same"]), ([0, 1, 0], &json!(4)), "{found}");
    assert_eq!(found["endings"], json!([{"then": "emitted", "now": "repetition", "events": 1}]));
}

#[test]
fn a_replay_under_another_policy_shows_what_is_added_gone_and_changed() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    for (number, value) in [(1, "100.00"), (2, "600.00"), (3, "700.00")] {
        let event = order(&format!("order-{number}"), &json!({"value": value}));
        played.write("order.events", &event);
    }
    played.decide();
    // Finance hears of orders from 650 on instead of 500 on, more urgently; marketing hears of the small ones.
    let new = played.copy();
    rewrite(&new, "routes/20-orders.yaml", "event.value >= 500.0", "event.value >= 650.0");
    rewrite(&new, "routes/20-orders.yaml", "priority: high", "priority: urgent");
    fs::write(
        new.path().join("routes/80-new.yaml"),
        "routes:\n  - {id: small-orders, owner: marketing, on: order.placed, when: event.value < 500.0, to: marketing}\n",
    )
    .unwrap();
    let policy = new.path().to_str().unwrap();

    let (code, found) = played.replay(&["--policy", policy]);
    assert_eq!((code, changes(&found)), (Some(1), [1, 1, 1]), "{found}");
    assert_eq!(changed_departments(&found), [("finance".into(), [0, 1, 1]), ("marketing".into(), [1, 0, 0])]);
    let example = |department: &str, change: &str| {
        let example = &found["departments"][department]["examples"][change][0];
        (
            example["event"]["id"].as_str().unwrap().to_owned(),
            example["details"][0].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(example("finance", "gone"), ("order-2/order.placed".into(), "rules: large-order".into()));
    assert_eq!(
        example("finance", "changed"),
        ("order-3/order.placed".into(), "priority: high -> urgent".into())
    );
    assert_eq!(example("marketing", "added"), ("order-1/order.placed".into(), "rules: small-orders".into()));
    let said = played.ask(&["replay", "--policy", policy]);
    assert_eq!(said.code, Some(1));
    assert!(said.output.contains("finance: 1 gone, such as"), "{}", said.output);
    // Under the versions that decided nothing differs, whatever is planned.
    played.is_untouched();
}

#[test]
fn a_plan_shows_a_planted_change_and_nothing_else() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    played.feed(100, 5);
    played.decide();
    let against = match &played.site {
        Site::Folder(folder) => folder.path().to_str().unwrap().to_owned(),
        Site::Broker(_) => unreachable!("the site was asked for in a folder"),
    };
    let plan = |policy: &TempDir, more: &[&str]| {
        let policy = policy.path().to_str().unwrap();
        run([&["plan", "--against", against.as_str(), "--policy", policy], more].concat()).well().output
    };
    let json = |policy: &TempDir, more: &[&str]| -> Json {
        serde_json::from_str(&plan(policy, &[&["--format", "json"], more].concat())).unwrap()
    };
    let same = played.copy();
    rewrite(&same, "policy.yaml", "An invented shop", "The same shop");
    assert!(plan(&same, &[]).contains("Nothing would change."), "another name is no other decision");

    let told = Told::read(played.site.open().as_ref()).unwrap();
    let late = told.notifications.iter().filter(|((department, ..), _)| department == "quality");
    let late: usize =
        late.flat_map(|(_, all)| all).filter(|told| told.event.event_type == "delivery.completed").count();
    assert!(late > 3, "the shop is late now and then");
    let planted = played.copy();
    rewrite(
        &planted,
        "routes/30-deliveries.yaml",
        "to: [quality, customer-support]",
        "to: [quality, marketing]",
    );
    let before = played.ends();
    let found = json(&planted, &[]);
    let late = late as u64;
    assert_eq!(
        changed_departments(&found),
        [("customer-support".into(), [0, late, 0]), ("marketing".into(), [late, 0, 0])],
        "{found}"
    );
    assert_eq!(found["departments"]["marketing"]["examples"]["added"].as_array().unwrap().len(), 3);
    assert_eq!(before, played.ends(), "a plan wrote something");
    let said = plan(&planted, &[]);
    for words in [
        format!("customer-support would be told {late} less, such as"),
        format!("marketing would be told {late} more, such as"),
        "delivery.completed about order-".to_owned(),
    ] {
        assert!(said.contains(&words), "{words}: {said}");
    }
    // The newest stretch alone has fewer of them, and all of it as many as there are.
    let newest = json(&planted, &["--last", "30m"]);
    let few = changes(&newest)[0];
    assert!(few < late && newest["records"].as_u64() < found["records"].as_u64(), "{newest}");
    assert_eq!(changes(&json(&planted, &["--last", "52w"])), changes(&found));
    run(["plan", "--against", &against, "--policy", "/nowhere"]).refused(2, &["no such directory"]);
}

#[test]
fn what_somebody_else_wrote_into_the_log_is_found() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    played.write("order.events", &order("order-1", &json!({"value": "600.00"})));
    played.decide();
    let log = played.site.open();
    let told = Told::read(log.as_ref()).unwrap();
    let place = told.decisions.keys().next().unwrap().clone();

    // A notification that no decision lists.
    let (policy, catalogue) = (
        hinge_policy::load(played.policy.path(), &Catalogue::builtin()).unwrap().policy,
        Catalogue::builtin(),
    );
    let forged = event_with(&catalogue, "order.placed", "forged", at("2026-03-02T09:00:00Z"), &json!({}));
    let decision = hinge_domain::decide(&forged, &policy, forged.occurred);
    let hinge_domain::Verdict::Emitted(forged_ones) = &decision.verdict else {
        panic!("operations are told")
    };
    let stamp = Stamp { policy_version: "x".into(), recorded: forged.occurred, decided: forged.occurred };
    let encoded = encode_notification(&forged_ones[0], &stamp, hinge_domain::Format::Json).unwrap();
    played.forge("hinge.notifications.operations", ("forged", &encoded.value));
    let (code, found) = played.replay(&[]);
    assert_eq!(
        (code, changed_departments(&found)),
        (Some(1), vec![("operations".into(), [0, 1, 0])]),
        "{found}"
    );

    // A decision that nobody could make of its event: it lies where a record waits.
    played.write("order.events", &order("order-2", &json!({"value": "600.00"})));
    let mut wrong = told.decisions[&place].clone();
    wrong["event"]["id"] = json!("order-2/order.placed");
    wrong["offset"] = json!(place.0.2 + 1);
    wrong["outcome"] = json!("unrouted");
    wrong["notifications"] = json!([]);
    wrong["recorded"] = json!("2026-03-02T09:00:00Z");
    played.forge("hinge.decisions", ("order-2", wrong.to_string().as_bytes()));
    let (code, found) = played.replay(&[]);
    assert_eq!((code, changes(&found)), (Some(1), [2, 1, 0]), "{found}");
    assert_eq!(found["endings"], json!([{"then": "unrouted", "now": "emitted", "events": 1}]));

    // A decision under a version that nobody stored.
    wrong["policy_version"] = json!("0123456789ab");
    played.forge("hinge.decisions", ("order-2", wrong.to_string().as_bytes()));
    played.ask(&["replay"]).refused(1, &["error[policy-version-missing]", "0123456789ab"]);
    let asked = ["why-not", "order-2/order.placed", "--department", "quality"];
    played.ask(&asked).refused(1, &["error[policy-version-missing]", "0123456789ab"]);
}

#[test]
fn a_replay_can_be_narrowed_to_topics_and_to_a_span_of_time() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    played.feed(40, 9);
    played.decide();
    let (_, all) = played.replay(&[]);
    let count = |found: &Json| found["records"].as_u64().unwrap();
    let of = |more: &[&str]| {
        let ended = played.ask(&[&["replay", "--format", "json"], more].concat()).well();
        let found = parsed(&ended);
        assert_eq!(changes(&found), [0, 0, 0], "{more:?}: {found}");
        found
    };
    let orders = of(&["--topic", "order.events"]);
    let others =
        of(&["--topic", "marketing.events", "--topic", "delivery.events", "--topic", "service.events"]);
    assert!(count(&orders) > 0 && count(&others) > 0);
    assert_eq!(count(&orders) + count(&others), count(&all));
    let time = "2026-03-02T12:00:00Z";
    let (early, late) = (of(&["--until", time]), of(&["--start-at", time]));
    assert!(early["same"].as_u64() > Some(0) && late["same"].as_u64() > Some(0));
    let same = |found: &Json| found["same"].as_u64().unwrap();
    assert_eq!(same(&early) + same(&late), same(&all));
    played.ask(&["replay", "--start-at", "yesterday"]).refused(2, &["`yesterday` is no time"]);
    played.ask(&["replay", "--topic", "orders"]).refused(2, &["`orders` is no input topic", "order.events"]);
}

#[test]
fn what_is_held_released_repaired_or_discarded_is_no_difference() {
    let played = Played::fresh(Backend::Embedded).unwrap();
    let write = |order_id: &str, event_type: &str, torn: bool| {
        let event =
            event_with(&Catalogue::builtin(), event_type, order_id, at("2026-03-02T09:00:00Z"), &json!({}));
        let record = input(&Catalogue::builtin(), &event, Encoding::JsonBinary, Some(event.occurred));
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let value = if torn { Some(&b"{"[..]) } else { record.value.as_deref() };
        let key = Some(order_id.as_bytes());
        played.append(&Outgoing {
            topic: "order.events",
            key,
            value,
            headers: &headers,
            carried: None,
            timestamp: None,
        });
    };
    let decide = || {
        let mut command = hinge(played.site.drain(played.policy.path()));
        Running::start(command.env("HINGE_ROUTER__HOLD", "order.events")).ended().well();
    };
    for order_id in ["waits", "goes-on", "is-dropped"] {
        write(order_id, "order.placed", true);
        write(order_id, "order.confirmed", false);
        write(order_id, "order.changed", false);
    }
    write("of-no-concern", "order.placed", false);
    decide();
    let found = played.is_untouched();
    assert_eq!(found["held_or_discarded"], 6, "{found}");

    played.ask(&["held", "release", "goes-on", "--by", "Erika"]).well();
    played.ask(&["held", "discard", "is-dropped", "--reason", "a test", "--by", "Erika"]).well();
    decide();
    let found = played.is_untouched();
    assert_eq!((&found["held_or_discarded"], &found["same"]), (&json!(4), &json!(3)), "{found}");
}
