//! Logs and metrics of the process.

use std::io::IsTerminal;

use anyhow::Result;
use prometheus::{IntGaugeVec, Opts, Registry};
use tracing_subscriber::EnvFilter;

use crate::exit::Coded;
use crate::settings::{LogFormat, LogSettings};

/// Starts logging to standard error.
pub(crate) fn start_logging(settings: &LogSettings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|_| {
        let message = format!("`{}` is no log level; give error, warn, info, debug or trace", settings.level);
        Coded::new("settings-invalid", 78, message)
    })?;
    // A closed standard error is no reason to stop working.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match settings.format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// A registry with what every process tells of itself.
pub(crate) fn registry(policy_version: &str) -> Result<Registry> {
    let registry = Registry::new();
    let build = IntGaugeVec::new(
        Opts::new("hinge_build_info", "Always 1; the labels tell which program runs which policy."),
        &["version", "policy_version"],
    )?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION"), policy_version]).set(1);
    registry.register(Box::new(build))?;
    Ok(registry)
}
