//! What a router remembers of the partitions given to it: read back from the log, so that a restart changes nothing.
//!
//! The input tells which identities were met, the dead letters which of them were rejected: those do not
//! count as met, whatever this version of Hinge would make of them. Nor do those that are held.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hinge_domain::{Meeting, Memory, Window};
use hinge_stream::{Offset, Positions, Reader, Record, Session, TopicPartition};
use smallvec::SmallVec;

use crate::dead_letter;
use crate::decode::{Decoder, Envelope};
use crate::error::Error;
use crate::pulse::Pulse;
use crate::reading;
use crate::topics::DEAD_LETTERS;

/// Places of records that do not count as met: they were rejected, or they are held.
pub(crate) type Apart = HashSet<(TopicPartition, Offset)>;

/// The records of the given partitions that lie in the dead letters.
pub(crate) fn rejected(reader: &mut dyn Reader, given: &Positions, pulse: &Pulse) -> Result<Apart, Error> {
    let mut rejected = Apart::new();
    reading::read(reader, DEAD_LETTERS, &[], &mut |letter| {
        pulse.beat();
        rejected.extend(dead_letter::origin(&letter).filter(|(place, _)| given.contains_key(place)));
        ControlFlow::Continue(())
    })?;
    Ok(rejected)
}

/// What reading back stands on.
pub(crate) struct Recollection<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) apart: &'a Apart,
    pub(crate) pulse: &'a Pulse,
}

impl Recollection<'_> {
    /// The memory of a partition whose next record is the one at `position`.
    pub(crate) fn of(
        &self,
        session: &mut dyn Session,
        (place, position): (&TopicPartition, Offset),
        window: Window,
    ) -> Result<Memory, Error> {
        let mut memory = Memory::new(window);
        let from = Offset((position.0 - window.offsets).max(0));
        session.read_back(place, from, position, &mut |record| {
            self.pulse.beat();
            if !self.apart.is_empty() && self.apart.contains(&(record.place.clone(), record.offset)) {
                return;
            }
            let said = catch_unwind(AssertUnwindSafe(|| self.decoder.decode(&record)));
            if let Ok(Ok(said)) = said {
                // What conflicts now did not when it was decided: its dead letter would be there.
                let _ = meet(&mut memory, &said.envelopes, &record);
                memory.keep();
            }
        })?;
        Ok(memory)
    }
}

/// Events of one record that nobody has told before.
pub(crate) type New<'a> = SmallVec<[&'a Envelope; 1]>;

/// An event that conflicts with an earlier one: the event, and the offset of the earlier one.
pub(crate) type Conflict<'a> = (&'a Envelope, i64);

/// How the events of a record relate to those before it: those that are new, unless one conflicts. Then the memory
/// is as it was.
pub(crate) fn meet<'a>(
    memory: &mut Memory,
    envelopes: &'a [Envelope],
    record: &Record,
) -> Result<New<'a>, Conflict<'a>> {
    let mark = memory.mark();
    let mut new = New::new();
    for envelope in envelopes {
        match meet_one(memory, envelope, record) {
            Meeting::New => new.push(envelope),
            Meeting::Repetition { .. } => {}
            Meeting::Conflict { first } => {
                memory.forget_since(mark);
                return Err((envelope, first));
            }
        }
    }
    Ok(new)
}

/// How one event of a record relates to those before it.
pub(crate) fn meet_one(memory: &mut Memory, envelope: &Envelope, record: &Record) -> Meeting {
    let (identity, content) = (envelope.event.identity(), envelope.event.content());
    if envelope.corrects() {
        memory.take_over(identity, content, record.offset.0, envelope.recorded)
    } else {
        memory.meet(identity, content, record.offset.0, envelope.recorded)
    }
}
