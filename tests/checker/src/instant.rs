//! Instants and dates: RFC 3339 read by hand, in nanoseconds and days since 1970. Knows no zones and no clock.

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Nanos = i128;

const NANOS: i128 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// How far apart in recorded time two records may lie to tell the same event twice.
pub const WINDOW: Nanos = 24 * 3_600 * NANOS;

/// The last instant that an event may mention: 9999-12-30T22:00:00Z.
const LATEST_SECOND: i64 = 253_402_207_200;

/// The days from 1970-01-01 to a date, by the proleptic Gregorian calendar; `None` where there is no such date.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let before: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let past = year - 1;
    // Days of whole years since the year 1, less those until 1970.
    Some(
        past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) + before + day
            - 1
            - 719_162,
    )
}

/// The date that lies so many days after 1970-01-01, as `2026-03-02`.
pub fn date_text(days: i32) -> String {
    let (mut year, mut rest) = (1970_i64, i64::from(days));
    loop {
        let length = if days_of(year, 2, 29).is_some() { 366 } else { 365 };
        if rest < 0 {
            year -= 1;
            rest += if days_of(year, 2, 29).is_some() { 366 } else { 365 };
        } else if rest >= length {
            rest -= length;
            year += 1;
        } else {
            break;
        }
    }
    let mut month = 12;
    let start = |month| days_of(year, month, 1).unwrap_or_default() - days_of(year, 1, 1).unwrap_or_default();
    while start(month) > rest {
        month -= 1;
    }
    format!("{year:04}-{month:02}-{:02}", rest - start(month) + 1)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// The days since 1970 of a date such as `2026-03-02`, of the years 1 to 9999.
pub fn date(text: &str) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
    let year = digits(&[y1, y2, y3, y4]).filter(|year| *year >= 1)?;
    i32::try_from(days_of(year, digits(&[m1, m2])?, digits(&[d1, d2])?)?).ok()
}

/// An instant by RFC 3339, from 1970 on; what is finer than a nanosecond is dropped.
pub fn instant(text: &str) -> Option<Nanos> {
    let bytes = text.as_bytes();
    let (stamp, rest) = bytes.split_at_checked(19)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', time @ ..] = stamp else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = time else { return None };
    let day = days_of(digits(&[*y1, *y2, *y3, *y4])?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)?;
    let hour = digits(&[*h1, *h2]).filter(|hour| *hour < 24)?;
    let minute = digits(&[*n1, *n2]).filter(|minute| *minute < 60)?;
    let second = digits(&[*s1, *s2]).filter(|second| *second <= 60)?;
    let (fraction, zone) = match rest.strip_prefix(b".") {
        Some(rest) => rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
        None => (&b"0"[..], rest),
    };
    let places = fraction.len().min(9);
    let scale = 10_i64.pow(9 - u32::try_from(places).ok()?);
    let nanos = digits(fraction.get(..places).filter(|kept| !kept.is_empty())?)? * scale;
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = digits(&[h1, h2]).filter(|hours| *hours < 24)?;
            let minutes = digits(&[m1, m2]).filter(|minutes| *minutes < 60)?;
            (hours * 3_600 + minutes * 60) * if sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let at = day * DAY_SECONDS + hour * 3_600 + minute * 60 + second.min(59) - offset;
    if second == 60 && !month_begins(at + 1) {
        return None;
    }
    let in_range = at >= 0 && (at < LATEST_SECOND || (at == LATEST_SECOND && nanos == 0));
    in_range.then(|| i128::from(at) * NANOS + i128::from(nanos))
}

fn month_begins(second: i64) -> bool {
    let day = i32::try_from(second.div_euclid(DAY_SECONDS)).ok();
    second.rem_euclid(DAY_SECONDS) == 0 && day.is_some_and(|day| date_text(day).ends_with("-01"))
}

/// An instant given in milliseconds, if an event may mention it.
pub fn from_millis(millis: i64) -> Option<Nanos> {
    (0..=LATEST_SECOND * 1_000).contains(&millis).then(|| i128::from(millis) * 1_000_000)
}

/// The whole milliseconds of an instant.
pub fn millis(instant: Nanos) -> i64 {
    i64::try_from(instant.div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_to_days_and_back() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-03-02", 20_514),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(date(text), Some(days), "{text}");
            assert_eq!(date_text(days), text);
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "2026-3-02", "1900-02-29"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_read_by_rfc_3339_and_nothing_else() {
        let second = 1_772_446_500_i128 * NANOS;
        for (text, expected) in [
            ("2026-03-02T10:15:00Z", second),
            ("2026-03-02t11:15:00+01:00", second),
            ("2026-03-02 10:15:00.5z", second + NANOS / 2),
            ("2026-03-02T10:15:00.0000000019Z", second + 1),
            ("2016-12-31T23:59:60Z", 1_483_228_799 * NANOS),
            ("1970-01-01T00:00:00Z", 0),
            ("9999-12-30T22:00:00Z", i128::from(LATEST_SECOND) * NANOS),
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        for text in [
            "2026-03-02T10:15:00",
            "2026-03-02T10:15Z",
            "2026-03-02T10:15:00.Z",
            "2026-03-02T24:00:00Z",
            "2026-03-02T10:15:60Z",
            "2026-03-02T10:15:00+24:00",
            "1969-12-31T23:59:59Z",
            "9999-12-30T22:00:00.1Z",
            "",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
