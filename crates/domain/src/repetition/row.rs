//! A row that grows at one end and shrinks at both, in pieces: remembering more moves nothing that is there, and what is
//! forgotten gives its memory back. Doubling instead would copy a window of millions at once, with room for both copies.

use std::collections::VecDeque;
use std::ops::Index;

/// Things in a piece.
const PIECE: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Row<T> {
    /// All but the last one are full.
    pieces: VecDeque<Vec<T>>,
    /// So many at the beginning of the first piece are gone.
    gone: usize,
    len: usize,
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { pieces: VecDeque::new(), gone: 0, len: 0 }
    }
}

impl<T> Row<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_back(&mut self, thing: T) {
        self.len += 1;
        match self.pieces.back_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(thing),
            _ => self.pieces.push_back(vec![thing]),
        }
    }

    pub(super) fn pop_back(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        let last = self.pieces.back_mut();
        if last.is_some_and(|piece| piece.pop().is_some() && piece.is_empty()) || self.len == 0 {
            self.pieces.pop_back();
        }
        if self.len == 0 {
            self.gone = 0;
        }
    }

    pub(super) fn pop_front(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        self.gone += 1;
        if self.gone == PIECE || self.len == 0 {
            self.pieces.pop_front();
            self.gone = 0;
        }
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.pieces.front()?.get(self.gone)
    }

    pub(super) fn back(&self) -> Option<&T> {
        self.pieces.back()?.last()
    }

    /// The bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        let last = self.pieces.back().map_or(0, Vec::capacity);
        let things = self.pieces.len().saturating_sub(1) * PIECE + last;
        things * size_of::<T>() + self.pieces.capacity() * size_of::<Vec<T>>()
    }
}

impl<T> Index<usize> for Row<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        let place = self.gone + place;
        &self.pieces[place / PIECE][place % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::{PIECE, Row};

    fn held(row: &Row<usize>) -> Vec<usize> {
        (0..row.len()).map(|place| row[place]).collect()
    }

    #[test]
    fn it_is_what_a_deque_is_whatever_is_done_to_it() {
        let (mut row, mut deque) = (Row::default(), VecDeque::new());
        // Grows beyond some pieces, shrinks at both ends to nothing, and again.
        let steps = [
            (7, 0, 0),
            (0, 3, 4),
            (1, 0, 0),
            (3 * PIECE + 5, PIECE, 1),
            (0, 2 * PIECE - 1, 2),
            (PIECE, 0, 0),
        ];
        let mut next = 0;
        for (pushed, from_front, from_back) in
            steps.into_iter().chain([(0, 2 * PIECE, 2 * PIECE), (2, 1, 1), (5, 0, 9)])
        {
            for _ in 0..pushed {
                row.push_back(next);
                deque.push_back(next);
                next += 1;
            }
            for _ in 0..from_front {
                row.pop_front();
                deque.pop_front();
            }
            for _ in 0..from_back {
                row.pop_back();
                deque.pop_back();
            }
            assert_eq!(held(&row), Vec::from(deque.clone()));
            assert_eq!((row.front(), row.back()), (deque.front(), deque.back()));
        }
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_back() {
        let mut row = Row::default();
        (0..100 * PIECE).for_each(|thing| row.push_back(thing));
        let most = row.bytes();
        assert!(most < 101 * PIECE * size_of::<usize>(), "{most}");
        (0..99 * PIECE).for_each(|_| row.pop_front());
        assert!(row.bytes() < most / 20, "{} of {most}", row.bytes());
    }
}
