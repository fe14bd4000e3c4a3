//! Where something stands in a file, and how far it reaches.

use std::ops::Range;

use serde_saphyr::{Location, Spanned};

/// A place in a file: so many characters from a line and column on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
    length: usize,
}

impl Place {
    /// The file as a whole.
    pub(crate) const FILE: Self = Self { line: 0, column: 0, length: 0 };

    /// Line and column, from 1.
    pub(crate) fn at(line: usize, column: usize) -> Self {
        Self { line, column, length: 0 }
    }

    /// Bytes of a text.
    pub(crate) fn of_bytes(text: &str, range: Range<usize>) -> Self {
        let start =
            (0..=range.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let before = &text[..start];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let length = text.get(start..range.end).map_or(0, |part| part.chars().count());
        Self { line: before.matches('\n').count() + 1, column, length }
    }

    /// Where it begins.
    pub(crate) fn start(self) -> (usize, usize) {
        (self.line, self.column)
    }

    /// Where it ends in a text: the line, and the column behind the last character.
    pub(crate) fn end(self, text: &str) -> (usize, usize) {
        let (mut line, mut column, mut left) = (self.line, self.column, self.length);
        let mut lines = text.lines().skip(self.line.saturating_sub(1)).peekable();
        while let Some(this) = lines.next() {
            let rest = (this.chars().count() + 1).saturating_sub(column);
            if left <= rest || lines.peek().is_none() {
                return (line, column + left.min(rest));
            }
            left -= rest + 1;
            (line, column) = (line + 1, 1);
        }
        (line, column + left)
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or_default();
        Self {
            line: number(location.line()),
            column: number(location.column()),
            length: number(location.span().len()),
        }
    }
}

impl<T> From<&Spanned<T>> for Place {
    fn from(spanned: &Spanned<T>) -> Self {
        spanned.referenced.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_ends_on_the_line_where_its_last_character_stands() {
        let text = "one: two\nüber: [a,\n  b]\n";
        let check = |part: &str, start, end| {
            let at = text.find(part).unwrap();
            let place = Place::of_bytes(text, at..at + part.len());
            assert_eq!((place.start(), place.end(text)), (start, end), "{part}");
        };
        check("two", (1, 6), (1, 9));
        check("[a,\n  b]", (2, 7), (3, 5));
        check("b]", (3, 3), (3, 5));
        assert_eq!(Place::FILE.end(text), (0, 0));
    }
}
