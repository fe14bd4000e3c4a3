//! `hinge run`: starts the services, waits, drains.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hinge_router::{Clock, Metrics, Parts, Pulse, ROLE, Router, Summary};
use hinge_schema::Catalogue;
use hinge_stream::SessionOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::admin::{self, Admin};
use crate::cli::{Format, Role, RunArgs};
use crate::exit::Coded;
use crate::opening::IfMissing;
use crate::settings::Settings;
use crate::{opening, summary, telemetry};

/// How long a worker may take to finish its batch once it is asked to end; Kubernetes waits 30 s by default.
const GRACE: Duration = Duration::from_secs(25);

/// Runs the services until they end or are told to.
pub(crate) fn run(args: &RunArgs, mut settings: Settings, format: Format, out: &mut dyn Write) -> Result<()> {
    apply(args, &mut settings);
    let catalogue = Catalogue::builtin();
    let loaded = opening::load_policy(&args.policy.policy, &catalogue)?;
    let opened = opening::open_log(&settings, IfMissing::Begin)?;
    opening::prepare_embedded(&opened, &settings, &loaded.policy)?;
    tracing::info!(policy = %loaded.name, policy_version = %loaded.policy.version, "policy loaded");
    tracing::info!(settings = %settings.in_force(), "settings in force");

    let registry = telemetry::registry(&loaded.policy.version)?;
    let metrics = Metrics::register(&registry, &loaded.policy, &settings.input_topics())?;
    let pulse = Arc::new(Pulse::default());
    let parts = Parts {
        session: opened.log.session(&session_options(&settings)?)?,
        policy: Arc::new(loaded.policy),
        catalogue,
        settings: hinge_router::Settings {
            limits: settings.limits(),
            windows: settings.windows(),
            clock: Clock::Wall,
            drain: args.drain,
        },
        metrics,
        pulse: Arc::clone(&pulse),
    };
    // One role so far: whichever are asked for, it is the router.
    let Role::Router = args.role.first().copied().unwrap_or(Role::Router);
    let router = Router::new(parts);
    let admin = Admin { registry, pulse: Arc::clone(&pulse) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let summary = runtime.block_on(async {
        if !settings.admin.listen.is_empty() {
            admin::serve(&settings.admin.listen, admin).await?;
        }
        supervise(router, &pulse).await
    })?;
    tracing::info!(records = summary.records(), "router ended");
    if args.drain {
        summary::write(&summary, format, out)?;
    }
    Ok(())
}

fn apply(args: &RunArgs, settings: &mut Settings) {
    opening::apply_log_args(settings, &args.log);
    if let Some(start_at) = &args.start_at {
        settings.stream.start_at.clone_from(start_at);
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

fn session_options(settings: &Settings) -> Result<SessionOptions> {
    Ok(SessionOptions {
        group: format!("hinge-{ROLE}"),
        instance: settings.stream.instance.clone(),
        topics: settings.input_topics(),
        start_at: settings.start_at()?,
    })
}

/// Runs the worker on a thread of its own; the first signal asks it to finish, a second ends the process.
async fn supervise(router: Router, pulse: &Arc<Pulse>) -> Result<Summary> {
    let (report, mut reported) = oneshot::channel();
    let worker = std::thread::Builder::new().name(ROLE.to_owned());
    let handle = worker.spawn(move || {
        // The receiver only goes away when the process ends anyway.
        let _ = report.send(router.run());
    })?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut asked = false;
    let ended = loop {
        let patience =
            async { if asked { tokio::time::sleep(GRACE).await } else { std::future::pending().await } };
        tokio::select! {
            ended = &mut reported => break ended,
            () = patience => {
                let message = format!("the worker did not finish within {} s; what it had not committed is decided again after a restart", GRACE.as_secs());
                return Err(Coded::new("worker-stuck", 70, message).into());
            }
            _ = terminate.recv() => asked = second_signal(asked, pulse),
            _ = interrupt.recv() => asked = second_signal(asked, pulse),
        }
    };
    handle.join().map_err(|_| Coded::new("worker-stuck", 70, "the worker ended by a defect of Hinge"))?;
    Ok(ended.context("the worker ended without a word")??)
}

/// The first signal asks the worker to finish; the second ends the process at once.
#[expect(clippy::disallowed_methods, reason = "a second signal means now, without draining")]
fn second_signal(asked: bool, pulse: &Pulse) -> bool {
    if asked {
        std::process::exit(130);
    }
    tracing::info!("asked to end: finishing the batch; a second signal ends at once");
    pulse.request_stop();
    true
}
