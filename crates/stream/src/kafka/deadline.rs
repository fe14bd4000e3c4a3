//! How long we wait for a broker: every loop around a call to it has one of these.

use std::time::{Duration, Instant};

/// The end of somebody's patience.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    started: Instant,
    patience: Duration,
}

impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        Self { started: Instant::now(), patience }
    }

    pub(super) fn is_over(self) -> bool {
        self.started.elapsed() >= self.patience
    }

    /// What is left, but at most `most`: never "for ever", which librdkafka takes literally.
    pub(super) fn slice(self, most: Duration) -> Duration {
        self.patience.saturating_sub(self.started.elapsed()).min(most)
    }

    /// How long was waited at most.
    pub(super) fn patience(self) -> Duration {
        self.patience
    }
}
