//! A service's seat at the log: partitions given and taken, batches read, outputs and positions committed together.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::{Error, Offset, Outgoing, Record, TopicPartition};

/// For each partition the offset of the next record to be read: what is committed.
pub type Positions = BTreeMap<TopicPartition, Offset>;

/// Where a group begins that has never committed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the oldest record there is.
    Earliest,
    /// With the first record written from now on.
    Latest,
    /// With the first record whose timestamp is at or after this instant (milliseconds since 1970-01-01 UTC).
    Time(i64),
}

/// Who consumes what.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The consumer group, `hinge-<role>`; the transactional id is derived from it and `instance`.
    pub group: String,
    /// Which of the group's workers this is: stable over restarts, so that a successor fences its predecessor.
    pub instance: String,
    /// The input topics.
    pub topics: Vec<String>,
    /// Where to begin in a partition for which the group has committed nothing. On Kafka `None`
    /// makes such a partition an error, so that nothing is skipped or repeated silently; the embedded
    /// log begins with the oldest.
    pub start_at: Option<StartAt>,
}

/// When a batch closes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At this many records.
    pub records: usize,
    /// At this many bytes of keys and values read.
    pub bytes: usize,
    /// How long to wait for a first record.
    pub wait: Duration,
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    /// Partitions that are ours from now on, and where we go on in each.
    Given(Positions),
    /// Partitions that are no longer ours: always all of them, before new ones are given. What was polled from them and not committed is somebody else's now.
    Taken(Vec<TopicPartition>),
    /// Records, in order within each partition; never empty.
    Records(Vec<Record>),
    /// What comes next in a partition cannot be read, now or ever. It is paused; the others go on.
    Unreadable {
        /// Which one.
        place: TopicPartition,
        /// The least offset that the first unreadable record may have.
        next: Offset,
        /// What the backend said.
        why: String,
    },
    /// Nothing came within the wait.
    Idle,
}

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a rolled back batch has to be decided again"]
pub enum Committed {
    /// Outputs and positions are in the log.
    Done,
    /// Nothing of the batch is in the log; the next poll starts again at the positions committed
    /// before it. Whatever the caller remembers of the batch must be forgotten. Where this happens again and
    /// again, the session itself says [`Error::NoProgress`]; the caller need not count.
    RolledBack,
}

/// How far a group is behind in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLag {
    /// Which partition.
    pub place: TopicPartition,
    /// Records between the committed position and the end (Kafka counts transaction markers too);
    /// `None` when not known.
    pub records: Option<i64>,
    /// The timestamp, in milliseconds since 1970-01-01 UTC, of the record at the committed position;
    /// `None` when the position is the end or when it is not known (see `at_end`).
    pub head: Option<i64>,
    /// Whether everything readable has been committed.
    pub at_end: bool,
}

/// One worker of one consumer group.
///
/// Used from one thread, in this order: `poll` until it brings records, `begin`, any number of
/// `send`s, `more` and `send`s while there is more and the transaction not too large, then `commit` or `abort`. `poll`
/// belongs outside a transaction. What a service has to say before it
/// reads anything (the policy that it runs) goes into a transaction before the first `poll`.
pub trait Session: Send {
    /// Waits for partitions to come or go, or for a batch of records.
    fn poll(&mut self, limits: &Limits) -> Result<Polled, Error>;

    /// More records for the open transaction, if there are some right now; `None` when it had better be closed.
    ///
    /// A backend that hands out whole batches has none.
    fn more(&mut self, limits: &Limits) -> Result<Option<Vec<Record>>, Error> {
        let _ = limits;
        Ok(None)
    }

    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), Error>;

    /// Writes a record inside the open transaction. `Err` with [`Error::Unwritable`] means that
    /// this one record can never be written (too large) and that the transaction is still good.
    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error>;

    /// Commits what was sent, together with the positions reached.
    ///
    /// May be called without `begin` when nothing was sent: positions alone.
    fn commit(&mut self, positions: &Positions) -> Result<Committed, Error>;

    /// Discards the open transaction; the next poll starts again at the positions committed before it.
    fn abort(&mut self) -> Result<(), Error>;

    /// Reads `place` again from `from` (or from the oldest record still there, if that is later) up
    /// to, and not including, `until`, or until `each` has enough. Does not move the session's position.
    fn read_back(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        until: Offset,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    /// Says that we are at work, however long it takes until the next poll: a group takes a minute of silence for
    /// death. What is heard meanwhile is told by that poll. Cheap enough to be called for each record.
    fn keep_seat(&mut self) {}

    /// Polls nothing more of a partition until [`Session::resume`], or until it is given anew. What was polled
    /// of it and not committed comes again after that. Outside a transaction only; other partitions go on.
    fn pause(&mut self, place: &TopicPartition) -> Result<(), Error>;

    /// Goes on in a paused partition at its committed position; one that is not paused stays as it is.
    fn resume(&mut self, place: &TopicPartition) -> Result<(), Error>;

    /// Whether partitions were given, none were taken since, and every record readable in those that are
    /// not paused has been polled.
    fn at_end(&self) -> bool;

    /// How far behind the group is in each partition that is ours.
    fn lag(&self) -> Vec<GroupLag>;

    /// How often so far the end of a transaction was not certain, so that it had to be made so.
    fn uncertain(&self) -> u64 {
        0
    }

    /// Leaves the group: an open transaction is aborted, resources are given back.
    fn close(self: Box<Self>) -> Result<(), Error>;
}
