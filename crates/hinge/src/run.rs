//! `hinge run`: starts the services, waits, drains.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, ValueEnum};
use hinge_router::{Clock, Metrics, Parts, Pulse, ROLE, Router, Summary};
use hinge_stream::SessionOptions;

use crate::admin::Admin;
use crate::arguments::{Format, LogArgs, PolicyArgs};
use crate::crew::{Crew, Plan};
use crate::exit::Coded;
use crate::opening::IfMissing;
use crate::settings::Settings;
use crate::versions::{self, Version};
use crate::watch::Watch;
use crate::{confluent, opening, summary, telemetry};

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

    /// How many workers this process has on Kafka, each with its share of the partitions [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<usize>,

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

/// Runs the services until they end or are told to.
pub(crate) fn run(args: &RunArgs, mut settings: Settings, format: Format, out: &mut dyn Write) -> Result<()> {
    apply(args, &mut settings);
    let settings = settings.checked()?;
    let catalogue = confluent::catalogue(&settings)?;
    let loaded = opening::load_policy(&args.policy.policy, &catalogue)?;
    tracing::info!(policy = %loaded.name, policy_version = %loaded.policy.version, "policy loaded");
    for warning in &loaded.warnings {
        let (file, line, code) = (warning.file.display(), warning.line, warning.code);
        tracing::warn!(%file, line, code, what = %warning.message, "the policy has a warning");
    }
    tracing::info!(settings = %settings.in_force(), "settings in force");
    let topics = settings.topics_read(&loaded.sources)?;
    let registry = telemetry::registry(&loaded.policy.version)?;
    let metrics = Metrics::register(&registry, &loaded.policy, &topics)?;
    let crew = Crew::of(settings.workers()?);
    let watch = Watch::start(&settings.admin.listen, Admin { registry, crew: crew.clone() })?;

    let opened = opening::open_log(&settings, IfMissing::Begin)?;
    opening::prepare_embedded(&opened, &settings, &loaded)?;
    // One role so far: whichever are asked for, it is the router.
    let Role::Router = args.role.first().copied().unwrap_or(Role::Router);
    let version = Version::of(&loaded);
    let policy = Arc::new(loaded.policy);
    let start_at = settings.start_at()?;
    let start = |seat: usize, pulse: &Arc<Pulse>| -> Result<Router> {
        let options = SessionOptions {
            group: format!("hinge-{ROLE}"),
            instance: instance(&settings.stream.instance, seat),
            topics: topics.clone(),
            start_at,
        };
        let (mut session, mut reader) = (opened.log.session(&options)?, opened.log.reader()?);
        versions::store(&version, &catalogue, session.as_mut(), reader.as_mut())?;
        Ok(Router::new(Parts {
            session,
            reader,
            policy: Arc::clone(&policy),
            catalogue: catalogue.clone(),
            sources: loaded.sources.clone(),
            settings: hinge_router::Settings {
                limits: settings.limits(),
                windows: settings.windows(&topics),
                hold: settings.hold(),
                stops: settings.stops(),
                clock: Clock::Wall,
                drain: args.drain,
            },
            metrics: metrics.at_seat(seat),
            pulse: Arc::clone(pulse),
        }))
    };
    watch.work_begins();
    let summary = crew.work(&Plan { start: &start, drain: args.drain, metrics: &metrics })?;
    tracing::info!(records = summary.records(), "router ended");
    if args.drain {
        summary::write(&summary, format, out)?;
        if !summary.stopped.is_empty() {
            out.flush()?;
            return Err(stopped(&summary).into());
        }
    }
    Ok(())
}

/// Everything was handled but for what lies in stopped partitions.
fn stopped(summary: &Summary) -> Coded {
    let stopped: Vec<String> =
        summary.stopped.iter().map(|(place, stop)| format!("`{place}` ({stop})")).collect();
    let message = format!(
        "everything else is handled, but these partitions stopped: {}; look with `hinge dead-letters list` and `hinge \
         held list`, mend the cause, and run again",
        stopped.join(", ")
    );
    Coded::new("partition-stopped", 65, message)
}

fn apply(args: &RunArgs, settings: &mut Settings) {
    opening::apply_log_args(settings, &args.log);
    if let Some(start_at) = &args.start_at {
        settings.stream.start_at.clone_from(start_at);
    }
    if let Some(workers) = args.workers {
        settings.stream.workers = workers;
    }
    if let Some(instance) = &args.instance {
        settings.stream.instance.clone_from(instance);
    }
    match &args.admin {
        Some(listen) => settings.admin.listen.clone_from(listen),
        None if args.drain => settings.admin.listen.clear(),
        None => {}
    }
}

/// The instance of a worker: the first one has the process's name.
fn instance(process: &str, seat: usize) -> String {
    if seat == 0 { process.to_owned() } else { format!("{process}-{seat}") }
}
