//! What a router remembers of the partitions given to it: read back from the log, so that a restart changes nothing.
//!
//! The input tells which identities were met, the dead letters which of them were rejected: those do not
//! count as met, whatever this version of Hinge would make of them. Nor do those that are held.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::{mem, thread};

use hinge_domain::{Meeting, Memory, Window};
use hinge_stream::{Offset, Positions, Reader, Record, Session, TopicPartition};
use smallvec::SmallVec;

use crate::dead_letter;
use crate::decode::{Decoder, Envelope};
use crate::error::Error;
use crate::pulse::{AtWork, Pulse};
use crate::reading;
use crate::topics::DEAD_LETTERS;

/// Places of records that do not count as met: they were rejected, or they are held.
pub(crate) type Apart = HashSet<(TopicPartition, Offset)>;

/// The records that lie in the dead letters and will be read back: those from the given offsets on.
pub(crate) fn rejected(
    reader: &mut dyn Reader,
    read_from: &Positions,
    at_work: &mut AtWork<'_>,
) -> Result<Apart, Error> {
    let mut rejected = Apart::new();
    reading::read_while(reader, DEAD_LETTERS, &[], &mut || at_work.beat_on(), &mut |letter| {
        let origin = dead_letter::origin(&letter);
        rejected
            .extend(origin.filter(|(place, offset)| read_from.get(place).is_some_and(|from| offset >= from)));
        ControlFlow::Continue(())
    })?;
    Ok(rejected)
}

/// How many chunks wait to be made out.
const WAITING: usize = 2;

/// Records that were read back and are handed over together.
#[derive(Default)]
struct Chunk {
    records: Vec<Record>,
    bytes: usize,
}

impl Chunk {
    const RECORDS: usize = 256;
    const BYTES: usize = 1 << 20;

    fn push(&mut self, record: Record) -> &mut Self {
        self.bytes += record.size();
        self.records.push(record);
        self
    }

    fn is_full(&self) -> bool {
        self.records.len() >= Self::RECORDS || self.bytes >= Self::BYTES
    }

    fn take(&mut self) -> Vec<Record> {
        self.bytes = 0;
        mem::replace(&mut self.records, Vec::with_capacity(Self::RECORDS))
    }
}

/// From where a partition is read back whose next record is the one at `position`.
pub(crate) fn begin(position: Offset, window: Window) -> Offset {
    Offset((position.0 - window.offsets).max(0))
}

/// What reading back stands on.
pub(crate) struct Recollection<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) apart: &'a Apart,
    pub(crate) pulse: &'a Pulse,
}

impl Recollection<'_> {
    /// The memory of a partition whose next record is the one at `position`; of a part of it, if the worker is to end.
    ///
    /// The session reads on this thread, and what it has read is made out on another.
    pub(crate) fn of(
        &self,
        session: &mut dyn Session,
        (place, from, position): (&TopicPartition, Offset, Offset),
        window: Window,
    ) -> Result<Memory, Error> {
        let mut memory = Memory::new(window);
        let (hand_over, handed_over) = mpsc::sync_channel::<Vec<Record>>(WAITING);
        thread::scope(|scope| {
            scope.spawn(|| {
                handed_over.into_iter().flatten().for_each(|record| self.remember(&mut memory, &record));
            });
            let mut chunk = Chunk::default();
            let read = session.read_back(place, from, position, &mut |record| {
                if chunk.push(record).is_full() && hand_over.send(chunk.take()).is_err() {
                    return ControlFlow::Break(());
                }
                self.pulse.beat_on()
            });
            // It fails only where the thread failed, and then the scope does.
            let _ = hand_over.send(chunk.take());
            drop(hand_over);
            read
        })?;
        Ok(memory)
    }

    fn remember(&self, memory: &mut Memory, record: &Record) {
        if !self.apart.is_empty() && self.apart.contains(&(record.place.clone(), record.offset)) {
            return;
        }
        let said = catch_unwind(AssertUnwindSafe(|| self.decoder.decode(record)));
        if let Ok(Ok(said)) = said {
            // What conflicts now did not when it was decided: its dead letter would be there.
            let _ = meet(memory, &said.envelopes, record);
            memory.keep();
        }
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
