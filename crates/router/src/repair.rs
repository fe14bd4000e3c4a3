//! Records that come back from the dead letters: which one they repair, and what a department is told when
//! an operator has decided a conflict.
//!
//! `hinge dead-letters replay` writes both headers (`operator/letters.rs`); everything follows from them, so that
//! the same input gives the same decision, whenever it is read.

use hinge_domain::{Decision, Event, Verdict, correction_id, notification_id};
use hinge_schema::Code;
use hinge_stream::Record;
use uuid::Uuid;

use crate::place::RecordPlace;

/// The header with the place of the record that is repaired.
pub(crate) const REPAIRS: &str = "hinge-repairs";

/// The header with the code under which that one was rejected.
pub(crate) const REPAIRS_CODE: &str = "hinge-repairs-code";

/// The header with the id of an event whose conflict is decided; as many as there were.
pub(crate) const REPAIRS_EVENT: &str = "hinge-repairs-event";

/// What a record says about the one that it repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repair {
    /// Where that one lies.
    pub(crate) place: RecordPlace,
    /// Whether it was a conflict: then the repair takes effect whatever was told under its identity before.
    of_conflict: bool,
    /// The events whose conflict is decided; a record may tell others beside them. None named: all of them.
    events: Vec<String>,
}

impl Repair {
    /// Whether an operator has decided that what it tells of this event is so, against an earlier telling.
    pub(crate) fn decides(&self, event_id: &str) -> bool {
        self.of_conflict && (self.events.is_empty() || self.events.iter().any(|id| id == event_id))
    }
}

/// What `record` repairs; `None` where it repairs nothing, or does not say what.
pub(crate) fn of(record: &Record) -> Option<Repair> {
    let place = std::str::from_utf8(record.headers.get(REPAIRS)?).ok()?.parse().ok()?;
    let of_conflict = record.headers.get(REPAIRS_CODE) == Some(Code::Conflict.as_str().as_bytes());
    let events = record.headers.iter().filter(|header| header.name == REPAIRS_EVENT);
    let events = events.filter_map(|header| String::from_utf8(header.value?.to_vec()).ok()).collect();
    Some(Repair { place, of_conflict, events })
}

/// Gives what is told after a decided conflict ids of its own: readers keep one of each id, and have the first.
pub(crate) fn correct(decision: &mut Decision<'_>, event: &Event) {
    if let Verdict::Emitted(notifications) = &mut decision.verdict {
        let telling = event.content();
        for notification in notifications {
            notification.id = correction_id(notification.id, telling);
        }
    }
}

/// The id of the notification that a correction corrects.
pub(crate) fn corrected(notification: &hinge_domain::Notification) -> Uuid {
    notification_id(&notification.about.source, &notification.about.id, &notification.department)
}
