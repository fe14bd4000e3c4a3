//! Audiences from the policy's files to the topics: kept once, proven by their hash, and nobody's business on a
//! department's topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use hinge_domain::{Audience, Policy};
use hinge_router::{AUDIENCES, DECISIONS};
use hinge_schema::{Catalogue, Encoding};
use hinge_tests::disturbed::{Disturbance, Disturbed};
use hinge_tests::invented::{at, event_with, input};
use hinge_tests::world::{Input, World};
use prometheus::Registry;
use serde_json::{Value as Json, json};

use super::scenarios::on_both;

/// Ids of this run, because worlds on a broker share the topic of audiences.
struct Staff {
    prefix: String,
    policy: Arc<Policy>,
}

const ROUTES: &str = "
routes:
  - id: near
    owner: operations
    on: order.placed
    to: [warehouse, operations]
    audience: \"'pt' in person.languages && person.location == event.state\"
  - {id: large, owner: operations, on: order.placed, when: event.value >= 100.0, to: warehouse,
     audience: person.role == 'lead'}
  - {id: rest, owner: operations, on: [order.confirmed, order.changed, order.cancelled], to: operations}
";

fn staff() -> Staff {
    let prefix = format!("x{}", fastrand::u64(..));
    let people = format!(
        "people:
  - {{id: {prefix}-1, department: warehouse, location: SP, languages: [pt]}}
  - {{id: {prefix}-2, department: warehouse, location: SP, languages: [en]}}
  - {{id: {prefix}-3, department: warehouse, role: lead, location: RJ, languages: [pt]}}
  - {{id: {prefix}-4, department: warehouse}}
  - {{id: {prefix}-5, department: finance, seniority: 3}}
"
    );
    let folder = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(folder.path()).unwrap();
    std::fs::write(folder.path().join("routes/20-orders.yaml"), ROUTES).unwrap();
    std::fs::write(folder.path().join("people.yaml"), people).unwrap();
    let policy = hinge_policy::load(folder.path(), &Catalogue::builtin()).unwrap().policy;
    Staff { prefix, policy: Arc::new(policy) }
}

impl Staff {
    fn hash(&self, numbers: &[u32]) -> String {
        let ids = numbers.iter().map(|number| format!("{}-{number}", self.prefix));
        Audience::of("warehouse", ids).hash().to_string()
    }

    /// What is kept of our people.
    fn kept(&self, world: &World) -> Vec<(String, Json)> {
        let records = world.records(AUDIENCES);
        let kept = records.iter().map(|record| {
            let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
            (key, serde_json::from_slice(record.value.as_ref().unwrap()).unwrap())
        });
        kept.filter(|(_, audience): &(String, Json)| audience.to_string().contains(&self.prefix)).collect()
    }
}

fn order(catalogue: &Catalogue, order: &str, own: &Json) -> Input {
    let event = event_with(catalogue, "order.placed", order, at("2026-03-02T08:00:00Z"), own);
    input(catalogue, &event, Encoding::JsonBinary, None)
}

fn total(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum()
}

#[test]
fn an_audience_is_kept_once_with_its_first_notification_also_after_a_restart() {
    let staff = staff();
    on_both(
        &staff.policy,
        |world| world,
        |world| {
            let catalogue = world.catalogue();
            let sp = |name: &str| order(catalogue, name, &json!({"state": "SP"}));
            let large = order(catalogue, "A-3", &json!({"state": "SP", "value": "100.00"}));
            world.write(&[sp("A-1"), sp("A-2"), large]);
            let first = world.drain();
            assert_eq!(staff.kept(world).len(), 2, "once each");
            world.write(&[order(catalogue, "A-4", &json!({"state": "SP"}))]);
            let second = world.drain();
            assert_eq!(staff.kept(world).len(), 2, "read back: not published again");

            let told = world.notifications();
            let mut hashes: Vec<(String, u64)> = told
                .iter()
                .filter(|it| it.department == "warehouse")
                .map(|it| it.audience.clone().map(|audience| (audience.hash, audience.size)).unwrap())
                .collect();
            hashes.sort();
            let (near, both) = (staff.hash(&[1]), staff.hash(&[1, 3]));
            let mut expected = vec![(near.clone(), 1), (near.clone(), 1), (near, 1), (both, 2)];
            expected.sort();
            assert_eq!(hashes, expected);
            let operations = told.iter().filter(|it| it.department == "operations");
            assert!(operations.clone().count() == 4, "nobody is known there, and it is told");
            assert!(operations.into_iter().all(|it| it.audience.is_none()));
            vec![first, second]
        },
    );
}

#[test]
fn what_is_kept_says_who_was_chosen_and_of_everybody_else_the_first_reason() {
    let staff = staff();
    let world = World::embedded(Arc::clone(&staff.policy));
    let catalogue = world.catalogue();
    world.write(&[order(catalogue, "A-1", &json!({"state": "SP", "value": "100.00"}))]);
    world.drain();
    let kept: BTreeMap<String, Json> = staff.kept(&world).into_iter().collect();
    let id = |number: u32| format!("{}-{number}", staff.prefix);
    assert_eq!(
        kept[&staff.hash(&[1, 3])],
        json!({
            "hash": staff.hash(&[1, 3]),
            "department": "warehouse",
            "people": [id(1), id(3)],
            "excluded": [
                {"rule": "near", "reason": "`'pt' in person.languages` is not so", "people": [id(2)]},
                {"rule": "near", "reason": "`person.languages` is not given", "people": [id(4)]},
            ],
            "first": {"source": "/invented-shop", "id": "A-1/order.placed", "policy_version": &*staff.policy.version},
        })
    );
    let decision: Json = serde_json::from_slice(world.records(DECISIONS)[0].value.as_ref().unwrap()).unwrap();
    let warehouse = &decision["notifications"].as_array().unwrap()[1];
    assert_eq!(warehouse["audience"], json!({"hash": staff.hash(&[1, 3]), "size": 2}));
    assert_eq!(decision["notifications"][0]["audience"], Json::Null, "operations has no people");
}

#[test]
fn nothing_of_anybody_is_on_the_topic_of_a_department() {
    let staff = staff();
    let world = World::embedded(Arc::clone(&staff.policy));
    world.write(&[order(world.catalogue(), "A-1", &json!({"state": "SP", "value": "100.00"}))]);
    world.drain();
    for department in &staff.policy.departments {
        for record in world.records(&Policy::topic_of(&department.name)) {
            let headers = record.headers.iter().flat_map(|header| header.value.unwrap_or_default().to_vec());
            let bytes: Vec<u8> = record.value.into_iter().flatten().chain(headers).collect();
            let text = String::from_utf8_lossy(&bytes);
            for personal in [staff.prefix.as_str(), "languages", "location", "'pt'", "lead"] {
                assert!(!text.contains(personal), "{}: {personal} in {text}", department.name);
            }
        }
    }
}

#[test]
fn a_department_whose_audience_chooses_nobody_is_told_and_counted() {
    let staff = staff();
    let world = World::embedded(Arc::clone(&staff.policy));
    let catalogue = world.catalogue();
    world.write(&[
        order(catalogue, "A-1", &json!({"state": "sp"})),
        order(catalogue, "A-2", &json!({"state": null})),
        order(catalogue, "A-3", &json!({"state": "SP"})),
    ]);
    let (_, registry) = world.drain_through(|seat, _| seat);
    let told = world.notifications();
    let sizes: BTreeMap<&str, u64> =
        told.iter().filter_map(|it| Some((it.correlation_id.as_str(), it.audience.as_ref()?.size))).collect();
    assert_eq!(sizes, BTreeMap::from([("A-1", 0), ("A-2", 0), ("A-3", 1)]));
    assert!((total(&registry, "hinge_router_audience_empty_total") - 2.0).abs() < 0.5);
    assert!((total(&registry, "hinge_router_audiences_published_total") - 2.0).abs() < 0.5);
    let reasons = &staff.kept(&world).into_iter().find(|(hash, _)| *hash == staff.hash(&[])).unwrap().1;
    assert_eq!(reasons["people"], json!([]));
    let excluded: usize =
        reasons["excluded"].as_array().unwrap().iter().map(|it| it["people"].as_array().unwrap().len()).sum();
    assert_eq!(excluded, 4, "everybody, with a reason");
}

#[test]
fn an_audience_whose_transaction_was_rolled_back_is_published_with_the_next() {
    let staff = staff();
    let world = World::embedded(Arc::clone(&staff.policy));
    world.write(&[order(world.catalogue(), "A-1", &json!({"state": "SP"}))]);
    let (_, registry) =
        world.drain_through(|seat, _| Disturbed::by(seat, Disturbance::FirstCommitRolledBack));
    assert!((total(&registry, "hinge_router_transactions_rolled_back_total") - 1.0).abs() < 0.5);
    let kept: Vec<String> = staff.kept(&world).into_iter().map(|(hash, _)| hash).collect();
    assert_eq!(kept, [staff.hash(&[1])]);
    assert!((total(&registry, "hinge_router_audiences_published_total") - 1.0).abs() < 0.5);
}
