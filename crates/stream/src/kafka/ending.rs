//! How a worker's transactions end, and how it goes back where one was rolled back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::groups::{GroupInfo, GroupList};
use rdkafka::producer::Producer as _;

use super::deadline::Deadline;
use super::session::{KafkaSession, unknown};
use super::start;
use super::transaction::{BATCH, Ended, Offsets, Trouble};
use crate::{Committed, Error, Positions, faults};

/// How long going back may take: a rebalance may have to come in between.
const REWIND: Duration = Duration::from_secs(30);

/// More than so many transactions rolled back within [`AWHILE`] are no accident.
const ROLLED_BACK_MOST: usize = 5;
const AWHILE: Duration = Duration::from_mins(1);

/// How long we ask who else is in the group, at the end of a worker that was shut out.
const ASKING: Duration = Duration::from_secs(2);

impl KafkaSession {
    pub(super) fn offsets(&self, positions: &Positions) -> Result<Option<Offsets>, Error> {
        if positions.is_empty() {
            return Ok(None);
        }
        let doing = "committing positions";
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (place, next) in positions {
            list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))
                .map_err(|error| unknown(doing, error))?;
        }
        let group = self.generation.clone().ok_or_else(|| unknown(doing, KafkaError::Canceled))?;
        Ok(Some(Offsets { list, group }))
    }

    /// Commits what was sent together with `wanted`, and finds out for certain how that ended.
    pub(super) fn end(&mut self, wanted: &Positions) -> Result<Committed, Error> {
        let mut offsets = self.offsets(wanted)?;
        if faults::planted("plant-positions-outside")
            && let Some(offsets) = offsets.take()
        {
            let committed = self.consumer.commit(&offsets.list, CommitMode::Sync);
            committed.map_err(|error| unknown("committing positions", error))?;
        }
        match self.producer.commit(offsets.map(Arc::new))? {
            Ended::Committed => Ok(Committed::Done),
            Ended::CommittedLate if faults::planted("no-renew") => Ok(Committed::Done),
            Ended::CommittedLate => {
                self.renew()?;
                Ok(Committed::Done)
            }
            Ended::Aborted | Ended::Broken if faults::planted("plant-no-abort") => {
                self.renew()?;
                Ok(Committed::Done)
            }
            Ended::Aborted => Ok(Committed::RolledBack),
            Ended::Broken => {
                self.renew()?;
                Ok(Committed::RolledBack)
            }
            Ended::Unknown => self.make_certain(wanted),
        }
    }

    pub(super) fn renew(&mut self) -> Result<(), Error> {
        self.uncertain += 1;
        self.producer.renew()
    }

    /// Finds out how a transaction ended.
    pub(super) fn make_certain(&mut self, wanted: &Positions) -> Result<Committed, Error> {
        self.renew()?;
        let places: Vec<_> = wanted.keys().cloned().collect();
        let before = self.assignment.committed();
        let committed = start::committed(&self.consumer, &places)?;
        let moves = wanted.iter().any(|(place, next)| before.get(place) != Some(next));
        let is_done = *wanted == committed;
        tracing::warn!(id = %self.id, is_done, "the uncertain transaction has its end");
        // Positions that did not move prove nothing, unless they were all that there was.
        if is_done && (moves || !self.assignment.unstored().is_empty()) {
            return Ok(Committed::Done);
        }
        if is_done {
            let doing = "committing outputs alone (nobody knows whether they are in the log)".to_owned();
            return Err(Error::TimedOut { doing, waited: BATCH, source: None });
        }
        Ok(Committed::RolledBack)
    }

    pub(super) fn rewind(&mut self) -> Result<(), Error> {
        self.assignment.rewind();
        let deadline = Deadline::after(REWIND);
        self.rewinding = Some(deadline);
        self.go_back(deadline)
    }

    /// Seeks to what is committed. That fails while a rebalance is under way, whose end then says
    /// where to go on.
    pub(super) fn go_back(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        // One that stands still goes back when it goes on; until then it may be in no state to.
        let sought = self.assignment.going_on().iter().try_for_each(|(place, next)| {
            list.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(next.0))
        });
        let sought = sought.and_then(|()| {
            if list.count() == 0 {
                return Ok(());
            }
            let answer = self.consumer.seek_partitions(list, Duration::from_secs(5))?;
            answer
                .elements()
                .iter()
                .try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
        });
        match sought {
            Ok(()) => self.rewinding = None,
            Err(error) if deadline.is_over() => {
                return Err(unknown("going back to what is committed", error));
            }
            Err(error) => tracing::debug!(%error, "going back later"),
        }
        Ok(())
    }

    pub(super) fn roll_back(&mut self) -> Result<Committed, Error> {
        let now = Instant::now();
        self.rolled_back.retain(|then| now.duration_since(*then) < AWHILE);
        self.rolled_back.push_back(now);
        if self.rolled_back.len() > ROLLED_BACK_MOST {
            let trouble = self.producer.trouble.take();
            let (doing, source) = trouble.map_or_else(
                || ("committing a transaction".to_owned(), None),
                |Trouble { doing, source }| (doing, source),
            );
            let rollbacks = self.rolled_back.len();
            return Err(Error::NoProgress { rollbacks, within: AWHILE, doing, source });
        }
        self.rewind()?;
        Ok(Committed::RolledBack)
    }

    /// Says of a worker that was shut out where the group knows members by its id: one of them is the other one.
    pub(super) fn with_twins(&self, error: Error) -> Error {
        let Error::Fenced { id, source, .. } = error else { return error };
        let groups = self.producer.client().client().fetch_group_list(Some(&self.group), ASKING);
        let mut hosts: Vec<String> = groups
            .iter()
            .flat_map(GroupList::groups)
            .flat_map(GroupInfo::members)
            .filter(|member| member.client_id() == id)
            .map(|member| format!("`{}`", member.client_host().trim_start_matches('/')))
            .collect();
        hosts.sort();
        hosts.dedup();
        let seen = match hosts.as_slice() {
            [] => String::new(),
            hosts => {
                format!(" (group `{}` knows members with this id at {})", self.group, hosts.join(" and "))
            }
        };
        Error::Fenced { id, seen, source }
    }
}
