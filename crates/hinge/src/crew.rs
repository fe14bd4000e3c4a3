//! The workers of this process: each on a thread of its own, and started again where waiting may help.
//!
//! A worker that cannot reach the brokers is started again, a little later each time. Anything else that ends a worker
//! ends the process, with the exit code that says why: the others finish their batches first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hinge_router::{Metrics, Pulse, Router, Summary};
use hinge_stream::ExitCode;

use crate::exit::Coded;

/// How long a worker stays down after it could not reach the brokers, the first time, the second time, ..
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// A worker that worked for so long begins anew with the shortest wait.
const WELL: Duration = Duration::from_mins(2);

/// How often somebody who waits looks whether the process is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What the outside may know of all workers together, and ask of them.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pulses: Vec<Arc<Pulse>>,
}

impl Crew {
    /// So many workers, none of which has begun.
    pub(crate) fn of(workers: usize) -> Self {
        Self { pulses: (0..workers).map(|_| Arc::default()).collect() }
    }

    /// Asks all of them to finish their batches and end.
    pub(crate) fn request_stop(&self) {
        self.pulses.iter().for_each(|pulse| pulse.request_stop());
    }

    /// Whether all of them have their partitions and know what was met in them.
    pub(crate) fn is_ready(&self) -> bool {
        self.pulses.iter().all(|pulse| pulse.is_ready())
    }

    /// The partitions that stand still, a sentence each.
    pub(crate) fn stopped(&self) -> Vec<String> {
        self.pulses.iter().flat_map(|pulse| pulse.stopped()).collect()
    }

    /// How long ago the worker last went round that did so longest ago.
    pub(crate) fn since_last_beat(&self) -> Duration {
        self.pulses.iter().map(|pulse| pulse.since_last_beat()).max().unwrap_or_default()
    }

    /// Lets them work until they end or are told to; `start` makes the router of a worker.
    pub(crate) fn work(&self, plan: &Plan<'_>) -> Result<Summary> {
        thread::scope(|scope| {
            let workers: Vec<_> = self
                .pulses
                .iter()
                .enumerate()
                .map(|(seat, pulse)| {
                    let work = move || {
                        // A worker that panics must not leave the others working on, and the process waiting for them.
                        let ended = catch_unwind(AssertUnwindSafe(|| plan.keep_working(seat, pulse)))
                            .unwrap_or_else(|_| Err(defect()));
                        if ended.is_err() || !plan.drain {
                            self.request_stop();
                        }
                        ended
                    };
                    let thread = thread::Builder::new().name(format!("worker-{seat}"));
                    let started = thread.spawn_scoped(scope, work);
                    if started.is_err() {
                        self.request_stop();
                    }
                    started.context("a worker's thread cannot be started")
                })
                .collect();
            let mut all = Summary::default();
            let mut failure = None;
            for worker in workers {
                let ended = worker.and_then(|worker| worker.join().unwrap_or_else(|_| Err(defect())));
                match ended {
                    Ok(summary) => {
                        let mut stopped = std::mem::take(&mut all.stopped);
                        all.merge(&summary);
                        stopped.extend(summary.stopped);
                        all.stopped = stopped;
                    }
                    Err(error) => drop(failure.get_or_insert(error)),
                }
            }
            failure.map_or(Ok(all), Err)
        })
    }
}

/// How the workers are started.
pub(crate) struct Plan<'a> {
    /// Makes the router of the worker with this number.
    pub(crate) start: &'a (dyn Fn(usize, &Arc<Pulse>) -> Result<Router> + Sync),
    /// Whether they end once everything is handled; then none is started again.
    pub(crate) drain: bool,
    /// Where restarts are counted.
    pub(crate) metrics: &'a Metrics,
}

impl Plan<'_> {
    fn keep_working(&self, seat: usize, pulse: &Arc<Pulse>) -> Result<Summary> {
        let mut turn = 0;
        loop {
            let began = Instant::now();
            let error = match (self.start)(seat, pulse).and_then(|router| Ok(router.run()?)) {
                Ok(summary) => return Ok(summary),
                Err(error) => error,
            };
            pulse.down();
            if self.drain || !may_pass(&error) {
                return Err(error);
            }
            if began.elapsed() >= WELL {
                turn = 0;
            }
            let wait = WAITS[turn.min(WAITS.len() - 1)].mul_f64(fastrand::f64().mul_add(0.4, 0.8));
            turn += 1;
            self.metrics.restarted();
            tracing::error!(
                error = format!("{error:#}"),
                worker = seat,
                seconds = wait.as_secs_f64(),
                "a worker cannot go on for now; it is started again after a while"
            );
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if pulse.stop_requested() {
                    // Nothing was committed halfway, and somebody wants an end.
                    return Ok(Summary::default());
                }
                pulse.beat();
                thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }
}

fn defect() -> anyhow::Error {
    Coded::new("worker-stuck", 70, "the worker ended by a defect of Hinge").into()
}

/// Whether time alone may mend it: the brokers are away.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let stream = match cause.downcast_ref::<hinge_router::Error>() {
            Some(hinge_router::Error::Stream(error)) => Some(error),
            _ => cause.downcast_ref::<hinge_stream::Error>(),
        };
        stream.is_some_and(|error| error.exit_code() == ExitCode::Unavailable)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed_out() -> hinge_stream::Error {
        let doing = "committing".to_owned();
        hinge_stream::Error::TimedOut { doing, waited: Duration::from_secs(12), source: None }
    }

    fn fenced() -> hinge_stream::Error {
        hinge_stream::Error::Fenced { id: "a".to_owned(), seen: String::new(), source: "b".into() }
    }

    #[test]
    fn only_what_time_may_mend_is_tried_again() {
        assert!(may_pass(&timed_out().into()));
        assert!(may_pass(&anyhow::Error::from(hinge_router::Error::from(timed_out())).context("more")));
        assert!(!may_pass(&fenced().into()));
        assert!(!may_pass(&anyhow::Error::from(hinge_router::Error::from(fenced()))));
        assert!(!may_pass(&Coded::new("worker-stuck", 70, "").into()));
    }
}
