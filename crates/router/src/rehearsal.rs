//! Recorded input decided again, and nothing written: what `hinge replay`, `plan` and `why-not` stand on.
//!
//! The steps are those of [`Router::run`](crate::Router::run), by the same functions, without a session:
//! [`Rehearsal`] reads and meets the records of one partition, a [`Decider`] decides under one policy. Which
//! records to read, under which policy, and what to compare the answer with is for the caller to say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hinge_domain::{Event, Meeting, Memory, Policy, Verdict, Window};
use hinge_schema::{Catalogue, Rejection};
use hinge_stream::Record;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::decode::{self, Envelope};
use crate::outcome::{Filtered, Outcome};
use crate::output::Outputs;
use crate::recollection::meet;
use crate::repair::decide_on;

/// A record that was read: its event, and when it was recorded.
pub struct Reading(Envelope);

impl Reading {
    /// The event.
    pub fn event(&self) -> &Event {
        &self.0.event
    }

    /// When it was recorded: what a decision on it takes for now.
    pub fn recorded(&self) -> Timestamp {
        self.0.recorded
    }
}

/// Reads and meets the records of one partition, in their order.
pub struct Rehearsal {
    catalogue: Catalogue,
    clock: Clock,
    memory: Memory,
}

impl Rehearsal {
    /// One that has met nothing yet; `window` is how far apart two records may lie to be the same event twice.
    pub fn new(catalogue: Catalogue, clock: Clock, window: Window) -> Self {
        Self { catalogue, clock, memory: Memory::new(window) }
    }

    /// Reads a record, or says why it cannot be.
    pub fn read(&self, record: &Record) -> Result<Reading, Rejection> {
        let decoded =
            catch_unwind(AssertUnwindSafe(|| decode::envelope(record, &self.catalogue, self.clock)));
        decoded.unwrap_or_else(|_| Err(decode::panicked())).map(Reading)
    }

    /// How a record relates to those met before it; from then on it is met itself.
    pub fn meet(&mut self, reading: &Reading, record: &Record) -> Meeting {
        self.memory.keep();
        meet(&mut self.memory, &reading.0, record)
    }

    /// The record met last was rejected: it was never met.
    pub fn forget_last(&mut self) {
        self.memory.forget_last();
    }
}

/// What is decided on an event.
#[derive(Debug)]
pub struct Rehearsed {
    /// How its record would end.
    pub outcome: Outcome,
    /// The notifications that would be sent: topic and bytes. As of now they are decided when they were recorded.
    pub notifications: Vec<(Arc<str>, Vec<u8>)>,
}

/// Decides under one policy.
pub struct Decider {
    policy: Arc<Policy>,
    outputs: Outputs,
}

impl Decider {
    /// Decides under `policy`.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { outputs: Outputs::new(&policy), policy }
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What a router would make of an event that it meets for the first time.
    pub fn decide(&mut self, record: &Record, reading: &Reading) -> Rehearsed {
        let Self { policy, outputs } = self;
        let Reading(envelope) = reading;
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let decision = decide_on(envelope, policy);
            outputs.encode(record, envelope, &decision, envelope.recorded)?;
            Ok(match decision.verdict {
                Verdict::Emitted(_) => Outcome::Emitted,
                Verdict::Ignored(_) => Outcome::Filtered(Filtered::Ignored),
                Verdict::Unrouted => Outcome::Unrouted,
            })
        }));
        match worked.unwrap_or_else(|_| Err(decode::panicked())) {
            Ok(outcome) => Rehearsed { outcome, notifications: outputs.take_notifications() },
            Err(rejection) => {
                Rehearsed { outcome: Outcome::Rejected(rejection.code), notifications: Vec::new() }
            }
        }
    }
}
