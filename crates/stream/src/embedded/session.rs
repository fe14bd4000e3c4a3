//! The one session on a folder: reads inputs, and commits outputs and positions in one SQL transaction.

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{OptionalExtension as _, params};

use super::database::Database;
use super::fetch::{self, Room, Source, Stretch};
use super::reader::sources_of;
use super::writer::Writer;
use crate::{
    Committed, Error, GroupLag, Limits, Offset, Outgoing, Polled, Positions, Record, Session, SessionOptions,
    StartAt, TopicPartition,
};

const LOCK_NAME: &str = "run.lock";
const LOAD: &str =
    "SELECT next_offset FROM positions WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3";
const STORE: &str = "INSERT INTO positions (consumer_group, topic, partition, next_offset)
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset";

/// The runner of a folder.
#[derive(Debug)]
pub(super) struct EmbeddedSession {
    database: Database,
    writer: Writer,
    group: String,
    start_at: StartAt,
    inputs: Vec<Input>,
    /// Which input the next batch begins with, so that a full one does not starve the others.
    turn: usize,
    given: bool,
    transaction: Transaction,
    /// Held until the session is gone; the system lets go of it however we end.
    _lock: File,
}

#[derive(Debug)]
struct Input {
    source: Source,
    /// What the group has committed, or where it begins.
    committed: Offset,
    /// What the next poll reads.
    next: Offset,
    is_paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    /// Begun by the caller; nothing is locked until there is something to write.
    Begun,
    Writing,
}

impl EmbeddedSession {
    pub(super) fn open(folder: &Path, database: Database, options: &SessionOptions) -> Result<Self, Error> {
        let lock = lock(folder)?;
        let mut inputs = Vec::new();
        for topic in &options.topics {
            for source in sources_of(&database, topic)? {
                inputs.push(Input { source, committed: Offset::ZERO, next: Offset::ZERO, is_paused: false });
            }
        }
        Ok(Self {
            database,
            writer: Writer::default(),
            group: options.group.clone(),
            start_at: options.start_at.unwrap_or(StartAt::Earliest),
            inputs,
            turn: 0,
            given: false,
            transaction: Transaction::None,
            _lock: lock,
        })
    }

    fn give(&mut self) -> Result<Polled, Error> {
        let mut begun = Positions::new();
        for input in &mut self.inputs {
            let place = &input.source.place;
            let committed = self
                .database
                .statement(LOAD)?
                .query_row(params![self.group, &*place.topic, place.partition], |row| row.get(0))
                .optional()
                .map_err(|error| self.database.error(error))?;
            input.committed = if let Some(offset) = committed {
                Offset(offset)
            } else {
                let start = fetch::start(&self.database, input.source.id, self.start_at)?;
                begun.insert(place.clone(), start);
                start
            };
            input.next = input.committed;
        }
        // Where the group begins is decided once: "latest" must not mean a later end after a crash.
        let stored = self.commit(&begun)?;
        debug_assert_eq!(stored, Committed::Done, "one transaction of one file is done or an error");
        self.given = true;
        Ok(Polled::Given(self.inputs.iter().map(|input| (input.source.place.clone(), input.next)).collect()))
    }

    fn need_write(&mut self) -> Result<(), Error> {
        if self.transaction != Transaction::Writing {
            self.database.begin_immediate()?;
            self.transaction = Transaction::Writing;
        }
        Ok(())
    }

    fn write_positions(&mut self, positions: &Positions) -> Result<(), Error> {
        self.writer.store_ends(&self.database)?;
        let mut statement = self.database.statement(STORE)?;
        for (place, next) in positions {
            statement
                .execute(params![self.group, &*place.topic, place.partition, next.0])
                .map_err(|error| self.database.error(error))?;
        }
        drop(statement);
        self.database.commit()
    }

    fn set_paused(&mut self, place: &TopicPartition, is_paused: bool) -> Result<(), Error> {
        if self.transaction != Transaction::None {
            return Err(Error::Misused { doing: "a partition was paused or resumed inside a transaction" });
        }
        let input = self.inputs.iter_mut().find(|input| input.source.place == *place);
        if let Some(input) = input.filter(|input| input.is_paused != is_paused) {
            input.is_paused = is_paused;
            input.next = input.committed;
        }
        Ok(())
    }

    fn discard(&mut self) {
        self.database.rollback();
        self.writer.forget_ends();
        self.transaction = Transaction::None;
        for input in &mut self.inputs {
            input.next = input.committed;
        }
    }
}

impl Session for EmbeddedSession {
    fn poll(&mut self, limits: &Limits) -> Result<Polled, Error> {
        if self.transaction != Transaction::None {
            return Err(Error::Misused { doing: "a session was polled inside a transaction" });
        }
        if !self.given {
            return self.give();
        }
        let (database, inputs, turn) = (&self.database, &mut self.inputs, &mut self.turn);
        let records = fetch::wait_for(database, limits.wait, || {
            let mut records = Vec::new();
            let mut room = Room { records: limits.records.max(1), bytes: limits.bytes.max(1) };
            for _ in 0..inputs.len() {
                if room.is_none() {
                    break;
                }
                let Input { source, next, is_paused, .. } = &mut inputs[*turn];
                if !*is_paused {
                    let stretch = Stretch { source, from: *next, until: Offset(i64::MAX) };
                    fetch::fetch(database, stretch, &mut room, &mut |record| {
                        *next = record.offset.next();
                        records.push(record);
                        ControlFlow::Continue(())
                    })?;
                }
                *turn = (*turn + 1) % inputs.len();
            }
            Ok(Some(records).filter(|records| !records.is_empty()))
        })?;
        Ok(records.map_or(Polled::Idle, Polled::Records))
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.transaction != Transaction::None {
            return Err(Error::Misused { doing: "a transaction was begun inside another" });
        }
        self.transaction = Transaction::Begun;
        Ok(())
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        if self.transaction == Transaction::None {
            return Err(Error::Misused { doing: "a record was sent outside a transaction" });
        }
        self.need_write()?;
        self.writer.append(&self.database, record)
    }

    fn commit(&mut self, positions: &Positions) -> Result<Committed, Error> {
        if self.transaction != Transaction::Writing && positions.is_empty() {
            self.transaction = Transaction::None;
            return Ok(Committed::Done);
        }
        let written = self.need_write().and_then(|()| self.write_positions(positions));
        if let Err(error) = written {
            self.discard();
            return Err(error);
        }
        self.writer.forget_ends();
        self.transaction = Transaction::None;
        for input in &mut self.inputs {
            if let Some(next) = positions.get(&input.source.place) {
                input.committed = *next;
            }
        }
        Ok(Committed::Done)
    }

    fn abort(&mut self) -> Result<(), Error> {
        self.discard();
        Ok(())
    }

    fn read_back(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        until: Offset,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let missing = || Error::PartitionMissing { place: place.clone() };
        let source = sources_of(&self.database, &place.topic)?
            .into_iter()
            .find(|source| source.place == *place)
            .ok_or_else(missing)?;
        let mut room = Room { records: usize::MAX, bytes: usize::MAX };
        fetch::fetch(&self.database, Stretch { source: &source, from, until }, &mut room, each)
    }

    fn pause(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.set_paused(place, true)
    }

    fn resume(&mut self, place: &TopicPartition) -> Result<(), Error> {
        self.set_paused(place, false)
    }

    fn at_end(&self) -> bool {
        let has_reached_end =
            |input: &Input| fetch::end(&self.database, input.source.id).is_ok_and(|end| input.next >= end);
        let is_at_end = |input: &Input| input.is_paused || has_reached_end(input);
        self.given && self.inputs.iter().all(is_at_end)
    }

    fn lag(&self) -> Vec<GroupLag> {
        let lag_of = |input: &Input| {
            let end = fetch::end(&self.database, input.source.id).ok();
            let head = fetch::first(&self.database, input.source.id, input.committed).ok().flatten();
            GroupLag {
                place: input.source.place.clone(),
                records: end.map(|end| (end.0 - input.committed.0).max(0)),
                head: head.map(|(_, timestamp)| timestamp),
                at_end: end.is_some_and(|end| input.committed >= end),
            }
        };
        if self.given { self.inputs.iter().map(lag_of).collect() } else { Vec::new() }
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        self.discard();
        Ok(())
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK_NAME);
    let unusable =
        |source: std::io::Error| Error::FolderUnusable { path: path.clone(), source: source.into() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
