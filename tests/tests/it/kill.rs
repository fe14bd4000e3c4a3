//! `kill -9` at any moment loses nothing, doubles nothing and changes no order.

use hinge_schema::NotificationRecord;
use hinge_tests::killing::{Ordeal, Verdict, endure};
use hinge_tests::shop::{Plan, Shop, write_policy};
use hinge_tests::site::Backend;
use hinge_tests::told::Told;

const PLAN: Plan = Plan { orders: 600, seed: 7, troubled: true };

type Plant = fn(&mut Told);

#[test]
fn killed_again_and_again_it_leaves_what_it_leaves_undisturbed_in_a_folder() {
    let Some(verdict) = ordeal(Backend::Embedded) else { return };
    // What compares must also see: each of these is a defect that it has to find.
    let told = &verdict.calm;
    let planted: [(&str, Plant); 7] = [
        ("one lost", |told| drop(longest(told).pop())),
        ("one doubled", |told| {
            let twice = longest(told)[0].clone();
            longest(told).push(twice);
        }),
        ("two swapped", |told| longest(told).swap(0, 1)),
        ("another text", |told| longest(told)[0].title.push('!')),
        ("a decision lost", |told| drop(told.decisions.pop_first())),
        ("a dead letter lost", |told| drop(told.letters.pop_first())),
        ("an unrouted event lost", |told| told.unrouted -= 1),
    ];
    for (defect, plant) in planted {
        let mut other = told.clone();
        plant(&mut other);
        assert!(!told.differences(&other).is_empty(), "not found: {defect}");
    }
    assert_eq!(told.differences(told), Vec::<String>::new());
}

#[test]
fn killed_again_and_again_it_leaves_what_it_leaves_undisturbed_on_kafka() {
    ordeal(Backend::Kafka);
}

fn ordeal(backend: Backend) -> Option<Verdict> {
    let policy = tempfile::tempdir().unwrap();
    write_policy(policy.path());
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}");
    let ordeal = Ordeal {
        backend,
        policy: policy.path(),
        kills: 5,
        seed,
        batch_records: 100,
        feed: &|site| {
            Shop::new(PLAN).feed(site.open().as_ref()).unwrap();
        },
    };
    let verdict = endure(&ordeal)?;
    println!("{}", verdict.json(&ordeal));
    assert!(verdict.differences.is_empty(), "seed {seed}:\n{}", verdict.differences.join("\n"));
    assert!(verdict.kills_inside > 0, "seed {seed}: no kill came before the work was done");

    // What the shop made has met the fate that it was made for.
    let mut shop = Shop::new(PLAN);
    let records = shop.by_ref().count();
    let (made, told) = (shop.counts(), &verdict.calm);
    assert_eq!((told.inputs, made.records()), (records, records));
    assert_eq!(told.neither(), made.repetitions);
    assert_eq!(told.letters.len(), made.conflicts + made.broken);
    assert_eq!(told.letters.values().filter(|code| *code == "conflict").count(), made.conflicts);
    assert_eq!(told.decisions.len(), made.events);
    assert!(["emitted", "filtered", "unrouted"].iter().all(|outcome| told.decided(outcome) > 0));
    Some(verdict)
}

fn longest(told: &mut Told) -> &mut Vec<NotificationRecord> {
    told.notifications.values_mut().max_by_key(|sequence| sequence.len()).expect("somebody was told")
}
