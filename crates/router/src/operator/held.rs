//! Held keys as an operator sees them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use hinge_stream::{Appender, Error, Outgoing, Reader, Record};

use super::By;
use crate::held_key::{self, Entry, HeldKey, Wish, Wished, wish_key};
use crate::held_record;
use crate::reading;
use crate::topics::{HELD, HELD_KEYS};

/// How much of what is held is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// At most so many records.
    pub records: usize,
    /// At most so many bytes of keys and values, beyond the first record.
    pub bytes: usize,
}

impl Part {
    /// All of it.
    pub const ALL: Self = Self { records: usize::MAX, bytes: usize::MAX };
}

/// All held keys by name, and what is wished for them and not carried out yet.
pub fn held_keys(reader: &mut dyn Reader) -> Result<Vec<(HeldKey, Option<Wished>)>, Error> {
    let (mut keys, mut wishes) = (BTreeMap::new(), BTreeMap::new());
    reading::read(reader, HELD_KEYS, &[], &mut |record| {
        match held_key::entry(&record) {
            Some(Entry::Held(name, Some(key))) => drop(keys.insert(name, key)),
            Some(Entry::Held(name, None)) => drop(keys.remove(&name)),
            Some(Entry::Wish(name, Some(wished))) => drop(wishes.insert(name, wished)),
            Some(Entry::Wish(name, None)) => drop(wishes.remove(&name)),
            None => {}
        }
        ControlFlow::Continue(())
    })?;
    let wished = |name: &str, key: &HeldKey| {
        wishes.get(name).filter(|wished| wished.letter == key.letter.to_string()).cloned()
    };
    Ok(keys
        .into_iter()
        .map(|(name, key)| (wished(&name, &key), key))
        .map(|(wished, key)| (key, wished))
        .collect())
}

/// The records that are held of a key, as they came, in their order: the first ones, as many as `part` says.
pub fn held_records(reader: &mut dyn Reader, key: &HeldKey, part: Part) -> Result<Vec<Record>, Error> {
    let mut records = BTreeMap::new();
    let mut bytes = 0_usize;
    if key.records == 0 || part.records == 0 {
        return Ok(Vec::new());
    }
    reading::read(reader, HELD, &key.lies_from, &mut |record| {
        let Some(record) = held_record::original(record).filter(|record| key.holds(record)) else {
            return ControlFlow::Continue(());
        };
        bytes += record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
        if !records.is_empty() && bytes > part.bytes {
            return ControlFlow::Break(());
        }
        // Twice only where somebody set the group's position back.
        records.entry(record.offset).or_insert(record);
        if records.len() >= part.records.min(key.records) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(records.into_values().collect())
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
