//! Whose time it is.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// Whose time the router stamps on what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The machine's.
    Wall,
    /// The events': an event is decided at the instant it was recorded plus what the work really took.
    /// For demonstrations on an invented past; nothing is history then.
    FollowsEvents,
}

impl Clock {
    /// The instant now, for an event that was recorded at `recorded` and polled at `polled`.
    pub fn instant(self, recorded: Timestamp, polled: Instant) -> Timestamp {
        match self {
            Self::Wall => wall(),
            Self::FollowsEvents => {
                let worked = SignedDuration::try_from(polled.elapsed()).unwrap_or_default();
                recorded.checked_add(worked).unwrap_or(recorded)
            }
        }
    }
}

/// The machine's clock: where the router, an edge of the process, asks what time it is.
#[expect(clippy::disallowed_methods, reason = "measuring how long the telling takes needs the real time")]
pub(crate) fn wall() -> Timestamp {
    Timestamp::now()
}
