//! `hinge topics`: which topics there are, which there should be, and the missing ones created.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use hinge_schema::Catalogue;
use hinge_stream::TopicSpec;
use serde_json::json;

use crate::arguments::{Format, LogArgs, PolicyArgs};
use crate::opening::{self, IfMissing};
use crate::settings::Settings;
use crate::summary::table;

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

/// Lists, plans or creates topics.
pub(crate) fn topics(
    action: &TopicsAction,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    match action {
        TopicsAction::List { log } => {
            opening::apply_log_args(&mut settings, log);
            let present = opening::open_log(&settings, IfMissing::Refuse)?.log.topics()?.list()?;
            let rows = present.into_iter().map(|topic| (topic.name, topic.partitions, "there"));
            write_rows(rows.collect(), format, out)
        }
        TopicsAction::Plan(args) => plan_or_apply(args, &mut settings, false, format, out),
        TopicsAction::Apply(args) => plan_or_apply(args, &mut settings, true, format, out),
    }
}

fn plan_or_apply(
    args: &TopicsArgs,
    settings: &mut Settings,
    apply: bool,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    opening::apply_log_args(settings, &args.log);
    let loaded = opening::load_policy(&args.policy.policy, &Catalogue::builtin())?;
    let read = settings.topics_read(&loaded.sources)?;
    let mut wanted = if args.inputs { opening::topics_as_read(settings, read) } else { Vec::new() };
    wanted.extend(opening::own_topics(settings, &loaded.policy));
    let mut topics = opening::open_log(settings, IfMissing::Begin)?.log.topics()?;
    let present = topics.list()?;
    let is_there = |spec: &TopicSpec| present.iter().any(|topic| topic.name == spec.name);
    let missing: Vec<TopicSpec> = wanted.iter().filter(|spec| !is_there(spec)).cloned().collect();
    if apply {
        topics.create(&missing)?;
    }
    let state = |spec: &TopicSpec| match (is_there(spec), apply) {
        (true, _) => "there",
        (false, true) => "created",
        (false, false) => "would be created",
    };
    write_rows(
        wanted.iter().map(|spec| (spec.name.clone(), spec.partitions, state(spec))).collect(),
        format,
        out,
    )
}

fn write_rows(rows: Vec<(String, i32, &str)>, format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Json => {
            for (name, partitions, state) in rows {
                writeln!(out, "{}", json!({"topic": name, "partitions": partitions, "state": state}))?;
            }
        }
        Format::Text => {
            let mut table = table(&["topic", "state", "partitions"]);
            for (name, partitions, state) in rows {
                table.add_row([name.as_str(), state, &partitions.to_string()]);
            }
            writeln!(out, "{table}")?;
        }
    }
    Ok(())
}
