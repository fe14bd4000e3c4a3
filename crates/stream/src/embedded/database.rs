//! The file: where it lies, its format and version, how it is opened, and what its errors mean.
//!
//! Knows no topic and no record; see `writer.rs` and `fetch.rs` for those.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ffi};

use super::{Durability, Options};
use crate::{Cause, Error, Offset};

const FILE_NAME: &str = "log.sqlite";
const LOCK_NAME: &str = "open.lock";

/// "Hing", so that `file` and we ourselves know our own files.
const APPLICATION_ID: i64 = 0x4869_6e67;
const FORMAT: i64 = 1;

/// The number of bits of a record's row id that are its offset; the others are its partition's id.
const OFFSET_BITS: u32 = 40;

/// How long we wait for another program's transaction.
const BUSY_WAIT: Duration = Duration::from_secs(30);
/// Asking often, and not less and less often as `SQLite` does by itself, is what lets an appender in
/// between two transactions of a busy session.
const BUSY_STEP: Duration = Duration::from_millis(1);

/// A transaction of some MiB stays in memory until its commit, in KiB.
const CACHE_KIB: i64 = 16_384;

/// Batches of some MiB would otherwise carry the whole write-ahead file over at every commit.
const PAGES_BEFORE_CHECKPOINT: i64 = 8_000;

const SCHEMA: &str = "
    CREATE TABLE topics (
        name TEXT PRIMARY KEY,
        partitions INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE partitions (
        id INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        number INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        newest_timestamp INTEGER NOT NULL,
        UNIQUE (topic, number)
    ) STRICT;
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        timestamp INTEGER NOT NULL,
        key BLOB,
        value BLOB,
        headers BLOB
    ) STRICT;
    CREATE TABLE positions (
        consumer_group TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        PRIMARY KEY (consumer_group, topic, partition)
    ) STRICT, WITHOUT ROWID;
";

/// A partition's number in the file; with an offset it makes a row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartitionId(pub(super) i64);

impl PartitionId {
    /// The row of the record at `offset`; offsets beyond what a partition can hold mean its end.
    pub(super) fn row(self, offset: Offset) -> i64 {
        (self.0 << OFFSET_BITS) | offset.0.clamp(0, (1 << OFFSET_BITS) - 1)
    }

    /// The offset of the record in `row`.
    pub(super) fn offset(row: i64) -> Offset {
        Offset(row & ((1 << OFFSET_BITS) - 1))
    }
}

/// Makes sure that there is a log of our format in `folder`.
pub(super) fn prepare(folder: &Path, options: Options) -> Result<(), Error> {
    let path = folder.join(FILE_NAME);
    if options.create {
        std::fs::create_dir_all(folder)
            .map_err(|source| Error::FolderUnusable { path: folder.to_owned(), source: source.into() })?;
    } else if !path.exists() {
        return Err(Error::DataMissing { path: folder.to_owned() });
    }
    // `SQLite` does not wait for another program that turns the file's journal into a write-ahead one.
    let _alone = lock(&folder.join(LOCK_NAME))?;
    let mut database = Database::open(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
    if database.is_of_our_format()? {
        return Ok(());
    }
    let mode: String = database.ask("PRAGMA journal_mode = WAL")?;
    if mode != "wal" {
        let reason = format!("its folder does not allow a write-ahead file, journal mode is `{mode}`");
        return Err(Error::DataUnreadable { path, reason, source: None });
    }
    database.begin_immediate()?;
    database.run(SCHEMA)?;
    database.run(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"))?;
    database.commit()
}

/// Waits until we are alone with the file's format; held until the handle is dropped.
fn lock(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let locked = file.and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| Error::FolderUnusable { path: path.to_owned(), source: source.into() })
}

/// A connection to the file, with our settings and our errors.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens the log that [`prepare`] made sure of.
    pub(super) fn connect(folder: &Path, durability: Durability) -> Result<Self, Error> {
        let database = Self::open(&folder.join(FILE_NAME), OpenFlags::empty())?;
        let synchronous = match durability {
            Durability::PowerLoss => "FULL",
            Durability::ProcessCrash => "NORMAL",
        };
        database.run(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = {PAGES_BEFORE_CHECKPOINT};
             PRAGMA cache_size = -{CACHE_KIB};"
        ))?;
        database.connection.set_prepared_statement_cache_capacity(32);
        Ok(database)
    }

    fn open(path: &Path, create: OpenFlags) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| classify(path, error))?;
        connection
            .busy_handler(Some(|attempts| {
                let longest = BUSY_WAIT.as_millis() / BUSY_STEP.as_millis();
                let again = u128::try_from(attempts).is_ok_and(|attempts| attempts < longest);
                if again {
                    std::thread::sleep(BUSY_STEP);
                }
                again
            }))
            .map_err(|error| classify(path, error))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Whether the file has our format; `false` when it is still empty.
    fn is_of_our_format(&mut self) -> Result<bool, Error> {
        let application: i64 = self.ask("PRAGMA application_id")?;
        let format: i64 = self.ask("PRAGMA user_version")?;
        let tables: i64 = self.ask("SELECT count(*) FROM sqlite_schema")?;
        if application == 0 && format == 0 && tables == 0 {
            return Ok(false);
        }
        if application != APPLICATION_ID {
            let reason = "it is an `SQLite` file of another program".to_owned();
            return Err(Error::DataUnreadable { path: self.path.clone(), reason, source: None });
        }
        if format > FORMAT {
            return Err(Error::DataTooNew { path: self.path.clone(), found: format, known: FORMAT });
        }
        Ok(true)
    }

    /// Takes the right to write, waiting for whoever has it.
    pub(super) fn begin_immediate(&self) -> Result<(), Error> {
        self.statement("BEGIN IMMEDIATE")?.execute([]).map_err(|error| self.error(error))?;
        Ok(())
    }

    /// Makes the open transaction durable, or rolls it back and says why.
    pub(super) fn commit(&self) -> Result<(), Error> {
        let committed = self.statement("COMMIT")?.execute([]);
        committed.map(|_| ()).map_err(|error| {
            self.rollback();
            self.error(error)
        })
    }

    /// Discards the open transaction, if there is one.
    pub(super) fn rollback(&self) {
        // `SQLite` itself rolls back on some errors. A rollback cannot lose anything: what is not
        // committed is discarded at the latest when the file is opened again.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, path = %self.path.display(), "rolling back failed");
        }
    }

    /// A statement that stays prepared.
    pub(super) fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, Error> {
        self.connection.prepare_cached(sql).map_err(|error| self.error(error))
    }

    /// The one value that `sql` yields.
    pub(super) fn ask<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, Error> {
        self.statement(sql)?.query_row([], |row| row.get(0)).map_err(|error| self.error(error))
    }

    /// A number that changes whenever another connection has committed something.
    pub(super) fn version_of_others(&self) -> Result<i64, Error> {
        self.ask("PRAGMA data_version")
    }

    fn run(&self, sql: &str) -> Result<(), Error> {
        self.connection.execute_batch(sql).map_err(|error| self.error(error))
    }

    /// What an error of `SQLite` means to us.
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        classify(&self.path, error)
    }

    /// The file holds something that we did not write so.
    pub(super) fn damaged(&self, reason: &str) -> Error {
        Error::DataUnreadable { path: self.path.clone(), reason: reason.to_owned(), source: None }
    }
}

fn classify(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_owned();
    let Some(code) = error.sqlite_error_code() else {
        // A row that does not have the types of our tables.
        let reason = "a row has not the form it should have".to_owned();
        return Error::DataUnreadable { path, reason, source: Some(error.into()) };
    };
    // The shared memory beside the file cannot grow: what a full disk is called before the first write.
    let no_room = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
    let source: Cause = error.into();
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy { path, waited: BUSY_WAIT },
        ErrorCode::SystemIoFailure if no_room => Error::DiskFull { path, source },
        ErrorCode::DiskFull => Error::DiskFull { path, source },
        ErrorCode::SystemIoFailure => Error::DiskFailed { path, source },
        ErrorCode::NotADatabase => {
            let reason = "it is not an `SQLite` file".to_owned();
            Error::DataUnreadable { path, reason, source: Some(source) }
        }
        ErrorCode::DatabaseCorrupt => {
            let reason = "`SQLite` finds it damaged".to_owned();
            Error::DataUnreadable { path, reason, source: Some(source) }
        }
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            Error::FolderUnusable { path, source }
        }
        _ => Error::Unclassified { doing: format!("using `{}`", path.display()), source },
    }
}
