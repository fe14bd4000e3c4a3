//! Sets of people of one team, by their positions in it.

/// A set of positions below a size that its team knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bits(Box<[u64]>);

const WORD: usize = u64::BITS as usize;

impl Bits {
    /// Nobody of `size`.
    pub(super) fn none(size: usize) -> Self {
        Self(vec![0; size.div_ceil(WORD)].into())
    }

    /// Everybody of `size`.
    pub(super) fn all(size: usize) -> Self {
        let mut words = vec![u64::MAX; size.div_ceil(WORD)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), size % WORD) {
            *last = (1 << rest) - 1;
        }
        Self(words.into())
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.0[position / WORD] & 1 << (position % WORD) != 0
    }

    pub(super) fn set(&mut self, position: usize, so: bool) {
        let bit = 1 << (position % WORD);
        let word = &mut self.0[position / WORD];
        *word = if so { *word | bit } else { *word & !bit };
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps those who are in the other, too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Adds those who are in the other.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Removes those who are in the other.
    pub(super) fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Keeps those at these positions, which are sorted.
    pub(super) fn keep_only(&mut self, positions: &[u32]) {
        let mut rest = positions;
        for (number, word) in self.0.iter_mut().enumerate() {
            let mut mask = 0;
            while let Some((first, later)) = rest.split_first().filter(|(it, _)| **it as usize / WORD == number)
            {
                mask |= 1 << (*first as usize % WORD);
                rest = later;
            }
            *word &= mask;
        }
    }

    /// Removes those at these positions.
    pub(super) fn remove_only(&mut self, positions: &[u32]) {
        positions.iter().for_each(|position| self.set(*position as usize, false));
    }

    /// The positions, in order.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(number, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(number * WORD + bit)
            })
        })
    }

    /// The same for a team of `size` in which everybody stands at another place.
    pub(super) fn moved(&self, size: usize, place: impl Fn(usize) -> Option<usize>) -> Self {
        let mut moved = Self::none(size);
        self.positions().filter_map(place).for_each(|position| moved.set(position, true));
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it_also_across_words() {
        for size in [0, 1, 63, 64, 65, 130] {
            let all = Bits::all(size);
            assert_eq!((all.count(), all.positions().count()), (size, size));
            assert_eq!(Bits::none(size).is_empty(), size == 0 || !all.is_empty());
        }
        let mut set = Bits::all(130);
        set.keep_only(&[0, 63, 64, 129]);
        set.remove_only(&[63]);
        assert_eq!(set.positions().collect::<Vec<_>>(), [0, 64, 129]);
        let later = set.moved(131, |position| (position != 64).then_some(position + usize::from(position > 1)));
        assert_eq!(later.positions().collect::<Vec<_>>(), [0, 130]);
        assert!(set.contains(129) && !set.contains(128));
    }
}
