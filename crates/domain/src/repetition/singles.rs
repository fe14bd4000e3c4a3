//! Every record in the order in which it was met, and which identities were met once, in as few bytes as that takes:
//! a window of two million records is remembered for each partition.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::row::Row;
use super::seen::{Fingerprint, Seen, Sighting};
use crate::Identity;

/// A record's number in the order of meeting; they come round again after four milliards, when none of the first is
/// left.
pub(super) type Number = u32;

/// A record.
#[derive(Clone, Copy, Debug)]
struct Met {
    identity: Identity,
    content: Fingerprint,
    recorded: i64,
    offset: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Singles {
    met: Row<Met>,
    /// The number of the first of them.
    first: Number,
    /// The numbers of those whose identity was met once.
    once: HashTable<Number>,
    hashing: RandomState,
}

impl Singles {
    /// Takes note of a record.
    pub(super) fn pass(&mut self, identity: Identity, content: Fingerprint, sighting: Sighting) -> Number {
        let number = self.first.wrapping_add(Number::try_from(self.met.len()).unwrap_or(Number::MAX));
        let Sighting { offset, recorded } = sighting;
        self.met.push_back(Met { identity, content, recorded, offset });
        number
    }

    /// Takes the last record back; its identity.
    pub(super) fn take_back(&mut self) -> Option<Identity> {
        let identity = self.met.back()?.identity;
        self.forget(&identity);
        self.met.pop_back();
        Some(identity)
    }

    /// The number of the record with this identity, if it was met once.
    pub(super) fn find(&self, identity: &Identity) -> Option<Number> {
        let is_it = |number: &Number| self.at(*number).identity == *identity;
        self.once.find(self.hashing.hash_one(identity), is_it).copied()
    }

    /// The record with this number.
    pub(super) fn get(&self, number: Number) -> Seen {
        let met = self.at(number);
        Seen::once(met.content, Sighting { offset: met.offset, recorded: met.recorded })
    }

    /// This identity was met once, under this number.
    pub(super) fn remember(&mut self, identity: &Identity, number: Number) {
        let (met, first, hashing) = (&self.met, self.first, &self.hashing);
        let is_it = |known: &Number| place(met, first, *known).identity == *identity;
        let hash = |known: &Number| hashing.hash_one(place(met, first, *known).identity);
        match self.once.find_mut(hashing.hash_one(identity), is_it) {
            Some(known) => *known = number,
            None => drop(self.once.insert_unique(hashing.hash_one(identity), number, hash)),
        }
    }

    /// This identity was not met once.
    pub(super) fn forget(&mut self, identity: &Identity) {
        let (met, first) = (&self.met, self.first);
        let is_it = |known: &Number| place(met, first, *known).identity == *identity;
        if let Ok(found) = self.once.find_entry(self.hashing.hash_one(identity), is_it) {
            found.remove();
        }
    }

    /// The offset of the record met last.
    pub(super) fn newest_offset(&self) -> Option<i64> {
        self.met.back().map(|met| met.offset)
    }

    /// Offset and identity of the record met first.
    pub(super) fn oldest(&self) -> Option<(i64, Identity)> {
        self.met.front().map(|met| (met.offset, met.identity))
    }

    /// Forgets the record met first.
    pub(super) fn drop_oldest(&mut self) {
        let Some(oldest) = self.met.front() else { return };
        let first = self.first;
        if let Ok(found) =
            self.once.find_entry(self.hashing.hash_one(oldest.identity), |number| *number == first)
        {
            found.remove();
        }
        self.met.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// How many identities were met once.
    pub(super) fn len(&self) -> usize {
        self.once.len()
    }

    /// The bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        self.met.bytes() + self.once.allocation_size()
    }

    fn at(&self, number: Number) -> &Met {
        place(&self.met, self.first, number)
    }
}

fn place(met: &Row<Met>, first: Number, number: Number) -> &Met {
    &met[number.wrapping_sub(first) as usize]
}
