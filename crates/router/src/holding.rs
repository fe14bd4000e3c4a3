//! Which keys are held, in memory: as `hinge.held-keys` says it, and what the open transaction makes of it.
//!
//! A key is held from its first rejected record on, where its topic is one to hold; what is done with a record
//! behind it and with a wish is in `operating.rs`. Changes are taken back with their transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use hinge_schema::Code;
use hinge_stream::{Outgoing, Positions, Reader, Record, Session, TopicPartition};

use crate::clock::wall;
use crate::error::Error;
use crate::held_key::{self, Entry, Held, HeldKey, LONGEST_KEY, Wished, name};
use crate::held_record;
use crate::place::RecordPlace;
use crate::pulse::AtWork;
use crate::reading::{self, Marks};
use crate::recollection::Apart;
use crate::repair;
use crate::topics::{HELD, HELD_KEYS};

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldSettings {
    /// The input topics in which the later records of a key are held after one of it was rejected.
    pub topics: HashSet<String>,
    /// How many keys of one partition are held at most.
    pub keys: usize,
    /// How many records of one key are held at most.
    pub records: usize,
}

impl Default for HoldSettings {
    /// Nothing is held; at most 1,000 keys of a partition and 1,000 records of a key.
    fn default() -> Self {
        Self { topics: HashSet::new(), keys: 1_000, records: 1_000 }
    }
}

/// The held keys of the partitions that are ours.
#[derive(Debug)]
pub(crate) struct Holding {
    settings: HoldSettings,
    held: BTreeMap<TopicPartition, HashMap<Vec<u8>, Held>>,
    /// What changed in the open transaction, and how it was before.
    undo: Vec<(TopicPartition, Vec<u8>, Option<Held>)>,
    /// What is held from now on lies in `hinge.held` from here on.
    held_ends: Marks,
    /// Up to here `hinge.held-keys` was read.
    read_until: Marks,
}

impl Holding {
    pub(crate) fn new(settings: HoldSettings) -> Self {
        let (held, undo) = (BTreeMap::new(), Vec::new());
        Self { settings, held, undo, held_ends: Marks::new(), read_until: Marks::new() }
    }

    /// Reads back what is held in the partitions given, and adds the places of those records to `apart`.
    pub(crate) fn take_up(
        &mut self,
        reader: &mut dyn Reader,
        given: &Positions,
        at_work: &mut AtWork<'_>,
        apart: &mut Apart,
    ) -> Result<(), Error> {
        self.let_go();
        let (keys, read_until) = held_key::read_all(reader, &mut || at_work.beat_on())?;
        self.read_until = read_until;
        self.held_ends = reading::ends(reader, HELD)?;
        let mut from = self.held_ends.clone();
        for held in keys.into_iter().filter(|held| given.contains_key(&held.key.partition)) {
            for (lowest, own) in from.iter_mut().zip(&held.key.lies_from) {
                *lowest = (*lowest).min(*own);
            }
            let (place, bytes) = (held.key.partition.clone(), held.key.key.clone());
            self.held.entry(place).or_default().insert(bytes, held);
        }
        if !self.is_empty() {
            self.set_apart(reader, &from, at_work, apart)?;
        }
        Ok(())
    }

    fn set_apart(
        &self,
        reader: &mut dyn Reader,
        from: &[i64],
        at_work: &mut AtWork<'_>,
        apart: &mut Apart,
    ) -> Result<(), Error> {
        reading::read_while(reader, HELD, from, &mut || at_work.beat_on(), &mut |record| {
            if let Some(record) = held_record::original(record)
                && self.get(&record).is_some_and(|held| held.key.holds(&record))
            {
                apart.insert((record.place, record.offset));
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    /// The partitions are somebody else's.
    pub(crate) fn let_go(&mut self) {
        self.held.clear();
        self.undo.clear();
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn get(&self, record: &Record) -> Option<&Held> {
        self.held.get(&record.place)?.get(record.key.as_deref()?)
    }

    /// Whether the key of `record` is held.
    pub(crate) fn is_behind(&self, record: &Record) -> bool {
        !self.is_empty() && self.get(record).is_some()
    }

    /// Whether the key of `record` is held because the record at `place` was rejected.
    pub(crate) fn is_behind_of(&self, record: &Record, place: &RecordPlace) -> bool {
        self.get(record).is_some_and(|held| held.key.letter == *place)
    }

    /// Whether `record` says that it repairs the one that its key is held for.
    pub(crate) fn is_repaired_by(&self, record: &Record) -> bool {
        repair::of(record).is_some_and(|repair| self.is_behind_of(record, &repair.place))
    }

    /// Whether as many records of this key are held as may be.
    pub(crate) fn is_full(&self, record: &Record) -> bool {
        self.get(record).is_some_and(|held| held.key.records >= self.settings.records)
    }

    /// Whether rejecting `record` makes its key one to be held.
    fn is_to_be_held(&self, record: &Record) -> bool {
        let is_key = |key: &[u8]| key.len() <= LONGEST_KEY;
        self.settings.topics.contains(record.place.topic.as_ref())
            && record.key.as_deref().is_some_and(is_key)
            && !self.is_behind(record)
    }

    /// Whether `record` cannot be rejected, because one more key would have to be held than may be.
    pub(crate) fn has_no_room(&self, record: &Record) -> bool {
        let keys = || self.held.get(&record.place).map_or(0, HashMap::len);
        self.is_to_be_held(record) && keys() >= self.settings.keys
    }

    /// `record` was rejected: later ones of its key are held from here on, where that is wanted. Where it was to
    /// repair the one that its key is held for, it takes that one's place.
    pub(crate) fn rejected(&mut self, record: &Record, code: Code) {
        if self.is_repaired_by(record) {
            return self.goes_on_behind(record, code);
        }
        if !self.is_to_be_held(record) {
            return;
        }
        let Some(bytes) = record.key.clone() else { return };
        let (from, until) = (record.offset.next(), record.offset.next());
        let key = HeldKey {
            partition: record.place.clone(),
            key: bytes.clone(),
            since: wall(),
            letter: RecordPlace::of(record),
            code: code.to_string(),
            records: 0,
            from,
            until,
            lies_from: self.held_ends.clone(),
        };
        self.undo.push((record.place.clone(), bytes.clone(), None));
        self.held.entry(record.place.clone()).or_default().insert(bytes, Held { key, wished: None });
    }

    /// Changes what is held of a record's key; nothing where it is not held.
    fn change(&mut self, record: &Record, change: impl FnOnce(&mut Held)) {
        let Some(bytes) = record.key.as_deref() else { return };
        let Some(held) = self.held.get_mut(&record.place).and_then(|keys| keys.get_mut(bytes)) else {
            return;
        };
        self.undo.push((record.place.clone(), bytes.to_vec(), Some(held.clone())));
        change(held);
    }

    /// `record` lies in `hinge.held` now.
    pub(crate) fn hold(&mut self, record: &Record) {
        self.change(record, |held| {
            held.key.records += 1;
            // Further back only where somebody set the group's position back.
            held.key.from = held.key.from.min(record.offset);
            held.key.until = held.key.until.max(record.offset.next());
        });
    }

    /// The held `record` has met its end.
    pub(crate) fn let_out(&mut self, record: &Record) {
        self.change(record, |held| {
            held.key.records = held.key.records.saturating_sub(1);
            held.key.from = record.offset.next();
        });
    }

    /// All up to `record` have met their end, and the next ones lie in `hinge.held` from here on.
    pub(crate) fn lies_from(&mut self, record: &Record, marks: Marks) {
        self.change(record, |held| held.key.lies_from = marks);
    }

    /// `record` itself was rejected, released or as a repair: its key is held behind it from now on, and
    /// nobody has wished anything for that yet.
    pub(crate) fn goes_on_behind(&mut self, record: &Record, code: Code) {
        self.change(record, |held| {
            held.key.letter = RecordPlace::of(record);
            held.key.code = code.to_string();
            held.wished = None;
        });
    }

    /// Somebody wishes something for the key of `record`, to be written down with this transaction.
    pub(crate) fn wish(&mut self, record: &Record, wished: Wished) {
        self.change(record, |held| held.wished = Some(wished));
    }

    /// The key is held no longer.
    pub(crate) fn end(&mut self, place: &TopicPartition, key: &[u8]) {
        let Some(keys) = self.held.get_mut(place) else { return };
        if let Some(held) = keys.remove(key) {
            self.undo.push((place.clone(), key.to_vec(), Some(held)));
        }
        if keys.is_empty() {
            self.held.remove(place);
        }
    }

    /// A key for which somebody wishes something.
    pub(crate) fn next_wish(&self) -> Option<(&HeldKey, &Wished)> {
        let mut all = self.held.values().flat_map(HashMap::values);
        all.find_map(|held| Some((&held.key, held.wished.as_ref()?)))
    }

    /// Reads what was wished since the last time.
    pub(crate) fn look(&mut self, reader: &mut dyn Reader) -> Result<(), Error> {
        let mut wishes = Vec::new();
        self.read_until = reading::read(reader, HELD_KEYS, &self.read_until, &mut |record| {
            if let Some(Entry::Wish(name, Some(wished))) = held_key::entry(&record) {
                wishes.push((name, wished));
            }
            ControlFlow::Continue(())
        })?;
        for (name, wished) in wishes {
            let all = self.held.values_mut().flat_map(HashMap::values_mut);
            let ours =
                |held: &&mut Held| held.key.name() == name && held.key.letter.to_string() == wished.letter;
            for held in all.filter(ours) {
                held.wished = Some(wished.clone());
            }
        }
        Ok(())
    }

    /// What is held from now on lies behind all that is there already.
    pub(crate) fn move_on(&mut self, reader: &mut dyn Reader) -> Result<(), Error> {
        self.held_ends = reading::ends(reader, HELD)?;
        Ok(())
    }

    /// Writes down what changed in this transaction.
    pub(crate) fn write(&self, session: &mut dyn Session) -> Result<(), Error> {
        let mut written = HashSet::new();
        for (place, key, before) in &self.undo {
            // The first entry of a key says how it was before the transaction.
            if !written.insert((place, key)) {
                continue;
            }
            let name = name(place, key);
            let now = self.held.get(place).and_then(|keys| keys.get(key));
            let state = now.map(|held| held.key.state());
            send(session, &held_key::state_key(&name), state.as_deref())?;
            let wished_before = before.as_ref().and_then(|held| held.wished.as_ref());
            let wished = now.and_then(|held| held.wished.as_ref());
            if wished != wished_before {
                let wished = wished.map(|wished| serde_json::to_vec(wished).unwrap_or_default());
                send(session, &held_key::wish_key(&name), wished.as_deref())?;
            }
        }
        Ok(())
    }

    /// What changed is committed; whether anything did.
    pub(crate) fn keep(&mut self) -> bool {
        let changed = !self.undo.is_empty();
        self.undo.clear();
        changed
    }

    /// What changed was rolled back.
    pub(crate) fn forget(&mut self) {
        for (place, key, before) in std::mem::take(&mut self.undo).into_iter().rev() {
            let keys = self.held.entry(place.clone()).or_default();
            match before {
                Some(held) => drop(keys.insert(key, held)),
                None => drop(keys.remove(&key)),
            }
            if keys.is_empty() {
                self.held.remove(&place);
            }
        }
    }

    /// How many keys and records are held, by topic.
    pub(crate) fn by_topic(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut topics: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (place, keys) in &self.held {
            let counts = topics.entry(place.topic.as_ref()).or_default();
            counts.0 += keys.len();
            counts.1 += keys.values().map(|held| held.key.records).sum::<usize>();
        }
        topics
    }
}

fn send(session: &mut dyn Session, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let record =
        Outgoing { topic: HELD_KEYS, key: Some(key), value, headers: &[], carried: None, timestamp: None };
    Ok(session.send(&record)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hinge_stream::{Headers, Offset, Timestamp};

    fn record(offset: i64, key: Option<&[u8]>) -> Record {
        Record {
            place: TopicPartition::new("order.events", 0),
            offset: Offset(offset),
            timestamp: Timestamp::Unknown,
            key: key.map(<[u8]>::to_vec),
            value: None,
            headers: Headers::none(),
        }
    }

    fn holding() -> Holding {
        let topics = HashSet::from(["order.events".to_owned()]);
        Holding::new(HoldSettings { topics, keys: 2, records: 2 })
    }

    #[test]
    fn what_was_rolled_back_was_never_held_nor_let_out() {
        let mut one = holding();
        one.rejected(&record(0, Some(b"a")), Code::JsonInvalid);
        one.hold(&record(1, Some(b"a")));
        one.forget();
        assert!(one.is_empty());
        one.rejected(&record(0, Some(b"a")), Code::JsonInvalid);
        one.hold(&record(1, Some(b"a")));
        assert!(one.keep() && !one.keep());
        let before = one.get(&record(9, Some(b"a"))).unwrap().clone();
        one.hold(&record(2, Some(b"a")));
        one.let_out(&record(1, Some(b"a")));
        one.goes_on_behind(&record(1, Some(b"a")), Code::Conflict);
        one.end(&record(1, None).place, b"a");
        assert!(one.is_empty());
        one.forget();
        assert_eq!(one.get(&record(9, Some(b"a"))), Some(&before));
    }

    #[test]
    fn neither_a_record_without_a_key_nor_a_key_too_long_nor_another_topic_is_held() {
        let mut one = holding();
        one.rejected(&record(0, None), Code::JsonInvalid);
        one.rejected(&record(1, Some(&[b'k'; LONGEST_KEY + 1])), Code::JsonInvalid);
        let elsewhere = Record { place: TopicPartition::new("other", 0), ..record(2, Some(b"a")) };
        one.rejected(&elsewhere, Code::JsonInvalid);
        assert!(one.is_empty());
        one.rejected(&record(3, Some(&[b'k'; LONGEST_KEY])), Code::JsonInvalid);
        assert!(!one.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_keys_and_records_and_no_more() {
        let mut one = holding();
        for (offset, key) in [(0, b"a"), (1, b"b")] {
            assert!(!one.has_no_room(&record(offset, Some(key))));
            one.rejected(&record(offset, Some(key)), Code::JsonInvalid);
        }
        assert!(one.has_no_room(&record(2, Some(b"c"))) && !one.has_no_room(&record(2, None)));
        assert!(!one.has_no_room(&record(2, Some(b"a"))), "it is held already");
        for offset in [3, 4] {
            assert!(!one.is_full(&record(offset, Some(b"a"))));
            one.hold(&record(offset, Some(b"a")));
        }
        assert!(one.is_full(&record(5, Some(b"a"))) && !one.is_full(&record(5, Some(b"b"))));
        assert_eq!(one.by_topic(), BTreeMap::from([("order.events", (2, 2))]));
    }
}
