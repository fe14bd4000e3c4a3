//! A notification as a department reads it, in either format, and a digest of what it tells.

use serde::Deserialize;

use crate::fact::{Fact, Field};
use crate::instant::{self, Nanos};
use crate::schemas::Schemas;
use crate::{avro, digest};

/// What a notification says, as far as it is recounted.
#[derive(Clone, Debug, Deserialize)]
pub struct Notification {
    /// Its id.
    pub id: String,
    /// Who is told.
    pub department: String,
    kind: String,
    priority: String,
    /// What it is about.
    pub event: About,
    /// What that belongs to.
    pub correlation_id: String,
    chain_step: String,
    rank: i64,
    reasons: Vec<Reason>,
    /// The policy that decided.
    pub policy_version: String,
}

/// The event that a notification is about.
#[derive(Clone, Debug, Deserialize)]
pub struct About {
    /// Its id.
    pub id: String,
    /// Who said it.
    pub source: String,
    r#type: String,
    /// What it is about.
    pub subject: String,
    time: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Reason {
    rule: String,
}

/// What is to be told, or was: equal digests for equal tellings.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Telling<'a> {
    /// The event's type.
    pub event_type: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// What it belongs to.
    pub correlation: &'a str,
    /// When it happened.
    pub occurred: Option<Nanos>,
    /// The step of the chain and its place.
    pub step: (&'a str, i64),
    /// What is asked.
    pub kind: &'a str,
    /// How much it hurries.
    pub priority: &'a str,
}

impl Telling<'_> {
    /// The digest, with the rules that asked.
    pub fn digest<'r>(&self, rules: impl Iterator<Item = &'r str>) -> u64 {
        digest::of(&(self, rules.collect::<Vec<_>>()))
    }
}

impl Notification {
    /// Reads a notification in the format that its department reads.
    pub fn read(value: &[u8], as_avro: bool, schemas: &Schemas) -> Option<Self> {
        if !as_avro {
            return serde_json::from_slice(value).ok();
        }
        let (fingerprint, datum) = avro::split(value)?;
        let (place, version) = schemas.written(fingerprint)?;
        if place != schemas.notification() {
            return None;
        }
        let record = Record { fields: &version.fields, values: avro::record(datum, &version.fields)? };
        let Some(Fact::Record(event)) = record.get("event") else { return None };
        let of_event = |wanted: &str| match event.iter().find(|(name, _)| **name == *wanted)? {
            (_, Fact::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        let Some(Fact::List(reasons)) = record.get("reasons") else { return None };
        let rule = |reason: &Fact| match reason {
            Fact::Record(members) => match members.first()? {
                (name, Fact::Text(rule)) if **name == *"rule" => Some(Reason { rule: rule.to_string() }),
                _ => None,
            },
            _ => None,
        };
        Some(Self {
            id: record.text("id")?,
            department: record.text("department")?,
            kind: record.text("kind")?,
            priority: record.text("priority")?,
            event: About {
                id: of_event("id")?,
                source: of_event("source")?,
                r#type: of_event("type")?,
                subject: of_event("subject")?,
                time: of_event("time")?,
            },
            correlation_id: record.text("correlation_id")?,
            chain_step: record.text("chain_step")?,
            rank: match record.get("rank")? {
                Fact::Long(rank) => *rank,
                _ => return None,
            },
            reasons: reasons.iter().map(rule).collect::<Option<_>>()?,
            policy_version: record.text("policy_version")?,
        })
    }

    /// The digest of what it tells.
    pub fn digest(&self) -> u64 {
        let telling = Telling {
            event_type: &self.event.r#type,
            subject: &self.event.subject,
            correlation: &self.correlation_id,
            occurred: instant::instant(&self.event.time),
            step: (&self.chain_step, self.rank),
            kind: &self.kind,
            priority: &self.priority,
        };
        telling.digest(self.reasons.iter().map(|reason| reason.rule.as_str()))
    }
}

struct Record<'a> {
    fields: &'a [Field],
    values: Vec<Fact>,
}

impl Record<'_> {
    fn get(&self, name: &str) -> Option<&Fact> {
        self.values.get(self.fields.iter().position(|field| *field.name == *name)?)
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Fact::Text(text) => Some(text.to_string()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_sample_tells_the_same_in_both_formats() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let schemas = Schemas::read(&folder).unwrap();
        let sample = |name: &str| fs::read(folder.join("hinge/samples").join(name)).unwrap();
        let json = Notification::read(&sample("notification.v2.json"), false, &schemas).unwrap();
        let avro = Notification::read(&sample("notification.v2.avro"), true, &schemas).unwrap();
        assert_eq!(
            (json.id.as_str(), json.department.as_str()),
            (avro.id.as_str(), avro.department.as_str())
        );
        assert_eq!(json.digest(), avro.digest());
        let hurried = Notification { priority: "urgent".to_owned(), ..json.clone() };
        assert_ne!(hurried.digest(), json.digest());
        assert!(Notification::read(&sample("notification.v2.json"), true, &schemas).is_none());
    }
}
