//! What a fact may be, whichever format it arrives in: one place, so that JSON and Avro cannot disagree.
//! Each rule answers with what was expected, never with the value that broke it.

use std::fmt;
use std::sync::Arc;

use hinge_domain::{Field, Kind, Value};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
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
    let date = <&[u8; 10]>::try_from(text.as_bytes()).ok().and_then(date_of).ok_or(NOT_A_DATE)?;
    if date.year() < 1 { Err("a date outside the years 1 to 9999") } else { Ok(Value::Date(date)) }
}

/// The date that ten bytes such as `2026-03-02` say.
fn date_of(text: &[u8; 10]) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = number([y1, y2])? * 100 + number([y3, y4])?;
    Date::new(year, number([m1, m2])?.try_into().ok()?, number([d1, d2])?.try_into().ok()?).ok()
}

/// The number that two digits say.
fn number(digits: [u8; 2]) -> Option<i16> {
    let [tens, ones] = digits.map(|digit| digit.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i16::from(tens) * 10 + i16::from(ones))
}

/// An instant by its text. Strictly RFC 3339, as other readers of the same record are strict too.
pub(crate) fn instant_text(text: &str) -> Result<Timestamp, &'static str> {
    const NOT_AN_INSTANT: &str = "not an instant by RFC 3339, such as 2026-03-02T10:15:00Z";
    /// The most digits that jiff reads: nanoseconds. What is finer is dropped.
    const FINEST: usize = 9;
    if let Some(instant) = usual_instant(text.as_bytes()) {
        return instant_in_range(instant);
    }
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

/// An instant in the form that nearly all of them have: `2026-03-02T10:15:00Z`, with or without a fraction.
fn usual_instant(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let ([b'T', h1, h2, b':', m1, m2, b':', s1, s2], rest) = rest.split_first_chunk::<9>()? else {
        return None;
    };
    let fraction = match rest.strip_suffix(b"Z")? {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let mut nanos = 0_i32;
            for place in 0..9 {
                let digit = digits.get(place).map_or(0, |digit| digit.wrapping_sub(b'0'));
                if digit > 9 {
                    return None;
                }
                nanos = nanos * 10 + i32::from(digit);
            }
            nanos
        }
        _ => return None,
    };
    let part = |digits: [u8; 2], below: i16| number(digits).filter(|number| *number < below)?.try_into().ok();
    let time =
        Time::new(part([*h1, *h2], 24)?, part([*m1, *m2], 60)?, part([*s1, *s2], 60)?, fraction).ok()?;
    Offset::UTC.to_timestamp(date_of(date)?.to_datetime(time)).ok()
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
    if let Some(number) = usual_decimal(text.as_bytes(), scale) {
        return Ok(Value::Decimal(number));
    }
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

/// An exact number in the form that nearly all of them have: digits, and no more after the point than wanted.
fn usual_decimal(text: &[u8], scale: u32) -> Option<Decimal> {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = point.map_or((digits, &[][..]), |point| (&digits[..point], &digits[point + 1..]));
    let missing = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    let enough = !whole.is_empty() && (point.is_none() || !fraction.is_empty());
    if !enough || whole.len() + fraction.len() + missing > DECIMAL_PRECISION as usize {
        return None;
    }
    let mut unscaled = 0_i64;
    for byte in whole.iter().chain(fraction) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        unscaled = unscaled * 10 + i64::from(digit);
    }
    // What a negative zero is, the library may say.
    if negative && unscaled == 0 {
        return None;
    }
    unscaled *= 10_i64.pow(missing.try_into().ok()?);
    Decimal::try_from_i128_with_scale(if negative { -unscaled } else { unscaled }.into(), scale).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn usual_instants_are_read_as_jiff_reads_them(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])",
            zulu in any::<bool>(),
        ) {
            let text = if zulu { format!("{}Z", text.trim_end_matches(|last: char| !last.is_ascii_digit())) } else { text };
            if let Some(instant) = usual_instant(text.as_bytes()) {
                prop_assert!(rfc3339_fraction(text.as_bytes()).is_some());
                prop_assert_eq!(Ok(instant), text.parse::<Timestamp>().map_err(|_| "not an instant"), "{}", text);
            }
        }

        #[test]
        fn dates_are_read_as_jiff_reads_them(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]|[0-9-]{8,11}") {
            let parsed: Option<Date> = text.parse().ok();
            let read = <&[u8; 10]>::try_from(text.as_bytes()).ok().and_then(date_of);
            if let Some(date) = read {
                prop_assert_eq!(Some(date), parsed);
            } else {
                let as_written = |date: &Date| date.year() >= 0 && date.to_string() == text;
                prop_assert!(!parsed.is_some_and(|date| as_written(&date)), "{}", text);
            }
        }

        #[test]
        fn usual_numbers_are_read_as_the_decimal_library_reads_them(
            text in "-?[0-9]{0,12}(\\.[0-9]{0,6})?|-?0(\\.0{1,3})?", scale in 0u32..6,
        ) {
            if let Some(number) = usual_decimal(text.as_bytes(), scale) {
                let exactly =
                    Decimal::from_str_exact(&text).ok().and_then(|number| decimal(number, scale).ok());
                let Some(Value::Decimal(exactly)) = exactly else { panic!("{text} is not exact") };
                prop_assert_eq!(exactly.serialize(), number.serialize(), "{}", &text);
            }
        }
    }
}
