//! Reading records of a partition, and waiting for new ones.

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension as _, Row, params};

use super::database::{Database, PartitionId};
use super::encoding;
use crate::{Error, Headers, Offset, Record, StartAt, Timestamp, TopicPartition};

const FETCH: &str = "SELECT id, timestamp, key, value, headers FROM records
    WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
const FIRST: &str = "SELECT id, timestamp FROM records WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1";
const END: &str = "SELECT next_offset FROM partitions WHERE id = ?1";

/// How often a waiting reader looks whether somebody else has written.
const IDLE_STEP: Duration = Duration::from_millis(2);

/// A partition to read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) place: TopicPartition,
    pub(super) id: PartitionId,
}

/// A part of a partition: from an offset up to, and not including, another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) source: &'a Source,
    pub(super) from: Offset,
    pub(super) until: Offset,
}

/// What is left of a batch's limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn is_none(self) -> bool {
        self.records == 0 || self.bytes == 0
    }
}

/// Hands the records of `stretch` to `each` while there is `room`, and until it has enough.
pub(super) fn fetch(
    database: &Database,
    stretch: Stretch<'_>,
    room: &mut Room,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), Error> {
    let Stretch { source, from, until } = stretch;
    let most = i64::try_from(room.records).unwrap_or(i64::MAX);
    let mut statement = database.statement(FETCH)?;
    let mut rows = statement
        .query(params![source.id.row(from), source.id.row(until), most])
        .map_err(|error| database.error(error))?;
    while !room.is_none() {
        let Some(row) = rows.next().map_err(|error| database.error(error))? else { break };
        let record = record(database, source, row)?;
        let bytes = record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
        room.records -= 1;
        room.bytes = room.bytes.saturating_sub(bytes);
        if each(record).is_break() {
            break;
        }
    }
    Ok(())
}

fn record(database: &Database, source: &Source, row: &Row<'_>) -> Result<Record, Error> {
    let blob = |column: usize| -> Result<Option<&[u8]>, Error> {
        let value = row.get_ref(column).map_err(|error| database.error(error))?;
        value.as_blob_or_null().map_err(|_| database.damaged("a column of a record is not a blob"))
    };
    let number = |column: usize| row.get::<_, i64>(column).map_err(|error| database.error(error));
    let headers = encoding::decode(blob(4)?.unwrap_or_default())
        .ok_or_else(|| database.damaged("the headers of a record cannot be read"))?;
    Ok(Record {
        place: source.place.clone(),
        offset: PartitionId::offset(number(0)?),
        timestamp: Timestamp::Append(number(1)?),
        key: blob(2)?.map(<[u8]>::to_vec),
        value: blob(3)?.map(<[u8]>::to_vec),
        headers: Headers::Readable(headers),
    })
}

/// Offset and timestamp of the first record at or after `from`.
pub(super) fn first(
    database: &Database,
    id: PartitionId,
    from: Offset,
) -> Result<Option<(Offset, i64)>, Error> {
    database
        .statement(FIRST)?
        .query_row([id.row(from), id.row(Offset(i64::MAX))], |row| {
            Ok((PartitionId::offset(row.get(0)?), row.get(1)?))
        })
        .optional()
        .map_err(|error| database.error(error))
}

/// The offset that the next record will get.
pub(super) fn end(database: &Database, id: PartitionId) -> Result<Offset, Error> {
    database
        .statement(END)?
        .query_row([id.0], |row| row.get(0).map(Offset))
        .map_err(|error| database.error(error))
}

/// The offset of the oldest record, or the end when there is none.
pub(super) fn oldest(database: &Database, id: PartitionId) -> Result<Offset, Error> {
    match first(database, id, Offset::ZERO)? {
        Some((offset, _)) => Ok(offset),
        None => end(database, id),
    }
}

/// Where a group begins.
pub(super) fn start(database: &Database, id: PartitionId, start_at: StartAt) -> Result<Offset, Error> {
    match start_at {
        StartAt::Earliest => oldest(database, id),
        StartAt::Latest => end(database, id),
        StartAt::Time(instant) => first_at_or_after(database, id, instant),
    }
}

/// The first record written at or after `instant`; timestamps never go back within a partition.
fn first_at_or_after(database: &Database, id: PartitionId, instant: i64) -> Result<Offset, Error> {
    let mut low = oldest(database, id)?;
    let mut high = end(database, id)?;
    while low < high {
        let middle = Offset(low.0 + (high.0 - low.0) / 2);
        match first(database, id, middle)? {
            Some((offset, timestamp)) if timestamp < instant => low = offset.next(),
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Calls `look` until it finds something or `wait` has passed; sleeps while nobody writes.
pub(super) fn wait_for<T>(
    database: &Database,
    wait: Duration,
    mut look: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let started = Instant::now();
    loop {
        let version = database.version_of_others()?;
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        loop {
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            sleep(IDLE_STEP.min(left));
            if database.version_of_others()? != version {
                break;
            }
        }
    }
}
