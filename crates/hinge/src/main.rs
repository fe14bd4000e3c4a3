//! The one binary: parses the command line, reads the settings, starts logging and hands over to a command.

mod admin;
mod arguments;
mod by;
mod cli;
mod confluent;
mod crew;
mod demo;
mod exit;
mod explain;
mod held;
mod ingest;
mod letters;
mod map;
mod opening;
mod policies;
mod replay;
mod resume;
mod run;
mod schemas;
mod settings;
mod summary;
mod tail;
mod telemetry;
mod topics;
mod versions;
mod watch;
mod why;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use hinge_schema::Catalogue;

use arguments::Format;
use cli::{Cli, Command};
use exit::Coded;
use ingest::IngestArgs;
use opening::IfMissing;
use settings::Settings;

/// Records come and go in great numbers, here and in librdkafka, whose memory comes from the same place.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    match handle(cli, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => code,
        // Whoever reads our output has seen enough (`hinge tail .. | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn handle(cli: Cli, out: &mut dyn Write) -> Result<ExitCode> {
    let format = cli.everywhere.format;
    let mut settings = Settings::read(cli.everywhere.config.as_deref())?;
    if let Some(level) = &cli.everywhere.log {
        settings.log.level.clone_from(level);
    } else if !matches!(cli.command, Command::Run(_)) {
        // What a command has to say goes to standard output; its log only speaks up when something is wrong.
        "warn".clone_into(&mut settings.log.level);
    }
    telemetry::start_logging(&settings.log)?;
    match cli.command {
        Command::Init(args) => policies::init(&args, out)?,
        Command::Check(policy) => return policies::check(&policy, &settings, format, out),
        Command::Run(args) => run::run(&args, settings, format, out)?,
        Command::Ingest { log, policy, ingest } => {
            opening::apply_log_args(&mut settings, &log);
            ingest_events(&settings, policy.as_deref(), &ingest, format, out)?;
        }
        Command::Map { action } => map::map(&action, settings, format, out)?,
        Command::Tail(args) => {
            opening::apply_log_args(&mut settings, &args.log);
            let catalogue = confluent::catalogue(&settings)?;
            let opened = opening::open_log(&settings, IfMissing::Refuse)?;
            tail::tail(&args, (&opened, &catalogue), format, out)?;
        }
        Command::Why(args) => {
            opening::apply_log_args(&mut settings, &args.log);
            why::why(&args, &settings, &opening::open_log(&settings, IfMissing::Refuse)?, format, out)?;
        }
        Command::WhyNot(args) => {
            opening::apply_log_args(&mut settings, &args.log);
            why::why_not(&args, &settings, &opening::open_log(&settings, IfMissing::Refuse)?, format, out)?;
        }
        Command::Replay(args) => return replay::replay(&args, settings, format, out),
        Command::Plan(args) => return replay::plan(&args, settings, format, out),
        Command::DeadLetters(args) => letters::letters(&args, settings, format, out)?,
        Command::Held(args) => held::held(&args, settings, format, out)?,
        Command::Resume(args) => resume::resume(&args, settings, out)?,
        Command::Topics { action } => topics::topics(&action, settings, format, out)?,
        Command::Schemas { action } => return schemas::schemas(&action, format, out),
        Command::Demo(args) => demo::demo(&args, &settings, out)?,
        Command::Explain { code } => explain::explain(&code, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn ingest_events(
    settings: &Settings,
    policy: Option<&Path>,
    args: &IngestArgs,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let catalogue = Catalogue::builtin();
    if let Some(policy) = policy {
        opening::load_policy(policy, &catalogue)?;
    }
    // Before the log is opened: a mapping that does not hold leaves no folder behind.
    let mapping = hinge_policy::load_mapping(&args.mapping, &catalogue)?;
    let opened = opening::open_log(settings, IfMissing::Begin)?;
    opening::prepare_embedded_inputs(&opened, settings)?;
    let options = ingest::Options { args, topics: settings.topics_by_stream(), now: opening::now(), format };
    let summary = ingest::run(&options, &mapping, opened.log.as_ref(), &catalogue, out)?;
    match summary.broken_off {
        None => Ok(()),
        Some(file) => {
            out.flush()?;
            let message = format!(
                "`{}` broke off: what came before is brought in, what came after is missing; get the whole file",
                file.display()
            );
            Err(Coded::new("input-broken-off", 1, message).into())
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
