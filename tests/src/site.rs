//! A log of a test's own, on either backend, with the topics that a policy asks for.

use std::path::{Path, PathBuf};

use hinge_stream::Log;
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::kafka::KafkaLog;
use tempfile::TempDir;

use crate::kafka::Broker;
use crate::program::{Running, hinge};

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The one in a folder.
    Embedded,
    /// The one of a broker.
    Kafka,
}

/// A log that is gone when this is dropped.
#[derive(Debug)]
pub enum Site {
    /// In a temporary folder.
    Folder(TempDir),
    /// On a broker of its own, because the names of topics and groups are the product's.
    Broker(Broker),
}

impl Site {
    /// An empty log with all topics; `None` where there is no Kafka, which has then been told.
    pub fn fresh(backend: Backend, policy: &Path) -> Option<Self> {
        let site = match backend {
            Backend::Embedded => Self::Folder(tempfile::tempdir().expect("a temporary folder can be made")),
            Backend::Kafka => Self::Broker(Broker::start()?),
        };
        site.apply_topics(policy, 1);
        Some(site)
    }

    /// The same on a broker that runs already, with so many copies of each topic.
    pub fn on(broker: Broker, policy: &Path, copies: u8) -> Self {
        let site = Self::Broker(broker);
        site.apply_topics(policy, copies);
        site
    }

    fn apply_topics(&self, policy: &Path, copies: u8) {
        let mut arguments = words(&["topics", "apply", "--inputs", "--policy"]);
        arguments.push(policy.display().to_string());
        arguments.extend(self.flags());
        let mut command = hinge(arguments);
        command.env("HINGE_STREAM__REPLICATION", copies.to_string());
        Running::start(&mut command).ended().well();
    }

    /// The flags that name this log.
    pub fn flags(&self) -> Vec<String> {
        match self {
            Self::Folder(folder) => words(&["--data", &folder.path().display().to_string()]),
            Self::Broker(broker) => words(&["--brokers", broker.address()]),
        }
    }

    /// The arguments of `hinge run` on this log, from its beginning on.
    pub fn run(&self, policy: &Path) -> Vec<String> {
        let mut arguments = words(&["run", "--start-at", "earliest", "--admin", "", "--policy"]);
        arguments.push(policy.display().to_string());
        arguments.extend(self.flags());
        arguments
    }

    /// The arguments of `hinge run --drain --format json` on this log.
    pub fn drain(&self, policy: &Path) -> Vec<String> {
        let mut arguments = self.run(policy);
        arguments.extend(words(&["--drain", "--format", "json"]));
        arguments
    }

    /// The log, without the program.
    pub fn open(&self) -> Box<dyn Log> {
        match self {
            Self::Folder(folder) => Box::new(
                EmbeddedLog::open(folder.path(), Options::default()).expect("the folder is writable"),
            ),
            Self::Broker(broker) => {
                let settings = hinge_stream::kafka::Settings::new(broker.address());
                Box::new(KafkaLog::connect(settings).expect("the broker answers"))
            }
        }
    }

    /// Topics of a broker in which a transaction is open, a sentence each. A folder lets go of a
    /// transaction with the process that had it.
    pub fn open_transactions(&self) -> Vec<String> {
        let Self::Broker(broker) = self else { return Vec::new() };
        let mut open = Vec::new();
        for topic in self.open().topics().and_then(|mut topics| topics.list()).expect("the broker answers") {
            for partition in 0..topic.partitions {
                let [stable, written] = ["read_committed", "read_uncommitted"]
                    .map(|isolation| broker.end_of(&topic.name, partition, isolation));
                if stable != written {
                    let place = format!("{}/{partition}", topic.name);
                    open.push(format!(
                        "a transaction is open in `{place}`: {stable} of {written} can be read"
                    ));
                }
            }
        }
        open
    }

    /// The file of an embedded log.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.path().join("log.sqlite")),
            Self::Broker(_) => None,
        }
    }
}

/// Arguments of a command.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
