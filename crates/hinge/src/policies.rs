//! `hinge init` and `hinge check`: a policy to start from, and whether it holds.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use hinge_policy::{StarterError, write_starter};
use hinge_schema::Catalogue;
use serde_json::json;

use crate::cli::{Format, PolicyArgs};
use crate::exit::Coded;
use crate::settings::Settings;

/// Writes the starter policy.
pub(crate) fn init(dir: &Path, out: &mut dyn Write) -> Result<()> {
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
