//! What the speed of one order is measured on: twelve rules that all look at `order.placed`, 2.7 notifications
//! for each order in the mean, in JSON or in Avro throughout.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hinge_domain::{Format, Policy};
use hinge_policy::PolicyFile;
use hinge_router::{Metrics, Parts, Pulse, Router, Settings};
use hinge_schema::{Catalogue, Encoding};
use hinge_stream::{Header, Headers, Offset, Record, Timestamp, TopicPartition};
use prometheus::Registry;

use crate::no_log::{NoLog, NothingToRead, Seen};
use crate::shop::{Plan, Shop, Written};

pub(crate) const ROUTES: &str = "
routes:
  - {id: placed, owner: operations, on: order.placed, to: operations, kind: know,
     requires: [promised_date, state], template: placed}
  - {id: promised, owner: marketing, on: order.placed, when: size(event.promise_ids) > 0, to: marketing,
     kind: know, requires: [promised_date, promise_ids], template: placed}
  - {id: large, owner: finance, on: order.placed, when: event.value >= 500.0, to: finance, kind: do,
     priority: high, requires: [value, currency], template: large, because: large orders are checked}
  - {id: large-by-card, owner: finance, on: order.placed,
     when: event.value >= 600.0 && event.payment_method == 'card', to: finance, kind: know}
  - {id: near, owner: delivery, on: order.placed, when: event.state == 'SP', to: delivery, kind: know,
     requires: [promised_date, zone], template: placed}
  - {id: far, owner: delivery, on: order.placed, when: \"event.state in ['BA', 'PE']\", to: delivery, kind: do,
     requires: [promised_date, zone], template: placed}
  - {id: far-promised, owner: quality, on: order.placed, to: quality, kind: know, requires: [promised_date],
     when: \"event.promised_date >= '2026-03-17' && event.promised_date < '2026-04-01'\", template: placed}
  - {id: several, owner: warehouse, on: order.placed, when: event.item_count > 1, to: warehouse, kind: do,
     requires: [items], template: placed}
  - {id: by-telephone, owner: customer-support, on: order.placed, when: event.channel == 'telephone',
     to: customer-support, kind: know, template: placed}
  - {id: business, owner: marketing, on: order.placed, when: event.customer_group == 'business', to: marketing,
     kind: know, template: placed}
  - {id: elsewhere, owner: operations, on: order.placed, when: \"!(event.zone == 'America/Sao_Paulo')\",
     to: operations, kind: do, template: placed}
  - {id: marketplace, owner: marketing, on: order.placed, to: marketing, kind: know,
     when: event.channel == 'marketplace' || event.currency != 'BRL', template: placed}
";
const PLACED: &str = "# Order {{ event.subject }}: promised for {{ event.promised_date }}

{{ event.item_count }} items for {{ event.value }} {{ event.currency }}, to {{ event.state }}.
";
const LARGE: &str =
    "# Order {{ event.subject }} for {{ event.value }} {{ event.currency }}: check it, {{ department }}

It was paid by {{ event.payment_method }}.
";
const DEPARTMENTS: [&str; 7] =
    ["customer-support", "delivery", "finance", "marketing", "operations", "quality", "warehouse"];

/// The policy, with all departments reading the same format.
pub fn policy(format: Format) -> Arc<Policy> {
    let catalogue = Catalogue::builtin();
    let files = policy_files(ROUTES, &DEPARTMENTS, format);
    let loaded = hinge_policy::load_files(Path::new("measured"), files, &catalogue);
    Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")).policy)
}

/// The files of a policy of these rules and departments, all of which read the same format.
pub(crate) fn policy_files(routes: &str, departments: &[&str], format: Format) -> Vec<PolicyFile> {
    let catalogue = Catalogue::builtin();
    let format = match format {
        Format::Json => "json",
        Format::Avro => "avro",
    };
    let others = catalogue.shapes().filter(|shape| *shape.event_type != *"order.placed");
    let ignored: Vec<String> =
        others.map(|shape| format!("  - {{type: {}, reason: not measured}}\n", shape.event_type)).collect();
    let ignored = ignored.concat();
    let departments: Vec<String> = departments
        .iter()
        .map(|name| format!("  {name}: {{title: The {name}, format: {format}}}\n"))
        .collect();
    let files = [
        ("policy.yaml", format!("name: Measured\ncatalogue: {}\nignored:\n{ignored}", catalogue.version())),
        ("departments.yaml", format!("departments:\n{}", departments.concat())),
        ("chain.yaml", "chain:\n  - {step: operations, events: [order.placed]}\n".to_owned()),
        ("routes/measured.yaml", routes.to_owned()),
        ("templates/placed.md", PLACED.to_owned()),
        ("templates/large.md", LARGE.to_owned()),
    ];
    files.map(|(name, text)| PolicyFile { name: name.to_owned(), text }).to_vec()
}

/// So many placed orders, as records of one partition: a thousand different ones, told again under other ids.
pub fn orders(count: usize, encoding: Encoding) -> Vec<Record> {
    let catalogue = Catalogue::builtin();
    let plan = Plan { orders: u32::MAX, seed: 1, troubled: false };
    let placed = Shop::new(plan).filter(|written| is_placed(&written.headers)).take(1_000.min(count));
    let different: Vec<Record> = placed.map(|written| record(&catalogue, &written, encoding)).collect();
    let different = different.iter().cycle().take(count);
    (0..)
        .zip(different)
        .map(|(number, record)| {
            let mut record = Record { offset: Offset(number), ..record.clone() };
            let id = format!("order.placed/{number:06}");
            let renamed = record.headers.iter().map(|header| match header.name {
                "ce_id" => Header { value: Some(id.as_bytes()), ..header },
                _ => header,
            });
            record.headers = Headers::Readable(renamed.collect());
            record
        })
        .collect()
}

fn record(catalogue: &Catalogue, written: &Written, encoding: Encoding) -> Record {
    let headers = written.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
    let decoded = catalogue.decode(headers, Some(&written.value)).expect("the shop writes what can be read");
    let encoded = catalogue.encode_event(&decoded.event, decoded.recorded, encoding);
    let encoded = encoded.expect("what was read can be written");
    let header = |(name, value)| Header { name, value: Some(value) };
    let headers = encoded.headers.iter().map(|(name, value)| header((name.as_ref(), value.as_slice())));
    Record {
        place: TopicPartition::new(hinge_router::input_topic(hinge_domain::Stream::Order), 0),
        offset: Offset::ZERO,
        timestamp: Timestamp::Append(1_772_438_500_000),
        key: Some(written.key.clone().into_bytes()),
        value: Some(encoded.value),
        headers: Headers::Readable(headers.collect()),
    }
}

fn is_placed(headers: &[(Cow<'static, str>, Vec<u8>)]) -> bool {
    headers.iter().any(|(name, value)| name == "ce_type" && value == b"order.placed")
}

/// Records in batches of so many.
pub fn batches(records: Vec<Record>, size: usize) -> VecDeque<Vec<Record>> {
    let mut records = records.into_iter();
    let mut batches = VecDeque::new();
    loop {
        let batch: Vec<Record> = records.by_ref().take(size).collect();
        if batch.is_empty() {
            return batches;
        }
        batches.push_back(batch);
    }
}

/// A router at no log that ends when the batches do; what came of it is told there.
pub fn router(policy: &Arc<Policy>, batches: VecDeque<Vec<Record>>) -> (Router, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen { took: Vec::with_capacity(batches.len() + 2), ..Seen::default() }));
    let topics = hinge_domain::Stream::ALL.map(hinge_router::input_topic);
    let metrics = Metrics::register(&Registry::new(), policy, &topics).expect("the registry is empty");
    let router = Router::new(Parts {
        session: Box::new(NoLog::new(batches, Arc::clone(&seen))),
        reader: Box::new(NothingToRead),
        policy: Arc::clone(policy),
        catalogue: Catalogue::builtin(),
        sources: hinge_schema::Sources::default(),
        settings: Settings { drain: true, ..Settings::default() },
        metrics,
        pulse: Arc::new(Pulse::default()),
    });
    (router, seen)
}

/// Runs a router over the batches.
pub fn run(policy: &Arc<Policy>, batches: VecDeque<Vec<Record>>) -> Seen {
    let (router, seen) = router(policy, batches);
    let events: usize = router
        .run()
        .map(|summary| usize::try_from(summary.records()).unwrap_or_default())
        .expect("nothing fails here");
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(events > 0 && seen.records > 0);
    seen
}

/// Allocations of a router for each order, from the poll to the commit, beside what it needs once.
#[expect(clippy::cast_precision_loss, reason = "some tens of thousands")]
pub fn allocations_per_order(policy: &Arc<Policy>, encoding: Encoding) -> f64 {
    let allocations = |count: usize| {
        let (router, _) = router(policy, batches(orders(count, encoding), 500));
        let mut summary = None;
        let counted = allocation_counter::measure(|| summary = router.run().ok());
        assert_eq!(summary.map(|summary| summary.records()), Some(count as u64));
        counted.count_total
    };
    let (fewer, more) = (allocations(1_000), allocations(3_000));
    (more - fewer) as f64 / 2_000.0
}
