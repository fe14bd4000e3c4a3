//! The records with one identity.

use jiff::Timestamp;

use crate::Content;

/// Half of a content's hash: it is only compared where the identity is the same, so it need not tell all contents of
/// the world apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(pub(super) [u8; 8]);

impl Fingerprint {
    pub(super) fn of(content: &Content) -> Self {
        Self(*content.bytes().first_chunk().expect("a content has 16 bytes"))
    }
}

/// One record with an identity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) offset: i64,
    /// In microseconds since 1970: in nanoseconds these 64 bits would end in the year 2262.
    pub(super) recorded: i64,
}

impl Sighting {
    pub(super) fn new(offset: i64, recorded: Timestamp) -> Self {
        Self { offset, recorded: recorded.as_microsecond() }
    }
}

/// The records with one identity, as far as they can matter to a later one.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) content: Fingerprint,
    pub(super) first: i64,
    pub(super) newest: Sighting,
    /// Earlier ones that were recorded later than all that follow them, where clocks went back.
    before: Vec<Sighting>,
}

impl Seen {
    pub(super) fn once(content: Fingerprint, sighting: Sighting) -> Self {
        Self { content, first: sighting.offset, newest: sighting, before: Vec::new() }
    }

    pub(super) fn sightings(&self) -> impl Iterator<Item = &Sighting> {
        self.before.iter().chain([&self.newest])
    }

    /// Adds a record; forgets those that lie no nearer to any later record than this one.
    pub(super) fn add(&mut self, sighting: Sighting) {
        if sighting.offset < self.newest.offset {
            // Held and released: it enters at its own place, behind what was met meanwhile.
            if sighting.recorded > self.newest.recorded {
                self.before.push(sighting);
            }
            return;
        }
        self.before.push(self.newest);
        self.before.retain(|earlier| earlier.recorded > sighting.recorded);
        self.newest = sighting;
    }
}
