//! Held keys as an operator sees them.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use hinge_stream::{Appender, Error, Outgoing, Reader, Record};

use super::By;
use crate::held_key::{self, Held, HeldKey, Wish, Wished, wish_key};
use crate::held_record;
use crate::place::RecordPlace;
use crate::reading::{self, Marks};
use crate::topics::{HELD, HELD_KEYS};

/// How much of what is held is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// At most so many records.
    pub(crate) records: usize,
    /// At most so many bytes of keys and values, beyond the first record.
    pub(crate) bytes: usize,
}

/// All held keys by name, and what is wished for them and not carried out yet.
pub fn held_keys(reader: &mut dyn Reader) -> Result<Vec<Held>, Error> {
    Ok(held_key::read_all(reader, &mut || ControlFlow::Continue(()))?.0)
}

/// Where all records lie in the input that are held now, and the name of the key of each.
pub fn held_places(reader: &mut dyn Reader) -> Result<HashMap<RecordPlace, String>, Error> {
    let mut places = HashMap::new();
    for Held { key, .. } in held_keys(reader)? {
        let records = held_records(reader, &key)?;
        places.extend(records.iter().map(|record| (RecordPlace::of(record), key.name())));
    }
    Ok(places)
}

/// The records that are held of a key, as they came, in their order.
pub fn held_records(reader: &mut dyn Reader, key: &HeldKey) -> Result<Vec<Record>, Error> {
    Ok(first_held(reader, key, Part { records: usize::MAX, bytes: usize::MAX })?.0)
}

/// The first ones of them, as many as `part` says, and where the next ones lie in `hinge.held`.
pub(crate) fn first_held(
    reader: &mut dyn Reader,
    key: &HeldKey,
    part: Part,
) -> Result<(Vec<Record>, Marks), Error> {
    let (mut records, mut reached) = (BTreeMap::new(), key.lies_from.clone());
    let mut bytes = 0_usize;
    if key.records == 0 || part.records == 0 {
        return Ok((Vec::new(), reached));
    }
    reading::read(reader, HELD, &key.lies_from, &mut |record| {
        let (partition, next) = (usize::try_from(record.place.partition), record.offset.next());
        let Some(record) = held_record::original(record).filter(|record| key.holds(record)) else {
            return ControlFlow::Continue(());
        };
        bytes += record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
        if !records.is_empty() && bytes > part.bytes {
            return ControlFlow::Break(());
        }
        if let Some(mark) = partition.ok().and_then(|partition| reached.get_mut(partition)) {
            *mark = next.0;
        }
        // Twice only where somebody set the group's position back.
        records.entry(record.offset).or_insert(record);
        let enough = records.len() >= part.records.min(key.records);
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok((records.into_values().collect(), reached))
}

/// Writes down what shall become of the records held of a key; the router that owns its partition does it.
pub fn wish(appender: &mut dyn Appender, key: &HeldKey, wish: Wish, by: &By<'_>) -> Result<(), Error> {
    let wished = Wished {
        wish,
        letter: key.letter.to_string(),
        by: by.name.to_owned(),
        at: by.at.to_string(),
        reason: by.reason.map(str::to_owned),
    };
    appender.append(&Outgoing {
        topic: HELD_KEYS,
        key: Some(&wish_key(&key.name())),
        value: Some(&serde_json::to_vec(&wished).unwrap_or_default()),
        headers: &[],
        carried: None,
        timestamp: None,
    })?;
    appender.flush()
}
