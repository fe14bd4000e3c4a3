//! Digests that stand for what is too large to keep. The same in every process of this program.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

/// 64 bits of something.
pub fn of(what: &impl Hash) -> u64 {
    FixedState::with_seed(1).hash_one(what)
}

/// 128 bits of something.
pub fn wide(what: &impl Hash) -> u128 {
    u128::from(of(what)) << 64 | u128::from(FixedState::with_seed(2).hash_one(what))
}
