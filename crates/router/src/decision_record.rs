//! What `hinge.decisions` keeps of each event: what was decided, by which rules, on which values.
//!
//! `hinge why` reads it. Facts that name or reach a person directly are not written down.

use hinge_domain::{Decision, Event, Pii, Value, Verdict};
use hinge_schema::Stamp;
use hinge_stream::Record;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::decode::Envelope;

/// What stands for a value that is not written down.
const PERSONAL: &str = "(personal)";

#[derive(Serialize)]
struct DecisionRecord<'a> {
    event: About<'a>,
    topic: &'a str,
    partition: i32,
    offset: i64,
    outcome: &'static str,
    reason: Option<&'a str>,
    policy_version: &'a str,
    chain_step: &'a str,
    history: bool,
    matched: Vec<Matched<'a>>,
    unknown: Vec<Unknown<'a>>,
    unrendered: &'a [String],
    notifications: Vec<Told<'a>>,
    #[serde(serialize_with = "as_text")]
    recorded: Timestamp,
    #[serde(serialize_with = "as_text")]
    decided: Timestamp,
}

#[derive(Serialize)]
struct About<'a> {
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    subject: &'a str,
    correlationid: &'a str,
    #[serde(serialize_with = "as_text")]
    time: Timestamp,
}

#[derive(Serialize)]
struct Matched<'a> {
    rule: &'a str,
    owner: &'a str,
    values: Values<'a>,
}

#[derive(Serialize)]
struct Unknown<'a> {
    rule: &'a str,
    #[serde(serialize_with = "as_text")]
    why: &'a hinge_domain::Unknown,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(serialize_with = "as_text")]
    id: uuid::Uuid,
    department: &'a str,
    ask: &'static str,
    rules: Vec<&'a str>,
    missing: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Chosen<'a>>,
}

/// Whom of the department it is for; who they are is kept under the hash.
#[derive(Serialize)]
struct Chosen<'a> {
    hash: &'a str,
    size: usize,
}

/// The values that a condition read, as one object.
struct Values<'a> {
    event: &'a Event,
    read: &'a [(&'a str, Value)],
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.read.iter().map(|(name, value)| (*name, Written { event: self.event, name, value })),
        )
    }
}

/// One value, unless it names or reaches a person.
struct Written<'a> {
    event: &'a Event,
    name: &'a str,
    value: &'a Value,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = self.event.facts.shape();
        match shape.position(self.name).map(|position| shape.fields[position].pii) {
            Some(Pii::Direct) => serializer.serialize_str(PERSONAL),
            Some(Pii::Indirect | Pii::None) | None => self.value.serialize(serializer),
        }
    }
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The record as JSON.
pub(crate) fn encode(
    record: &Record,
    envelope: &Envelope,
    decision: &Decision<'_>,
    stamp: &Stamp,
) -> Result<Vec<u8>, serde_json::Error> {
    let event = &envelope.event;
    let (outcome, reason, notifications) = match &decision.verdict {
        Verdict::Emitted(notifications) => ("emitted", None, notifications.as_slice()),
        Verdict::Ignored(reason) => ("filtered", Some(reason.as_ref()), &[][..]),
        Verdict::Unrouted => ("unrouted", None, &[][..]),
    };
    let matched = decision.matched.iter().map(|matched| Matched {
        rule: &matched.rule.id,
        owner: &matched.rule.owner,
        values: Values { event, read: &matched.values },
    });
    let unknown = decision.unknown.iter().map(|it| Unknown { rule: &it.rule.id, why: &it.why });
    let told = notifications.iter().map(|told| Told {
        id: told.id,
        department: &told.department,
        ask: told.ask.name(),
        rules: told.reasons.iter().map(|reason| reason.rule.as_ref()).collect(),
        missing: told.missing.iter().map(AsRef::as_ref).collect(),
        audience: told
            .audience
            .as_deref()
            .map(|audience| Chosen { hash: audience.hash(), size: audience.size() }),
    });
    serde_json::to_vec(&DecisionRecord {
        event: About {
            id: &event.id,
            source: &event.source,
            r#type: event.event_type(),
            subject: &event.subject,
            correlationid: &event.correlation_id,
            time: event.occurred,
        },
        topic: &record.place.topic,
        partition: record.place.partition,
        offset: record.offset.0,
        outcome,
        reason,
        policy_version: &stamp.policy_version,
        chain_step: &decision.chain_step,
        history: decision.history,
        matched: matched.collect(),
        unknown: unknown.collect(),
        unrendered: &decision.unrendered,
        notifications: told.collect(),
        recorded: stamp.recorded,
        decided: stamp.decided,
    })
}
