//! `hinge demo`: an invented shop and three weeks of its orders, told to its departments while you watch.
//!
//! Everything is real but the shop: the embedded log, the router, the starter policy. The numbers that
//! it shows are read back from the log and the metrics, not from what was made up.

mod screen;
mod shop;

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use hinge_domain::Policy;
use hinge_policy::write_starter;
use hinge_router::{Clock, Metrics, Parts, Pulse, ROLE, Router, Summary};
use hinge_schema::{Catalogue, Sources};
use hinge_stream::{Outgoing, SessionOptions};

use crate::exit::Coded;
use crate::opening::{self, IfMissing, Opened};
use crate::settings::Settings;
use crate::telemetry;
use crate::versions::{self, Version};

/// The file that marks a folder as made by a demo, which may be replaced.
const MARK: &str = ".made-by-hinge-demo";

/// How long each day of the shop is shown to a spectator.
const A_DAY: Duration = Duration::from_millis(220);

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder that the demo makes (policy and data); one that an earlier demo made is replaced
    #[arg(long, value_name = "DIR", default_value = "./hinge-demo")]
    pub(crate) dir: PathBuf,

    /// Do not slow down for spectators
    #[arg(long)]
    pub(crate) fast: bool,
}

/// Runs the demo.
pub(crate) fn demo(args: &DemoArgs, settings: &Settings, out: &mut dyn Write) -> Result<()> {
    let mut settings = settings.clone();
    settings.stream.brokers.clear();
    settings.stream.data = args.dir.join("data");
    prepare(&args.dir)?;
    let catalogue = Catalogue::builtin();
    let loaded = opening::load_policy(&args.dir.join("policy"), &catalogue)?;
    let version = Version::of(&loaded);
    let opened = opening::open_log(&settings, IfMissing::Begin)?;
    opening::prepare_embedded(&opened, &settings, &loaded)?;
    let policy = Arc::new(loaded.policy);
    let registry = telemetry::registry(&policy.version)?;
    let metrics = Metrics::register(&registry, &policy, &settings.input_topics())?;
    let stage = Stage {
        opened: &opened,
        settings: &settings,
        policy: &policy,
        version: &version,
        catalogue: &catalogue,
        metrics: &metrics,
    };

    writeln!(
        out,
        "An invented shop: a campaign promises delivery in two days, and three weeks of orders follow."
    )?;
    writeln!(out, "Everything below is made up, except what Hinge makes of it.\n")?;
    out.flush()?;
    let (written, summary) = stage.three_weeks(args, out)?;
    let id = screen::notifications_in_full(&opened, out)?;
    screen::lag(&registry, out)?;
    screen::rejected(&opened, out)?;
    screen::closure(written, &summary, out)?;
    screen::next_commands(&args.dir, &id, out)
}

/// What the demo plays with.
struct Stage<'a> {
    opened: &'a Opened,
    settings: &'a Settings,
    policy: &'a Arc<Policy>,
    version: &'a Version,
    catalogue: &'a Catalogue,
    metrics: &'a Metrics,
}

impl Stage<'_> {
    /// Writes the shop's records day by day while the router works; gives how many were written
    /// and what became of them.
    fn three_weeks(&self, args: &DemoArgs, out: &mut dyn Write) -> Result<(u64, Summary)> {
        let spectator = std::io::stdout().is_terminal() && !args.fast;
        let pulse = Arc::new(Pulse::default());
        let router = self.router(false, &pulse)?;
        let worker = std::thread::spawn(move || router.run());
        let mut appender = self.opened.log.appender()?;
        let mut screen = screen::Live::new(self.policy, spectator);
        let mut written = 0;
        for day in shop::three_weeks(self.catalogue)? {
            for record in &day.records {
                let headers: Vec<(&str, &[u8])> =
                    record.headers.iter().map(|(name, value)| (name.as_ref(), value.as_slice())).collect();
                appender.append(&Outgoing {
                    topic: self.settings.input_topic(record.stream),
                    key: Some(record.key.as_bytes()),
                    value: Some(&record.value),
                    headers: &headers,
                    carried: None,
                    timestamp: None,
                })?;
                written += 1;
            }
            appender.flush()?;
            if spectator {
                std::thread::sleep(A_DAY);
                screen.draw(self.opened, &day.name, out)?;
            }
        }
        pulse.request_stop();
        let mut summary =
            worker.join().map_err(|_| anyhow::anyhow!("the router ended by a defect of Hinge"))??;
        // What the last days left unread, by a second run: where the first one stopped, it goes on.
        summary.merge(&self.router(true, &Arc::new(Pulse::default()))?.run()?);
        screen.draw(self.opened, "after three weeks", out)?;
        Ok((written, summary))
    }

    fn router(&self, drain: bool, pulse: &Arc<Pulse>) -> Result<Router> {
        let mut session = self.opened.log.session(&SessionOptions {
            group: format!("hinge-{ROLE}"),
            instance: self.settings.stream.instance.clone(),
            topics: self.settings.input_topics(),
            start_at: None,
        })?;
        let mut reader = self.opened.log.reader()?;
        versions::store(self.version, self.catalogue, session.as_mut(), reader.as_mut())?;
        Ok(Router::new(Parts {
            session,
            reader,
            policy: Arc::clone(self.policy),
            catalogue: self.catalogue.clone(),
            sources: Sources::default(),
            settings: hinge_router::Settings {
                limits: self.settings.limits(),
                windows: self.settings.windows(&self.settings.input_topics()),
                hold: self.settings.hold(),
                stops: self.settings.stops(),
                clock: Clock::FollowsEvents,
                drain,
            },
            metrics: self.metrics.clone(),
            pulse: Arc::clone(pulse),
        }))
    }
}

/// Makes the folder with the starter policy in it; replaces one that an earlier demo made, and no other.
fn prepare(dir: &Path) -> Result<()> {
    if dir.join(MARK).exists() {
        fs::remove_dir_all(dir).with_context(|| format!("`{}` cannot be replaced", dir.display()))?;
    } else if dir.exists() {
        let message =
            format!("`{}` is there and no demo made it; choose another folder with --dir", dir.display());
        return Err(Coded::new("demo-folder-taken", 1, message).into());
    }
    write_starter(&dir.join("policy"))?;
    fs::write(dir.join(MARK), "made by `hinge demo`; may be deleted\n")?;
    Ok(())
}
