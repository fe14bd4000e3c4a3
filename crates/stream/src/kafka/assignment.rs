//! The partitions that are ours: where we are in each, and how far behind.
//!
//! Positions are ours and not librdkafka's: what comes from before them is dropped and counted.

use std::time::{Duration, Instant};

use crate::{GroupLag, Offset, Positions, Timestamp, TopicPartition};

/// Brokers that gave so many answers meanwhile are there, so that it is not for them that nothing comes.
const ANSWERS: u64 = 10;

/// A partition as the group gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GivenPartition {
    pub(super) place: TopicPartition,
    pub(super) next: Offset,
    /// Whether `next` is what the group has committed; else it is where we begin.
    pub(super) is_stored: bool,
}

/// How far librdkafka has fetched a partition, by its statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The next offset to be fetched; negative while not known.
    pub(super) fetched: i64,
    /// The end of what is readable; negative while not known.
    pub(super) end: i64,
    /// Records fetched and not polled.
    pub(super) waiting: i64,
}

/// Since when nothing came of a partition that has more.
#[derive(Clone, Copy, Debug)]
struct Standing {
    since: Instant,
    fetched: i64,
    /// What the brokers had answered by then.
    answers: u64,
}

#[derive(Debug)]
struct Partition {
    place: TopicPartition,
    /// What is committed, or where we begin.
    committed: Offset,
    is_stored: bool,
    /// The least offset that the next record may have.
    next: Offset,
    at_end: bool,
    /// The timestamp of the first record polled and not committed.
    head: Option<i64>,
    /// The end of what is readable, when last heard of.
    end: Option<i64>,
    /// Nothing of it is looked at.
    is_paused: bool,
    standing: Option<Standing>,
}

/// All partitions that are ours.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    partitions: Vec<Partition>,
    /// Whether the group gave us these and has not taken any back since: in between, what is ours is
    /// not known, and there is no end.
    is_settled: bool,
    /// Where the last record belonged: the next one most likely does too.
    latest: usize,
    /// Records dropped because they came from before our position.
    stale_after_seek: u64,
    /// How many answers the brokers have given.
    answers: u64,
}

impl Assignment {
    pub(super) fn give(&mut self, given: Vec<GivenPartition>) {
        self.is_settled = true;
        self.latest = 0;
        let partition = |given: GivenPartition| Partition {
            place: given.place,
            committed: given.next,
            is_stored: given.is_stored,
            next: given.next,
            at_end: false,
            head: None,
            end: None,
            is_paused: false,
            standing: None,
        };
        self.partitions = given.into_iter().map(partition).collect();
    }

    pub(super) fn take(&mut self, taken: &[TopicPartition]) {
        self.is_settled = false;
        self.partitions.retain(|partition| !taken.contains(&partition.place));
        self.latest = 0;
    }

    /// What is committed in each partition.
    pub(super) fn committed(&self) -> Positions {
        self.partitions.iter().map(|partition| (partition.place.clone(), partition.committed)).collect()
    }

    /// Where we began and have not told the group.
    pub(super) fn unstored(&self) -> Positions {
        let unstored = self.partitions.iter().filter(|partition| !partition.is_stored);
        unstored.map(|partition| (partition.place.clone(), partition.committed)).collect()
    }

    /// Takes note of a record; `None` when it is not to be looked at.
    pub(super) fn accept(
        &mut self,
        (topic, number): (&str, i32),
        offset: Offset,
        timestamp: Timestamp,
    ) -> Option<TopicPartition> {
        let is_it =
            |partition: &Partition| partition.place.partition == number && &*partition.place.topic == topic;
        if !self.partitions.get(self.latest).is_some_and(is_it) {
            self.latest = self.partitions.iter().position(is_it).unwrap_or(usize::MAX);
        }
        let is_due = |partition: &&mut Partition| offset >= partition.next && !partition.is_paused;
        let partition = self.partitions.get_mut(self.latest).filter(is_due);
        let Some(partition) = partition else {
            self.stale_after_seek += 1;
            tracing::debug!(topic, number, %offset, total = self.stale_after_seek, "stale record dropped");
            return None;
        };
        partition.next = offset.next();
        partition.at_end = false;
        if partition.head.is_none() {
            partition.head = timestamp.millis();
        }
        Some(partition.place.clone())
    }

    /// Takes note of the end of a partition, of which librdkafka tells only the number. Where several
    /// topics have it, only [`Assignment::reached`] can tell which one is meant.
    pub(super) fn end_of(&mut self, number: i32) {
        let has_number = |partition: &&mut Partition| partition.place.partition == number;
        let mut candidates = self.partitions.iter_mut().filter(has_number);
        if let (Some(partition), None) = (candidates.next(), candidates.next()) {
            partition.at_end = true;
        }
    }

    /// Takes note of statistics.
    pub(super) fn reached(&mut self, places: &[(TopicPartition, Reached)], answers: u64) {
        self.answers = answers;
        for (place, reached) in places {
            let partition = self.partitions.iter_mut().find(|partition| partition.place == *place);
            let is_known = |partition: &&mut Partition| reached.end >= 0 && !partition.is_paused;
            if let Some(partition) = partition.filter(is_known) {
                partition.end = Some(reached.end);
                // Fetched up to the end, counted since: then there was nothing left to poll. Never
                // `false` here: the statistics may be older than the last end that was told.
                partition.at_end |= reached.fetched >= reached.end
                    && reached.waiting == 0
                    && reached.fetched >= partition.next.0;
                let stands = reached.fetched < reached.end && reached.waiting == 0;
                let is_still = partition.standing.filter(|standing| standing.fetched == reached.fetched);
                let now = Standing { since: Instant::now(), fetched: reached.fetched, answers };
                partition.standing = stands.then(|| is_still.unwrap_or(now));
            }
        }
    }

    /// A partition of which nothing has come for so long although it has more and the brokers answer.
    pub(super) fn standing_still(&mut self, long: Duration) -> Option<TopicPartition> {
        let answers = self.answers;
        let is_long = |standing: Standing| {
            standing.since.elapsed() >= long && answers.saturating_sub(standing.answers) >= ANSWERS
        };
        let found = self.partitions.iter_mut().find(|partition| partition.standing.is_some_and(is_long))?;
        found.standing = None;
        Some(found.place.clone())
    }

    /// The partitions that do not stand still, and what comes next in each.
    pub(super) fn going_on(&self) -> Vec<(TopicPartition, Offset)> {
        let going = self.partitions.iter().filter(|partition| !partition.is_paused);
        going.map(|partition| (partition.place.clone(), partition.next)).collect()
    }

    /// The partitions that stand still, and where they will go on.
    pub(super) fn standing(&self) -> Vec<(TopicPartition, Offset)> {
        let standing = self.partitions.iter().filter(|partition| partition.is_paused);
        standing.map(|partition| (partition.place.clone(), partition.committed)).collect()
    }

    /// Takes note of what is committed now.
    pub(super) fn advance(&mut self, positions: &Positions) {
        for partition in &mut self.partitions {
            if let Some(committed) = positions.get(&partition.place) {
                partition.committed = *committed;
                partition.is_stored = true;
                partition.head = None;
            }
        }
    }

    /// Goes back to what is committed.
    pub(super) fn rewind(&mut self) {
        for partition in &mut self.partitions {
            if partition.next != partition.committed {
                partition.next = partition.committed;
                partition.at_end = false;
            }
            partition.head = None;
        }
    }

    /// Looks at nothing more of a partition; `None` when it is not ours or paused already.
    pub(super) fn pause(&mut self, place: &TopicPartition) -> Option<Offset> {
        let is_it = |partition: &&mut Partition| partition.place == *place && !partition.is_paused;
        let partition = self.partitions.iter_mut().find(is_it)?;
        partition.is_paused = true;
        partition.next = partition.committed;
        partition.at_end = false;
        partition.standing = None;
        // Nothing is fetched while it stands, so its end is not heard of either.
        (partition.head, partition.end) = (None, None);
        Some(partition.committed)
    }

    /// Looks at it again, from what is committed on.
    pub(super) fn resume(&mut self, place: &TopicPartition) {
        for partition in self.partitions.iter_mut().filter(|partition| partition.place == *place) {
            partition.is_paused = false;
        }
    }

    /// Where a paused partition will go on; `None` when it is not ours or not paused.
    pub(super) fn paused_at(&self, place: &TopicPartition) -> Option<Offset> {
        let is_it = |partition: &&Partition| partition.place == *place && partition.is_paused;
        self.partitions.iter().find(is_it).map(|partition| partition.committed)
    }

    pub(super) fn at_end(&self) -> bool {
        self.is_settled && self.partitions.iter().all(|partition| partition.at_end || partition.is_paused)
    }

    pub(super) fn lag(&self) -> Vec<GroupLag> {
        let lag_of = |partition: &Partition| {
            let at_end =
                partition.at_end && partition.head.is_none() && partition.committed >= partition.next;
            let behind = |end: i64| (end - partition.committed.0).max(0);
            GroupLag {
                place: partition.place.clone(),
                records: if at_end { Some(0) } else { partition.end.map(behind) },
                head: partition.head,
                at_end,
            }
        };
        self.partitions.iter().map(lag_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Assignment, GivenPartition, Reached};
    use crate::{Offset, Positions, Timestamp, TopicPartition};

    const THEN: Timestamp = Timestamp::Append(1_000);

    fn given(places: &[(&str, i32)]) -> Assignment {
        let mut assignment = Assignment::default();
        assert!(!assignment.at_end(), "nothing was given yet");
        let given = |(topic, partition): &(&str, i32)| GivenPartition {
            place: TopicPartition::new(*topic, *partition),
            next: Offset(10),
            is_stored: true,
        };
        assignment.give(places.iter().map(given).collect());
        assignment
    }

    #[test]
    fn records_from_before_the_position_and_of_foreign_partitions_are_dropped() {
        let mut assignment = given(&[("a", 0), ("b", 0)]);
        let mut accept = |place, offset| assignment.accept(place, Offset(offset), THEN).is_some();
        assert!(accept(("a", 0), 10));
        assert!(!accept(("a", 0), 10));
        assert!(accept(("a", 0), 15), "gaps are normal");
        assert!(accept(("b", 0), 12));
        assert!(!accept(("a", 1), 20));
        assert_eq!(assignment.stale_after_seek, 2);
        assignment.rewind();
        assert!(assignment.accept(("a", 0), Offset(10), THEN).is_some());
    }

    #[test]
    fn an_end_is_believed_only_when_it_can_be_told_whose_it_is() {
        let mut alone = given(&[("a", 0), ("a", 1)]);
        alone.end_of(0);
        assert!(!alone.at_end());
        alone.end_of(1);
        assert!(alone.at_end());
        alone.accept(("a", 1), Offset(10), THEN);
        assert!(!alone.at_end());
        alone.take(&[TopicPartition::new("a", 0), TopicPartition::new("a", 1)]);
        assert!(!alone.at_end(), "what is ours now is not known yet");
        alone.give(Vec::new());
        assert!(alone.at_end(), "others have everything");

        let mut shared = given(&[("a", 0), ("b", 0)]);
        shared.end_of(0);
        shared.end_of(0);
        assert!(!shared.at_end(), "both may have been the end of the same one");
        let reached =
            |topic, fetched, end, waiting| (TopicPartition::new(topic, 0), Reached { fetched, end, waiting });
        shared.reached(&[reached("a", 12, 12, 0), reached("b", 12, 12, 1)], 1);
        assert!(!shared.at_end(), "something is still waiting to be polled");
        shared.reached(&[reached("a", -1001, -1001, 0), reached("b", 12, 12, 0)], 2);
        assert!(shared.at_end());
    }

    #[test]
    fn a_partition_of_which_nothing_comes_is_found_while_the_brokers_answer() {
        let mut assignment = given(&[("a", 0), ("b", 0)]);
        let reached = |fetched, waiting| Reached { fetched, end: 30, waiting };
        let place = |topic| TopicPartition::new(topic, 0);
        let mut told = |a, b, answers| {
            assignment.reached(&[(place("a"), a), (place("b"), b)], answers);
            assignment.standing_still(Duration::ZERO)
        };
        assert_eq!(told(reached(10, 0), reached(10, 5), 100), None, "it has just begun");
        assert_eq!(told(reached(10, 0), reached(12, 5), 105), None, "hardly any answers came");
        assert_eq!(told(reached(10, 0), reached(14, 5), 110), Some(place("a")));
        assert_eq!(told(reached(11, 0), reached(14, 0), 120), None, "it went on");
        assert_eq!(told(reached(11, 0), reached(14, 0), 130), Some(place("a")));
        assert_eq!(told(reached(30, 0), reached(14, 0), 131), Some(place("b")));
        assert_eq!(told(reached(30, 0), reached(30, 0), 200), None, "both have nothing more");
    }

    #[test]
    fn lag_is_what_is_known_and_nothing_else() {
        let mut assignment = given(&[("a", 0)]);
        let lag = |assignment: &Assignment| {
            let lag = assignment.lag().remove(0);
            (lag.records, lag.head, lag.at_end)
        };
        assert_eq!(lag(&assignment), (None, None, false));
        assignment.reached(&[(TopicPartition::new("a", 0), Reached { fetched: 12, end: 30, waiting: 0 })], 1);
        assignment.accept(("a", 0), Offset(11), THEN);
        assignment.accept(("a", 0), Offset(12), Timestamp::Append(2_000));
        assert_eq!(lag(&assignment), (Some(20), Some(1_000), false));
        assignment.end_of(0);
        assert_eq!(lag(&assignment), (Some(20), Some(1_000), false), "polled is not committed");
        assignment.advance(&Positions::from([(TopicPartition::new("a", 0), Offset(13))]));
        assert_eq!(lag(&assignment), (Some(0), None, true));
    }
}
