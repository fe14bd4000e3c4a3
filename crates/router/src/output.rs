//! What one event leaves behind: notifications, its decision record, or its copy among the unrouted.
//!
//! Everything about one event is encoded before anything of it is sent, so that what is too large to be
//! written is found while the record can still go to the dead letters as a whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use hinge_domain::{Decision, Event, Format, Notification, Policy, Verdict};
use hinge_schema::{Code, Rejection, Stamp, encode_notification};
use hinge_stream::{Outgoing, Record, Session};
use jiff::Timestamp;

use crate::decode::Envelope;
use crate::error::Error;
use crate::topics::{DECISIONS, UNROUTED};
use crate::{dead_letter, decision_record, repair};

/// The largest record that is written, headers included, in bytes: below the 1,000,000 that producers accept.
pub const LARGEST_RECORD: usize = 990_000;

type OwnedHeader = (Cow<'static, str>, Vec<u8>);

struct Pending {
    topic: Arc<str>,
    headers: Vec<OwnedHeader>,
    value: Vec<u8>,
    carries_original: bool,
}

/// The outputs of one event at a time; its buffers are used again.
pub(crate) struct Outputs {
    policy_version: Arc<str>,
    departments: HashMap<Arc<str>, (Arc<str>, Format)>,
    decisions: Arc<str>,
    unrouted: Arc<str>,
    pending: Vec<Pending>,
}

impl Outputs {
    pub(crate) fn new(policy: &Policy) -> Self {
        let departments = policy.departments.iter().map(|department| {
            let topic = Arc::from(Policy::topic_of(&department.name));
            (Arc::clone(&department.name), (topic, department.format))
        });
        Self {
            policy_version: Arc::clone(&policy.version),
            departments: departments.collect(),
            decisions: DECISIONS.into(),
            unrouted: UNROUTED.into(),
            pending: Vec::new(),
        }
    }

    /// Encodes what the decision leaves behind. On an error nothing of it will be sent.
    pub(crate) fn encode(
        &mut self,
        record: &Record,
        envelope: &Envelope,
        decision: &Decision<'_>,
        decided: Timestamp,
    ) -> Result<(), Rejection> {
        self.pending.clear();
        let stamp =
            Stamp { policy_version: Arc::clone(&self.policy_version), recorded: envelope.recorded, decided };
        match &decision.verdict {
            Verdict::Emitted(notifications) => {
                for notification in notifications {
                    let pending = self.notification(notification, &stamp, envelope)?;
                    self.pending.push(pending);
                }
            }
            Verdict::Unrouted => self.pending.push(Pending {
                topic: Arc::clone(&self.unrouted),
                headers: vec![self.version_header()],
                value: Vec::new(),
                carries_original: true,
            }),
            Verdict::Ignored(_) => {}
        }
        let decision = decision_record::encode(record, envelope, decision, &stamp).map_err(|error| {
            Rejection::new(Code::Panic, format!("its decision cannot be written: {error}"))
        })?;
        self.pending.push(Pending {
            topic: Arc::clone(&self.decisions),
            headers: vec![("content-type".into(), b"application/json".to_vec()), self.version_header()],
            value: decision,
            carries_original: false,
        });
        let key = envelope.event.correlation_id.len();
        let size = |pending: &Pending| key + pending.size(record);
        match self.pending.iter().find(|pending| size(pending) > LARGEST_RECORD) {
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

    fn notification(
        &self,
        notification: &Notification,
        stamp: &Stamp,
        envelope: &Envelope,
    ) -> Result<Pending, Rejection> {
        let Some((topic, format)) = self.departments.get(&notification.department) else {
            return Err(Rejection::new(Code::Panic, "a decision names a department that the policy lacks"));
        };
        let mut encoded = encode_notification(notification, stamp, *format)?;
        encoded.headers.push(self.version_header());
        if envelope.corrects() {
            let corrected = repair::corrected(notification).to_string();
            encoded.headers.push(("ce_corrects".into(), corrected.into_bytes()));
        }
        encoded.headers.extend(trace_headers(&envelope.event));
        let (headers, value) = (encoded.headers, encoded.value);
        Ok(Pending { topic: Arc::clone(topic), headers, value, carries_original: false })
    }

    fn version_header(&self) -> OwnedHeader {
        ("hinge-policy-version".into(), self.policy_version.as_bytes().to_vec())
    }

    /// The notifications that were encoded last, each with its topic: what a rehearsal looks at and nobody sends.
    pub(crate) fn take_notifications(&mut self) -> Vec<(Arc<str>, Vec<u8>)> {
        let told = |topic: &Arc<str>| self.departments.values().any(|(known, _)| Arc::ptr_eq(known, topic));
        self.pending.drain(..).filter(|it| told(&it.topic)).map(|it| (it.topic, it.value)).collect()
    }

    /// Sends what was encoded last, keyed by the correlation id.
    pub(crate) fn send(
        &mut self,
        session: &mut dyn Session,
        record: &Record,
        envelope: &Envelope,
    ) -> Result<(), Error> {
        let mut headers = Vec::new();
        for pending in &self.pending {
            headers.clear();
            headers.extend(pending.headers.iter().map(|(name, value)| (name.as_ref(), value.as_slice())));
            session.send(&Outgoing {
                topic: &pending.topic,
                key: Some(envelope.event.correlation_id.as_bytes()),
                value: if pending.carries_original { record.value.as_deref() } else { Some(&pending.value) },
                headers: &headers,
                carried: pending.carries_original.then_some(&record.headers),
                timestamp: None,
            })?;
        }
        Ok(())
    }
}

impl Pending {
    fn size(&self, record: &Record) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
        let original = if self.carries_original { dead_letter::size_of_original(record) } else { 0 };
        headers + self.value.len() + original
    }
}

/// The trace of the event's creation travels on unchanged (CloudEvents, distributed tracing extension).
fn trace_headers(event: &Event) -> impl Iterator<Item = OwnedHeader> {
    [("traceparent", "ce_traceparent"), ("tracestate", "ce_tracestate")].into_iter().filter_map(
        |(name, header)| {
            let (_, value) = event.extensions.iter().find(|(known, _)| known == name)?;
            Some((Cow::Borrowed(header), value.clone().into_bytes()))
        },
    )
}
