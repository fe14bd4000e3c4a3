//! One record, decoded: its event and the instant at which it was recorded.

use hinge_domain::Event;
use hinge_schema::{Catalogue, Code, Rejection};
use hinge_stream::{Headers, Record};
use jiff::Timestamp;

use crate::clock::Clock;
use crate::repair::{self, Repair};

/// A decoded record.
pub(crate) struct Envelope {
    /// The event.
    pub(crate) event: Event,
    /// When it came in: the `recordedtime` attribute, else the log's timestamp, else when it occurred.
    pub(crate) recorded: Timestamp,
    /// Which rejected record this one repairs, if it does.
    pub(crate) repairs: Option<Repair>,
}

impl Envelope {
    /// Whether an operator has decided that this is what its event tells, against an earlier telling.
    pub(crate) fn corrects(&self) -> bool {
        self.repairs.as_ref().is_some_and(|repair| repair.of_conflict)
    }
}

/// Decodes a record, or says why it cannot be.
pub(crate) fn envelope(record: &Record, catalogue: &Catalogue, clock: Clock) -> Result<Envelope, Rejection> {
    if let Headers::Unreadable(_) = &record.headers {
        let detail = "at least one header has a name that is not UTF-8; write header names in UTF-8";
        return Err(Rejection::new(Code::HeadersUnreadable, detail));
    }
    let headers = record.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref()));
    let mut decoded = catalogue.decode(headers, record.value.as_deref())?;
    if clock == Clock::FollowsEvents {
        decoded.event.history.get_or_insert(false);
    }
    let logged = record.timestamp.millis().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let recorded = decoded.recorded.or(logged).unwrap_or(decoded.event.occurred);
    Ok(Envelope { event: decoded.event, recorded, repairs: repair::of(record) })
}

/// What is said of a record on which Hinge itself failed.
pub(crate) fn panicked() -> Rejection {
    let detail = "handling this record failed by a defect of Hinge; please report it with this dead letter";
    Rejection::new(Code::Panic, detail)
}
