//! The thread beside the work: signals, the admin port, and the patience of whoever asked us to end.
//!
//! It is there before the log is opened, so that a signal is never missed: one before the work has begun
//! ends the process at once, since there is nothing to finish; the first one after that asks the worker to
//! finish its batch; a second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::{self, Admin};
use crate::crew::Crew;
use crate::exit::{self, Coded};

/// How long a worker may take to finish its batch once it is asked to end; Kubernetes waits 30 s by default.
const GRACE: Duration = Duration::from_secs(25);

/// The exit code of a process that a signal ended at once.
const AT_ONCE: i32 = 130;

/// Watches over the work of this process.
pub(crate) struct Watch {
    working: Arc<AtomicBool>,
}

impl Watch {
    /// Starts watching: signals are heard and the admin port is open when this returns.
    pub(crate) fn start(listen: &str, admin: Admin) -> Result<Self> {
        let working = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&working);
        let listen = listen.to_owned();
        let (report, started) = mpsc::channel();
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                // Who waits for the report learns from its absence.
                Err(error) => return drop(report.send(Err(error.into()))),
            };
            runtime.block_on(async {
                let crew = admin.crew.clone();
                match prepare(&listen, admin).await {
                    Ok(signals) => {
                        // The process goes on whether or not somebody took the report.
                        let _ = report.send(Ok(()));
                        hear(signals, &seen, &crew).await;
                    }
                    Err(error) => drop(report.send(Err(error))),
                }
            });
        })?;
        started.recv().context("the watching thread ended before it began")??;
        Ok(Self { working })
    }

    /// From now on a signal asks the worker to finish instead of ending the process.
    pub(crate) fn work_begins(&self) {
        self.working.store(true, Ordering::Release);
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

async fn prepare(listen: &str, admin: Admin) -> Result<Signals> {
    let signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    if !listen.is_empty() {
        admin::serve(listen, admin).await?;
    }
    Ok(signals)
}

#[expect(clippy::disallowed_methods, reason = "ending at once, without draining, is what was asked for")]
async fn hear(mut signals: Signals, working: &AtomicBool, crew: &Crew) {
    let mut asked = false;
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
            () = tokio::time::sleep(GRACE), if asked => {
                let message = format!(
                    "the worker did not finish within {} s; what it had not committed is decided again after a restart",
                    GRACE.as_secs()
                );
                exit::report(&Coded::new("worker-stuck", 70, message).into());
                std::process::exit(70);
            }
        }
        if asked || !working.load(Ordering::Acquire) {
            std::process::exit(AT_ONCE);
        }
        asked = true;
        tracing::info!("asked to end: finishing the batch; a second signal ends at once");
        crew.request_stop();
    }
}
