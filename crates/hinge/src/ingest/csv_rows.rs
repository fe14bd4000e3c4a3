//! The rows of a CSV file. A quote that nobody closes costs the line in which it stands, not the rest of
//! the file: what a library would swallow as one cell is read again line by line.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use anyhow::{Result, bail};
use csv::{ReaderBuilder, StringRecord, Trim};
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
    columns: Vec<Arc<str>>,
}

impl CsvRows {
    /// Reads the names of the columns; `None` if the file holds nothing at all.
    pub(super) fn new(lines: Lines, delimiter: u8) -> Result<Option<Self>> {
        let mut rows = Self { lines, again: VecDeque::new(), delimiter, columns: Vec::new() };
        let header = match rows.record() {
            None => return Ok(None),
            Some((_, Ok(header))) => header,
            Some((_, Err(bad))) => bail!("its first row must name the columns, but {}", bad.reason),
        };
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !name.is_empty() && !seen.insert(*name)) {
            bail!("it has two columns called `{twice}`; rename one");
        }
        rows.columns = header.iter().map(Arc::from).collect();
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
                let value = if text.is_empty() { Value::Absent } else { Value::text(text) };
                (Arc::clone(name), value)
            });
            cells.collect::<Row>()
        });
        Some(Numbered { line, row })
    }

    /// The cells of the next row, with the number of its first line.
    fn record(&mut self) -> Option<(u64, Result<StringRecord, BadRow>)> {
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
        while matches!(quotes, Quotes::Inside) && further.len() < MAX_ROW_LINES && bytes.len() < MAX_ROW_BYTES {
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
        Some((number, record.map_err(|reason| {
            // The lines that the quote swallowed are rows of their own.
            for line in further.into_iter().rev() {
                self.again.push_front(line);
            }
            BadRow::new(reason, &first.bytes)
        })))
    }

    fn line(&mut self) -> Option<Line> {
        self.again.pop_front().or_else(|| self.lines.next())
    }

    fn cells(&self, bytes: &[u8]) -> Result<StringRecord, String> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).trim(Trim::All);
        let mut record = StringRecord::new();
        let mut reader = builder.buffer_capacity(bytes.len().max(1)).from_reader(bytes);
        reader.read_record(&mut record).map_err(|error| match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "it is not UTF-8; convert the file, such as iconv -f LATIN1 -t UTF-8".to_owned(),
            _ => error.to_string(),
        })?;
        if !self.columns.is_empty() && record.len() != self.columns.len() {
            return Err(format!("it has {} cells, the header has {}", record.len(), self.columns.len()));
        }
        Ok(record)
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
            (Self::Before, b'"') | (Self::Closing, b'"') => Self::Inside,
            (Self::Inside, b'"') => Self::Closing,
            (Self::Inside, _) => Self::Inside,
            (_, byte) if byte == delimiter => Self::Before,
            (Self::Closing, b' ' | b'\t' | b'\r') => Self::Closing,
            (Self::Closing, _) => Self::Garbled,
            (Self::Before | Self::Outside, _) => Self::Outside,
        })
    }
}
