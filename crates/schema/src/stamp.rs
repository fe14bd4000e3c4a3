//! What is known of a decision beside what was decided, and its instants as text.

use std::fmt::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;

/// What is known of a decision beside what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The version of the policy that decided.
    pub policy_version: Arc<str>,
    /// When the event was recorded; kept to the millisecond.
    pub recorded: Timestamp,
    /// When it was decided; kept to the millisecond.
    pub decided: Timestamp,
}

/// A stamp and when the event occurred, in RFC 3339: written once for all that is told about one event.
#[derive(Clone, Copy, Debug)]
pub struct Stamped<'a> {
    /// The stamp itself.
    pub stamp: &'a Stamp,
    occurred: InstantText,
    recorded: InstantText,
    recorded_millis: InstantText,
    decided: InstantText,
    decided_millis: InstantText,
}

impl<'a> Stamped<'a> {
    /// The instants of `stamp`, and `occurred`, as text.
    pub fn new(stamp: &'a Stamp, occurred: Timestamp) -> Self {
        let (recorded, recorded_millis) = InstantText::both(stamp.recorded);
        let (decided, decided_millis) = InstantText::both(stamp.decided);
        let occurred = InstantText::of(occurred);
        Self { stamp, occurred, recorded, recorded_millis, decided, decided_millis }
    }

    /// When the event occurred.
    pub fn occurred(&self) -> &str {
        self.occurred.as_str()
    }

    /// When it was recorded, as finely as is known.
    pub fn recorded(&self) -> &str {
        self.recorded.as_str()
    }

    /// When it was decided, as finely as is known.
    pub fn decided(&self) -> &str {
        self.decided.as_str()
    }

    pub(crate) fn recorded_millis(&self) -> &str {
        self.recorded_millis.as_str()
    }

    pub(crate) fn decided_millis(&self) -> &str {
        self.decided_millis.as_str()
    }
}

/// The text of an instant, where it is used.
#[derive(Clone, Copy, Debug)]
struct InstantText {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl InstantText {
    /// As `-009999-01-02T01:59:59.123456789Z`, and some more.
    const LONGEST: usize = 40;

    fn of(instant: Timestamp) -> Self {
        let mut text = Self { bytes: [0; Self::LONGEST], length: 0 };
        // It has room for any instant.
        let _ = write!(text, "{instant}");
        text
    }

    /// As finely as is known, and to the millisecond.
    fn both(instant: Timestamp) -> (Self, Self) {
        let fine = Self::of(instant);
        match Timestamp::from_millisecond(instant.as_millisecond()) {
            Ok(coarse) if coarse != instant => (fine, Self::of(coarse)),
            Ok(_) | Err(_) => (fine, fine),
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for InstantText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.length..self.length + part.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(part.as_bytes());
        self.length += part.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_they_are_known_and_to_the_millisecond() {
        let check = |instant: Timestamp, millis: &str| {
            let stamp = Stamp { policy_version: "v1".into(), recorded: instant, decided: instant };
            let stamped = Stamped::new(&stamp, instant);
            let fine = instant.to_string();
            assert_eq!([stamped.occurred(), stamped.recorded(), stamped.decided()], [&*fine; 3]);
            assert_eq!([stamped.recorded_millis(), stamped.decided_millis()], [millis; 2]);
        };
        check("2026-03-02T08:00:00Z".parse().unwrap(), "2026-03-02T08:00:00Z");
        check("2026-03-02T08:00:00.123456789Z".parse().unwrap(), "2026-03-02T08:00:00.123Z");
        check(Timestamp::MIN, "-009999-01-02T01:59:59Z");
        check(Timestamp::MAX, "9999-12-30T22:00:00.999999999Z");
    }
}
