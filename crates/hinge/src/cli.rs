//! The command line: every command, flag and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::held::HeldArgs;
use crate::ingest::IngestArgs;
use crate::letters::LettersArgs;
use crate::map::MapAction;
use crate::policies::InitArgs;
use crate::replay::{PlanArgs, ReplayArgs};
use crate::resume::ResumeArgs;
use crate::schemas::SchemasAction;
use crate::why::{WhyArgs, WhyNotArgs};

/// Hinge tells every department what has been promised, what an order, a delivery or a complaint asks of
/// it, and measures how long the telling takes.
#[derive(Debug, Parser)]
#[command(name = "hinge", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Everywhere {
    /// Settings file (TOML); `hinge explain settings` prints all settings with their defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// What is logged to standard error: error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented policy to start from
    Init(InitArgs),
    /// Check a policy and run its rule tests: everything that is wrong at once, with file, line and what to do
    /// (exit code 2; warnings alone 0)
    Check(PolicyArgs),
    /// Run the services: events in, notifications out
    Run(RunArgs),
    /// Bring in events from CSV or JSON lines, by a mapping
    Ingest {
        #[command(flatten)]
        log: LogArgs,
        /// Policy directory, checked before anything is brought in
        #[arg(long, value_name = "DIR")]
        policy: Option<PathBuf>,
        #[command(flatten)]
        ingest: IngestArgs,
    },
    /// Try a mapping for files or a source for topics: what comes out, row by row
    Map {
        #[command(subcommand)]
        action: MapAction,
    },
    /// Read a topic: notifications, decisions, dead letters or events, decoded
    Tail(TailArgs),
    /// Tell why somebody was told, or why nobody was: about a notification, an event, a record or an order
    Why(WhyArgs),
    /// Tell why a department was not told of an event, rule by rule, with proof
    WhyNot(WhyNotArgs),
    /// Decide the recorded input again and compare with what was told (exit code 0: nothing differs, 1: something does)
    Replay(ReplayArgs),
    /// Show on recorded history who would be told more, less or otherwise under a new policy, before it runs
    Plan(PlanArgs),
    /// Look at records that were rejected; replay them, repaired or as they came, or discard them
    DeadLetters(LettersArgs),
    /// Look at the records that wait behind a rejected one of their key; release or discard them
    Held(HeldArgs),
    /// Let a partition go on that stopped because too many of its records were rejected
    Resume(ResumeArgs),
    /// Look at topics and create them; services never create topics by writing
    Topics {
        #[command(subcommand)]
        action: TopicsAction,
    },
    /// List the event types, print their schemas, or check whether a schema of yours fits
    Schemas {
        #[command(subcommand)]
        action: SchemasAction,
    },
    /// Watch Hinge work: an invented shop and three weeks of its orders, on this machine, without any server
    Demo(DemoArgs),
    /// Explain a code of an error or dead letter, `codes` (all of them), `settings` or `exit-codes`
    Explain {
        /// The code
        code: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Which services, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLE,..")]
    pub(crate) role: Vec<Role>,

    /// End once everything readable has been handled, and print what became of it
    #[arg(long)]
    pub(crate) drain: bool,

    /// Where a group begins that has never committed: earliest, latest or a time (Kafka needs it the first time)
    #[arg(long, value_name = "PLACE")]
    pub(crate) start_at: Option<String>,

    /// Which worker of the group this is; stable over restarts
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,

    /// Where /livez, /readyz and /metrics are served [default: 127.0.0.1:9464; with --drain nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) admin: Option<String>,
}

/// The services. One name in five places: crate, role, deployment, consumer group and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Events in, one notification per department concerned out
    Router,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,

    /// The topic, such as hinge.notifications.quality
    pub(crate) topic: String,

    /// Stop at the end instead of waiting for more
    #[arg(long)]
    pub(crate) until_end: bool,

    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsAction {
    /// List the topics that are there
    List {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Show which topics would be created
    Plan(TopicsArgs),
    /// Create the topics that are missing; existing ones are left as they are
    Apply(TopicsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Also the input topics, which usually belong to the systems that write them
    #[arg(long)]
    pub(crate) inputs: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder that the demo makes (policy and data); one that an earlier demo made is replaced
    #[arg(long, value_name = "DIR", default_value = "./hinge-demo")]
    pub(crate) dir: PathBuf,

    /// Do not slow down for spectators
    #[arg(long)]
    pub(crate) fast: bool,
}
