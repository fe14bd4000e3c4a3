//! A log that is not there: gives records that were prepared, takes what it is given and keeps none of it.
//!
//! What a router does between two polls on it is all that the router does with a batch, and nothing of what
//! a log does. Nothing here allocates while a router runs.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hinge_stream::{
    Committed, Error, GroupLag, Limits, Offset, Outgoing, Polled, Positions, Reader, Record, Session,
    TopicPartition,
};

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records sent.
    pub records: u64,
    /// Bytes sent: keys, values and headers.
    pub bytes: u64,
    /// For each batch, what the router took from its poll to its commit.
    pub took: Vec<Duration>,
}

/// A seat at no log.
#[derive(Debug)]
pub struct NoLog {
    given: bool,
    batches: VecDeque<Vec<Record>>,
    polled: Option<Instant>,
    records: u64,
    bytes: u64,
    seen: Arc<Mutex<Seen>>,
}

impl NoLog {
    /// A seat that hands out these batches of records of one partition; when it is left, `seen` tells what came.
    pub fn new(batches: VecDeque<Vec<Record>>, seen: Arc<Mutex<Seen>>) -> Self {
        Self { given: false, batches, polled: None, records: 0, bytes: 0, seen }
    }
}

impl Session for NoLog {
    fn poll(&mut self, _: &Limits) -> Result<Polled, Error> {
        if !self.given {
            self.given = true;
            let places = self.batches.front().and_then(|batch| batch.first()).map(|record| &record.place);
            let places = places.into_iter().map(|place| (place.clone(), Offset::ZERO));
            return Ok(Polled::Given(places.collect::<BTreeMap<_, _>>()));
        }
        let polled = self.batches.pop_front().map_or(Polled::Idle, Polled::Records);
        self.polled = Some(Instant::now());
        Ok(polled)
    }

    fn begin(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = headers + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        self.records += 1;
        self.bytes += bytes as u64;
        Ok(())
    }

    fn commit(&mut self, _: &Positions) -> Result<Committed, Error> {
        Ok(Committed::Done)
    }

    fn abort(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn read_back(
        &mut self,
        _: &TopicPartition,
        _: Offset,
        _: Offset,
        _: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn pause(&mut self, _: &TopicPartition) -> Result<(), Error> {
        Ok(())
    }

    fn resume(&mut self, _: &TopicPartition) -> Result<(), Error> {
        Ok(())
    }

    fn at_end(&self) -> bool {
        self.given && self.batches.is_empty()
    }

    /// Asked once a batch, when everything of it is done.
    fn lag(&self) -> Vec<GroupLag> {
        if let (Some(polled), Ok(mut seen)) = (self.polled, self.seen.lock()) {
            seen.took.push(polled.elapsed());
        }
        Vec::new()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.records, seen.bytes) = (self.records, self.bytes);
        Ok(())
    }
}

/// Finds nothing.
#[derive(Debug)]
pub struct NothingToRead;

impl Reader for NothingToRead {
    fn bounds(&mut self, _: &str) -> Result<Vec<(TopicPartition, Offset, Offset)>, Error> {
        Ok(Vec::new())
    }

    fn read(&mut self, _: &TopicPartition, _: Offset, _: usize, _: Duration) -> Result<Vec<Record>, Error> {
        Ok(Vec::new())
    }

    fn at_end(&self, _: &TopicPartition) -> bool {
        true
    }
}
