//! What can go wrong between a service and its log, and what a process may do about it.
//!
//! A closed set: each variant has a code for `hinge explain` and an exit code for supervisors. Which
//! answer of a backend becomes which variant is decided beside that backend.

use std::path::PathBuf;
use std::time::Duration;

use crate::TopicPartition;

/// What a backend said, kept for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How a process ends when the log leaves it no other way; documented in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 69: the log cannot be reached or used now; trying again later may help.
    Unavailable,
    /// 70: something that Hinge cannot classify; better a restart than a guess.
    Internal,
    /// 74: the disk refuses to read or write.
    Io,
    /// 75: somebody else holds this place (another run on the folder, another worker with the same id).
    Fenced,
    /// 77: the log refuses us: authentication or authorisation.
    Denied,
    /// 78: something is configured wrongly: a missing topic, no start position.
    Config,
}

impl ExitCode {
    /// The number that the operating system sees, as in `sysexits.h`.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Io => 74,
            Self::Fenced => 75,
            Self::Denied => 77,
            Self::Config => 78,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// An error of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another `hinge run` holds the folder.
    #[error("`{}` is in use by another `hinge run`; one folder has one runner (every other command works beside it)", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Another program did not let go of the file for longer than we wait.
    #[error("`{}` has been locked by another program for {} s; end that program, or wait until it is done", path.display(), waited.as_secs())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// There is no log in the folder, and the caller did not want a new one.
    #[error("there is no log in `{}`; check the folder's name, or start `hinge run` there first", path.display())]
    DataMissing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made or written to.
    #[error("`{}` cannot be used for data; check that the folder exists, that it is ours and that it is writable", path.display())]
    FolderUnusable {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        source: Cause,
    },
    /// No space left.
    #[error("the disk of `{}` is full and nothing of this transaction was written; make room and start again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What `SQLite` said.
        source: Cause,
    },
    /// The disk fails to read or write.
    #[error("reading or writing `{}` failed and nothing of this transaction was written; check the disk and the system's log", path.display())]
    DiskFailed {
        /// The file.
        path: PathBuf,
        /// What `SQLite` said.
        source: Cause,
    },
    /// The file is not ours, or it is damaged.
    #[error("`{}` is not a log of Hinge or is damaged ({reason}); move it away, and restore a copy if there is one", path.display())]
    DataUnreadable {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
        /// What `SQLite` said, if it was the one to find it.
        source: Option<Cause>,
    },
    /// A newer Hinge wrote the file.
    #[error("`{}` has format {found} and this Hinge knows formats up to {known}; install the newer Hinge that wrote it", path.display())]
    DataTooNew {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The newest format that this program reads.
        known: i64,
    },
    /// A topic is not there.
    #[error(
        "there is no topic `{topic}`; create it with `hinge topics apply` (an input topic with `--inputs`), or correct its name"
    )]
    TopicMissing {
        /// Its name.
        topic: String,
    },
    /// A topic is there, but not this partition of it.
    #[error("there is no partition `{place}`; `hinge topics` lists what there is")]
    PartitionMissing {
        /// Its topic and number.
        place: TopicPartition,
    },
    /// A topic cannot be created as asked for.
    #[error("topic `{topic}` cannot be created: {reason}")]
    TopicRefused {
        /// Its name.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The group has never committed a position and was not told where to begin.
    #[error(
        "group `{group}` has no position in `{place}`; say where to begin with `--start-at earliest|latest|TIME`"
    )]
    StartMissing {
        /// The group.
        group: String,
        /// The partition.
        place: TopicPartition,
    },
    /// No broker answers.
    #[error("no Kafka broker answers at `{brokers}` after {} s; check `stream.brokers`, the network and the brokers", waited.as_secs())]
    BrokerUnreachable {
        /// The addresses asked.
        brokers: String,
        /// How long we waited.
        waited: Duration,
        /// The last thing that the client said, if anything.
        source: Option<Cause>,
    },
    /// The broker knows us and refuses, or does not believe us.
    #[error(
        "Kafka refuses {doing}; check user and password, and the rights of this user on the topic, the group and the transactional id"
    )]
    BrokerDenied {
        /// What we were doing.
        doing: String,
        /// What the client said.
        source: Cause,
    },
    /// The Kafka client refuses its settings.
    #[error("the Kafka client refuses its settings; correct them under `stream` in the configuration")]
    SettingsRefused {
        /// What the client said.
        source: Cause,
    },
    /// A step did not end in time.
    #[error("{doing} did not end within {} s; the brokers are overloaded or partly down", waited.as_secs())]
    TimedOut {
        /// What we were doing.
        doing: String,
        /// How long we waited.
        waited: Duration,
        /// The last thing that the client said, if anything.
        source: Option<Cause>,
    },
    /// Another worker runs under our id.
    #[error(
        "another worker took over `{id}`{seen}; give every worker its own instance, or end the other one"
    )]
    Fenced {
        /// The transactional id or the instance.
        id: String,
        /// Where the group knows members with this id, to be read after it; may be empty.
        seen: String,
        /// What the client said.
        source: Cause,
    },
    /// Records that were not read yet are gone from the topic.
    #[error(
        "records in {places} are gone before they were read (retention, or the topic was made anew); set the group's position there anew with Kafka's `kafka-consumer-groups --reset-offsets`"
    )]
    DataLoss {
        /// The partitions, and the position in each.
        places: String,
        /// What the client said.
        source: Cause,
    },
    /// Records handed to an appender did not arrive.
    #[error("{failed} of {sent} records were not written; send them again")]
    NotDelivered {
        /// How many failed.
        failed: u64,
        /// How many were handed over since the last flush.
        sent: u64,
        /// What the client said of one of them.
        source: Option<Cause>,
    },
    /// This one record can never be written; the transaction is still good.
    #[error("a record of {bytes} bytes can never be written to `{topic}`: {reason}")]
    Unwritable {
        /// The topic it was meant for.
        topic: String,
        /// The size of its key, value and headers.
        bytes: usize,
        /// Why.
        reason: String,
    },
    /// Transactions are rolled back again and again.
    #[error(
        "{rollbacks} transactions were rolled back within {} s, the last one while {doing}; look at the brokers and at the limits of the topic, and for a second worker with the same instance",
        within.as_secs()
    )]
    NoProgress {
        /// How many.
        rollbacks: usize,
        /// In how long.
        within: Duration,
        /// What we were doing when the last one was given up.
        doing: String,
        /// What the client said of it, if anything.
        source: Option<Cause>,
    },
    /// A session was used in the wrong order; a defect of Hinge.
    #[error("{doing}; this is a defect of Hinge, please report it")]
    Misused {
        /// What was done.
        doing: &'static str,
    },
    /// Something that this program does not know.
    #[error(
        "{doing} failed in a way that Hinge does not know; it is safe to start again, nothing was committed halfway"
    )]
    Unclassified {
        /// What we were doing.
        doing: String,
        /// What the backend said.
        source: Cause,
    },
}

impl Error {
    /// Every code there is; `hinge explain` has a page for each.
    pub const CODES: &[&str] = &[
        "data-locked",
        "data-busy",
        "data-missing",
        "folder-unusable",
        "disk-full",
        "disk-failed",
        "data-unreadable",
        "data-too-new",
        "topic-missing",
        "partition-missing",
        "topic-refused",
        "start-missing",
        "broker-unreachable",
        "broker-denied",
        "broker-settings-refused",
        "log-timed-out",
        "fenced",
        "data-loss",
        "not-delivered",
        "record-unwritable",
        "no-progress",
        "session-misused",
        "log-unclassified",
    ];

    /// The stable name of this kind of error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind().0
    }

    /// How a process ends that cannot go on after this error.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.kind().1
    }

    fn kind(&self) -> (&'static str, ExitCode) {
        match self {
            Self::Locked { .. } => ("data-locked", ExitCode::Fenced),
            Self::Busy { .. } => ("data-busy", ExitCode::Unavailable),
            Self::DataMissing { .. } => ("data-missing", ExitCode::Config),
            Self::FolderUnusable { .. } => ("folder-unusable", ExitCode::Config),
            Self::DiskFull { .. } => ("disk-full", ExitCode::Io),
            Self::DiskFailed { .. } => ("disk-failed", ExitCode::Io),
            Self::DataUnreadable { .. } => ("data-unreadable", ExitCode::Io),
            Self::DataTooNew { .. } => ("data-too-new", ExitCode::Config),
            Self::TopicMissing { .. } => ("topic-missing", ExitCode::Config),
            Self::PartitionMissing { .. } => ("partition-missing", ExitCode::Config),
            Self::TopicRefused { .. } => ("topic-refused", ExitCode::Config),
            Self::StartMissing { .. } => ("start-missing", ExitCode::Config),
            Self::BrokerUnreachable { .. } => ("broker-unreachable", ExitCode::Unavailable),
            Self::BrokerDenied { .. } => ("broker-denied", ExitCode::Denied),
            Self::SettingsRefused { .. } => ("broker-settings-refused", ExitCode::Config),
            Self::TimedOut { .. } => ("log-timed-out", ExitCode::Unavailable),
            Self::Fenced { .. } => ("fenced", ExitCode::Fenced),
            Self::DataLoss { .. } => ("data-loss", ExitCode::Internal),
            Self::NotDelivered { .. } => ("not-delivered", ExitCode::Unavailable),
            Self::Unwritable { .. } => ("record-unwritable", ExitCode::Internal),
            Self::NoProgress { .. } => ("no-progress", ExitCode::Internal),
            Self::Misused { .. } => ("session-misused", ExitCode::Internal),
            Self::Unclassified { .. } => ("log-unclassified", ExitCode::Internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ExitCode};

    #[test]
    fn codes_are_kebab_case_and_told_once() {
        for (place, code) in Error::CODES.iter().enumerate() {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
            assert!(!Error::CODES[place + 1..].contains(code), "{code}");
        }
    }

    #[test]
    fn an_error_has_a_listed_code_an_exit_code_and_a_sentence_that_helps() {
        let error = Error::TopicMissing { topic: "order.events".to_owned() };
        assert!(Error::CODES.contains(&error.code()));
        assert_eq!((error.exit_code(), error.exit_code().number()), (ExitCode::Config, 78));
        let sentence = "there is no topic `order.events`; create it with `hinge topics apply` (an input topic with `--inputs`), or correct its name";
        assert_eq!(error.to_string(), sentence);
    }
}
