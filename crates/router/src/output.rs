//! What a record leaves behind: notifications and their audiences, a decision record for each of its events, or its
//! copy among the unrouted.
//!
//! Everything about one record is encoded before anything of it is sent, so that what is too large to be
//! written is found while the record can still go to the dead letters as a whole.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use hinge_domain::{Decision, Event, Format, Notification, Policy, Verdict};
use hinge_schema::{Code, Rejection, Stamp, Stamped, notification_headers, write_notification};
use hinge_stream::{Outgoing, Record, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::audiences::{self, Published};
use crate::decode::Envelope;
use crate::error::Error;
use crate::topics::{AUDIENCES, DECISIONS, UNROUTED};
use crate::{dead_letter, decision_record, planted, repair};

/// The largest record that is written, headers included, in bytes: below the 1,000,000 that producers accept.
pub const LARGEST_RECORD: usize = 990_000;

/// More headers than we write on any record.
const MOST_HEADERS: usize = 16;

/// A record to be written: where its parts lie in the buffers.
struct Pending {
    topic: Arc<str>,
    /// Whose correlation id keys it: the event at this place among those of the record.
    event: usize,
    headers: Range<usize>,
    value: Range<usize>,
    carries: Carries,
}

/// What a record is made of.
#[derive(Clone)]
enum Carries {
    /// What we wrote.
    Ours,
    /// The input record as it came.
    Original,
    /// An audience, whose hash is its key.
    Audience(Arc<str>),
}

/// Names of headers, and values and bodies in one stretch of bytes: the outputs of one record.
#[derive(Default)]
struct Buffers {
    bytes: Vec<u8>,
    headers: Vec<(&'static str, Range<usize>)>,
}

impl Buffers {
    fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
    }

    fn header(&mut self, name: &'static str, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.headers.push((name, start..self.bytes.len()));
    }
}

/// The outputs of one record at a time, which is one event or several; its buffers are used again.
pub(crate) struct Outputs {
    policy: Arc<Policy>,
    policy_version: Arc<str>,
    departments: HashMap<Arc<str>, (Arc<str>, Format)>,
    decisions: Arc<str>,
    unrouted: Arc<str>,
    audiences: Arc<str>,
    /// Which audiences are in the log.
    pub(crate) published: Published,
    buffers: Buffers,
    pending: Vec<Pending>,
    /// How many events of the record are encoded.
    events: usize,
}

impl Outputs {
    pub(crate) fn new(policy: &Arc<Policy>) -> Self {
        let departments = policy.departments.iter().map(|department| {
            let topic = Arc::from(Policy::topic_of(&department.name));
            (Arc::clone(&department.name), (topic, department.format))
        });
        Self {
            policy: Arc::clone(policy),
            policy_version: Arc::clone(&policy.version),
            departments: departments.collect(),
            decisions: DECISIONS.into(),
            unrouted: UNROUTED.into(),
            audiences: AUDIENCES.into(),
            published: Published::default(),
            buffers: Buffers::default(),
            pending: Vec::new(),
            events: 0,
        }
    }

    /// Begins with a record.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.buffers.clear();
        self.events = 0;
    }

    /// Adds what the decision on one event of the record leaves behind. On an error nothing of the record may be
    /// sent.
    pub(crate) fn encode(
        &mut self,
        record: &Record,
        envelope: &Envelope,
        decision: &Decision<'_>,
        decided: Timestamp,
    ) -> Result<(), Rejection> {
        let (first, event) = (self.pending.len(), self.events);
        self.events += 1;
        let stamp =
            Stamp { policy_version: Arc::clone(&self.policy_version), recorded: envelope.recorded, decided };
        let stamped = Stamped::new(&stamp, envelope.event.occurred);
        match &decision.verdict {
            Verdict::Emitted(notifications) => {
                for notification in notifications {
                    self.audience(notification, &envelope.event)?;
                    self.notification(notification, envelope, &stamped)?;
                }
            }
            // The record is there once, however many of its events nobody asked for.
            Verdict::Unrouted
                if self.pending.iter().any(|pending| matches!(pending.carries, Carries::Original)) => {}
            Verdict::Unrouted => {
                let headers = self.headers(|_| {});
                let topic = Arc::clone(&self.unrouted);
                self.pending.push(Pending { topic, event, headers, value: 0..0, carries: Carries::Original });
            }
            Verdict::Ignored(_) => {}
        }
        let headers = self.headers(|buffers| buffers.header("content-type", b"application/json"));
        let start = self.buffers.bytes.len();
        decision_record::write(record, envelope, decision, &stamped, &mut self.buffers.bytes).map_err(
            |error| Rejection::new(Code::Panic, format!("its decision cannot be written: {error}")),
        )?;
        let value = start..self.buffers.bytes.len();
        let topic = Arc::clone(&self.decisions);
        self.pending.push(Pending { topic, event, headers, value, carries: Carries::Ours });
        let key = envelope.event.correlation_id.len();
        let size = |pending: &Pending| key + self.size(pending, record);
        match self.pending[first..].iter().find(|pending| size(pending) > LARGEST_RECORD) {
            None => Ok(()),
            Some(large) => {
                let detail = format!(
                    "what it leaves for `{}` has {} bytes; at most {LARGEST_RECORD} can be written",
                    large.topic,
                    size(large)
                );
                Err(Rejection::new(Code::OutputTooLarge, detail))
            }
        }
    }

    /// The notifications that were encoded last, each with its topic: what a rehearsal looks at and nobody sends.
    pub(crate) fn take_notifications(&mut self) -> Vec<(Arc<str>, Vec<u8>)> {
        let told = |topic: &Arc<str>| self.departments.values().any(|(known, _)| Arc::ptr_eq(known, topic));
        let mut notifications = Vec::new();
        for pending in self.pending.drain(..) {
            match pending.carries {
                // Whose audience was looked at need not be worked out again.
                Carries::Audience(hash) => self.published.sent(hash),
                Carries::Ours | Carries::Original if told(&pending.topic) => {
                    notifications.push((pending.topic, self.buffers.bytes[pending.value].to_vec()));
                }
                Carries::Ours | Carries::Original => {}
            }
        }
        self.published.keep();
        notifications
    }

    fn notification(
        &mut self,
        notification: &Notification,
        envelope: &Envelope,
        stamped: &Stamped<'_>,
    ) -> Result<(), Rejection> {
        let Some((topic, format)) = self.departments.get(&notification.department) else {
            return Err(Rejection::new(Code::Panic, "a decision names a department that the policy lacks"));
        };
        let (topic, format) = (Arc::clone(topic), *format);
        let headers = self.headers(|buffers| {
            notification_headers(notification, stamped, format, &mut |name, value| {
                buffers.header(name, value);
            });
            if envelope.corrects() {
                let corrected = repair::corrected(notification);
                let mut text = Uuid::encode_buffer();
                buffers.header("ce_corrects", corrected.hyphenated().encode_lower(&mut text).as_bytes());
            }
            trace_headers(&envelope.event, buffers);
        });
        let start = self.buffers.bytes.len();
        write_notification(notification, stamped, format, &mut self.buffers.bytes)?;
        let value = start..self.buffers.bytes.len();
        let event = self.events - 1;
        self.pending.push(Pending { topic, event, headers, value, carries: Carries::Ours });
        Ok(())
    }

    /// Keeps the audience of a notification, unless that was done before.
    fn audience(&mut self, notification: &Notification, event: &Event) -> Result<(), Rejection> {
        let Some(audience) = &notification.audience else { return Ok(()) };
        // Another event of the same record may have the same audience.
        let encoded = |pending: &Pending| matches!(&pending.carries, Carries::Audience(hash) if hash == audience.hash());
        if !self.published.lacks(audience.hash()) || self.pending.iter().any(encoded) {
            return Ok(());
        }
        let Some(snapshot) = self.policy.snapshot(event, notification) else { return Ok(()) };
        let headers = self.headers(|buffers| buffers.header("content-type", b"application/json"));
        let start = self.buffers.bytes.len();
        let version = Arc::clone(&self.policy_version);
        audiences::write(&snapshot, event, &version, &mut self.buffers.bytes).map_err(|error| {
            Rejection::new(Code::Panic, format!("its audience cannot be written: {error}"))
        })?;
        let value = start..self.buffers.bytes.len();
        let (topic, carries) = (Arc::clone(&self.audiences), Carries::Audience(snapshot.hash));
        let event = self.events - 1;
        self.pending.push(Pending { topic, event, headers, value, carries });
        Ok(())
    }

    /// Headers, and the one that all our records carry.
    fn headers(&mut self, write: impl FnOnce(&mut Buffers)) -> Range<usize> {
        let start = self.buffers.headers.len();
        write(&mut self.buffers);
        self.buffers.header("hinge-policy-version", self.policy_version.as_bytes());
        start..self.buffers.headers.len()
    }

    fn size(&self, pending: &Pending, record: &Record) -> usize {
        let headers = self.buffers.headers[pending.headers.clone()].iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len() + 16).sum();
        let original = match &pending.carries {
            Carries::Original => dead_letter::size_of_original(record),
            Carries::Audience(hash) => hash.len(),
            Carries::Ours => 0,
        };
        headers + pending.value.len() + original
    }

    /// Sends what was encoded of a record's events, keyed by their correlation ids (an audience by its hash).
    pub(crate) fn send(
        &mut self,
        session: &mut dyn Session,
        record: &Record,
        events: &[&Envelope],
    ) -> Result<(), Error> {
        for pending in &self.pending {
            let mut headers: [(&str, &[u8]); MOST_HEADERS] = [("", &[]); MOST_HEADERS];
            let written = &self.buffers.headers[pending.headers.clone()];
            for (header, (name, value)) in headers.iter_mut().zip(written) {
                *header = (name, &self.buffers.bytes[value.clone()]);
            }
            let value = &self.buffers.bytes[pending.value.clone()];
            let correlation_id = events[pending.event].event.correlation_id.as_str();
            let (key, value, carried) = match &pending.carries {
                Carries::Ours => (correlation_id, Some(value), None),
                Carries::Original => (correlation_id, record.value.as_deref(), Some(&record.headers)),
                Carries::Audience(hash) => (&**hash, Some(value), None),
            };
            session.send(&Outgoing {
                topic: planted::department(&pending.topic, self.departments.values().map(|(topic, _)| topic)),
                key: Some(key.as_bytes()),
                value,
                headers: &headers[..written.len()],
                carried,
                timestamp: None,
            })?;
            if let Carries::Audience(hash) = &pending.carries {
                self.published.sent(Arc::clone(hash));
            }
        }
        Ok(())
    }
}

/// The trace of the event's creation travels on unchanged (CloudEvents, distributed tracing extension).
fn trace_headers(event: &Event, buffers: &mut Buffers) {
    for (name, header) in [("traceparent", "ce_traceparent"), ("tracestate", "ce_tracestate")] {
        if let Some((_, value)) = event.extensions.iter().find(|(known, _)| known == name) {
            buffers.header(header, value.as_bytes());
        }
    }
}
