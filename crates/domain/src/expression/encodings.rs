//! Functions for the numbers by which change data capture writes instants, dates and exact numbers.
//!
//! | function | gives |
//! |---|---|
//! | `timestamp_millis(n)`, `timestamp_micros(n)`, `timestamp_nanos(n)` | the instant so long after 1970-01-01 UTC |
//! | `local_millis(n)`, `local_micros(n)`, `local_nanos(n)` | a stamp without a zone (`2026-03-02T14:00:00`) from a count that took it for UTC |
//! | `date_from_days(n)` | the civil date so many days after 1970-01-01, as text |
//! | `decimal_base64(text, scale)` | the exact number of big-endian bytes in base64, as text: `149.80` |
//!
//! Sources: Debezium's temporal and decimal types (`io.debezium.time.*`, `org.apache.kafka.connect.data.*`).

#![expect(clippy::needless_pass_by_value, reason = "the signature of a CEL function is CEL's own")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cel::common::types::{self, CelInt, CelString, CelTimestamp};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

/// The names of these functions.
pub(super) const NAMES: &[&str] = &[
    "timestamp_millis",
    "timestamp_micros",
    "timestamp_nanos",
    "local_millis",
    "local_micros",
    "local_nanos",
    "date_from_days",
    "decimal_base64",
];

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let number = || vec![types::INT_TYPE];
    env.add_overload("timestamp_millis", "timestamp_millis_int", number(), |it| {
        timestamp("timestamp_millis", MILLI, it)
    })?;
    env.add_overload("timestamp_micros", "timestamp_micros_int", number(), |it| {
        timestamp("timestamp_micros", MICRO, it)
    })?;
    env.add_overload("timestamp_nanos", "timestamp_nanos_int", number(), |it| {
        timestamp("timestamp_nanos", NANO, it)
    })?;
    env.add_overload("local_millis", "local_millis_int", number(), |it| local("local_millis", MILLI, it))?;
    env.add_overload("local_micros", "local_micros_int", number(), |it| local("local_micros", MICRO, it))?;
    env.add_overload("local_nanos", "local_nanos_int", number(), |it| local("local_nanos", NANO, it))?;
    env.add_overload("date_from_days", "date_from_days_int", number(), date_from_days)?;
    let text_and_number = vec![types::STRING_TYPE, types::INT_TYPE];
    env.add_overload("decimal_base64", "decimal_base64_string_int", text_and_number, decimal_base64)
}

/// Nanoseconds in one unit.
const NANO: i128 = 1;
const MICRO: i128 = 1_000;
const MILLI: i128 = 1_000_000;

fn whole(arguments: &[CowVal<'_, '_>], position: usize) -> Option<i64> {
    arguments.get(position).and_then(|it| it.downcast_ref::<CelInt>()).map(|it| *it.inner())
}

fn instant(name: &str, unit: i128, arguments: &[CowVal<'_, '_>]) -> Result<Timestamp, ExecutionError> {
    let fail = |what: &str| ExecutionError::function_error(name, what);
    let count = whole(arguments, 0).ok_or_else(|| fail("needs a whole number"))?;
    Timestamp::from_nanosecond(i128::from(count) * unit).map_err(|_| fail("the instant is out of range"))
}

fn timestamp<'b, 'v>(name: &str, unit: i128, arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let instant = instant(name, unit, &arguments)?;
    let fail = || ExecutionError::function_error(name, "the instant is out of range");
    let nanoseconds = instant.as_nanosecond();
    let second = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).map_err(|_| fail())?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).map_err(|_| fail())?;
    let utc = chrono::DateTime::from_timestamp(second, rest).ok_or_else(fail)?;
    Ok(CowVal::owned(CelTimestamp::from(utc.fixed_offset())))
}

fn local<'b, 'v>(name: &str, unit: i128, arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let stamp: DateTime = jiff::tz::TimeZone::UTC.to_datetime(instant(name, unit, &arguments)?);
    Ok(CowVal::owned(CelString::from(stamp.to_string())))
}

fn date_from_days<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: &str| ExecutionError::function_error("date_from_days", what);
    let days = whole(&arguments, 0).ok_or_else(|| fail("needs a whole number"))?;
    let days = i32::try_from(days).map_err(|_| fail("the date is out of range"))?;
    let span = SignedDuration::from_hours(i64::from(days) * 24);
    let epoch = Date::constant(1970, 1, 1);
    let date = epoch.checked_add(span).map_err(|_| fail("the date is out of range"))?;
    Ok(CowVal::owned(CelString::from(date.to_string())))
}

fn decimal_base64<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: &str| ExecutionError::function_error("decimal_base64", what);
    let text = arguments.first().and_then(|it| it.downcast_ref::<CelString>()).map_or("", CelString::inner);
    let bytes = STANDARD.decode(text).map_err(|_| fail("the text is not base64"))?;
    let (first, _) = bytes.split_first().ok_or_else(|| fail("the text is empty"))?;
    let mut wide = [if first & 0x80 == 0 { 0 } else { 0xFF }; 16];
    let place = 16_usize.checked_sub(bytes.len()).ok_or_else(|| fail("the number has too many digits"))?;
    wide[place..].copy_from_slice(&bytes);
    let scale = whole(&arguments, 1).and_then(|scale| u32::try_from(scale).ok());
    let scale =
        scale.filter(|scale| *scale <= 28).ok_or_else(|| fail("takes 0 to 28 digits after the point"))?;
    let number = Decimal::try_from_i128_with_scale(i128::from_be_bytes(wide), scale);
    let number = number.map_err(|_| fail("the number has too many digits"))?;
    Ok(CowVal::owned(CelString::from(number.to_string())))
}

#[cfg(test)]
mod tests {
    use crate::invented::evaluate;
    use crate::{Unknown, Value};

    #[test]
    fn what_change_data_capture_writes_as_numbers_is_read_exactly() {
        let instant = |text: &str| Value::Instant(text.parse().unwrap());
        for (source, expected) in [
            ("timestamp_millis(1772445600123)", instant("2026-03-02T10:00:00.123Z")),
            ("timestamp_micros(1772445600123456)", instant("2026-03-02T10:00:00.123456Z")),
            ("timestamp_nanos(1772445600123456789)", instant("2026-03-02T10:00:00.123456789Z")),
            ("timestamp_millis(-1)", instant("1969-12-31T23:59:59.999Z")),
            ("local_millis(1772445600000)", Value::text("2026-03-02T10:00:00")),
            ("local_micros(1772445600000001)", Value::text("2026-03-02T10:00:00.000001")),
            ("local_nanos(1772445600000000000)", Value::text("2026-03-02T10:00:00")),
            ("date_from_days(20514)", Value::text("2026-03-02")),
            ("date_from_days(-1)", Value::text("1969-12-31")),
            ("decimal_base64('OoQ=', 2)", Value::text("149.80")),
            ("decimal_base64('/w==', 2)", Value::text("-0.01")),
            ("decimal_base64('AA==', 0)", Value::text("0")),
            ("sum([decimal_base64('OoQ=', 2), '0.20'])", Value::Float(150.0)),
        ] {
            assert_eq!(evaluate(source), Ok(expected), "{source}");
        }
        for source in [
            "timestamp_millis(9223372036854775807)",
            "local_millis(9223372036854775807)",
            "date_from_days(99999999)",
            "date_from_days(9223372036854775807)",
            "decimal_base64('not base64', 2)",
            "decimal_base64('', 2)",
            "decimal_base64('OoQ=', 29)",
            "decimal_base64('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 2)",
            "decimal_base64('f////////////////////w==', 0)",
        ] {
            assert!(matches!(evaluate(source), Err(Unknown::Failed(_))), "{source}");
        }
    }
}
