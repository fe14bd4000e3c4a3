//! What became of each record: exactly one outcome, counted when it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use hinge_domain::{Decision, Verdict};
use hinge_schema::Code;
use hinge_stream::TopicPartition;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, wall};
use crate::decode::Envelope;
use crate::stops::Stop;

/// The end of a record.
#[must_use = "every record ends in exactly one outcome, which has to be counted"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Departments were told.
    Emitted,
    /// Nobody had to be told, for this reason.
    Filtered(Filtered),
    /// No rule matched: it lies in `hinge.unrouted`.
    Unrouted,
    /// It cannot be decided: it lies in `hinge.dead-letters`.
    Rejected(Code),
    /// An earlier record of its key was rejected: it lies in `hinge.held` until an operator decides. What becomes
    /// of it then is counted apart ([`Released`]).
    Held,
}

/// What became of a held record in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Released {
    /// It was released, and ended like any other.
    Ended(Outcome),
    /// It was discarded: it lies in `hinge.dead-letters`.
    Discarded,
}

impl Released {
    /// The value of the label `outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ended(outcome) => outcome.name(),
            Self::Discarded => "discarded",
        }
    }

    /// Every name that there is.
    pub const NAMES: [&'static str; 5] = ["emitted", "filtered", "unrouted", "rejected", "discarded"];
}

/// Why nobody had to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filtered {
    /// It was told before.
    Repetition,
    /// The policy says that nobody wants to be told of such events.
    Ignored,
    /// It says no event at all, by the mapping of its source.
    Nothing,
}

impl Outcome {
    /// The value of the label `outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emitted => "emitted",
            Self::Filtered(_) => "filtered",
            Self::Unrouted => "unrouted",
            Self::Rejected(_) => "rejected",
            Self::Held => "held",
        }
    }

    /// The value of the label `reason`; empty where there is nothing to add.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Emitted | Self::Unrouted | Self::Held => "",
            Self::Filtered(Filtered::Repetition) => "repetition",
            Self::Filtered(Filtered::Ignored) => "ignored",
            Self::Filtered(Filtered::Nothing) => "nothing",
            Self::Rejected(code) => code.as_str(),
        }
    }

    /// That of a record with several events, of which each came to its own: the one that reached furthest.
    pub(crate) fn of_all<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Self {
        let mut outcome = Self::Filtered(Filtered::Ignored);
        for verdict in verdicts {
            match verdict {
                Verdict::Emitted(_) => return Self::Emitted,
                Verdict::Unrouted => outcome = Self::Unrouted,
                Verdict::Ignored(_) => {}
            }
        }
        outcome
    }

    /// Every outcome that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::Emitted,
            Self::Filtered(Filtered::Repetition),
            Self::Filtered(Filtered::Ignored),
            Self::Filtered(Filtered::Nothing),
            Self::Unrouted,
            Self::Held,
        ]
        .into_iter()
        // Discarded are held records, whose outcome was counted when they were held.
        .chain(Code::ALL.into_iter().filter(|code| *code != Code::Discarded).map(Self::Rejected))
    }
}

/// How long the telling of one notification took, hop by hop.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) department: Arc<str>,
    pub(crate) event_type: Arc<str>,
    pub(crate) chain_step: Arc<str>,
    pub(crate) to_recorded: SignedDuration,
    pub(crate) to_decided: SignedDuration,
    /// When it was decided, by the machine's clock: the last hop ends with the commit.
    pub(crate) decided: Timestamp,
    pub(crate) history: bool,
}

/// What a transaction will have done once it is committed.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    pub(crate) outcomes: BTreeMap<(Arc<str>, Outcome), u64>,
    pub(crate) told: Vec<Told>,
    pub(crate) unknown: BTreeMap<Arc<str>, u64>,
    pub(crate) unrendered: u64,
    /// Held records that met their end, by its name.
    pub(crate) released: BTreeMap<&'static str, u64>,
    /// Notifications, by department, whose audience chose nobody.
    pub(crate) for_nobody: BTreeMap<Arc<str>, u64>,
    /// By source.
    pub(crate) sources: BTreeMap<Arc<str>, Mapped>,
}

/// What the records of a source came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mapped {
    /// Events that they said.
    pub(crate) events: u64,
    /// Fields of theirs that the mapping never reads.
    pub(crate) unread: u64,
    /// Words of theirs that are none of a fact's, so that its fallback was told.
    pub(crate) fell_back: u64,
}

impl Tally {
    /// A record of another system was read.
    pub(crate) fn mapped(&mut self, source: &Arc<str>, mapped: Mapped) {
        let sum = self.sources.entry(Arc::clone(source)).or_default();
        sum.events += mapped.events;
        sum.unread += mapped.unread;
        sum.fell_back += mapped.fell_back;
    }

    pub(crate) fn release(&mut self, released: Released) {
        *self.released.entry(released.name()).or_default() += 1;
    }

    pub(crate) fn count(&mut self, topic: &Arc<str>, outcome: Outcome) {
        match self.outcomes.get_mut(&(Arc::clone(topic), outcome)) {
            Some(count) => *count += 1,
            None => {
                self.outcomes.insert((Arc::clone(topic), outcome), 1);
            }
        }
    }

    pub(crate) fn note(
        &mut self,
        clock: Clock,
        envelope: &Envelope,
        decision: &Decision<'_>,
        decided: Timestamp,
    ) {
        for undecided in &decision.unknown {
            *self.unknown.entry(Arc::clone(&undecided.rule.id)).or_default() += 1;
        }
        self.unrendered += decision.unrendered.len() as u64;
        let Verdict::Emitted(notifications) = &decision.verdict else { return };
        for notification in notifications {
            if notification.audience.as_ref().is_some_and(|audience| audience.size() == 0) {
                *self.for_nobody.entry(Arc::clone(&notification.department)).or_default() += 1;
            }
        }
        let by_wall = match clock {
            Clock::Wall => decided,
            Clock::FollowsEvents => wall(),
        };
        self.told.extend(notifications.iter().map(|notification| Told {
            department: Arc::clone(&notification.department),
            event_type: Arc::clone(envelope.event.event_type()),
            chain_step: Arc::clone(&decision.chain_step),
            to_recorded: envelope.recorded.duration_since(envelope.event.occurred),
            to_decided: decided.duration_since(envelope.recorded),
            decided: by_wall,
            history: notification.history,
        }));
    }
}

/// What a run has done: everything that was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records by topic and outcome.
    pub outcomes: BTreeMap<(Arc<str>, Outcome), u64>,
    /// Notifications by department.
    pub notifications: BTreeMap<Arc<str>, u64>,
    /// Held records that were released or discarded, by what became of them.
    pub released: BTreeMap<&'static str, u64>,
    /// Partitions that stood still at the end.
    pub stopped: BTreeMap<TopicPartition, Stop>,
}

impl Summary {
    pub(crate) fn add(&mut self, tally: &Tally) {
        for (key, count) in &tally.outcomes {
            *self.outcomes.entry(key.clone()).or_default() += count;
        }
        for (name, count) in &tally.released {
            *self.released.entry(name).or_default() += count;
        }
        for told in &tally.told {
            *self.notifications.entry(Arc::clone(&told.department)).or_default() += 1;
        }
    }

    /// Adds what another run has done.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.outcomes {
            *self.outcomes.entry(key.clone()).or_default() += count;
        }
        for (department, count) in &other.notifications {
            *self.notifications.entry(Arc::clone(department)).or_default() += count;
        }
        for (name, count) in &other.released {
            *self.released.entry(name).or_default() += count;
        }
        self.stopped.clone_from(&other.stopped);
    }

    /// Records committed: the sum of all outcomes.
    pub fn records(&self) -> u64 {
        self.outcomes.values().sum()
    }
}
