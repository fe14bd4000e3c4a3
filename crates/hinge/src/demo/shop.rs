//! The invented shop: what happened in its three weeks, as records on its four streams.
//!
//! Always the same (a fixed seed): most orders go well; some come late, are changed, cancelled, told
//! twice, or arrive broken. Customers of late ones are told, most of them in time, and some complain.

use std::borrow::Cow;

use anyhow::Result;
use fastrand::Rng;
use hinge_domain::{Event, Stream};
use hinge_schema::{Catalogue, Encoding};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value as Json, json};

/// The shop's zone.
const ZONE: &str = "Europe/Zurich";

/// What the campaign promises.
const PROMISE: &str = "two-days";

const CAMPAIGN: &str = "campaign-spring";

const STATES: [&str; 6] = ["ZH", "BE", "VD", "TI", "GR", "BS"];

/// One day of records, in the order in which they come in.
pub(super) struct Day {
    pub(super) name: String,
    pub(super) records: Vec<Made>,
}

/// One record as the shop's systems write it.
pub(super) struct Made {
    recorded: Timestamp,
    pub(super) stream: Stream,
    pub(super) key: String,
    pub(super) headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    pub(super) value: Vec<u8>,
}

/// Everything that happens, day by day.
pub(super) fn three_weeks(catalogue: &Catalogue) -> Result<Vec<Day>> {
    let mut shop = Shop { catalogue, rng: Rng::with_seed(2026), made: Vec::new(), orders: 0 };
    let first = date(2026, 3, 2);
    shop.campaign(first)?;
    for day in 0..21 {
        let day = first.saturating_add(day.days());
        for _ in 0..shop.rng.u8(14..26) {
            shop.order(day)?;
        }
    }
    shop.break_some();
    shop.made.sort_by_key(|made| made.recorded);
    Ok(shop.by_day())
}

struct Shop<'a> {
    catalogue: &'a Catalogue,
    rng: Rng,
    made: Vec<Made>,
    orders: u32,
}

impl Shop<'_> {
    /// A promise that its keepers can say no to, and the campaign that makes it known.
    fn campaign(&mut self, first: Date) -> Result<()> {
        let starts = first.saturating_add(4.days()).to_string();
        let facts = json!({
            "promise": "Two days",
            "statement": "delivered within two days",
            "terms": [{"term": "delivered within two days", "measure": "delivered-on-time", "within": 2,
                       "unit": "days", "share": "95.00"}],
            "origin": "campaign",
            "valid_from": &starts,
            "zone": ZONE,
            "keepers": ["operations", "warehouse", "delivery"],
            "campaign_id": CAMPAIGN,
            "owner": "marketing",
            "promise_ids": [PROMISE],
            "performed_by": "marketing",
        });
        self.tell("promise.made", PROMISE, Self::at(first, 8 * 60), &facts)?;
        let facts = json!({
            "campaign": "Spring in two days",
            "claims": ["delivered within two days", "free of charge from 50 francs"],
            "promise_ids": [PROMISE],
            "channels": ["email", "web"],
            "starts_on": &starts,
            "zone": ZONE,
            "performed_by": "marketing",
        });
        self.tell("campaign.launched", CAMPAIGN, Self::at(first, 9 * 60), &facts)
    }

    /// One order's walk through the chain.
    fn order(&mut self, day: Date) -> Result<()> {
        self.orders += 1;
        let order = format!("A-{:04}", self.orders);
        let under_promise = day >= date(2026, 3, 6) && self.rng.u8(..100) < 60;
        let promised = day.saturating_add(if under_promise { 2.days() } else { 5.days() });
        let minute = self.rng.i64(7 * 60..22 * 60);
        let value = self.rng.u32(1_200..80_000);
        let common = json!({
            "customer_id": format!("customer-{}", self.rng.u32(1..400)),
            "state": self.one_of(&STATES),
            "promised_date": promised.to_string(),
            "zone": ZONE,
            "promise_ids": if under_promise { json!([PROMISE]) } else { json!([]) },
        });
        let placed = Self::at(day, minute);
        let money = format!("{}.{:02}", value / 100, value % 100);
        let facts =
            json!({"value": money, "currency": "CHF", "item_count": self.rng.u8(1..6), "channel": "web"});
        self.tell("order.placed", &order, placed, &joined(&common, facts))?;
        if self.rng.u8(..100) < 5 {
            let cancelled = placed + minutes(self.rng.i64(5..300));
            let facts = json!({"cause": "changed_mind", "requested_by": "customer"});
            return self.tell("order.cancelled", &order, cancelled, &joined(&common, facts));
        }
        let confirmed = placed + minutes(self.rng.i64(5..240));
        self.tell("order.confirmed", &order, confirmed, &common)?;
        if self.rng.u8(..100) < 4 {
            let facts = json!({"changes": ["address"], "requested_by": "customer"});
            let changed = confirmed + minutes(self.rng.i64(5..90));
            self.tell("order.changed", &order, changed, &joined(&common, facts))?;
        }
        if self.rng.u8(..100) < 7 {
            self.task(&order, confirmed, &common)?;
        }
        self.deliver(&order, confirmed, promised, &common)
    }

    /// Something that the warehouse is asked to do beside the usual, and what came of it.
    fn task(&mut self, order: &str, confirmed: Timestamp, common: &Json) -> Result<()> {
        let due = confirmed + minutes(5 * 60);
        let task = json!({"task": "wrap as a present", "activity": "packing", "due_at": due.to_string()});
        let assigned = joined(&task, json!({"assigned_to": "warehouse", "performed_by": "operations"}));
        self.tell("task.assigned", order, confirmed + minutes(10), &joined(common, assigned))?;
        let outcome = if self.rng.u8(..100) < 10 { "not_possible" } else { "done" };
        let completed = joined(&task, json!({"outcome": outcome, "performed_by": "warehouse"}));
        let done = confirmed + minutes(self.rng.i64(40..300));
        self.tell("task.completed", order, done, &joined(common, completed))
    }

    fn deliver(&mut self, order: &str, confirmed: Timestamp, promised: Date, common: &Json) -> Result<()> {
        let leaves = confirmed + minutes(self.rng.i64(6 * 60..26 * 60));
        let facts = json!({"scheduled_date": Self::local_date(leaves), "carrier": "invented-carrier"});
        self.tell("delivery.scheduled", order, confirmed + minutes(30), &joined(common, facts))?;
        let facts = json!({"carrier": "invented-carrier"});
        self.tell("delivery.dispatched", order, leaves, &joined(common, facts))?;
        let mut arrives = leaves + minutes(self.rng.i64(8 * 60..30 * 60));
        if self.rng.u8(..100) < 14 {
            arrives += minutes(self.rng.i64(24 * 60..80 * 60));
            let cause = self.one_of(&["carrier", "stock", "weather"]);
            let new_date = Self::local_date(arrives);
            let facts = json!({"previous_date": promised.to_string(), "new_date": &new_date, "cause": cause});
            let known = leaves + minutes(self.rng.i64(60..600));
            if new_date > promised.to_string() {
                self.tell("delivery.delayed", order, known, &joined(common, facts))?;
                if self.rng.u8(..100) < 80 {
                    self.apologise(order, known, &new_date, common)?;
                }
            }
        }
        let day = Self::local_date(arrives);
        let late = day > promised.to_string();
        self.tell("delivery.completed", order, arrives, &joined(common, json!({"delivered_date": day})))?;
        if self.rng.u8(..100) < if late { 60 } else { 6 } {
            let channel = self.one_of(&["telephone", "email", "counter"]);
            let asked = arrives + minutes(self.rng.i64(20..900));
            if late && self.rng.u8(..100) < 50 {
                return self.complain(order, channel, asked, common);
            }
            let topic = if late { "delivery" } else { "question" };
            let facts = json!({"channel": channel, "topic": topic});
            self.tell("contact.received", order, asked, &joined(common, facts))?;
        }
        Ok(())
    }

    /// What the customer is told of a delay: in advance, with an apology, an explanation and a new date.
    fn apologise(&mut self, order: &str, known: Timestamp, new_date: &str, common: &Json) -> Result<()> {
        let outcome = if self.rng.u8(..100) < 10 { "failed" } else { "delivered" };
        let facts = json!({"channel": "email", "about": ["delay"], "parts": ["informed", "apologised", "explained"],
                           "new_date": new_date, "outcome": outcome, "performed_by": "customer-support"});
        let told = known + minutes(self.rng.i64(10..200));
        self.tell("customer.notified", order, told, &joined(common, facts))
    }

    /// A complaint, and how it ended.
    fn complain(&mut self, order: &str, channel: &str, at: Timestamp, common: &Json) -> Result<()> {
        let causes = json!([{"cause": "late-delivery", "chain_step": "delivery", "department": "delivery"}]);
        let severity = if self.rng.u8(..100) < 15 { "severe" } else { "normal" };
        let due = Self::local_date(at + minutes(14 * 24 * 60));
        let facts = json!({"channel": channel, "causes": &causes, "severity": severity, "answer_due": due});
        self.tell("complaint.received", order, at, &joined(common, facts))?;
        let facts = json!({"outcome": "upheld", "causes": causes, "remedies": ["apology", "compensation"],
                           "compensation": "10.00", "currency": "CHF", "customer_informed": true});
        let closed = at + minutes(self.rng.i64(24 * 60..5 * 24 * 60));
        self.tell("complaint.closed", order, closed, &joined(common, facts))
    }

    /// Writes an event, now and then twice.
    fn tell(&mut self, event_type: &str, about: &str, occurred: Timestamp, facts: &Json) -> Result<()> {
        let facts = self.catalogue.facts_from_json(event_type, &facts.to_string())?;
        let stream = facts.shape().stream;
        let event = Event {
            id: format!("{about}/{event_type}/{}", occurred.as_second()),
            source: format!("/invented-shop/{stream}"),
            subject: about.to_owned(),
            correlation_id: about.to_owned(),
            occurred,
            history: None,
            facts,
            extensions: Vec::new(),
        };
        let seconds = if self.rng.u8(..100) < 4 { self.rng.i64(900..20_000) } else { self.rng.i64(1..90) };
        let recorded = occurred + SignedDuration::from_secs(seconds);
        let encoding = match stream {
            Stream::Marketing => Encoding::JsonStructured,
            Stream::Order | Stream::Service => Encoding::JsonBinary,
            Stream::Delivery => Encoding::Avro,
        };
        let mut again = (self.rng.u8(..100) < 2).then_some(recorded + SignedDuration::from_secs(40));
        for recorded in [Some(recorded), again.take()].into_iter().flatten() {
            let encoded = self.catalogue.encode_event(&event, Some(recorded), encoding)?;
            let (headers, value) = (encoded.headers, encoded.value);
            self.made.push(Made { recorded, stream, key: about.to_owned(), headers, value });
        }
        Ok(())
    }

    /// A few records that no system should have written.
    fn break_some(&mut self) {
        let broken: [fn(&mut Made); 6] = [
            |made| made.value.truncate(made.value.len() / 2),
            |made| made.headers.retain(|(name, _)| name != "ce_id"),
            |made| made.headers.retain(|(name, _)| name != "ce_time"),
            |made| set(made, "ce_type", "order.teleported"),
            |made| made.value.clear(),
            |made| set(made, "content-type", "application/xml"),
        ];
        let candidates: Vec<usize> = (0..self.made.len())
            .filter(|at| self.made[*at].headers.iter().any(|(name, _)| name == "ce_id"))
            .collect();
        for (turn, break_it) in broken.iter().cycle().take(12).enumerate() {
            let at = candidates[(turn + 1) * candidates.len() / 14];
            break_it(&mut self.made[at]);
        }
    }

    fn by_day(self) -> Vec<Day> {
        let zone = zone();
        let mut days: Vec<Day> = Vec::new();
        for made in self.made {
            let name = made.recorded.to_zoned(zone.clone()).strftime("%A %e %B").to_string();
            match days.last_mut() {
                Some(day) if day.name == name => day.records.push(made),
                _ => days.push(Day { name, records: vec![made] }),
            }
        }
        days
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.rng.usize(..choices.len())]
    }

    fn at(day: Date, minute: i64) -> Timestamp {
        let midnight = day.to_zoned(zone()).map(|zoned| zoned.timestamp());
        midnight.unwrap_or(Timestamp::UNIX_EPOCH) + minutes(minute)
    }

    fn local_date(instant: Timestamp) -> String {
        instant.to_zoned(zone()).date().to_string()
    }
}

fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap_or(TimeZone::UTC)
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn set(made: &mut Made, header: &str, value: &str) {
    for (name, bytes) in &mut made.headers {
        if name == header {
            value.as_bytes().clone_into(bytes);
        }
    }
}

fn joined(common: &Json, facts: Json) -> Json {
    let mut all = common.clone();
    if let (Json::Object(all), Json::Object(facts)) = (&mut all, facts) {
        all.extend(facts);
    }
    all
}
