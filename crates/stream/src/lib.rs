//! Records in and out of a log, with transactions: what a service sees of Kafka, or of the embedded log.
//!
//! A service holds one [`Session`]: it polls a batch of [`Record`]s, begins a transaction, sends
//! [`Outgoing`] records and commits them together with the [`Positions`] that it reached; partitions
//! are [given](Polled::Given) to it and [taken](Polled::Taken) from it. Everything else (ingest,
//! `tail`, `why`, `topics`) uses an [`Appender`], a [`Reader`] or the [`Topics`] of the same [`Log`].
//!
//! Two backends, one behaviour: [`embedded`] keeps the log in one SQLite file, [`kafka`] speaks to
//! brokers. This crate knows bytes, keys and headers; what they mean is not its business.

pub mod embedded;
mod error;
pub mod faults;
pub mod kafka;
mod log;
mod murmur2;
mod record;
mod session;

pub use error::{Cause, Error, ExitCode};
pub use log::{Appender, Log, Reader, TopicSpec, TopicState, Topics};
pub use murmur2::partition_for_key;
pub use record::{Header, HeaderList, Headers, Offset, Outgoing, Record, Timestamp, TopicPartition};
pub use session::{Committed, GroupLag, Limits, Polled, Positions, Session, SessionOptions, StartAt};
