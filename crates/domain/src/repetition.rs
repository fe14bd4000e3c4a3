//! Telling a repeated event from a new one, within a distance and not a moment longer.
//!
//! A record repeats an earlier one of the same partition if both carry the same identity and lie
//! within [`Window`] of each other. The rule is about that distance, not about what a process happens
//! to remember: after a restart the stretch is read back, and the answers are the same. Rejected
//! records never enter, held ones only once they are released; the caller simply does not offer them.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::{Content, Identity};

/// How far apart two records may lie to be the same event twice: at most so many offsets and so much
/// recorded time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Offsets.
    pub offsets: i64,
    /// Recorded time.
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

/// One record with an identity.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    offset: i64,
    recorded: Timestamp,
}

/// The records with one identity, as far as they can matter to a later one.
#[derive(Clone, Debug)]
struct Seen {
    content: Content,
    first: i64,
    newest: Sighting,
    /// Earlier ones that were recorded later than all that follow them, where clocks went back.
    before: Vec<Sighting>,
}

impl Seen {
    fn sightings(&self) -> impl Iterator<Item = &Sighting> {
        self.before.iter().chain([&self.newest])
    }

    /// Adds a record; forgets those that lie no nearer to any later record than this one.
    fn add(&mut self, sighting: Sighting) {
        if sighting.offset < self.newest.offset {
            // Held and released: it enters at its own place, behind what was met meanwhile.
            if sighting.recorded > self.newest.recorded {
                self.before.push(sighting);
            }
            return;
        }
        self.before.push(self.newest);
        self.before.retain(|earlier| earlier.recorded > sighting.recorded);
        self.newest = sighting;
    }
}

/// Where a record began in a [`Memory`].
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// The identities met in one partition. One record may have several, all at its offset.
#[derive(Debug, Default)]
pub struct Memory {
    window: Window,
    seen: HashMap<Identity, Seen>,
    by_offset: VecDeque<(i64, Identity)>,
    undo: Vec<(Identity, Option<Seen>)>,
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
        let sighting = Sighting { offset, recorded };
        let before = self.seen.get(&identity).cloned();
        let near = |earlier: &Sighting| {
            offset - earlier.offset <= self.window.offsets
                && recorded.duration_since(earlier.recorded) <= self.window.time
        };
        let (meeting, seen) = match before.clone().filter(|seen| seen.sightings().any(near)) {
            None => (Meeting::New, Seen { content, first: offset, newest: sighting, before: Vec::new() }),
            Some(seen) if seen.content != content => return Meeting::Conflict { first: seen.first },
            Some(mut seen) => {
                seen.add(sighting);
                (Meeting::Repetition { first: seen.first }, seen)
            }
        };
        self.seen.insert(identity, seen);
        self.undo.push((identity, before));
        self.by_offset.push_back((offset, identity));
        meeting
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
        let newest = Sighting { offset, recorded };
        let before = self.seen.insert(identity, Seen { content, first: offset, newest, before: Vec::new() });
        self.undo.push((identity, before));
        self.by_offset.push_back((offset, identity));
        Meeting::New
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
        if let Some((identity, before)) = self.undo.pop() {
            self.by_offset.pop_back();
            match before {
                Some(seen) => self.seen.insert(identity, seen),
                None => self.seen.remove(&identity),
            };
        }
    }

    /// What was met since the last call is committed: nothing takes it back.
    pub fn keep(&mut self) {
        self.undo.clear();
        let Some((newest, _)) = self.by_offset.back().copied() else { return };
        while let Some((offset, identity)) = self.by_offset.front().copied() {
            if newest - offset <= self.window.offsets {
                break;
            }
            self.by_offset.pop_front();
            if self.seen.get(&identity).is_some_and(|seen| seen.newest.offset == offset) {
                self.seen.remove(&identity);
            }
        }
    }

    /// What was met since the last [`Memory::keep`] was rolled back: forget it.
    pub fn forget(&mut self) {
        self.forget_since(Mark(0));
    }

    /// How many identities are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(number: u8) -> Identity {
        Identity::of("shop", &number.to_string())
    }

    fn content(number: u8) -> Content {
        Content::of(&[number])
    }

    fn window() -> Window {
        Window { offsets: 10, time: SignedDuration::from_hours(24) }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_repetition_is_one_just_inside_the_window_and_a_new_event_just_outside() {
        let check = |offset, hours, expected| {
            let mut memory = Memory::new(window());
            assert_eq!(memory.meet(identity(1), content(1), 0, at(0)), Meeting::New);
            memory.keep();
            assert_eq!(memory.meet(identity(1), content(1), offset, at(hours)), expected, "{offset} {hours}");
        };
        check(10, 24, Meeting::Repetition { first: 0 });
        check(11, 24, Meeting::New);
        check(10, 25, Meeting::New);
    }

    #[test]
    fn the_first_stays_in_force_when_the_second_tells_something_else() {
        let mut memory = Memory::new(window());
        memory.meet(identity(1), content(1), 0, at(0));
        assert_eq!(memory.meet(identity(1), content(2), 1, at(0)), Meeting::Conflict { first: 0 });
        assert_eq!(memory.meet(identity(1), content(1), 2, at(0)), Meeting::Repetition { first: 0 });
    }

    #[test]
    fn a_conflict_that_was_decided_puts_the_second_telling_in_force_until_it_is_rolled_back() {
        let mut memory = Memory::new(window());
        memory.meet(identity(1), content(1), 0, at(0));
        memory.keep();
        assert_eq!(memory.take_over(identity(1), content(2), 2, at(0)), Meeting::New);
        assert_eq!(memory.meet(identity(1), content(2), 3, at(0)), Meeting::Repetition { first: 2 });
        assert_eq!(memory.take_over(identity(1), content(2), 4, at(0)), Meeting::Repetition { first: 2 });
        assert_eq!(memory.meet(identity(1), content(1), 5, at(0)), Meeting::Conflict { first: 2 });
        memory.forget();
        assert_eq!(memory.meet(identity(1), content(1), 6, at(0)), Meeting::Repetition { first: 0 });
    }

    #[test]
    fn a_released_record_enters_at_its_own_place() {
        let mut memory = Memory::new(window());
        memory.meet(identity(2), content(2), 8, at(0));
        assert_eq!(memory.meet(identity(1), content(1), 3, at(0)), Meeting::New);
        assert_eq!(memory.meet(identity(2), content(2), 4, at(0)), Meeting::Repetition { first: 8 });
        memory.keep();
        assert_eq!(memory.meet(identity(1), content(1), 13, at(0)), Meeting::Repetition { first: 3 });
        assert_eq!(memory.meet(identity(2), content(2), 18, at(0)), Meeting::Repetition { first: 8 });
        let mut far = Memory::new(window());
        far.meet(identity(1), content(1), 3, at(0));
        assert_eq!(far.meet(identity(1), content(1), 14, at(0)), Meeting::New);
    }

    #[test]
    fn a_clock_that_went_back_hides_no_earlier_record() {
        let mut memory = Memory::new(window());
        assert_eq!(memory.meet(identity(1), content(1), 0, at(36)), Meeting::New);
        assert_eq!(memory.meet(identity(1), content(1), 1, at(6)), Meeting::Repetition { first: 0 });
        assert_eq!(memory.meet(identity(1), content(1), 2, at(36)), Meeting::Repetition { first: 0 });
    }

    #[test]
    fn what_was_rejected_after_all_was_never_met() {
        let mut memory = Memory::new(window());
        memory.meet(identity(1), content(1), 0, at(0));
        let second = memory.mark();
        // Three identities in one record: a new one, one of the record before, and the new one again.
        assert_eq!(memory.meet(identity(2), content(2), 1, at(0)), Meeting::New);
        assert_eq!(memory.meet(identity(1), content(1), 1, at(0)), Meeting::Repetition { first: 0 });
        assert_eq!(memory.meet(identity(2), content(2), 1, at(0)), Meeting::Repetition { first: 1 });
        memory.forget_since(second);
        assert_eq!(memory.len(), 1);
        assert_eq!(memory.meet(identity(2), content(3), 2, at(0)), Meeting::New);
        // Seen last at offset 0, so at 11 it is out of the window.
        assert_eq!(memory.meet(identity(1), content(1), 11, at(0)), Meeting::New);
    }

    #[test]
    fn several_identities_at_one_offset_leave_the_window_together() {
        let mut memory = Memory::new(window());
        for number in [1, 2, 1] {
            memory.meet(identity(number), content(number), 0, at(0));
        }
        memory.keep();
        assert_eq!(memory.len(), 2);
        memory.meet(identity(3), content(3), 11, at(0));
        memory.keep();
        assert_eq!(memory.len(), 1);
    }

    #[test]
    fn what_was_rolled_back_was_never_met() {
        let mut memory = Memory::new(window());
        memory.meet(identity(1), content(1), 0, at(0));
        memory.keep();
        memory.meet(identity(1), content(1), 1, at(0));
        memory.meet(identity(2), content(2), 2, at(0));
        memory.forget();
        assert_eq!(memory.len(), 1);
        assert_eq!(memory.meet(identity(2), content(2), 2, at(0)), Meeting::New);
        assert_eq!(memory.meet(identity(1), content(1), 11, at(0)), Meeting::New);
    }

    /// The rule, word for word: is there an earlier record within the window?
    fn by_the_rule(log: &[(i64, Identity, Timestamp)], at: usize) -> bool {
        let (offset, id, recorded) = log[at];
        log[..at].iter().any(|(earlier, known, before)| {
            *known == id
                && offset - earlier <= window().offsets
                && recorded.duration_since(*before) <= window().time
        })
    }

    proptest! {
        /// Whatever clocks do, the memory answers by the rule, and reading the last stretch back after a
        /// restart at any place answers as if there had been none.
        #[test]
        fn a_restart_anywhere_changes_no_answer(
            records in proptest::collection::vec((0u8..6, -20i64..30), 1..80),
            restart in 0usize..80,
        ) {
            let mut hours = 0;
            let log: Vec<_> = (0i64..).zip(&records).map(|(offset, (id, step))| {
                hours += step;
                (offset, identity(*id), at(hours))
            }).collect();
            let restart = restart.min(log.len());
            let mut undisturbed = Memory::new(window());
            for (offset, id, recorded) in &log[..restart] {
                undisturbed.meet(*id, content(0), *offset, *recorded);
                undisturbed.keep();
            }
            let mut restarted = Memory::new(window());
            for (offset, id, recorded) in log.iter().take(restart).skip(restart.saturating_sub(10)) {
                restarted.meet(*id, content(0), *offset, *recorded);
                restarted.keep();
            }
            for (position, (offset, id, recorded)) in log.iter().enumerate().skip(restart) {
                let one = undisturbed.meet(*id, content(0), *offset, *recorded);
                let other = restarted.meet(*id, content(0), *offset, *recorded);
                prop_assert_eq!(one == Meeting::New, other == Meeting::New);
                prop_assert_eq!(one != Meeting::New, by_the_rule(&log, position));
                undisturbed.keep();
                restarted.keep();
            }
        }
    }
}
