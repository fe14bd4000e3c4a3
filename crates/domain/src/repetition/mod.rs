//! Telling a repeated event from a new one, within a distance and not a moment longer.
//!
//! A record repeats an earlier one of the same partition if both carry the same identity and lie
//! within [`Window`] of each other. The rule is about that distance, not about what a process happens
//! to remember: after a restart the stretch is read back, and the answers are the same. Rejected
//! records never enter, held ones only once they are released; the caller simply does not offer them.

mod row;
mod seen;
mod singles;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::{Content, Identity};
use seen::{Fingerprint, Seen, Sighting};
use singles::{Number, Singles};

/// How far apart two records may lie to be the same event twice: at most so many offsets and so much
/// recorded time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Offsets.
    pub offsets: i64,
    /// Recorded time, to the microsecond.
    pub time: SignedDuration,
}

impl Default for Window {
    /// 2,000,000 offsets and 24 hours.
    fn default() -> Self {
        Self { offsets: 2_000_000, time: SignedDuration::from_hours(24) }
    }
}

/// How a record relates to those before it in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// No earlier record within the window has its identity.
    New,
    /// It tells the same again as the record at this offset.
    Repetition {
        /// The offset of the first one.
        first: i64,
    },
    /// It has the identity of the record at this offset and tells something else: the first stays in force.
    Conflict {
        /// The offset of the first one.
        first: i64,
    },
}

/// Where a record began in a [`Memory`].
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// What was known of an identity before it was met once more.
#[derive(Debug)]
enum Before {
    Nothing,
    Once(Number),
    Several(Box<Seen>),
}

/// The identities met in one partition. One record may have several, all at its offset.
///
/// Nearly all are met once and take some fifty bytes each; those met again are few.
#[derive(Debug, Default)]
pub struct Memory {
    window: Window,
    singles: Singles,
    several: HashMap<Identity, Seen>,
    undo: Vec<Before>,
}

impl Memory {
    /// An empty memory.
    pub fn new(window: Window) -> Self {
        Self { window, ..Self::default() }
    }

    /// Meets a record: says how it relates to earlier ones and remembers it, unless it conflicts.
    ///
    /// An earlier record that was recorded later (clocks go back) is within any time.
    pub fn meet(
        &mut self,
        identity: Identity,
        content: Content,
        offset: i64,
        recorded: Timestamp,
    ) -> Meeting {
        let sighting = Sighting::new(offset, recorded);
        let fingerprint = Fingerprint::of(&content);
        let (before, known) = match self.several.get(&identity) {
            Some(seen) => (Before::Several(Box::new(seen.clone())), Some(seen.clone())),
            None => match self.singles.find(&identity) {
                Some(number) => (Before::Once(number), Some(self.singles.get(number))),
                None => (Before::Nothing, None),
            },
        };
        let near = |earlier: &Sighting| {
            offset - earlier.offset <= self.window.offsets
                && i128::from(sighting.recorded) - i128::from(earlier.recorded)
                    <= self.window.time.as_micros()
        };
        match known.filter(|seen| seen.sightings().any(near)) {
            None => {
                self.begin(identity, fingerprint, sighting, before);
                Meeting::New
            }
            Some(seen) if seen.content != fingerprint => Meeting::Conflict { first: seen.first },
            Some(mut seen) => {
                let first = seen.first;
                seen.add(sighting);
                self.singles.forget(&identity);
                self.singles.pass(identity, fingerprint, sighting);
                self.several.insert(identity, seen);
                self.undo.push(before);
                Meeting::Repetition { first }
            }
        }
    }

    /// Meets a record with which an operator decided a conflict: what it tells is in force from here on.
    /// Only when that is in force already, it is a repetition.
    pub fn take_over(
        &mut self,
        identity: Identity,
        content: Content,
        offset: i64,
        recorded: Timestamp,
    ) -> Meeting {
        let meeting = self.meet(identity, content, offset, recorded);
        let Meeting::Conflict { .. } = meeting else { return meeting };
        let before = match (self.several.get(&identity), self.singles.find(&identity)) {
            (Some(seen), _) => Before::Several(Box::new(seen.clone())),
            (None, Some(number)) => Before::Once(number),
            (None, None) => Before::Nothing,
        };
        self.begin(identity, Fingerprint::of(&content), Sighting::new(offset, recorded), before);
        Meeting::New
    }

    /// From here on the identity was met once, here.
    fn begin(&mut self, identity: Identity, content: Fingerprint, sighting: Sighting, before: Before) {
        self.several.remove(&identity);
        let number = self.singles.pass(identity, content, sighting);
        self.singles.remember(&identity, number);
        self.undo.push(before);
    }

    /// A place to come back to with [`Memory::forget_since`], until the next [`Memory::keep`].
    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// The record that was begun at this mark was rejected after all: none of its identities was ever met.
    pub fn forget_since(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            self.forget_last();
        }
    }

    fn forget_last(&mut self) {
        let (Some(before), Some(identity)) = (self.undo.pop(), self.singles.take_back()) else { return };
        self.several.remove(&identity);
        match before {
            Before::Nothing => {}
            Before::Once(number) => self.singles.remember(&identity, number),
            Before::Several(seen) => drop(self.several.insert(identity, *seen)),
        }
    }

    /// What was met since the last call is committed: nothing takes it back.
    pub fn keep(&mut self) {
        self.undo.clear();
        let Some(newest) = self.singles.newest_offset() else { return };
        while let Some((offset, identity)) = self.singles.oldest() {
            if newest - offset <= self.window.offsets {
                break;
            }
            self.singles.drop_oldest();
            if self.several.get(&identity).is_some_and(|seen| seen.newest.offset == offset) {
                self.several.remove(&identity);
            }
        }
    }

    /// What was met since the last [`Memory::keep`] was rolled back: forget it.
    pub fn forget(&mut self) {
        self.forget_since(Mark(0));
    }

    /// How many identities are remembered.
    pub fn len(&self) -> usize {
        self.singles.len() + self.several.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that it takes, those that are reserved for more included.
    pub fn bytes(&self) -> usize {
        self.singles.bytes() + self.several.capacity() * size_of::<(Identity, Seen)>()
    }
}

#[cfg(test)]
mod tests;
