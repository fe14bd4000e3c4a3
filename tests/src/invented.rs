//! Invented events, one at a time: what a shop's systems would write, in any encoding.

use hinge_domain::Event;
use hinge_schema::{Catalogue, Encoding};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::world::Input;

/// An event about an order, with facts that suit its type.
pub fn event(catalogue: &Catalogue, event_type: &str, order: &str, occurred: Timestamp) -> Event {
    event_with(catalogue, event_type, order, occurred, &json!({}))
}

/// The same with some facts of one's own.
pub fn event_with(
    catalogue: &Catalogue,
    event_type: &str,
    order: &str,
    occurred: Timestamp,
    own: &Json,
) -> Event {
    let mut facts = match event_type {
        "campaign.launched" => json!({
            "campaign": "Spring", "claims": ["in two days"], "starts_on": "2026-03-06", "zone": "Europe/Zurich",
            "promise_ids": ["two-days"],
        }),
        "order.placed" => json!({"value": "49.90", "currency": "CHF", "item_count": 2}),
        "order.changed" => json!({"changes": ["address"]}),
        "delivery.scheduled" => json!({"scheduled_date": "2026-03-04"}),
        "delivery.delayed" => json!({"previous_date": "2026-03-05", "new_date": "2026-03-09"}),
        "delivery.completed" => json!({"delivered_date": "2026-03-04"}),
        "contact.received" => json!({"channel": "telephone"}),
        _ => json!({}),
    };
    let object = facts.as_object_mut().expect("facts are an object");
    if event_type != "campaign.launched" {
        object.insert("state".into(), json!("ZH"));
        object.insert("promised_date".into(), json!("2026-03-05"));
        object.insert("zone".into(), json!("Europe/Zurich"));
    }
    object.extend(own.as_object().cloned().unwrap_or_default());
    Event {
        id: format!("{order}/{event_type}"),
        source: "/invented-shop".into(),
        subject: order.into(),
        correlation_id: order.into(),
        occurred,
        history: Some(false),
        facts: catalogue.facts_from_json(event_type, &facts.to_string()).expect("the invented facts fit"),
        extensions: Vec::new(),
    }
}

/// An event as a record, keyed by its correlation id.
pub fn input(catalogue: &Catalogue, event: &Event, encoding: Encoding, recorded: Option<Timestamp>) -> Input {
    let encoded = catalogue.encode_event(event, recorded, encoding).expect("a decoded event can be encoded");
    Input {
        key: Some(event.correlation_id.clone().into_bytes()),
        headers: encoded.headers.into_iter().map(|(name, value)| (name.into_owned(), value)).collect(),
        value: Some(encoded.value),
    }
}

/// An instant, written down.
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}
