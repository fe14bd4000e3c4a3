//! Whom inside a department a notification is for: [`Person`]s chosen by the [`Segment`]s of rules.
//!
//! ```text
//! people.yaml ─► Person ┐
//!                       ├─► People ── question about an event ─► Audience ─► Snapshot
//! audience: in a rule ─► Segment ┘                                (in the notification)  (published once)
//! ```
//!
//! An [`Audience`] is what was chosen at the moment of the decision, under a hash that proves it; a
//! [`Snapshot`] is the same to be kept, with everybody who was not chosen and why. What is unknown of a person
//! never chooses that person. Reading people from files is for `hinge-policy`, publishing for the router.

mod atoms;
mod bits;
mod column;
mod people;
mod person;
mod question;
mod recent;
mod segment;
mod snapshot;
mod team;

use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use bits::Bits;

pub use people::{Changed, People};
pub use person::{Medium, Person};
pub use segment::{Exclusion, Segment};
pub use snapshot::{Excluded, Snapshot};

/// The people of one department whom a notification is for.
#[derive(Clone)]
pub struct Audience {
    hash: Arc<str>,
    size: usize,
    roster: Arc<[Arc<str>]>,
    chosen: Bits,
}

impl Audience {
    fn new(department: &str, roster: &Arc<[Arc<str>]>, chosen: Bits) -> Self {
        let hash = hash(department, chosen.positions().map(|position| &*roster[position]));
        Self { hash, size: chosen.count(), roster: Arc::clone(roster), chosen }
    }

    /// The audience of exactly these people of a department.
    pub fn of(department: &str, people: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let mut ids: Vec<Arc<str>> = people.into_iter().map(Into::into).collect();
        ids.sort_unstable();
        ids.dedup();
        let chosen = Bits::all(ids.len());
        Self::new(department, &ids.into(), chosen)
    }

    /// What proves who was chosen: the first 128 bits of the SHA-256 of the department's name and the ids in
    /// order, each followed by a line feed, as 32 hexadecimal digits.
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// How many people were chosen; 0 means that the department as such is told and nobody in it.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The ids of those who were chosen, in order.
    pub fn people(&self) -> impl Iterator<Item = &Arc<str>> {
        self.chosen.positions().map(|position| &self.roster[position])
    }

    /// Whether this person was chosen.
    pub fn contains(&self, id: &str) -> bool {
        let position = self.roster.binary_search_by(|known| (**known).cmp(id));
        position.is_ok_and(|position| self.chosen.contains(position))
    }
}

impl PartialEq for Audience {
    /// By hash, as everywhere.
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Audience {}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audience({}, {})", self.hash, self.size)
    }
}

/// See [`Audience::hash`].
fn hash<'a>(department: &str, ids: impl Iterator<Item = &'a str>) -> Arc<str> {
    let mut text = String::with_capacity(256);
    text.push_str(department);
    text.push('\n');
    for id in ids {
        text.push_str(id);
        text.push('\n');
    }
    let digest = Sha256::digest(text);
    let mut hex = String::with_capacity(32);
    for byte in &digest[..16] {
        let _ = write!(hex, "{byte:02x}");
    }
    hex.into()
}

#[cfg(test)]
mod tests;
