//! What a router remembers of the partitions given to it: read back from the log, so that a restart changes nothing.
//!
//! The input tells which identities were met, the dead letters which of them were rejected: those do not
//! count as met, whatever this version of Hinge would make of them.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hinge_domain::{Meeting, Memory, Window};
use hinge_stream::{Offset, Positions, Reader, Record, Session, TopicPartition};
use smallvec::SmallVec;

use crate::decode::{Decoder, Envelope};
use crate::error::Error;
use crate::pulse::Pulse;
use crate::topics::DEAD_LETTERS;

/// How many dead letters are read at once.
const CHUNK: usize = 1000;

/// How long to wait for dead letters that are known to be there.
const WAIT: Duration = Duration::from_millis(500);

/// Places of records that were rejected.
pub(crate) type Rejected = HashSet<(TopicPartition, Offset)>;

/// The records of the given partitions that lie in the dead letters.
pub(crate) fn rejected(reader: &mut dyn Reader, given: &Positions, pulse: &Pulse) -> Result<Rejected, Error> {
    let mut rejected = Rejected::new();
    for (place, first, end) in reader.bounds(DEAD_LETTERS)? {
        let mut next = first;
        while next < end {
            pulse.beat();
            let letters = reader.read(&place, next, CHUNK, WAIT)?;
            match letters.last() {
                Some(last) => next = last.offset.next(),
                // What is left before the end are markers of transactions.
                None if reader.at_end(&place) => break,
                None => {}
            }
            rejected.extend(letters.iter().filter_map(origin).filter(|(place, _)| given.contains_key(place)));
        }
    }
    Ok(rejected)
}

/// Where the record of a dead letter came from.
fn origin(letter: &Record) -> Option<(TopicPartition, Offset)> {
    let said = |name| std::str::from_utf8(letter.headers.get(name)?).ok();
    let partition = said("hinge-error-partition")?.parse().ok()?;
    let offset = said("hinge-error-offset")?.parse().ok()?;
    Some((TopicPartition::new(said("hinge-error-topic")?, partition), Offset(offset)))
}

/// What reading back stands on.
pub(crate) struct Recollection<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) rejected: &'a Rejected,
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
            if !self.rejected.is_empty() && self.rejected.contains(&(record.place.clone(), record.offset)) {
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
        let event = &envelope.event;
        match memory.meet(event.identity(), event.content(), record.offset.0, envelope.recorded) {
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
