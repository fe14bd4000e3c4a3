//! What `hinge.held-keys` says, key by key: which keys are held since when and why (`held/..`, written by the
//! router), and what operators wish (`wish/..`, written by `hinge held`).
//!
//! The two never share a record, so that nobody overwrites what somebody else wrote a moment before. A wish
//! names the dead letter that it saw; one for an earlier holding of the same key says nothing any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use hinge_stream::{Error, Offset, Reader, Record, TopicPartition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::place::{RecordPlace, parse_partition};
use crate::reading::{self, Marks};
use crate::topics::HELD_KEYS;

/// Longer keys are not held, in bytes: they are no keys but data gone astray.
pub(crate) const LONGEST_KEY: usize = 4096;

/// A key whose later records are held, because a record of it was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// The input partition.
    pub partition: TopicPartition,
    /// The key of its records there.
    pub key: Vec<u8>,
    /// Since when.
    pub since: Timestamp,
    /// The rejected record.
    pub letter: RecordPlace,
    /// Why it was rejected.
    pub code: String,
    /// How many records are held now.
    pub records: usize,
    /// The records held now lie in the input from here on ..
    pub from: Offset,
    /// .. and before this.
    pub until: Offset,
    /// .. and in `hinge.held` from here on, partition by partition.
    pub lies_from: Marks,
}

/// A held key, and what somebody wishes for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The key.
    pub key: HeldKey,
    /// What is wished and not carried out yet.
    pub wished: Option<Wished>,
}

/// What shall become of held records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// They are decided, in their order.
    Release,
    /// They go to the dead letters.
    Discard,
}

/// A wish, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wished {
    /// What shall happen.
    pub wish: Wish,
    /// The dead letter behind which the key was held when it was wished: `topic/partition/offset`.
    pub letter: String,
    /// Who wishes it.
    pub by: String,
    /// When.
    pub at: String,
    /// Why.
    pub reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct State {
    since: String,
    letter: String,
    code: String,
    records: usize,
    from: i64,
    until: i64,
    lies_from: Marks,
}

/// A record of `hinge.held-keys`, read.
pub(crate) enum Entry {
    /// A key is held like this, or (`None`) no longer.
    Held(String, Option<HeldKey>),
    /// Somebody wishes this for a key, or (`None`) nobody any more.
    Wish(String, Option<Wished>),
}

impl HeldKey {
    /// Whether `record` of the input is one of those that are held now.
    pub(crate) fn holds(&self, record: &Record) -> bool {
        record.place == self.partition
            && record.key.as_deref() == Some(self.key.as_slice())
            && (self.from..self.until).contains(&record.offset)
    }

    /// What commands call it: `topic/partition/key`.
    pub fn name(&self) -> String {
        name(&self.partition, &self.key)
    }

    /// The key as text, in which bytes that are no plain text are written `%XX`.
    pub fn key_text(&self) -> String {
        escaped(&self.key)
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        let state = State {
            since: self.since.to_string(),
            letter: self.letter.to_string(),
            code: self.code.clone(),
            records: self.records,
            from: self.from.0,
            until: self.until.0,
            lies_from: self.lies_from.clone(),
        };
        serde_json::to_vec(&state).unwrap_or_default()
    }

    fn parse(name: &str, value: &[u8]) -> Option<Self> {
        let mut parts = name.splitn(3, '/');
        let (topic, partition, key) = (parts.next()?, parts.next()?, parts.next()?);
        let state: State = serde_json::from_slice(value).ok()?;
        Some(Self {
            partition: parse_partition(&format!("{topic}/{partition}"))?,
            key: unescaped(key)?,
            since: state.since.parse().ok()?,
            letter: state.letter.parse().ok()?,
            code: state.code,
            records: state.records,
            from: Offset(state.from),
            until: Offset(state.until),
            lies_from: state.lies_from,
        })
    }
}

/// Reads a record of `hinge.held-keys`; `None` where it is none of ours.
pub(crate) fn entry(record: &Record) -> Option<Entry> {
    let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
    let value = record.value.as_deref();
    if let Some(name) = key.strip_prefix("held/") {
        let held = match value {
            Some(value) => Some(HeldKey::parse(name, value)?),
            None => None,
        };
        return Some(Entry::Held(name.to_owned(), held));
    }
    let name = key.strip_prefix("wish/")?;
    let wished = match value {
        Some(value) => Some(serde_json::from_slice(value).ok()?),
        None => None,
    };
    Some(Entry::Wish(name.to_owned(), wished))
}

/// Reads all held keys by name with what is wished for them and not carried out yet, and where to read on.
pub(crate) fn read_all(
    reader: &mut dyn Reader,
    beat_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<(Vec<Held>, Marks), Error> {
    let (mut keys, mut asked) = (BTreeMap::new(), BTreeMap::new());
    let read_until = reading::read_while(reader, HELD_KEYS, &[], beat_on, &mut |record| {
        match entry(&record) {
            Some(Entry::Held(name, Some(key))) => drop(keys.insert(name, key)),
            Some(Entry::Held(name, None)) => drop(keys.remove(&name)),
            Some(Entry::Wish(name, Some(wish))) => drop(asked.insert(name, wish)),
            Some(Entry::Wish(name, None)) => drop(asked.remove(&name)),
            None => {}
        }
        ControlFlow::Continue(())
    })?;
    let with_wish = keys.into_iter().map(|(name, key): (String, HeldKey)| {
        let wished = asked.remove(&name).filter(|wish: &Wished| wish.letter == key.letter.to_string());
        Held { key, wished }
    });
    Ok((with_wish.collect(), read_until))
}

/// The record's key for the state of a key, by its name.
pub(crate) fn state_key(name: &str) -> Vec<u8> {
    format!("held/{name}").into_bytes()
}

/// The record's key for what is wished for a key, by its name.
pub(crate) fn wish_key(name: &str) -> Vec<u8> {
    format!("wish/{name}").into_bytes()
}

/// A key's name: `topic/partition/key`.
pub(crate) fn name(partition: &TopicPartition, key: &[u8]) -> String {
    format!("{partition}/{}", escaped(key))
}

/// Plain text as it is; control characters, `%` and what is not UTF-8 as `%XX`, byte by byte.
fn escaped(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '%' {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().for_each(|byte| push_escaped(&mut text, byte));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_escaped(&mut text, *byte));
    }
    text
}

fn push_escaped(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    text.push('%');
    text.push(DIGITS[usize::from(byte >> 4)]);
    text.push(DIGITS[usize::from(byte & 15)]);
}

/// The key of which [`escaped`] made `text`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            key.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            key.push(byte);
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hinge_stream::{Headers, Timestamp as Written};

    #[test]
    fn any_key_comes_back_as_it_was_and_has_a_name_of_one_line() {
        for key in [&b"A-0042"[..], "Z\u{fc}rich/7".as_bytes(), b"100 %", b"a\nb", &[0xff, 0, 0xc3], b""] {
            let held = HeldKey {
                partition: TopicPartition::new("order.events", 3),
                key: key.to_vec(),
                since: Timestamp::UNIX_EPOCH,
                letter: "order.events/3/7".parse().unwrap(),
                code: "json-invalid".to_owned(),
                records: 2,
                from: Offset(8),
                until: Offset(12),
                lies_from: vec![5],
            };
            assert!(!held.name().contains(char::is_control), "{}", held.name());
            let record = Record {
                place: TopicPartition::new("hinge.held-keys", 0),
                offset: Offset(0),
                timestamp: Written::Unknown,
                key: Some(state_key(&held.name())),
                value: Some(held.state()),
                headers: Headers::none(),
            };
            let Some(Entry::Held(name, Some(read))) = entry(&record) else { panic!("not read: {key:?}") };
            assert_eq!((name, &read), (held.name(), &held));
        }
    }
}
