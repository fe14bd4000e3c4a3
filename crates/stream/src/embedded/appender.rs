//! Writing beside a session.
//!
//! Records are kept in memory until there are enough of them or until the flush, so that the right to
//! write is held for the length of one short transaction and not while a caller waits for input.

use super::database::Database;
use super::writer::Writer;
use crate::{Appender, Error, Header, Headers, Outgoing};

const RECORDS_MOST: usize = 10_000;
const BYTES_MOST: usize = 4 * 1024 * 1024;

/// Appends to any topic of one file.
#[derive(Debug)]
pub(super) struct EmbeddedAppender {
    database: Database,
    writer: Writer,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
}

/// A record that was handed over and is not yet in the file.
#[derive(Debug)]
struct Waiting {
    topic: String,
    partition: Option<i32>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Headers,
}

impl EmbeddedAppender {
    pub(super) fn new(database: Database) -> Self {
        Self { database, writer: Writer::default(), waiting: Vec::new(), waiting_bytes: 0 }
    }

    fn write_all(&mut self) -> Result<(), Error> {
        for record in &self.waiting {
            self.writer.append_to(
                &self.database,
                record.partition,
                &Outgoing {
                    topic: &record.topic,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &[],
                    carried: Some(&record.headers),
                    timestamp: None,
                },
            )?;
        }
        self.writer.store_ends(&self.database)
    }

    fn hand_over(&mut self, partition: Option<i32>, record: &Outgoing<'_>) -> Result<(), Error> {
        self.writer.check(&self.database, record)?;
        self.writer.check_partition(record.topic, partition)?;
        let carried = record.carried.into_iter().flat_map(Headers::iter);
        let own = record.headers.iter().map(|(name, value)| Header { name, value: Some(value) });
        let waiting = Waiting {
            topic: record.topic.to_owned(),
            partition,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: Headers::Readable(carried.chain(own).collect()),
        };
        self.waiting_bytes += waiting.key.as_ref().map_or(0, Vec::len);
        self.waiting_bytes += waiting.value.as_ref().map_or(0, Vec::len);
        self.waiting.push(waiting);
        if self.waiting.len() >= RECORDS_MOST || self.waiting_bytes >= BYTES_MOST {
            self.flush()?;
        }
        Ok(())
    }
}

impl Appender for EmbeddedAppender {
    fn append(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        self.hand_over(None, record)
    }

    fn append_to(&mut self, partition: i32, record: &Outgoing<'_>) -> Result<(), Error> {
        self.hand_over(Some(partition), record)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.database.begin_immediate()?;
        let written = self.write_all().and_then(|()| self.database.commit());
        self.writer.forget_ends();
        match written {
            Ok(()) => {
                self.waiting.clear();
                self.waiting_bytes = 0;
                Ok(())
            }
            // What waits is kept: the caller may flush again, for instance when there is room again.
            Err(error) => {
                self.database.rollback();
                Err(error)
            }
        }
    }
}
