//! When a partition stops: a bad release must not drain a topic into the dead letters.
//!
//! Counts per partition, over the last [`StopLimits::window`] records that were not held: a sliding window that
//! says nothing before it is full. Counts and stops are taken back with the transaction that they belong to. How
//! a partition stands still and goes on again is in `operating.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use hinge_schema::Code;
use hinge_stream::{Offset, Record, TopicPartition};

use crate::outcome::Outcome;

/// How many rejected records are too many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StopLimits {
    /// More than this share of the last `window` records, in per cent.
    pub percent: f64,
    /// Over so many records.
    pub window: u32,
    /// So many one after the other.
    pub in_a_row: u32,
}

impl Default for StopLimits {
    /// More than 1 % over 1,000 records, or 50 in a row.
    fn default() -> Self {
        Self { percent: 1.0, window: 1_000, in_a_row: 50 }
    }
}

/// Why a partition stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// Too large a share of its last records was rejected.
    RejectedShare,
    /// Too many records in a row were rejected.
    RejectedInARow,
    /// A record of one more key would have to be rejected, and no more keys can be held.
    HeldKeys,
    /// One more record of a key would have to be held than can be.
    HeldRecords,
    /// What comes next cannot be read.
    Unreadable,
}

impl StopReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::RejectedShare, Self::RejectedInARow, Self::HeldKeys, Self::HeldRecords, Self::Unreadable];

    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RejectedShare => "rejected-share",
            Self::RejectedInARow => "rejected-in-a-row",
            Self::HeldKeys => "held-keys",
            Self::HeldRecords => "held-records",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A partition that stands still, and what to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// The first of the rejected records that were counted; where nothing was, the record that it stands before.
    pub first: Offset,
    /// The last one.
    pub last: Offset,
    /// How often each code was counted.
    pub codes: BTreeMap<Code, u32>,
    /// What the log said, where that is why.
    pub detail: Option<String>,
}

impl Stop {
    /// The codes and how often each was counted, on one line.
    pub fn codes(&self) -> String {
        let codes: Vec<String> = self.codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        codes.join(", ")
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first, self.last);
        match self.reason {
            StopReason::RejectedShare => {
                write!(
                    f,
                    "too many of its last records were rejected, offsets {first} to {last}: {}",
                    self.codes()
                )
            }
            StopReason::RejectedInARow => {
                write!(
                    f,
                    "too many records in a row were rejected, offsets {first} to {last}: {}",
                    self.codes()
                )
            }
            StopReason::HeldKeys => write!(f, "no more keys can be held, before offset {first}"),
            StopReason::HeldRecords => {
                write!(f, "no more records of one key can be held, before offset {first}")
            }
            StopReason::Unreadable => {
                let detail = self.detail.as_deref().unwrap_or_default();
                write!(f, "what lies from offset {first} on cannot be read: {detail}")
            }
        }
    }
}

/// What was counted in one partition.
#[derive(Clone, Debug, Default)]
struct Counts {
    seen: u64,
    in_a_row: u32,
    /// The rejected records among the last ones: their number among all seen, offset and code.
    rejected: VecDeque<(u64, Offset, Code)>,
}

impl Counts {
    /// Counts one record; the reason to stop, if that was too much.
    fn count(&mut self, limits: &StopLimits, rejected: Option<(Offset, Code)>) -> Option<StopReason> {
        self.seen += 1;
        let window = u64::from(limits.window);
        while self.rejected.front().is_some_and(|(number, ..)| number + window <= self.seen) {
            self.rejected.pop_front();
        }
        match rejected {
            None => self.in_a_row = 0,
            Some((offset, code)) => {
                self.in_a_row += 1;
                self.rejected.push_back((self.seen, offset, code));
                if limits.in_a_row > 0 && self.in_a_row >= limits.in_a_row {
                    return Some(StopReason::RejectedInARow);
                }
            }
        }
        let share = limits.percent / 100.0 * f64::from(limits.window);
        let count = u32::try_from(self.rejected.len()).unwrap_or(u32::MAX);
        (window > 0 && self.seen >= window && f64::from(count) > share).then_some(StopReason::RejectedShare)
    }

    fn stop(&self, reason: StopReason) -> Stop {
        let all = self.rejected.len();
        let skipped = match reason {
            StopReason::RejectedInARow => all.saturating_sub(self.in_a_row as usize),
            StopReason::RejectedShare
            | StopReason::HeldKeys
            | StopReason::HeldRecords
            | StopReason::Unreadable => 0,
        };
        let counted = || self.rejected.iter().skip(skipped);
        let mut codes = BTreeMap::new();
        counted().for_each(|(_, _, code)| *codes.entry(*code).or_default() += 1);
        let offset = |it: Option<&(u64, Offset, Code)>| it.map_or(Offset::ZERO, |(_, offset, _)| *offset);
        Stop { reason, first: offset(counted().next()), last: offset(counted().last()), codes, detail: None }
    }
}

#[derive(Debug)]
struct Partition {
    place: TopicPartition,
    counts: Counts,
    /// The counts as they were committed, where they have changed since.
    before: Option<Counts>,
    stop: Option<Stop>,
    /// Whether it stands still already, and what made it so is committed.
    stands: bool,
}

/// The counts and stops of the partitions that are ours.
#[derive(Debug)]
pub(crate) struct Stops {
    limits: StopLimits,
    partitions: Vec<Partition>,
    /// Where the last record belonged: the next one most likely does too.
    latest: usize,
    /// How many partitions have a stop.
    stopped: usize,
}

impl Stops {
    pub(crate) fn new(limits: StopLimits) -> Self {
        Self { limits, partitions: Vec::new(), latest: 0, stopped: 0 }
    }

    /// Other partitions are ours now; all counts begin at zero.
    pub(crate) fn take_up<'a>(&mut self, places: impl Iterator<Item = &'a TopicPartition>) {
        let partition = |place: &TopicPartition| Partition {
            place: place.clone(),
            counts: Counts::default(),
            before: None,
            stop: None,
            stands: false,
        };
        self.partitions = places.map(partition).collect();
        (self.latest, self.stopped) = (0, 0);
    }

    fn find(&mut self, place: &TopicPartition) -> Option<&mut Partition> {
        if self.partitions.get(self.latest).is_none_or(|partition| partition.place != *place) {
            self.latest = self.partitions.iter().position(|partition| partition.place == *place)?;
        }
        self.partitions.get_mut(self.latest)
    }

    /// Whether nothing more of `place` is to be handled.
    pub(crate) fn is_stopped(&mut self, place: &TopicPartition) -> bool {
        self.stopped > 0 && self.find(place).is_some_and(|partition| partition.stop.is_some())
    }

    /// Whether any partition is stopped.
    pub(crate) fn any(&self) -> bool {
        self.stopped > 0
    }

    /// Whether any partition stands still already.
    pub(crate) fn any_stands(&self) -> bool {
        self.partitions.iter().any(|partition| partition.stands)
    }

    /// Counts a record that has ended in `outcome`; after one that was too much its partition is stopped.
    pub(crate) fn count(&mut self, record: &Record, outcome: Outcome) {
        let limits = self.limits;
        let rejected = match outcome {
            Outcome::Held => return,
            Outcome::Rejected(code) => Some((record.offset, code)),
            Outcome::Emitted | Outcome::Filtered(_) | Outcome::Unrouted => None,
        };
        let Some(partition) = self.find(&record.place) else { return };
        if partition.before.is_none() {
            partition.before = Some(partition.counts.clone());
        }
        if let Some(reason) = partition.counts.count(&limits, rejected) {
            partition.stop = Some(partition.counts.stop(reason));
            self.stopped += 1;
        }
    }

    /// Stops a partition before `record`, which cannot be handled as it would have to be.
    pub(crate) fn stop_before(&mut self, record: &Record, reason: StopReason) {
        self.stop_at(&record.place, record.offset, (reason, None));
    }

    /// Stops a partition at an offset.
    pub(crate) fn stop_at(
        &mut self,
        place: &TopicPartition,
        offset: Offset,
        (reason, detail): (StopReason, Option<String>),
    ) {
        let Some(partition) = self.find(place) else { return };
        let is_new = partition.stop.is_none();
        partition.stop = Some(Stop { reason, first: offset, last: offset, codes: BTreeMap::new(), detail });
        self.stopped += usize::from(is_new);
    }

    /// What was counted is committed.
    pub(crate) fn keep(&mut self) {
        self.partitions.iter_mut().for_each(|partition| partition.before = None);
    }

    /// What was counted was rolled back.
    pub(crate) fn forget(&mut self) {
        for partition in &mut self.partitions {
            if let Some(before) = partition.before.take() {
                partition.counts = before;
            }
            if !partition.stands && partition.stop.take().is_some() {
                self.stopped -= 1;
            }
        }
    }

    /// The next partition that is stopped and does not stand still yet; from now on it does.
    pub(crate) fn next_to_stand(&mut self) -> Option<(TopicPartition, Stop)> {
        let partition = self.partitions.iter_mut().find(|it| it.stop.is_some() && !it.stands)?;
        partition.stands = true;
        Some((partition.place.clone(), partition.stop.clone()?))
    }

    /// Lets a partition go on with its counts at zero; `false` where it was not stopped.
    pub(crate) fn resume(&mut self, place: &TopicPartition) -> bool {
        let Some(partition) = self.find(place).filter(|partition| partition.stop.is_some()) else {
            return false;
        };
        (partition.counts, partition.before) = (Counts::default(), None);
        (partition.stop, partition.stands) = (None, false);
        self.stopped -= 1;
        true
    }

    /// All partitions that are stopped.
    pub(crate) fn stopped(&self) -> BTreeMap<TopicPartition, Stop> {
        let stopped = self.partitions.iter().filter_map(|partition| {
            let stop = partition.stop.clone()?;
            Some((partition.place.clone(), stop))
        });
        stopped.collect()
    }
}

#[cfg(test)]
mod tests;
