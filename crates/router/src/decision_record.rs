//! What `hinge.decisions` keeps of each event: what was decided, by which rules, on which values.
//!
//! `hinge why` reads it. Facts that name or reach a person directly are not written down.

use std::sync::Arc;

use hinge_domain::{Decision, Event, Pii, Reason, Value, Verdict};
use hinge_schema::{Stamped, write_json};
use hinge_stream::Record;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::decode::Envelope;

/// What stands for a value that is not written down.
const PERSONAL: &str = "(personal)";

#[derive(Serialize)]
struct DecisionRecord<'a, Matches, Unknowns, Notifications> {
    event: About<'a>,
    topic: &'a str,
    partition: i32,
    offset: i64,
    outcome: &'static str,
    reason: Option<&'a str>,
    policy_version: &'a str,
    chain_step: &'a str,
    history: bool,
    matched: Matches,
    unknown: Unknowns,
    unrendered: &'a [String],
    notifications: Notifications,
    recorded: &'a str,
    decided: &'a str,
}

#[derive(Serialize)]
struct About<'a> {
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    subject: &'a str,
    correlationid: &'a str,
    time: &'a str,
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
    #[serde(serialize_with = "as_uuid_text")]
    id: Uuid,
    department: &'a str,
    ask: &'static str,
    rules: Rules<'a>,
    missing: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Chosen<'a>>,
}

/// Whom of the department it is for; who they are is kept under the hash.
#[derive(Serialize)]
struct Chosen<'a> {
    hash: &'a str,
    size: usize,
}

/// The ids of the rules that asked.
struct Rules<'a>(&'a [Reason]);

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|reason| reason.rule.as_ref()))
    }
}

/// A list of what an iterator gives, written without being gathered first.
struct Each<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
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

fn as_uuid_text<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Appends the record, as JSON, to `target`.
pub(crate) fn write(
    record: &Record,
    envelope: &Envelope,
    decision: &Decision<'_>,
    stamped: &Stamped<'_>,
    target: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
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
        rules: Rules(&told.reasons),
        missing: &told.missing,
        audience: told
            .audience
            .as_deref()
            .map(|audience| Chosen { hash: audience.hash(), size: audience.size() }),
    });
    let record = DecisionRecord {
        event: About {
            id: &event.id,
            source: &event.source,
            r#type: event.event_type(),
            subject: &event.subject,
            correlationid: &event.correlation_id,
            time: stamped.occurred(),
        },
        topic: &record.place.topic,
        partition: record.place.partition,
        offset: record.offset.0,
        outcome,
        reason,
        policy_version: &stamped.stamp.policy_version,
        chain_step: &decision.chain_step,
        history: decision.history,
        matched: Each(matched),
        unknown: Each(unknown),
        unrendered: &decision.unrendered,
        notifications: Each(told),
        recorded: stamped.recorded(),
        decided: stamped.decided(),
    };
    write_json(&record, target)
}
