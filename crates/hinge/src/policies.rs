//! `hinge init` and `hinge check`: a policy to start from, and whether it holds.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use hinge_policy::{Diagnostic, Loaded, Problems, StarterError, write_schemas, write_starter};
use hinge_schema::Catalogue;
use serde_json::json;

use crate::arguments::{Format, PolicyArgs};
use crate::exit::{self, Coded};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory, which must not hold a policy yet
    dir: PathBuf,

    /// Write only the schemas by which editors check and complete the files, also where a policy is
    #[arg(long)]
    schemas: bool,
}

/// Writes the starter policy.
pub(crate) fn init(args: &InitArgs, out: &mut dyn Write) -> Result<()> {
    let dir = &args.dir;
    let written = if args.schemas { write_schemas(dir) } else { write_starter(dir) };
    let written = written.map_err(|error| match error {
        StarterError::Exists(_) => Coded::new("starter-exists", 1, error.to_string()).into(),
        StarterError::Io { .. } => anyhow::Error::from(error),
    })?;
    for path in written {
        writeln!(out, "wrote {}", path.display())?;
    }
    if !args.schemas {
        writeln!(out, "\nnext: change it, then `hinge check --policy {}`", dir.display())?;
    }
    Ok(())
}

/// Checks a policy; what is wrong with it is written as help, or as JSON for editors.
pub(crate) fn check(
    args: &PolicyArgs,
    settings: &Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    match hinge_policy::load(&args.policy, &Catalogue::builtin()) {
        Ok(loaded) => {
            settings.topics_read(&loaded.sources)?;
            well(loaded, format, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) if format == Format::Json => {
            for problem in &problems.0 {
                writeln!(out, "{}", in_json(problem))?;
            }
            Ok(ExitCode::from(2))
        }
        Err(problems) => Err(problems.into()),
    }
}

/// Says that a policy holds, and what hardly means what was meant.
fn well(loaded: Loaded, format: Format, out: &mut dyn Write) -> Result<()> {
    let Loaded { name, policy, tests, .. } = loaded;
    let warnings = Problems(loaded.warnings);
    let (departments, rules) = (policy.departments.len(), policy.rules.len());
    let people = policy.people.len();
    match format {
        Format::Json => {
            for warning in &warnings.0 {
                writeln!(out, "{}", in_json(warning))?;
            }
            let version = policy.version.as_ref();
            writeln!(
                out,
                "{}",
                json!({"name": name, "version": version, "departments": departments, "people": people, "rules": rules, "tests": tests})
            )?;
        }
        Format::Text => {
            let verdict = if warnings.0.is_empty() {
                "nothing to object to".to_owned()
            } else {
                exit::warn(&warnings);
                exit::counted(&warnings)
            };
            let version = &policy.version;
            writeln!(
                out,
                "{name}: {departments} departments, {people} people, {rules} rules, {tests} rule tests passed, version {version}: {verdict}"
            )?;
        }
    }
    Ok(())
}

/// A diagnostic for an editor: one object a line.
fn in_json(it: &Diagnostic) -> serde_json::Value {
    let mut object = json!({
        "severity": it.severity.name(), "code": it.code, "file": it.file, "line": it.line, "column": it.column,
        "end_line": it.end_line, "end_column": it.end_column, "message": it.message, "help": it.help,
    });
    if let Some(suggestion) = &it.suggestion {
        object["suggestion"] = json!(suggestion);
    }
    object
}
