//! Sets of people of one team, by their positions in it.

/// A set of positions below a size that its team knows. Most teams are small enough for a few words in place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bits {
    Few([u64; FEW]),
    Many(Box<[u64]>),
}

const WORD: usize = u64::BITS as usize;

/// So many words are kept in place.
const FEW: usize = 4;

impl Bits {
    /// Nobody of `size`.
    pub(super) fn none(size: usize) -> Self {
        match size.div_ceil(WORD) {
            0..=FEW => Self::Few([0; FEW]),
            words => Self::Many(vec![0; words].into()),
        }
    }

    /// Everybody of `size`.
    pub(super) fn all(size: usize) -> Self {
        let mut all = Self::none(size);
        let (whole, rest) = (size / WORD, size % WORD);
        let words = all.words_mut();
        words[..whole].fill(u64::MAX);
        if rest > 0 {
            words[whole] = (1 << rest) - 1;
        }
        all
    }

    fn words(&self) -> &[u64] {
        match self {
            Self::Few(words) => words,
            Self::Many(words) => words,
        }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        match self {
            Self::Few(words) => words,
            Self::Many(words) => words,
        }
    }

    /// Changes each word by that of the other.
    fn each(&mut self, other: &Self, change: impl Fn(&mut u64, u64)) {
        match (self, other) {
            (Self::Few(words), Self::Few(others)) => {
                words.iter_mut().zip(others).for_each(|(word, other)| change(word, *other));
            }
            (one, other) => {
                one.words_mut().iter_mut().zip(other.words()).for_each(|(word, other)| change(word, *other));
            }
        }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.words()[position / WORD] & 1 << (position % WORD) != 0
    }

    pub(super) fn set(&mut self, position: usize, so: bool) {
        let bit = 1 << (position % WORD);
        let word = &mut self.words_mut()[position / WORD];
        *word = if so { *word | bit } else { *word & !bit };
    }

    pub(super) fn clear(&mut self) {
        self.words_mut().fill(0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }

    pub(super) fn count(&self) -> usize {
        self.words().iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps those who are in the other, too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= other);
    }

    /// Adds those who are in the other.
    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, |word, other| *word |= other);
    }

    /// Removes those who are in the other.
    pub(super) fn remove(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= !other);
    }

    /// Keeps those at these positions, which are sorted.
    pub(super) fn keep_only(&mut self, positions: &[u32]) {
        let mut rest = positions;
        for (number, word) in self.words_mut().iter_mut().enumerate() {
            let mut mask = 0;
            while let Some((first, later)) =
                rest.split_first().filter(|(it, _)| **it as usize / WORD == number)
            {
                mask |= 1 << (*first as usize % WORD);
                rest = later;
            }
            *word &= mask;
        }
    }

    /// Removes those at these positions.
    pub(super) fn remove_only(&mut self, positions: &[u32]) {
        for position in positions {
            self.set(*position as usize, false);
        }
    }

    /// The positions, in order.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.words().iter().enumerate().flat_map(|(number, word)| {
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
        for size in [0, 1, 63, 64, 65, 130, 255, 256, 257, 1000] {
            let all = Bits::all(size);
            assert_eq!((all.count(), all.positions().count()), (size, size));
            assert_eq!(Bits::none(size).is_empty(), size == 0 || !all.is_empty());
        }
        for size in [130, 330] {
            let mut set = Bits::all(size);
            set.keep_only(&[0, 63, 64, 129]);
            set.remove_only(&[63]);
            assert_eq!(set.positions().collect::<Vec<_>>(), [0, 64, 129]);
            let place = |position| (position != 64).then_some(position + usize::from(position > 1));
            assert_eq!(set.moved(size + 1, place).positions().collect::<Vec<_>>(), [0, 130]);
            assert!(set.contains(129) && !set.contains(128));
            let mut other = Bits::all(size);
            other.remove(&set);
            assert_eq!(other.count(), size - 3);
            other.add(&set);
            assert_eq!(other, Bits::all(size));
            other.keep(&set);
            assert_eq!(other, set);
        }
    }
}
