//! A seat at a log where one thing goes another way than usual.

use std::ops::ControlFlow;
use std::sync::Arc;

use hinge_router::Pulse;
use hinge_stream::{
    Committed, Error, GroupLag, Limits, Offset, Outgoing, Polled, Positions, Record, Session, TopicPartition,
};

/// What happens, once.
#[derive(Debug)]
pub enum Disturbance {
    /// The first commit comes to nothing.
    FirstCommitRolledBack,
    /// The worker is asked to end when so many records have been read back.
    EndWhileReadingBack {
        /// After how many.
        after: usize,
        /// Of the worker.
        pulse: Arc<Pulse>,
    },
    /// It has happened.
    Over,
}

/// A seat that is disturbed once.
pub struct Disturbed {
    seat: Box<dyn Session>,
    disturbance: Disturbance,
}

impl Disturbed {
    /// Puts a disturbance between a seat and whoever has it.
    pub fn by(seat: Box<dyn Session>, disturbance: Disturbance) -> Box<dyn Session> {
        Box::new(Self { seat, disturbance })
    }
}

impl Session for Disturbed {
    fn poll(&mut self, limits: &Limits) -> Result<Polled, Error> {
        self.seat.poll(limits)
    }

    fn more(&mut self, limits: &Limits) -> Result<Option<Vec<Record>>, Error> {
        self.seat.more(limits)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.seat.begin()
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        self.seat.send(record)
    }

    fn commit(&mut self, positions: &Positions) -> Result<Committed, Error> {
        if !matches!(self.disturbance, Disturbance::FirstCommitRolledBack) {
            return self.seat.commit(positions);
        }
        self.disturbance = Disturbance::Over;
        self.seat.abort()?;
        Ok(Committed::RolledBack)
    }

    fn abort(&mut self) -> Result<(), Error> {
        self.seat.abort()
    }

    fn read_back(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        until: Offset,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut read = 0;
        self.seat.read_back(place, from, until, &mut |record| {
            let go_on = each(record);
            read += 1;
            match &self.disturbance {
                Disturbance::EndWhileReadingBack { after, pulse } if read == *after => pulse.request_stop(),
                Disturbance::EndWhileReadingBack { after, .. } => {
                    assert!(read <= after + 1, "it was asked to end, and reads on");
                }
                Disturbance::FirstCommitRolledBack | Disturbance::Over => {}
            }
            go_on
        })
    }

    fn keep_seat(&mut self) {
        self.seat.keep_seat();
    }

    fn pause(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.seat.pause(place)
    }

    fn resume(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.seat.resume(place)
    }

    fn at_end(&self) -> bool {
        !matches!(self.disturbance, Disturbance::FirstCommitRolledBack) && self.seat.at_end()
    }

    fn lag(&self) -> Vec<GroupLag> {
        self.seat.lag()
    }

    fn uncertain(&self) -> u64 {
        self.seat.uncertain()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.seat.close()
    }
}
