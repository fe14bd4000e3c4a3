//! What the outside may know of a worker, and the one thing it may ask of it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hinge_stream::Session;

/// Shared between a worker and the process around it.
#[derive(Debug)]
pub struct Pulse {
    started: Instant,
    last_beat_millis: AtomicU64,
    ready: AtomicBool,
    stop: AtomicBool,
    stopped: Mutex<Vec<String>>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            last_beat_millis: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            stopped: Mutex::default(),
        }
    }
}

impl Pulse {
    /// Asks the worker to finish its batch and end.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether it was asked to end.
    pub fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether partitions were given and what had to be read back has been.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// The partitions that stand still, a sentence each.
    pub fn stopped(&self) -> Vec<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_stopped(&self, stopped: Vec<String>) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
    }

    /// How long ago the worker last went round.
    pub fn since_last_beat(&self) -> Duration {
        let last = Duration::from_millis(self.last_beat_millis.load(Ordering::Acquire));
        self.started.elapsed().saturating_sub(last)
    }

    /// The worker is not at work for now: it has no partitions.
    pub fn down(&self) {
        self.set_stopped(Vec::new());
        self.set_ready(false);
    }

    /// A sign of life of the worker, or of whoever starts it again.
    pub fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_beat_millis.store(now, Ordering::Release);
    }

    /// A sign of life in the middle of something long, which ends early if the worker is to end.
    pub(crate) fn beat_on(&self) -> ControlFlow<()> {
        self.beat();
        if self.stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.beat();
        self.ready.store(ready, Ordering::Release);
    }
}

/// Who takes long over something between two polls: tells the outside and the group of it.
pub(crate) struct AtWork<'a> {
    pub(crate) session: &'a mut dyn Session,
    pub(crate) pulse: &'a Pulse,
}

impl AtWork<'_> {
    /// A sign of life to both; the work ends early if the worker is to end.
    pub(crate) fn beat_on(&mut self) -> ControlFlow<()> {
        self.session.keep_seat();
        self.pulse.beat_on()
    }
}
