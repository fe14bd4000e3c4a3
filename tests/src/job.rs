//! The job on which the real program is measured beside a bare copy: orders that are placed, twelve rules, six
//! departments, 2.72 notifications for each order in the mean.
//!
//! There are some thousand different orders, and they are placed again and again under ever new ids. The number
//! of an event says everything about it: its order, its partition, its offset there and its id, so that a
//! check needs no list of what was written. What a router makes of it is not decided here, but asked of the
//! domain once for each order.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use hinge_domain::{Event, Format, Policy, Stream, Verdict, decide};
use hinge_schema::{Catalogue, Encoded, Encoding};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use crate::measured;

/// Who is told.
pub const DEPARTMENTS: [&str; 6] =
    ["customer-support", "delivery", "finance", "marketing", "operations", "warehouse"];

/// Of the input topic.
pub const PARTITIONS: u64 = 4;

/// Different orders, a key each: a multiple of the partitions, so that a key stays in its partition.
pub const ORDERS: u64 = 2_000;

/// 2026-03-02T08:00:00Z, when the first order is placed.
const OPENING: Timestamp = Timestamp::constant(1_772_438_400, 0);
const STATES: [&str; 6] = ["SP", "RJ", "MG", "BA", "RS", "PE"];
const EVENT: &str = "order.placed/";
const DIGITS: usize = 10;
const ID_HEADER: &str = "ce_id";

/// One of the orders.
#[derive(Clone, Debug)]
pub struct Order {
    /// The correlation id.
    pub key: String,
    /// Names and values; that of `ce_id` is to be replaced by the id of the event.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The same in each of its events.
    pub value: Vec<u8>,
    /// Which departments are told, in the order of [`DEPARTMENTS`].
    pub told: [bool; DEPARTMENTS.len()],
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Job {
    orders: Vec<Order>,
    policy: Arc<Policy>,
}

impl Job {
    /// The job with inputs and outputs in one format, its policy in `folder`, which is made.
    pub fn write(format: Format, folder: &Path) -> Self {
        // One department less than where the router is measured alone: its rule tells the warehouse.
        let routes = measured::ROUTES.replace("quality", "warehouse");
        for file in measured::policy_files(&routes, &DEPARTMENTS, format) {
            let path = folder.join(&file.name);
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is writable");
            fs::write(path, file.text).expect("the folder is writable");
        }
        let catalogue = Catalogue::builtin();
        let loaded = hinge_policy::load(folder, &catalogue);
        let policy = Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")).policy);
        let encoding = match format {
            Format::Json => Encoding::JsonBinary,
            Format::Avro => Encoding::Avro,
        };
        let mut rng = Rng::with_seed(10);
        let orders = (0..ORDERS).map(|number| order(&mut rng, number, (&catalogue, &policy, encoding)));
        Self { orders: orders.collect(), policy }
    }

    /// The policy in its folder.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The order that an event is about.
    pub fn order(&self, event: u64) -> &Order {
        &self.orders[usize::try_from(event % ORDERS).expect("some thousands")]
    }

    /// The headers of an event.
    pub fn headers(&self, event: u64) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.order(event).headers.iter().map(move |(name, value)| {
            let value = if name == ID_HEADER { id(event) } else { value.clone() };
            (name.as_str(), value)
        })
    }

    /// Notifications for each event, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    pub fn notifications_per_event(&self) -> f64 {
        let told = self.orders.iter().flat_map(|order| order.told).filter(|told| *told).count();
        told as f64 / self.orders.len() as f64
    }

    /// Bytes of an event's value, and of its headers, in the mean.
    pub fn bytes(&self) -> (usize, usize) {
        let values: usize = self.orders.iter().map(|order| order.value.len()).sum();
        let headers = self.orders.iter().flat_map(|order| &order.headers);
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        (values / self.orders.len(), headers / self.orders.len())
    }
}

/// The input topic.
pub fn topic() -> String {
    hinge_router::input_topic(Stream::Order)
}

/// The id of an event; all have the same length.
pub fn id(event: u64) -> Vec<u8> {
    format!("{EVENT}{event:0DIGITS$}").into_bytes()
}

/// The event with this id.
pub fn event_of(id: &[u8]) -> Option<u64> {
    let digits = id.strip_prefix(EVENT.as_bytes()).filter(|digits| digits.len() == DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The order whose correlation id this is.
pub fn order_of(key: &[u8]) -> Option<u64> {
    std::str::from_utf8(key.strip_prefix(b"order-")?).ok()?.parse().ok().filter(|order| *order < ORDERS)
}

/// Where an event lies, if all events before it are written too: partition and offset.
pub fn place(event: u64) -> (i32, i64) {
    let partition = i32::try_from(event % PARTITIONS).expect("there are few");
    (partition, i64::try_from(event / PARTITIONS).expect("nobody writes so many"))
}

/// The event that lies there.
pub fn event_at(partition: i32, offset: i64) -> u64 {
    offset.unsigned_abs() * PARTITIONS + u64::from(partition.unsigned_abs())
}

fn order(rng: &mut Rng, number: u64, within: (&Catalogue, &Policy, Encoding)) -> Order {
    let (catalogue, policy, encoding) = within;
    let key = format!("order-{number:06}");
    let facts = catalogue.facts_from_json("order.placed", &facts(rng).to_string());
    let placed = OPENING + SignedDuration::from_secs(i64::try_from(number).expect("some thousands") * 41);
    let event = Event {
        id: String::from_utf8(id(number)).expect("digits and letters"),
        source: "/invented-shop/order".to_owned(),
        subject: key.clone(),
        correlation_id: key.clone(),
        occurred: placed,
        history: None,
        facts: facts.unwrap_or_else(|why| panic!("the facts of the job: {}", why.detail)),
        extensions: Vec::new(),
    };
    let recorded = placed + SignedDuration::from_secs(20);
    let encoded = catalogue.encode_event(&event, Some(recorded), encoding);
    let Encoded { headers, value } = encoded.expect("facts of the catalogue can be written");
    let Verdict::Emitted(notifications) = decide(&event, policy, placed).verdict else {
        panic!("there is a rule for every order")
    };
    let told = |name: &str| notifications.iter().any(|notification| *notification.department == *name);
    Order {
        key,
        headers: headers.into_iter().map(|(name, value)| (name.into_owned(), value)).collect(),
        value,
        told: DEPARTMENTS.map(told),
    }
}

fn facts(rng: &mut Rng) -> Json {
    let mut chance = |percent: u8| rng.u8(..100) < percent;
    let (promised, by_telephone, several) = (chance(55), chance(3), chance(10));
    let cents = rng.u32(1_200..80_000);
    let price = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100);
    let item = |cents: u32| {
        json!({"product": format!("invented-product-{}", cents % 977), "category": "garden_tools", "quantity": 1,
               "price": price(cents)})
    };
    let items = if several { vec![item(cents / 3), item(cents - cents / 3)] } else { vec![item(cents)] };
    json!({
        "value": price(cents),
        "currency": "BRL",
        "freight": price(rng.u32(300..4_000)),
        "item_count": items.len(),
        "items": items,
        "channel": if by_telephone { "telephone" } else { "web" },
        "payment_method": "card",
        "seller_state": rng.choice(STATES),
        "campaign_id": format!("invented-campaign-{}", rng.u32(1..40)),
        "customer_id": format!("customer-{}", rng.u32(1..4_000)),
        "customer_group": "consumer",
        "state": rng.choice(STATES),
        "city": format!("the-old-invented-city-{}", rng.u32(1..600)),
        "promised_date": format!("2026-03-{:02}", rng.u8(3..20)),
        "zone": "America/Sao_Paulo",
        "performed_by": format!("invented-shop-assistant-{}", rng.u32(1..90)),
        "promise_ids": if promised { vec!["delivered-within-two-days"] } else { vec![] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_event_says_where_it_lies_and_what_it_is() {
        for event in [0, 1, 2_001, 7_654_321] {
            assert_eq!(event_of(&id(event)), Some(event));
            let (partition, offset) = place(event);
            assert_eq!(event_at(partition, offset), event);
            // An order's events all lie in its partition.
            assert_eq!(place(event % ORDERS).0, partition);
        }
        assert_eq!(event_of(b"order.placed/12"), None);
    }

    #[test]
    fn the_job_is_the_size_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let job = Job::write(Format::Json, folder.path());
        let told = job.notifications_per_event();
        assert!((2.67..2.77).contains(&told), "{told} notifications per event");
        assert!((505..525).contains(&job.bytes().0), "{:?} bytes", job.bytes());
        assert_eq!(job.policy().rules.len(), 12);
        assert_eq!(job.policy().departments.len(), 6);
        let order = job.order(ORDERS + 7);
        assert_eq!(order_of(order.key.as_bytes()), Some(7));
    }
}
