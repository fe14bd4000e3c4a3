//! The one binary: parses the command line, reads the settings, starts logging and hands over to a command.

mod admin;
mod cli;
mod demo;
mod exit;
mod explain;
mod ingest;
mod opening;
mod run;
mod settings;
mod summary;
mod tail;
mod telemetry;
mod topics;
mod why;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use hinge_policy::{StarterError, write_starter};
use hinge_schema::Catalogue;
use serde_json::json;

use cli::{Cli, Command, Format, PolicyArgs};
use exit::Coded;
use opening::IfMissing;
use settings::Settings;

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
        Command::Init { dir } => init(&dir, out)?,
        Command::Check(policy) => return check(&policy, format, out),
        Command::Run(args) => run::run(&args, settings, format, out)?,
        Command::Ingest { log, policy, ingest } => {
            opening::apply_log_args(&mut settings, &log);
            let _ = (&policy, &ingest);
        }
        Command::Tail(args) => {
            opening::apply_log_args(&mut settings, &args.log);
            tail::tail(&args, &opening::open_log(&settings, IfMissing::Refuse)?, format, out)?;
        }
        Command::Why { log, id } => {
            opening::apply_log_args(&mut settings, &log);
            why::why(&id, &opening::open_log(&settings, IfMissing::Refuse)?, format, out)?;
        }
        Command::Topics { action } => topics::topics(&action, settings, format, out)?,
        Command::Demo(args) => demo::demo(&args, &settings, out)?,
        Command::Explain { code } => explain::explain(&code, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn init(dir: &Path, out: &mut dyn Write) -> Result<()> {
    let written = write_starter(dir).map_err(|error| match error {
        StarterError::Exists(_) => Coded::new("starter-exists", 1, error.to_string()).into(),
        StarterError::Io { .. } => anyhow::Error::from(error),
    })?;
    for path in written {
        writeln!(out, "wrote {}", path.display())?;
    }
    writeln!(out, "\nnext: change it, then `hinge check --policy {}`", dir.display())?;
    Ok(())
}

fn check(args: &PolicyArgs, format: Format, out: &mut dyn Write) -> Result<ExitCode> {
    match hinge_policy::load(&args.policy, &Catalogue::builtin()) {
        Ok(loaded) => {
            let policy = &loaded.policy;
            let (departments, rules) = (policy.departments.len(), policy.rules.len());
            match format {
                Format::Json => writeln!(
                    out,
                    "{}",
                    json!({"name": loaded.name, "version": policy.version.as_ref(), "departments": departments, "rules": rules})
                )?,
                Format::Text => writeln!(
                    out,
                    "{}: {departments} departments, {rules} rules, version {}: nothing to object to",
                    loaded.name, policy.version
                )?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) if format == Format::Json => {
            for problem in problems.0 {
                writeln!(
                    out,
                    "{}",
                    json!({"code": problem.code, "file": problem.file, "line": problem.line, "column": problem.column,
                           "message": problem.message, "help": problem.help})
                )?;
            }
            Ok(ExitCode::from(2))
        }
        Err(problems) => Err(problems.into()),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
