//! The rows of an export in CSV, each cell with its place in the file.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::place::Place;

/// A cell, or why it cannot be read, with the place where it begins.
pub(super) struct Cell {
    pub(super) text: Result<String, &'static str>,
    pub(super) place: Place,
}

/// Reads one row after the other; empty lines are left out. What follows a cell that cannot be read is not
/// read, because nobody knows where the next one begins.
pub(super) struct Rows<'a> {
    reader: Reader,
    text: &'a str,
    delimiter: u8,
    at: usize,
    line: usize,
    line_began: usize,
    buffer: Vec<u8>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(text: &'a str, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text, delimiter, at: 0, line: 1, line_began: 0, buffer: vec![0; 1024] }
    }

    fn place(&self) -> Place {
        Place::at(self.line, self.text[self.line_began..self.at].chars().count() + 1)
    }

    /// Goes on to a byte and counts the lines on the way.
    fn go_on(&mut self, to: usize) {
        for (place, _) in self.text[self.at..to].match_indices('\n') {
            self.line += 1;
            self.line_began = self.at + place + 1;
        }
        self.at = to;
    }

    /// The next cell, and whether its row ends with it.
    fn cell(&mut self) -> (Cell, bool) {
        let place = self.place();
        let begin = self.at;
        let output = &mut self.buffer;
        let (mut read, mut written) = (0, 0);
        let ends = loop {
            let rest = &self.text.as_bytes()[begin + read..];
            let (result, taken, given) = self.reader.read_field(rest, &mut output[written..]);
            (read, written) = (read + taken, written + given);
            match result {
                // The end of the input is told by an empty one.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => output.resize(output.len() * 2, 0),
                ReadFieldResult::Field { record_end } => break record_end,
                ReadFieldResult::End => break true,
            }
        };
        let raw = &self.text[begin..begin + read];
        let raw = raw.strip_suffix(char::from(self.delimiter)).unwrap_or(raw).trim();
        let text = match raw.strip_prefix('"') {
            Some(rest) if !rest.ends_with('"') => Err("a quote is opened and not closed in its cell"),
            _ => String::from_utf8(output[..written].to_vec()).map_err(|_| "the cell is not UTF-8"),
        };
        let end = if text.is_err() { self.text.len() } else { begin + read };
        self.go_on(end);
        (Cell { text, place }, ends)
    }
}

impl Iterator for Rows<'_> {
    type Item = Vec<Cell>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        let blank = rest.len() - rest.trim_start_matches(['\n', '\r', ' ', '\t']).len();
        let lines = rest[..blank].rfind('\n').map_or(0, |last| last + 1);
        self.go_on(self.at + if blank == rest.len() { blank } else { lines });
        if self.at == self.text.len() {
            return None;
        }
        self.reader.reset();
        let mut cells = Vec::new();
        loop {
            let (cell, ends) = self.cell();
            let broken = cell.text.is_err();
            cells.push(cell);
            if ends || broken {
                return Some(cells);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_has_the_place_where_it_begins() {
        let text = "id,team\r\n\r\np-1,\"a \"\"b\"\"\n, c\"\n  \np-2,é;,x\np-3,";
        let rows = Rows::new(text, b',').map(|row| {
            let cells = row.into_iter().map(|cell| format!("{:?} {}", cell.place, cell.text.unwrap()));
            cells.collect::<Vec<_>>()
        });
        let place = |line, column| format!("{:?}", Place::at(line, column));
        let expected = [
            vec![(1, 1, "id"), (1, 4, "team")],
            vec![(3, 1, "p-1"), (3, 5, "a \"b\"\n, c")],
            vec![(6, 1, "p-2"), (6, 5, "é;"), (6, 8, "x")],
            vec![(7, 1, "p-3"), (7, 5, "")],
        ];
        let expected = expected.map(|row| {
            let cells = row.into_iter().map(|(line, column, text)| format!("{} {text}", place(line, column)));
            cells.collect::<Vec<_>>()
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_quote_that_is_not_closed_in_its_cell_ends_the_reading() {
        for text in ["a,\"b\nc,d\n", "a,\"b\" c,d\ne,f\n"] {
            let rows: Vec<_> = Rows::new(text, b',').collect();
            assert_eq!(rows.len(), 1, "{text}");
            assert!(rows[0].last().unwrap().text.is_err(), "{text}");
        }
    }
}
