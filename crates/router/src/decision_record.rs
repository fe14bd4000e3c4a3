//! What `hinge.decisions` keeps of each event: what was decided, by which rules, on which values.
//!
//! `hinge why` reads it. Facts that name or reach a person directly are not written down.

use hinge_domain::{Decision, Event, Matched, Pii, Value, Verdict};
use hinge_schema::Stamp;
use hinge_stream::Record;
use serde_json::{Map, Value as Json, json};

use crate::decode::Envelope;

/// What stands for a value that is not written down.
const PERSONAL: &str = "(personal)";

pub(crate) fn encode(
    record: &Record,
    envelope: &Envelope,
    decision: &Decision<'_>,
    stamp: &Stamp,
) -> Vec<u8> {
    let event = &envelope.event;
    let (outcome, reason) = match &decision.verdict {
        Verdict::Emitted(_) => ("emitted", Json::Null),
        Verdict::Ignored(reason) => ("filtered", json!(reason.as_ref())),
        Verdict::Unrouted => ("unrouted", Json::Null),
    };
    let notifications = match &decision.verdict {
        Verdict::Emitted(notifications) => notifications.as_slice(),
        Verdict::Ignored(_) | Verdict::Unrouted => &[],
    };
    let told: Vec<Json> = notifications
        .iter()
        .map(|told| {
            json!({
                "id": told.id.to_string(),
                "department": told.department.as_ref(),
                "ask": told.ask.name(),
                "rules": told.reasons.iter().map(|reason| reason.rule.as_ref()).collect::<Vec<_>>(),
                "missing": told.missing.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            })
        })
        .collect();
    let unknown: Vec<Json> = decision
        .unknown
        .iter()
        .map(|undecided| json!({"rule": undecided.rule.id.as_ref(), "why": undecided.why.to_string()}))
        .collect();
    let decided = json!({
        "event": {
            "id": event.id,
            "source": event.source,
            "type": event.event_type().as_ref(),
            "subject": event.subject,
            "correlationid": event.correlation_id,
            "time": event.occurred.to_string(),
        },
        "topic": record.place.topic.as_ref(),
        "partition": record.place.partition,
        "offset": record.offset.0,
        "outcome": outcome,
        "reason": reason,
        "policy_version": stamp.policy_version.as_ref(),
        "chain_step": decision.chain_step.as_ref(),
        "history": decision.history,
        "matched": decision.matched.iter().map(|matched| rule(event, matched)).collect::<Vec<_>>(),
        "unknown": unknown,
        "unrendered": decision.unrendered,
        "notifications": told,
        "recorded": stamp.recorded.to_string(),
        "decided": stamp.decided.to_string(),
    });
    decided.to_string().into_bytes()
}

fn rule(event: &Event, matched: &Matched<'_>) -> Json {
    let values: Map<String, Json> = matched
        .values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), written(event, name, value)))
        .collect();
    json!({"rule": matched.rule.id.as_ref(), "owner": matched.rule.owner.as_ref(), "values": values})
}

fn written(event: &Event, name: &str, value: &Value) -> Json {
    let shape = event.facts.shape();
    match shape.position(name).map(|position| shape.fields[position].pii) {
        Some(Pii::Direct) => json!(PERSONAL),
        Some(Pii::Indirect | Pii::None) | None => serde_json::to_value(value).unwrap_or(Json::Null),
    }
}
