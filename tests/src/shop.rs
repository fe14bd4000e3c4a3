//! Invented orders on their way through the chain, as records: always the same ones for the same seed.
//!
//! Each order is placed, confirmed, scheduled, dispatched, sometimes delayed, completed, and the customer
//! gets in touch; now and then a campaign is launched. Where [`Plan::troubled`] asks for it, records come
//! again, contradict earlier ones or arrive broken, and the three encodings take turns. Nothing here
//! knows how Hinge answers to any of that; [`Counts`] says what was made.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use fastrand::Rng;
use hinge_domain::Event;
use hinge_schema::{Catalogue, Encoded, Encoding};
use hinge_stream::{Error, Log, Outgoing};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

const ZONE: &str = "America/Sao_Paulo";
const STATES: [&str; 6] = ["SP", "RJ", "MG", "BA", "RS", "PE"];
const ENCODINGS: [Encoding; 3] = [Encoding::JsonBinary, Encoding::JsonStructured, Encoding::Avro];

/// 2026-03-02T08:00:00Z, when the first order is placed.
const OPENING: Timestamp = Timestamp::constant(1_772_438_400, 0);

/// So many orders are under way at once, so that their records lie between one another.
const UNDER_WAY: usize = 40;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many orders.
    pub orders: u32,
    /// The same seed, the same records.
    pub seed: u64,
    /// Whether there are repetitions, conflicts, broken records and encodings other than JSON.
    pub troubled: bool,
}

/// What was made so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events told for the first time.
    pub events: usize,
    /// Records that tell an event again.
    pub repetitions: usize,
    /// Records with the identity of an event and other facts.
    pub conflicts: usize,
    /// Records that nobody can read.
    pub broken: usize,
}

impl Counts {
    /// All records.
    pub fn records(&self) -> usize {
        self.events + self.repetitions + self.conflicts + self.broken
    }
}

/// One record, ready to be written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its input topic.
    pub topic: String,
    /// The correlation id.
    pub key: String,
    /// Its headers.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// Makes the records one by one, in the order in which they are to be written.
#[derive(Debug)]
pub struct Shop {
    plan: Plan,
    catalogue: Catalogue,
    rng: Rng,
    first: u32,
    opened: u32,
    under_way: Vec<VecDeque<Written>>,
    counts: Counts,
}

impl Shop {
    /// A shop that has not opened yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            catalogue: Catalogue::builtin(),
            rng: Rng::with_seed(plan.seed),
            first: 0,
            opened: 0,
            under_way: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// The same with orders of other numbers, so that nothing of it is told by another shop as well.
    pub fn with_orders_from(mut self, number: u32) -> Self {
        self.first = number;
        self.opened = number;
        self
    }

    /// What was made so far; some of it may still have to come out.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Writes all records to a log.
    pub fn feed(mut self, log: &dyn Log) -> Result<Counts, Error> {
        let mut appender = log.appender()?;
        for written in &mut self {
            written.append(appender.as_mut())?;
        }
        appender.flush()?;
        Ok(self.counts)
    }

    fn open_order(&mut self) {
        let number = self.opened;
        self.opened += 1;
        let placed = OPENING + SignedDuration::from_secs(i64::from(number) * 41);
        let mut walk = Walk { records: VecDeque::new(), shop: self };
        if number.is_multiple_of(50) {
            walk.campaign(number, placed);
        }
        walk.order(number, placed);
        let records = walk.records;
        self.under_way.push(records);
    }
}

impl Iterator for Shop {
    type Item = Written;

    fn next(&mut self) -> Option<Written> {
        while self.under_way.len() < UNDER_WAY && self.opened - self.first < self.plan.orders {
            self.open_order();
        }
        if self.under_way.is_empty() {
            return None;
        }
        let turn = self.rng.usize(..self.under_way.len());
        let written = self.under_way[turn].pop_front();
        if self.under_way[turn].is_empty() {
            self.under_way.swap_remove(turn);
        }
        written
    }
}

impl Written {
    /// Hands the record over to an appender.
    pub fn append(&self, appender: &mut dyn hinge_stream::Appender) -> Result<(), Error> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_ref(), value.as_slice())).collect();
        appender.append(&Outgoing {
            topic: &self.topic,
            key: Some(self.key.as_bytes()),
            value: Some(&self.value),
            headers: &headers,
            carried: None,
            timestamp: None,
        })
    }
}

/// One order and its records.
struct Walk<'a> {
    shop: &'a mut Shop,
    records: VecDeque<Written>,
}

impl Walk<'_> {
    fn campaign(&mut self, number: u32, at: Timestamp) {
        let facts = json!({
            "campaign": format!("Week {number}"), "claims": ["delivered within two days"],
            "promise_ids": ["two-days"], "starts_on": "2026-03-01", "zone": ZONE,
        });
        self.tell("campaign.launched", &format!("campaign-{number}"), at, &facts);
    }

    fn order(&mut self, number: u32, placed: Timestamp) {
        let order = format!("order-{number:06}");
        let promised = self.shop.rng.u8(3..20);
        let delivered = promised + self.shop.rng.u8(0..3);
        let promise_ids = if self.chance(60) { json!(["two-days"]) } else { json!([]) };
        let state = self.shop.rng.choice(STATES).unwrap_or("SP");
        let common = json!({
            "customer_id": format!("customer-{}", self.shop.rng.u32(1..4_000)), "customer_group": "consumer",
            "state": state, "promised_date": format!("2026-03-{promised:02}"), "zone": ZONE,
            "promise_ids": promise_ids,
        });
        let cents = self.shop.rng.u32(1_200..80_000);
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let items = json!([{"product": format!("product-{}", cents % 977), "category": "garden_tools",
                            "quantity": 1, "price": price}]);
        let at = |hours: i64| placed + SignedDuration::from_mins(hours * 60);
        let told = |facts: Json| joined(&common, facts);
        self.tell(
            "order.placed",
            &order,
            placed,
            &told(json!({"value": price, "currency": "BRL",
            "item_count": 1, "items": items, "channel": "web", "payment_method": "card"})),
        );
        self.tell(
            "order.confirmed",
            &order,
            at(1),
            &told(json!({"value": price, "currency": "BRL",
            "payment_method": "card"})),
        );
        self.tell(
            "delivery.scheduled",
            &order,
            at(2),
            &told(json!({"scheduled_date": "2026-03-03",
            "carrier": "Invented Carriers", "item_count": 1})),
        );
        self.tell(
            "delivery.dispatched",
            &order,
            at(5),
            &told(json!({"carrier": "Invented Carriers",
            "tracking_number": format!("track-{number}"), "item_count": 1})),
        );
        if self.chance(15) {
            self.tell("delivery.delayed", &order, at(8), &told(json!({"cause": "carrier",
                "previous_date": format!("2026-03-{promised:02}"), "new_date": format!("2026-03-{delivered:02}"),
                "carrier": "Invented Carriers"})));
        }
        self.tell(
            "delivery.completed",
            &order,
            at(14),
            &told(json!({"item_count": 1,
            "delivered_date": format!("2026-03-{delivered:02}"), "carrier": "Invented Carriers"})),
        );
        let channel = if self.chance(50) { "email" } else { "telephone" };
        self.tell(
            "contact.received",
            &order,
            at(16),
            &told(json!({"channel": channel, "topic": "delivery",
            "answer_expected": true})),
        );
    }

    /// One event, and what goes wrong with it.
    fn tell(&mut self, event_type: &str, about: &str, occurred: Timestamp, facts: &Json) {
        let event = self.event(event_type, about, occurred, facts);
        let late =
            if self.chance(4) { SignedDuration::from_hours(30) } else { SignedDuration::from_secs(20) };
        let recorded = occurred + late;
        let encoding = self.encoding();
        self.shop.counts.events += 1;
        let first = self.written(&event, recorded, encoding);
        self.records.push_back(first.clone());
        if !self.shop.plan.troubled {
            return;
        }
        if self.chance(3) {
            self.shop.counts.repetitions += 1;
            self.records.push_back(first.clone());
        }
        if self.chance(2) {
            // The same told again, later and in other bytes.
            self.shop.counts.repetitions += 1;
            let encoding = self.encoding();
            let again = self.written(&event, recorded + SignedDuration::from_mins(7), encoding);
            self.records.push_back(again);
        }
        if self.chance(2) {
            self.shop.counts.conflicts += 1;
            let other = joined(facts, json!({"performed_by": "somebody else"}));
            let other = self.event(event_type, about, occurred, &other);
            let conflict = self.written(&other, recorded, encoding);
            self.records.push_back(conflict);
        }
        if self.chance(2) {
            self.shop.counts.broken += 1;
            let broken = self.broken(first);
            self.records.push_back(broken);
        }
    }

    fn event(&mut self, event_type: &str, about: &str, occurred: Timestamp, facts: &Json) -> Event {
        let facts = self.shop.catalogue.facts_from_json(event_type, &facts.to_string());
        let facts = facts.unwrap_or_else(|why| panic!("`{event_type}` of the shop: {}", why.detail));
        Event {
            id: format!("{about}/{event_type}"),
            source: format!("/invented-shop/{}", facts.shape().stream),
            subject: about.to_owned(),
            correlation_id: about.to_owned(),
            occurred,
            history: None,
            facts,
            extensions: Vec::new(),
        }
    }

    fn written(&mut self, event: &Event, recorded: Timestamp, encoding: Encoding) -> Written {
        let encoded = self.shop.catalogue.encode_event(event, Some(recorded), encoding);
        let Encoded { headers, value } = encoded.expect("facts of the catalogue can be written");
        let topic = hinge_router::input_topic(event.facts.shape().stream);
        Written { topic, key: event.correlation_id.clone(), headers, value }
    }

    /// What no system should have written.
    fn broken(&mut self, mut record: Written) -> Written {
        let in_headers = record.headers.len() > 1;
        match self.shop.rng.u8(..if in_headers { 5 } else { 2 }) {
            0 => record.value.truncate(record.value.len() / 2),
            1 => record.value.clear(),
            2 => record.headers.retain(|(name, _)| name != "ce_id"),
            3 => set(&mut record, "ce_type", "order.teleported"),
            _ => set(&mut record, "content-type", "application/xml"),
        }
        record
    }

    fn encoding(&mut self) -> Encoding {
        if self.shop.plan.troubled { ENCODINGS[self.shop.rng.usize(..3)] } else { Encoding::JsonBinary }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.shop.rng.u8(..100) < percent
    }
}

fn set(record: &mut Written, header: &str, value: &str) {
    for (_, bytes) in record.headers.iter_mut().filter(|(name, _)| name == header) {
        value.as_bytes().clone_into(bytes);
    }
}

fn joined(common: &Json, facts: Json) -> Json {
    let mut all = common.clone();
    if let (Json::Object(all), Json::Object(facts)) = (&mut all, facts) {
        all.extend(facts);
    }
    all
}

/// Writes a policy under which the shop's events meet every fate: told to one department or to several,
/// in JSON and in Avro, ignored (campaigns), and unrouted (customers who get in touch by telephone).
pub fn write_policy(folder: &Path) {
    hinge_policy::write_starter(folder).expect("the folder is empty and writable");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("the folder is writable");
    fs::remove_file(folder.join("routes/10-campaigns.yaml")).expect("the starter has rules for campaigns");
    write(
        "policy.yaml",
        "name: An invented shop\ncatalogue: 1\nignored:\n  - type: campaign.launched\n    \
                          reason: everybody was at the party\n",
    );
    write(
        "routes/40-contacts.yaml",
        "routes:\n  - id: contact-in-writing\n    owner: customer-support\n    \
          on: contact.received\n    when: event.channel == 'email'\n    to: [customer-support, quality]\n    \
          kind: answer\n    template: contact-received\n",
    );
}
