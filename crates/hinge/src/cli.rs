//! The command line: every command and its help. What a command takes stands where the command is.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::arguments::{Format, LogArgs, PolicyArgs};
use crate::demo::DemoArgs;
use crate::held::HeldArgs;
use crate::ingest::IngestArgs;
use crate::letters::LettersArgs;
use crate::map::MapAction;
use crate::policies::InitArgs;
use crate::replay::{PlanArgs, ReplayArgs};
use crate::resume::ResumeArgs;
use crate::run::RunArgs;
use crate::schemas::SchemasAction;
use crate::tail::TailArgs;
use crate::topics::TopicsAction;
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
