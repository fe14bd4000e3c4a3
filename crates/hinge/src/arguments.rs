//! What many commands take: which log, which policy, how results are written.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: JSON, one object a line where there are many
    Json,
}

/// Which log.
#[derive(Debug, Args, Clone)]
pub(crate) struct LogArgs {
    /// Folder of the embedded log [default: ./hinge-data]
    #[arg(long, value_name = "DIR", conflicts_with = "brokers")]
    pub(crate) data: Option<PathBuf>,

    /// Kafka brokers instead of the embedded log
    #[arg(long, value_name = "HOST:PORT,..")]
    pub(crate) brokers: Option<String>,
}

/// Which policy.
#[derive(Debug, Args, Clone)]
pub(crate) struct PolicyArgs {
    /// Policy directory; `hinge init DIR` writes one to start from
    #[arg(long, value_name = "DIR", default_value = "./policy")]
    pub(crate) policy: PathBuf,
}
