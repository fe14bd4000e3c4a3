//! Texts that say when something happened, as files and people write them. What zone a text without one
//! means is for the caller to say.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The instant that a text says: `2026-03-02T14:00:00Z`, or `2026-03-02 14:00` or `2026-03-02` (its
/// first moment) on the clocks of `zone`. Where clocks go forward, a time that they skip counts as if they
/// had not; where they go back, the first of the two is meant (RFC 5545).
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return has_offset_of_a_day(text).then_some(instant);
    }
    Some(text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

/// The civil date that a text says: of a stamp without a zone its first part, of an instant the date that
/// the calendars of `zone` show.
pub(crate) fn date(text: &str, zone: &TimeZone) -> Option<Date> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return has_offset_of_a_day(text).then(|| zone.to_datetime(instant).date());
    }
    Some(text.parse::<DateTime>().ok()?.date())
}

/// Whether the offset of an instant, if it has one, has an hour from 00 to 23 as RFC 3339 wants it; `+25:00` is a
/// mistake that would move it to another day.
fn has_offset_of_a_day(instant: &str) -> bool {
    let time = instant.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    let time = time.split('[').next().unwrap_or_default();
    let offset = time.rfind(['+', '-']).map(|at| &time[at + 1..]);
    let hour = offset.and_then(|offset| offset.get(..2)).and_then(|hour| hour.parse::<u8>().ok());
    hour.is_none_or(|hour| hour < 24)
}

/// A text in a format of its own (`%d.%m.%Y %H:%M`), as [`instant`] and [`date`] read it; with an offset
/// (`%z`) it becomes an instant.
pub(crate) fn reformat(text: &str, format: &str) -> Result<String, String> {
    let broken = strtime::parse(format, text.trim()).map_err(|error| error.to_string())?;
    if let Some(offset) = broken.offset().filter(|offset| offset.seconds().abs() >= 24 * 60 * 60) {
        return Err(format!("the offset {offset} is longer than a day"));
    }
    if let Ok(instant) = broken.to_timestamp() {
        return Ok(instant.to_string());
    }
    broken.to_datetime().map(|local| local.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_without_a_zone_is_local_time() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        for (text, instant_meant, date_meant) in [
            ("2026-03-27 18:00:43", "2026-03-27T21:00:43Z", "2026-03-27"),
            ("2026-03-27T18:00:43", "2026-03-27T21:00:43Z", "2026-03-27"),
            (" 2026-03-27 18:00 ", "2026-03-27T21:00:00Z", "2026-03-27"),
            ("2026-03-27", "2026-03-27T03:00:00Z", "2026-03-27"),
            ("2026-03-27T01:30:00Z", "2026-03-27T01:30:00Z", "2026-03-26"),
            ("2026-03-27 01:30:00+02:00", "2026-03-26T23:30:00Z", "2026-03-26"),
            // 2017-10-15 began at 01:00 in this zone.
            ("2017-10-15 00:30:00", "2017-10-15T03:30:00Z", "2017-10-15"),
        ] {
            assert_eq!(
                instant(text, &zone).map(|it| it.to_string()).as_deref(),
                Some(instant_meant),
                "{text}"
            );
            assert_eq!(date(text, &zone).map(|it| it.to_string()).as_deref(), Some(date_meant), "{text}");
        }
        for text in
            ["2026-03-02T10:00:00+25:00", "2026-03-02 10:00:00-24:00", "2026-03-02T10:00+24:00[-24:00]"]
        {
            assert_eq!((instant(text, &zone), date(text, &zone)), (None, None), "{text}");
        }
        let far = instant("2026-03-02T10:00:00+23:59", &zone).map(|it| it.to_string());
        assert_eq!(far.as_deref(), Some("2026-03-01T10:01:00Z"));
        for text in ["", "yesterday", "27.03.2026", "2026-02-30", "18:00"] {
            assert_eq!((instant(text, &zone), date(text, &zone)), (None, None), "{text}");
        }
    }

    #[test]
    fn other_formats_are_told_how_to_read_them() {
        for (text, format, meant) in [
            ("27.03.2026 18:00", "%d.%m.%Y %H:%M", "2026-03-27T18:00:00"),
            ("03/27/2026", "%m/%d/%Y", "2026-03-27T00:00:00"),
            ("27.03.2026 18:00 +0200", "%d.%m.%Y %H:%M %z", "2026-03-27T16:00:00Z"),
        ] {
            assert_eq!(reformat(text, format).as_deref(), Ok(meant), "{text}");
        }
        assert!(reformat("27.03.2026 18:00 +2500", "%d.%m.%Y %H:%M %z").is_err());
        assert!(reformat("yesterday", "%d.%m.%Y").is_err());
        assert!(reformat("27.03.2026", "%Q").is_err());
    }
}
