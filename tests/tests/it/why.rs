//! `hinge why` and `hinge why-not`: each kind of case answered in sentences, under the policy that decided it.

use std::fs;
use std::path::Path;

use hinge_domain::Event;
use hinge_schema::{Catalogue, Encoding};
use hinge_tests::invented::{at, event_with, input};
use hinge_tests::program::{Ended, run};
use hinge_tests::shop::{Written, write_policy};
use hinge_tests::site::{Backend, Site};
use hinge_tests::told::read_all;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// Rules for a department that hardly anything concerns.
const BOARD: &str = "
routes:
  - {id: big-orders, owner: finance, on: order.placed, to: board,
     when: \"event.value >= 1000.0 && (event.state == 'GE' || event.payment_method == 'invoice')\"}
  - {id: damage-is-for-quality, owner: quality, on: delivery.completed, to: quality, stop: true,
     when: event.condition == 'damaged'}
  - {id: all-deliveries, owner: quality, on: delivery.completed, to: board}
  - {id: lawyers, owner: customer-support, on: contact.received, to: board,
     when: \"event.text.contains('lawyer')\"}
  - {id: refunds, owner: finance, on: order.cancelled, to: board, requires: [refund, value]}
";

struct Shop {
    site: Site,
    policy: TempDir,
    catalogue: Catalogue,
}

impl Shop {
    fn new() -> Self {
        let policy = tempfile::tempdir().unwrap();
        write_policy(policy.path());
        let departments = policy.path().join("departments.yaml");
        let with_board = fs::read_to_string(&departments).unwrap() + "\n  board: {title: The board}\n";
        fs::write(&departments, with_board).unwrap();
        fs::write(policy.path().join("routes/90-board.yaml"), BOARD).unwrap();
        let site = Site::fresh(Backend::Embedded, policy.path()).unwrap();
        Self { site, policy, catalogue: Catalogue::builtin() }
    }

    /// An event about an order; its id is `<order>/<type>`.
    fn event(&self, event_type: &str, order: &str, facts: &Json) -> Event {
        event_with(&self.catalogue, event_type, order, at("2026-03-02T09:00:00Z"), facts)
    }

    fn write(&self, topic: &str, event: &Event) {
        let record = input(&self.catalogue, event, Encoding::JsonBinary, Some(event.occurred));
        self.write_record(topic, &event.correlation_id, record);
    }

    fn write_record(&self, topic: &str, key: &str, record: hinge_tests::world::Input) {
        let written = Written {
            topic: topic.to_owned(),
            key: key.to_owned(),
            headers: record.headers.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            value: record.value.unwrap_or_default(),
        };
        let log = self.site.open();
        let mut appender = log.appender().unwrap();
        written.append(appender.as_mut()).unwrap();
        appender.flush().unwrap();
    }

    fn decide(&self) {
        run(self.site.drain(self.policy.path())).well();
    }

    fn ask(&self, command: &[&str]) -> Ended {
        let mut arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
        arguments.extend(self.site.flags());
        run(arguments)
    }

    fn why_not(&self, id: &str, department: &str) -> String {
        self.ask(&["why-not", id, "--department", department]).well().output
    }

    /// Where the records of a topic lie, in order.
    fn places(&self, topic: &str) -> Vec<String> {
        let mut places = Vec::new();
        let mut reader = self.site.open().reader().unwrap();
        read_all(reader.as_mut(), topic, &mut |record| {
            places.push(format!("{}/{}", record.place, record.offset));
        })
        .unwrap();
        places
    }
}

#[track_caller]
fn says(answer: &str, words: &[&str]) {
    for word in words {
        assert!(answer.contains(word), "it does not say `{word}`:\n{answer}");
    }
}

const PROOF: &str = "Proof: the stored event, decided again under the stored policy";

#[test]
fn who_was_told_instead_and_the_part_of_each_condition_that_was_not_true_is_said() {
    let shop = Shop::new();
    shop.write("order.events", &shop.event("order.placed", "small", &json!({})));
    shop.write("order.events", &shop.event("order.placed", "large", &json!({"value": "2000.00"})));
    shop.write("order.events", &shop.event("order.confirmed", "small", &json!({})));
    shop.write(
        "delivery.events",
        &shop.event("delivery.completed", "broken", &json!({"condition": "damaged"})),
    );
    shop.decide();

    let small = shop.why_not("small/order.placed", "board");
    says(&small, &["board was not told. Told: operations.", PROOF]);
    says(&small, &["`big-orders` did not match, because `event.value >= 1000.0` is false: value = 49.90."]);
    let large = shop.why_not("large/order.placed", "board");
    says(
        &large,
        &[
            "because none of these holds: `event.state == 'GE'` is false: state = 'ZH'; `event.payment_method == \
           'invoice'` has no answer: `payment_method` is not given.",
            PROOF,
        ],
    );
    let stopped = shop.why_not("broken/delivery.completed", "board");
    says(
        &stopped,
        &[
            "`all-deliveries` was not reached, because the rule `damage-is-for-quality` matched before it and stops.",
        ],
    );
    let confirmed = shop.why_not("small/order.confirmed", "board");
    says(
        &confirmed,
        &[
            "No rule for board looks at order.confirmed.",
            "`big-orders` (order.placed)",
            "Told: warehouse.",
            PROOF,
        ],
    );
    // Who was told after all hears that, and why.
    says(
        &shop.why_not("large/order.placed", "finance"),
        &["It was told:", "finance was told", "large-order"],
    );
}

#[test]
fn the_ignored_the_unrouted_the_rejected_and_the_incomplete_are_told_apart() {
    let shop = Shop::new();
    shop.write("marketing.events", &shop.event("campaign.launched", "spring", &json!({})));
    let call = json!({"channel": "telephone", "text": "Erika wants her money back"});
    shop.write("service.events", &shop.event("contact.received", "call", &call));
    shop.write("order.events", &shop.event("order.cancelled", "void", &json!({"value": "12.00"})));
    let mut torn =
        input(&shop.catalogue, &shop.event("order.placed", "torn", &json!({})), Encoding::JsonBinary, None);
    torn.value = Some(b"{\"value\": ".to_vec());
    shop.write_record("order.events", "torn", torn);
    shop.decide();

    says(
        &shop.why_not("spring/campaign.launched", "board"),
        &["Nobody is told, because the policy ignores it: everybody was at the party."],
    );
    let unrouted = shop.why_not("call/contact.received", "board");
    says(&unrouted, &["board was not told, and nobody was: no rule matched", "hinge.unrouted", PROOF]);
    says(&unrouted, &["`event.text.contains('lawyer')` is false: text = (personal)."]);
    assert!(!unrouted.contains("Erika"), "{unrouted}");
    let rejected = shop.why_not("torn/order.placed", "board");
    says(
        &rejected,
        &["was rejected with `json-invalid`", "nobody was told of it, board as little as the others"],
    );
    let incomplete = shop.why_not("void/order.cancelled", "board");
    says(&incomplete, &["board was told", "It is incomplete; the event did not say: refund."]);
    says(&shop.ask(&["why", "void/order.cancelled"]).well().output, &["the event did not say: refund"]);
}

#[test]
fn a_repetition_points_to_the_first() {
    let shop = Shop::new();
    let placed = shop.event("order.placed", "twice", &json!({}));
    shop.write("order.events", &placed);
    shop.write("order.events", &shop.event("order.confirmed", "twice", &json!({})));
    shop.write("order.events", &placed);
    shop.decide();
    let lying = shop.places("order.events");
    let (first, again) = (&lying[0], &lying[2]);

    let expected = format!("It was told again at {again}: a repetition of the one at {first}");
    for asked in ["twice/order.placed", again] {
        says(&shop.ask(&["why", asked]).well().output, &[&expected, "operations was told"]);
    }
    let answer = shop.why_not(again, "board");
    let pointed = format!(
        "The record {again} is a repetition, which tells nobody anything: the event was first told \
                           at {first}, and decided there."
    );
    says(&answer, &[&pointed, "`big-orders` did not match", PROOF]);

    // What tells something else under the same identity is a conflict, and the first stays in force.
    shop.write("order.events", &shop.event("order.placed", "twice", &json!({"value": "5000.00"})));
    shop.decide();
    let answer = shop.why_not("twice/order.placed", "board");
    says(
        &answer,
        &["`event.value >= 1000.0` is false: value = 49.90.", "was rejected with `conflict`", PROOF],
    );
}

#[test]
fn the_policy_of_then_explains_not_that_of_today() {
    let shop = Shop::new();
    shop.write("order.events", &shop.event("order.placed", "early", &json!({})));
    shop.decide();
    let routes = shop.policy.path().join("routes/90-board.yaml");
    fs::write(&routes, BOARD.replace("1000.0", "10.0").replace("'GE'", "'ZH'")).unwrap();
    let departments = shop.policy.path().join("departments.yaml");
    let text = fs::read_to_string(&departments).unwrap();
    fs::write(&departments, text + "  returns: {title: Returns}\n").unwrap();
    shop.write("order.events", &shop.event("order.placed", "late", &json!({})));
    shop.decide();

    says(&shop.why_not("early/order.placed", "board"), &["`event.value >= 1000.0` is false", PROOF]);
    says(&shop.why_not("late/order.placed", "board"), &["It was told:", "board was told", "big-orders"]);
    says(
        &shop.why_not("early/order.placed", "returns"),
        &["had no such department yet", "which runs now, has"],
    );
    let nobody = shop.ask(&["why-not", "early/order.placed", "--department", "nobody"]);
    nobody.refused(2, &["error[department-unknown]", "has no department `nobody`", "board"]);
}

#[test]
fn an_order_lists_its_events_and_one_name_of_several_events_is_asked_back() {
    let shop = Shop::new();
    shop.write("order.events", &shop.event("order.placed", "A-1", &json!({})));
    shop.write("order.events", &shop.event("order.confirmed", "A-1", &json!({})));
    let mut other = shop.event("order.placed", "A-1", &json!({}));
    other.source = "/other-shop".into();
    other.subject = "B-2".into();
    other.correlation_id = "B-2".into();
    shop.write("order.events", &other);
    shop.decide();

    let listed = shop.ask(&["why", "A-1"]).well().output;
    says(
        &listed,
        &["`A-1` is in 2 events", "order.placed  told operations", "order.confirmed  told warehouse"],
    );
    says(&listed, &["hinge why /invented-shop A-1/order.placed"]);
    says(&shop.ask(&["why", "B-2"]).well().output, &["operations was told", "of /other-shop"]);
    let answer = shop.ask(&["why", "/invented-shop", "A-1/order.placed"]).well().output;
    says(&answer, &["operations was told", "event A-1/order.placed of /invented-shop."]);
    let ambiguous = shop.ask(&["why-not", "A-1/order.placed", "--department", "board"]);
    ambiguous.refused(2, &["error[event-ambiguous]", "/invented-shop", "/other-shop", "--source"]);
    let named = ["why-not", "A-1/order.placed", "--department", "board", "--source", "/other-shop"];
    says(&shop.ask(&named).well().output, &["of /other-shop", "board was not told"]);
}

#[test]
fn what_no_router_has_come_to_is_said_to_be_waiting() {
    let shop = Shop::new();
    shop.write("order.events", &shop.event("order.placed", "early", &json!({})));
    shop.decide();
    shop.write("order.events", &shop.event("order.placed", "late", &json!({})));
    let place = shop.places("order.events").into_iter().next_back().unwrap();
    for command in
        [vec!["why", "late"], vec!["why", &place], vec!["why-not", "late", "--department", "board"]]
    {
        says(&shop.ask(&command).well().output, &["is not decided yet", "event late/order.placed"]);
    }
}

#[test]
fn programs_get_the_same_as_json() {
    let shop = Shop::new();
    shop.write("order.events", &shop.event("order.placed", "large", &json!({"value": "2000.00"})));
    shop.decide();
    let asked = ["why-not", "large/order.placed", "--department", "board", "--format", "json"];
    let answer: Json = serde_json::from_str(&shop.ask(&asked).well().output).unwrap();
    assert_eq!((&answer["told"], &answer["proven"]), (&json!(false), &json!(true)), "{answer}");
    let rule = answer["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "big-orders").unwrap();
    assert_eq!(rule["answer"], "unknown");
    assert_eq!(rule["because"]["none_of"][0]["part"], "event.state == 'GE'");
    assert_eq!(rule["because"]["none_of"][0]["values"]["state"], "ZH");
    assert_eq!(rule["because"]["none_of"][1]["unknown"], "`payment_method` is not given");
}

#[test]
fn the_version_that_runs_is_stored_once_and_current_is_written_last() {
    let shop = Shop::new();
    let keys = |shop: &Shop| {
        let mut keys = Vec::new();
        let mut reader = shop.site.open().reader().unwrap();
        read_all(reader.as_mut(), "hinge.policy", &mut |record| {
            assert!(record.value.as_ref().unwrap().len() <= 512 * 1024);
            keys.push(String::from_utf8(record.key.unwrap()).unwrap());
        })
        .unwrap();
        keys
    };
    assert!(keys(&shop).is_empty());
    shop.decide();
    shop.decide();
    let first = version(shop.policy.path());
    assert_eq!(keys(&shop), [format!("{first}/0"), format!("{first}/1"), "current".to_owned()]);
    // A policy of more than one chunk.
    let large = format!("# Large\n{}", "x".repeat(600_000));
    fs::write(shop.policy.path().join("templates/large.md"), large).unwrap();
    shop.decide();
    let second = version(shop.policy.path());
    let stored = keys(&shop)[3..].to_vec();
    assert_eq!(
        stored,
        [0, 1, 2]
            .map(|number| format!("{second}/{number}"))
            .into_iter()
            .chain(["current".into()])
            .collect::<Vec<_>>()
    );
    // Back to the first: only what runs now is said anew.
    fs::remove_file(shop.policy.path().join("templates/large.md")).unwrap();
    shop.decide();
    assert_eq!(keys(&shop)[7..], ["current".to_owned()]);
}

fn version(policy: &Path) -> String {
    hinge_policy::load(policy, &Catalogue::builtin()).unwrap().policy.version.to_string()
}
