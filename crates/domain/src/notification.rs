//! What a department is told about one event.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use sha1::{Digest, Sha1};
use uuid::Uuid;

use crate::{Audience, Content, Value};

/// What a notification asks of its readers. Ordered: when several rules match, the most asking one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Know it.
    Know,
    /// Do something.
    Do,
    /// Answer.
    Answer,
}

impl Ask {
    /// As written in rules and notifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::Know => "know",
            Self::Do => "do",
            Self::Answer => "answer",
        }
    }
}

/// How much it hurries. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// When there is time.
    Low,
    /// As usual.
    Normal,
    /// Before the usual.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// As written in rules and notifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// The event that a notification is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The event's id.
    pub id: String,
    /// Who said so.
    pub source: String,
    /// Its type.
    pub event_type: Arc<str>,
    /// What it is about.
    pub subject: String,
    /// The campaign, order or case that it belongs to.
    pub correlation_id: String,
    /// When it happened.
    pub occurred: Timestamp,
}

/// Where an event stands among all that happened to one card, whatever order they arrive in.
///
/// Compared as a tuple; it comes from the event alone, so every reader of every topic agrees on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision<'a> {
    /// When it happened.
    pub occurred: Timestamp,
    /// The place of its step in the chain, from 1.
    pub rank: u32,
    /// Who said so.
    pub source: &'a str,
    /// The event's id.
    pub id: &'a str,
}

/// A rule that asked for a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Who answers for the rule.
    pub owner: Arc<str>,
    /// What the rule asks.
    pub ask: Ask,
    /// Why, in its owner's words.
    pub because: Option<Arc<str>>,
}

/// What one department is told about one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The same for the same (source, event id, department), always: readers keep one of each. A correction
    /// has another one ([`correction_id`]).
    pub id: Uuid,
    /// Who is told.
    pub department: Arc<str>,
    /// What about.
    pub about: Arc<About>,
    /// The step of the chain that the event belongs to.
    pub chain_step: Arc<str>,
    /// The step's place in the chain, from 1.
    pub rank: u32,
    /// What it asks: the most asking of the matching rules.
    pub ask: Ask,
    /// How much it hurries: the most hurried of the matching rules.
    pub priority: Priority,
    /// One line.
    pub title: String,
    /// The rest, in Markdown; may be empty.
    pub body: String,
    /// The rules that asked for it, in the policy's order.
    pub reasons: Vec<Reason>,
    /// The facts that the rules require and the event has.
    pub facts: Vec<(Arc<str>, Value)>,
    /// The facts that the rules require and the event lacks; not empty means *incomplete*.
    pub missing: Vec<Arc<str>>,
    /// Whether the event is history: nothing to interrupt anybody for.
    pub history: bool,
    /// Whom of the department it is for; `None` where the policy knows nobody there.
    pub audience: Option<Arc<Audience>>,
}

impl Notification {
    /// Where it stands among all that this department's card for the correlation id is told.
    pub fn revision(&self) -> Revision<'_> {
        Revision {
            occurred: self.about.occurred,
            rank: self.rank,
            source: &self.about.source,
            id: &self.about.id,
        }
    }
}

/// The namespace of notification ids: the UUID of version 5 of `hinge.notification` in the OID namespace.
static NAMESPACE: LazyLock<Uuid> =
    LazyLock::new(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, b"hinge.notification"));

/// The id of what `department` is told about the event (`source`, `id`).
///
/// The three parts are joined by a line feed, which no CloudEvents attribute and no department's name contains.
pub fn notification_id(source: &str, id: &str, department: &str) -> Uuid {
    NotificationIds::about(source, id).of(department)
}

/// The ids of what is told about one event: what they have in common is hashed once.
pub(crate) struct NotificationIds(Sha1);

impl NotificationIds {
    pub(crate) fn about(source: &str, id: &str) -> Self {
        let mut hash = Sha1::new();
        for part in [NAMESPACE.as_bytes(), source.as_bytes(), b"\n", id.as_bytes(), b"\n"] {
            hash.update(part);
        }
        Self(hash)
    }

    /// The UUID of version 5 in the namespace of notification ids (RFC 9562).
    pub(crate) fn of(&self, department: &str) -> Uuid {
        let hash: [u8; 20] = self.0.clone().chain_update(department).finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        uuid::Builder::from_sha1_bytes(bytes).into_uuid()
    }
}

/// The id of a correction of the notification `first`: what a department is told when an operator has decided
/// a conflict for another telling of an event. It is the same for the same telling, always.
///
/// Readers keep one of each id, so under the first id the correction would reach nobody.
pub fn correction_id(first: Uuid, telling: Content) -> Uuid {
    Uuid::new_v5(&first, telling.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_the_uuid_of_its_three_parts(source in ".{0,70}", id in ".{0,70}", department in ".{0,70}") {
            let expected = Uuid::new_v5(&NAMESPACE, format!("{source}\n{id}\n{department}").as_bytes());
            prop_assert_eq!(notification_id(&source, &id, &department), expected);
        }
    }
}
