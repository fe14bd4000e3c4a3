//! The rows of a CSV file. A quote that nobody closes costs the line in which it stands, not the rest of
//! the file: what a library would swallow as one cell is read again line by line.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use anyhow::{Result, bail};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use hinge_domain::{Row, Value};

use super::lines::{Broken, Line, Lines, MAX_ROW_BYTES};
use super::rows::{BadRow, Numbered};

/// The most lines that one row may have, by line breaks inside quotes.
const MAX_ROW_LINES: usize = 200;

/// The rows of one file whose first row names the columns.
pub(super) struct CsvRows {
    lines: Lines,
    /// Lines that were read as part of a row that was none.
    again: VecDeque<Line>,
    delimiter: u8,
    parser: Reader,
    columns: Vec<Arc<str>>,
}

impl CsvRows {
    /// Reads the names of the columns; `None` if the file holds nothing at all.
    pub(super) fn new(lines: Lines, delimiter: u8) -> Result<Option<Self>> {
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        let mut rows = Self { lines, again: VecDeque::new(), delimiter, parser, columns: Vec::new() };
        let header = match rows.record() {
            None => return Ok(None),
            Some((_, Ok(header))) => header,
            Some((_, Err(bad))) => bail!("its first row must name the columns, but {}", bad.reason),
        };
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !name.is_empty() && !seen.insert(*name)) {
            bail!("it has two columns called `{twice}`; rename one");
        }
        rows.columns = header.iter().map(|name| Arc::from(name.as_str())).collect();
        Ok(Some(rows))
    }

    /// The names of the columns; a column without a name is not read.
    pub(super) fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// The next row, or what stands there instead.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        let (line, record) = self.record()?;
        let row = record.map(|record| {
            let cells = self.columns.iter().zip(&record).filter(|(name, _)| !name.is_empty());
            let cells = cells.map(|(name, text)| {
                let value = if text.is_empty() { Value::Absent } else { Value::text(text.as_str()) };
                (Arc::clone(name), value)
            });
            cells.collect::<Row>()
        });
        Some(Numbered { line, row })
    }

    /// The cells of the next row, with the number of its first line.
    fn record(&mut self) -> Option<(u64, Result<Vec<String>, BadRow>)> {
        let first = loop {
            let line = self.line()?;
            if line.broken.is_some() || !line.bytes.trim_ascii().is_empty() {
                break line;
            }
        };
        let number = first.number;
        if let Some(broken) = &first.broken {
            return Some((number, Err(BadRow::broken(broken, &first.bytes))));
        }
        let mut bytes = first.bytes.clone();
        let mut quotes = Quotes::Before;
        quotes = quotes.after(&first.bytes, self.delimiter);
        let mut further = Vec::new();
        while matches!(quotes, Quotes::Inside) && further.len() < MAX_ROW_LINES && bytes.len() < MAX_ROW_BYTES
        {
            let Some(line) = self.line() else { break };
            let whole = line.broken.is_none();
            if whole {
                bytes.push(b'\n');
                bytes.extend_from_slice(&line.bytes);
                quotes = quotes.after(&line.bytes, self.delimiter);
            }
            further.push(line);
            if !whole {
                break;
            }
        }
        let record = match quotes {
            Quotes::Inside => Err("a quote is opened and not closed".to_owned()),
            Quotes::Garbled => Err("something follows a closing quote in its cell".to_owned()),
            _ if bytes.len() > MAX_ROW_BYTES => Err(Broken::TooLong.to_string()),
            _ => self.cells(&bytes),
        };
        Some((
            number,
            record.map_err(|reason| {
                // The lines that the quote swallowed are rows of their own.
                for line in further.into_iter().rev() {
                    self.again.push_front(line);
                }
                BadRow::new(reason, &first.bytes)
            }),
        ))
    }

    fn line(&mut self) -> Option<Line> {
        self.again.pop_front().or_else(|| self.lines.next())
    }

    /// The cells of one row, without blanks around them.
    fn cells(&mut self, row: &[u8]) -> Result<Vec<String>, String> {
        let row = str::from_utf8(row)
            .map_err(|_| "it is not UTF-8; convert the file, such as iconv -f LATIN1 -t UTF-8")?;
        let delimiters = row.bytes().filter(|byte| *byte == self.delimiter).count();
        let (mut text, mut ends) = (vec![0; row.len()], vec![0; delimiters + 1]);
        let (mut input, mut filled, mut count) = (row.as_bytes(), 0, 0);
        self.parser.reset();
        loop {
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut text[filled..], &mut ends[count..]);
            (input, filled, count) = (&input[read..], filled + written, count + ended);
            match result {
                // The end of the input is told by an empty one.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err("its quotes cannot be understood".to_owned());
                }
            }
        }
        if !input.trim_ascii().is_empty() {
            return Err(
                "a carriage return stands in the middle of it; end lines with \\n or \\r\\n".to_owned()
            );
        }
        if !self.columns.is_empty() && count != self.columns.len() {
            return Err(format!("it has {count} cells, the header has {}", self.columns.len()));
        }
        let mut begin = 0;
        let cells = ends[..count].iter().map(|end| {
            let cell = String::from_utf8_lossy(&text[begin..*end]).trim().to_owned();
            begin = *end;
            cell
        });
        Ok(cells.collect())
    }
}

/// Where the end of a line stands in relation to quotes.
#[derive(Clone, Copy)]
enum Quotes {
    /// At the beginning of a cell.
    Before,
    /// In a cell without quotes.
    Outside,
    /// In a quoted cell.
    Inside,
    /// Behind a quote in a quoted cell, which closes it unless another follows.
    Closing,
    /// Behind a closing quote and something else.
    Garbled,
}

impl Quotes {
    /// Where the end of this line stands, if its beginning stands here.
    fn after(self, line: &[u8], delimiter: u8) -> Self {
        line.iter().fold(self, |state, byte| match (state, *byte) {
            (Self::Garbled, _) => Self::Garbled,
            (Self::Inside, b'"') => Self::Closing,
            (Self::Before | Self::Closing, b'"') | (Self::Inside, _) => Self::Inside,
            (_, byte) if byte == delimiter => Self::Before,
            (Self::Closing, b' ' | b'\t' | b'\r') => Self::Closing,
            (Self::Closing, _) => Self::Garbled,
            (Self::Before | Self::Outside, _) => Self::Outside,
        })
    }
}
