//! What a fact may be, whichever format it arrives in: one place, so that JSON and Avro cannot disagree.
//! Each rule answers with what was expected, never with the value that broke it.

use std::fmt;
use std::sync::Arc;

use hinge_domain::{Field, Kind, Value};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::path::Path;
use crate::schema_fields::DECIMAL_PRECISION;
use crate::{Code, Rejection};

/// The first instant that an event may mention: no clock that Hinge can hear from showed an earlier one.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;
/// What is said of later instants than jiff's last one, which every zone has in the year 9999.
const OUTSIDE: &str = "an instant outside 1970-01-01T00:00:00Z to 9999-12-30T22:00:00Z";
/// The days from 1970-01-01 to 9999-12-31.
const LAST_DAY: i32 = 2_932_896;
/// The days from 1970-01-01 back to 0001-01-01.
const FIRST_DAY: i32 = -719_162;

/// The most items of a list: far above any fact, and small beside what a hostile record could hold.
pub(crate) const MAX_ITEMS: usize = 10_000;

/// A list that is not longer than facts may be.
pub(crate) fn check_items(count: usize, path: Path<'_>) -> Result<(), Rejection> {
    if count > MAX_ITEMS { Err(invalid(path, format_args!("more than {MAX_ITEMS} items"))) } else { Ok(()) }
}

/// A fact that is not as its schema says.
pub(crate) fn invalid(path: Path<'_>, problem: impl fmt::Display) -> Rejection {
    Rejection::new(Code::DataInvalid, format!("`{path}`: {problem}"))
}

/// What a field's value must be, for people.
pub(crate) fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int => "a whole number",
        Kind::Float => "a number",
        Kind::Decimal { .. } => "an exact number, as text or number",
        Kind::Text => "text",
        Kind::Uuid => "a UUID as text",
        Kind::Symbol { .. } => "a symbol as text",
        Kind::Instant => "an instant as text, by RFC 3339",
        Kind::Date => "a date as text, such as 2026-03-02",
        Kind::List(_) => "a list",
        Kind::Record(_) => "an object",
    }
}

/// Whether a field may be absent.
pub(crate) fn is_optional(field: &Field) -> bool {
    matches!(field.default, Some(Value::Absent))
}

/// What a field is that the event does not mention.
pub(crate) fn when_missing(field: &Field, path: Path<'_>) -> Result<Value, Rejection> {
    match &field.default {
        Some(default) => Ok(default.clone()),
        None => Err(invalid(path, format_args!("missing; expected {}", expected(&field.kind)))),
    }
}

/// A symbol of an enumeration; one that is not known becomes the fallback.
pub(crate) fn symbol(text: &str, symbols: &[Arc<str>], fallback: &Arc<str>) -> Value {
    let known = symbols.iter().find(|symbol| symbol.as_ref() == text);
    Value::Text(Arc::clone(known.unwrap_or(fallback)))
}

/// A measured number that is one.
pub(crate) fn finite(number: f64) -> Result<Value, &'static str> {
    if number.is_finite() { Ok(Value::Float(number)) } else { Err("not a finite number") }
}

/// An instant from the years 1970 to 9999.
pub(crate) fn instant_in_range(instant: Timestamp) -> Result<Timestamp, &'static str> {
    if instant < EARLIEST { Err("before 1970") } else { Ok(instant) }
}

/// An instant as facts have it: to the millisecond, in either format.
pub(crate) fn fact_instant(instant: Timestamp) -> Result<Value, &'static str> {
    millis(instant_in_range(instant)?.as_millisecond())
}

/// An instant from milliseconds since 1970.
pub(crate) fn millis(millis: i64) -> Result<Value, &'static str> {
    let instant = Timestamp::from_millisecond(millis).map_err(|_| OUTSIDE)?;
    instant_in_range(instant).map(Value::Instant)
}

/// A date from days since 1970-01-01, in the years 1 to 9999.
pub(crate) fn days(days: i32) -> Result<Value, &'static str> {
    const OUTSIDE: &str = "a date outside the years 1 to 9999";
    if !(FIRST_DAY..=LAST_DAY).contains(&days) {
        return Err(OUTSIDE);
    }
    let span = jiff::SignedDuration::from_hours(i64::from(days) * 24);
    jiff::civil::date(1970, 1, 1).checked_add(span).map(Value::Date).map_err(|_| OUTSIDE)
}

/// The days from 1970-01-01 to a date; the inverse of [`days`].
pub(crate) fn days_of(date: Date) -> i32 {
    let hours = date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours();
    i32::try_from(hours / 24).expect("jiff's dates lie within 10,000 years of 1970")
}

/// A date by its text.
pub(crate) fn date_text(text: &str) -> Result<Value, &'static str> {
    const NOT_A_DATE: &str = "not a date such as 2026-03-02";
    let shape_fits = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let date: Date = if shape_fits { text.parse().map_err(|_| NOT_A_DATE)? } else { return Err(NOT_A_DATE) };
    if date.year() < 1 { Err("a date outside the years 1 to 9999") } else { Ok(Value::Date(date)) }
}

/// An instant by its text. Strictly RFC 3339, as other readers of the same record are strict too.
pub(crate) fn instant_text(text: &str) -> Result<Timestamp, &'static str> {
    const NOT_AN_INSTANT: &str = "not an instant by RFC 3339, such as 2026-03-02T10:15:00Z";
    /// The most digits that jiff reads: nanoseconds. What is finer is dropped.
    const FINEST: usize = 9;
    let fraction_digits = rfc3339_fraction(text.as_bytes()).ok_or(NOT_AN_INSTANT)?;
    let instant: Timestamp = if fraction_digits > FINEST {
        let (start, zone) = (&text[..SECONDS_END + 1 + FINEST], &text[SECONDS_END + 1 + fraction_digits..]);
        format!("{start}{zone}").parse()
    } else {
        text.parse()
    }
    .map_err(|_| match text[..SECONDS_END].parse::<DateTime>() {
        Ok(local) if local.year() == 9999 => OUTSIDE,
        Ok(_) | Err(_) => NOT_AN_INSTANT,
    })?;
    // jiff takes a second 60 anywhere for the one before; it is one where a month may end with a leap second.
    if text[..SECONDS_END].ends_with(":60") && !ends_a_month(instant) {
        return Err(NOT_AN_INSTANT);
    }
    instant_in_range(instant)
}

/// Where the seconds end in RFC 3339: `2026-03-02T10:15:00`.
const SECONDS_END: usize = 19;

/// Whether the text has the outline of RFC 3339, and how many digits the fraction of its seconds has: jiff alone would
/// also take `2026-03-02T10+01[Europe/Paris]`, and offsets of a day and more.
fn rfc3339_fraction(text: &[u8]) -> Option<usize> {
    let (date_time, rest) = text.split_at_checked(SECONDS_END)?;
    let outline_fits = date_time.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let (digits, zone) = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (Some(digits), &fraction[digits..])
        }
        None => (None, rest),
    };
    let zone_fits = match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', hour @ .., b':', m1, m2] => {
            matches!(hour, [b'0' | b'1', b'0'..=b'9'] | [b'2', b'0'..=b'3'])
                && matches!([m1, m2], [b'0'..=b'5', b'0'..=b'9'])
        }
        _ => false,
    };
    (outline_fits && zone_fits && digits != Some(0)).then_some(digits.unwrap_or_default())
}

/// Whether the month ends with this second, in UTC.
fn ends_a_month(instant: Timestamp) -> bool {
    let next = Timestamp::from_second(instant.as_second() + 1);
    next.is_ok_and(|next| {
        let next = TimeZone::UTC.to_datetime(next);
        (next.day(), next.hour(), next.minute(), next.second()) == (1, 0, 0, 0)
    })
}

/// An exact number by its text, as in JSON: `149.80`, `-3`, `1.5e2`.
pub(crate) fn decimal_text(text: &str, scale: u32) -> Result<Value, String> {
    // Longer than anything with 18 digits needs; it also keeps exponents out of reach.
    const LONGEST: usize = 64;
    let only_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    let digit_ends = text.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
    let digit_starts =
        text.strip_prefix('-').unwrap_or(text).bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if text.len() > LONGEST || !only_number || !digit_ends || !digit_starts {
        return Err("not an exact number such as 149.80".to_owned());
    }
    let number = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        Decimal::from_str_exact(text)
    };
    decimal(number.map_err(|_| too_many_digits(scale))?, scale)
}

/// An exact number with the digits that its schema allows, and exactly so many after the point.
pub(crate) fn decimal(number: Decimal, scale: u32) -> Result<Value, String> {
    let mut scaled = number.normalize();
    if scaled.scale() > scale {
        return Err(too_many_digits(scale));
    }
    scaled.rescale(scale);
    // Rescaling gives up silently where the digits do not suffice.
    let digits_fit = scaled.mantissa().unsigned_abs() < 10_u128.pow(DECIMAL_PRECISION);
    if scaled.scale() == scale && digits_fit {
        Ok(Value::Decimal(scaled))
    } else {
        Err(too_many_digits(scale))
    }
}

/// What is said of an exact number that its schema has no room for.
pub(crate) fn too_many_digits(scale: u32) -> String {
    format!("at most {DECIMAL_PRECISION} digits, {scale} of them after the point")
}
