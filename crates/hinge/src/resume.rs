//! `hinge resume`: lets a stopped partition go on.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use hinge_router::{operator, parse_partition};
use hinge_stream::TopicPartition;

use crate::arguments::LogArgs;
use crate::by::ByArgs;
use crate::exit::Coded;
use crate::opening::{self, IfMissing};
use crate::settings::Settings;

/// `hinge resume ..`
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The partition, written TOPIC/PARTITION
    #[arg(value_parser = partition)]
    partition: TopicPartition,
    #[command(flatten)]
    by: ByArgs,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

fn partition(text: &str) -> Result<TopicPartition, String> {
    parse_partition(text).ok_or_else(|| "not of the form `topic/partition`".to_owned())
}

/// Writes down that the partition shall go on.
pub(crate) fn resume(args: &ResumeArgs, mut settings: Settings, out: &mut dyn Write) -> Result<()> {
    opening::apply_log_args(&mut settings, &args.log);
    let opened = opening::open_log(&settings, IfMissing::Refuse)?;
    let place = &args.partition;
    let there = opened.log.reader()?.bounds(&place.topic)?;
    if !there.iter().any(|(known, ..)| known == place) {
        let message =
            format!("there is no partition `{place}`; `hinge topics list` says how many a topic has");
        return Err(Coded::new("not-found", 1, message).into());
    }
    let mut name = String::new();
    let by = args.by.with(&mut name, args.reason.as_deref());
    operator::resume(opened.log.appender()?.as_mut(), place, &by)?;
    writeln!(
        out,
        "The router that has {place} lets it go on a second from now, with its counts at zero, if it is stopped. A \
         restart does the same."
    )?;
    Ok(())
}
