//! Recorded input decided again, and nothing written: what `hinge replay`, `plan` and `why-not` stand on.
//!
//! The steps are those of [`Router::run`](crate::Router::run), by the same functions, without a session:
//! [`Rehearsal`] reads and meets the records of one partition, a [`Decider`] decides under one policy. Which
//! records to read, under which policy, and what to compare the answer with is for the caller to say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hinge_domain::{Event, Mark, Meeting, Memory, Policy, Verdict, Window, decide};
use hinge_schema::{Catalogue, Rejection, Sources};
use hinge_stream::Record;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::decode::{self, Decoder, Envelope};
use crate::outcome::{Filtered, Outcome};
use crate::output::Outputs;
use crate::recollection::meet_one;
use crate::repair;

/// An event of a record that was read, and when it was recorded.
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
    decoder: Decoder,
    memory: Memory,
    /// Where the record met last begins in the memory.
    begun: Mark,
}

impl Rehearsal {
    /// One that has met nothing yet; `window` is how far apart two records may lie to be the same event twice.
    pub fn new(catalogue: Catalogue, clock: Clock, window: Window) -> Self {
        let decoder = Decoder { catalogue, sources: Sources::default(), clock };
        let memory = Memory::new(window);
        Self { decoder, begun: memory.mark(), memory }
    }

    /// Reads records of other systems by these sources from now on.
    pub fn with_sources(&mut self, sources: Sources) {
        self.decoder.sources = sources;
    }

    /// Reads the events of a record, or says why it cannot be read.
    pub fn read(&self, record: &Record) -> Result<Vec<Reading>, Rejection> {
        let said = catch_unwind(AssertUnwindSafe(|| self.decoder.decode(record)));
        let said = said.unwrap_or_else(|_| Err(decode::panicked()))?;
        Ok(said.envelopes.into_iter().map(Reading).collect())
    }

    /// How each event of a record relates to those met before it; from then on they are met themselves. If one of
    /// them conflicts, all of them do: the record is rejected as a whole.
    pub fn meet(&mut self, readings: &[Reading], record: &Record) -> Vec<Meeting> {
        self.memory.keep();
        self.begun = self.memory.mark();
        let met = readings.iter().map(|Reading(envelope)| meet_one(&mut self.memory, envelope, record));
        let met: Vec<Meeting> = met.collect();
        match met.iter().find(|meeting| matches!(meeting, Meeting::Conflict { .. })) {
            Some(conflict) => {
                self.memory.forget_since(self.begun);
                vec![*conflict; met.len()]
            }
            None => met,
        }
    }

    /// The record met last was rejected: none of its events was ever met.
    pub fn forget_last(&mut self) {
        self.memory.forget_since(self.begun);
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
            let mut decision = decide(&envelope.event, policy, envelope.recorded);
            if envelope.corrects() {
                repair::correct(&mut decision, &envelope.event);
            }
            outputs.clear();
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
