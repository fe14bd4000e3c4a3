//! The log in one `SQLite` file: for one machine, without any server.
//!
//! `<folder>/log.sqlite` holds topics, partitions, records and the groups' positions, so that one SQL
//! transaction is outputs and positions together. A [session](crate::Session) holds
//! `<folder>/run.lock`; everything else works beside it. No replication, no network: where one machine
//! is not enough, [`crate::kafka`] takes over.
//!
//! Where to go next: `database.rs` (file, format, errors), `writer.rs` (appending), `fetch.rs`
//! (reading), `session.rs` (the two together).

mod appender;
mod database;
mod encoding;
mod fetch;
mod reader;
mod session;
mod topics;
mod writer;

use std::path::{Path, PathBuf};

use crate::{Appender, Error, Log, Reader, Session, SessionOptions, Topics};
use database::Database;

/// The largest record, in bytes of key, value and headers together.
pub const RECORD_BYTES_MOST: usize = 8 * 1024 * 1024;

/// What a commit outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The machine losing power at any moment: each commit waits for the disk.
    #[default]
    PowerLoss,
    /// The program being killed at any moment; after a power cut the newest commits may be missing,
    /// whole ones from the end. For benchmarks and throw-away data.
    ProcessCrash,
}

/// How to open the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a commit outlives.
    pub durability: Durability,
    /// Whether to begin a new log where there is none; otherwise that is [`Error::DataMissing`].
    pub create: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::PowerLoss, create: true }
    }
}

/// A log in a folder of its own.
#[derive(Debug)]
pub struct EmbeddedLog {
    folder: PathBuf,
    options: Options,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, or begins a new one there.
    pub fn open(folder: &Path, options: Options) -> Result<Self, Error> {
        database::prepare(folder, options)?;
        Ok(Self { folder: folder.to_owned(), options })
    }

    fn connect(&self) -> Result<Database, Error> {
        Database::connect(&self.folder, self.options.durability)
    }
}

impl Log for EmbeddedLog {
    fn session(&self, options: &SessionOptions) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(session::EmbeddedSession::open(&self.folder, self.connect()?, options)?))
    }

    fn appender(&self) -> Result<Box<dyn Appender>, Error> {
        Ok(Box::new(appender::EmbeddedAppender::new(self.connect()?)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(reader::EmbeddedReader::new(self.connect()?)))
    }

    fn topics(&self) -> Result<Box<dyn Topics>, Error> {
        Ok(Box::new(topics::EmbeddedTopics::new(self.connect()?)))
    }
}
