//! What was worked out lately, in bounded space.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

use foldhash::fast::FixedState;

/// A map whose keys are looked up for every event. Whoever sends events may know the hash function and make
/// keys meet, but only among as many as are remembered.
pub(super) type Quick<K, V> = HashMap<K, V, FixedState>;

/// A map that forgets what was not asked for lately: it holds at most twice `most` entries, and never
/// forgets one of the last `most` asked for.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    young: Quick<K, V>,
    old: Quick<K, V>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), young: Quick::default(), old: Quick::default() }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.most {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_space_is_bounded() {
        let mut recent = Recent::new(10);
        recent.insert(0, "kept");
        for number in 1..1000 {
            recent.insert(number, "forgotten");
            assert_eq!(recent.get(&0), Some("kept"), "{number}");
            assert!(recent.len() <= 20);
        }
        assert_eq!(recent.get(&1), None);
    }
}
