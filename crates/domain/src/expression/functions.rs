//! The functions that Hinge adds to CEL, and the names of all that it knows.
//!
//! | function | gives |
//! |---|---|
//! | `local_date(timestamp, zone)` | the civil date of an instant in an IANA zone, as text: `2026-03-02` |
//! | `instant(text, zone)` | the instant of a stamp; a naive one (`2026-03-02 14:00:00`) is local time in the zone |
//! | `date_of(text)` | the date part of a stamp, as text |
//! | `decimal(text)` | the number that a text says, as a double |
//! | `stamp(text, format)` | a stamp in another format (`27.03.2026 18:00` by `%d.%m.%Y %H:%M`), as `instant` and `date_of` read it |
//! | `sum(list)` | the sum of numbers, or of texts that say numbers, added exactly, as a double |
//! | `min(list)`, `max(list)` | the least or greatest of numbers, texts (so also of stamps in one format) or timestamps |
//! | `round(number, digits)` | the number with so many digits after the point, half away from zero |
//!
//! For the encodings of change data capture there are more, in [`encodings`].
//! With CEL's extension for texts: `text.trim()`, `.replace(a, b)`, `.split(separator)`, `.lowerAscii()` and so on.

#![expect(clippy::needless_pass_by_value, reason = "the signature of a CEL function is CEL's own")]

use std::cmp::Ordering;

use cel::common::types::{self, CelDouble, CelInt, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, extensions};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::encodings;

/// What CEL's parser and standard library bring, and ours.
const KNOWN: &[&str] = &[
    "local_date",
    "instant",
    "date_of",
    "decimal",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "type",
    "dyn",
    "duration",
    "timestamp",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "min",
    "max",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "hasValue",
    "value",
    "or",
    "orValue",
    "of",
    "none",
    "ofNonZeroValue",
    "optMap",
    "optFlatMap",
    "stamp",
    "sum",
    "round",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "substring",
    "format",
    "reverse",
];

/// The functions whose own words say why they failed, without repeating a value.
const OURS: &[&str] = &["local_date", "instant", "date_of", "decimal", "stamp", "sum", "min or max", "round"];

/// Why an evaluation failed, in words that hold no value: they are stored and shown where personal values
/// must not be.
pub(super) fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::UndeclaredReference(name) => format!("there is nothing called `{name}`"),
        ExecutionError::FunctionError { function, message }
            if OURS.contains(&function.as_str()) || encodings::NAMES.contains(&function.as_str()) =>
        {
            format!("`{function}`: {message}")
        }
        ExecutionError::FunctionError { function, .. } => format!("`{function}` cannot take this value"),
        ExecutionError::UnexpectedType { got, want } => format!("expected {want}, got {got}"),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and was given {actual}")
        }
        ExecutionError::ValuesNotComparable(..) => "the two sides cannot be compared".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) if *operator == "add" => {
            "`+` adds two numbers or joins two texts; `string(..)` makes text of a number, such as \
             `string(row.id) + '/placed'`"
                .to_owned()
        }
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("`{operator}` does not fit its two sides")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "the number is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        _ => "the values do not fit the expression".to_owned(),
    }
}

/// Whether the language has a function of this name; operators have names that start with `_`, `!`, `-` or `@`.
pub(super) fn is_known(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_alphabetic())
        || KNOWN.contains(&name)
        || encodings::NAMES.contains(&name)
}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let text = || types::STRING_TYPE;
    env.add_overload(
        "local_date",
        "local_date_timestamp_string",
        vec![types::TIMESTAMP_TYPE, text()],
        local_date,
    )?;
    env.add_overload("instant", "instant_string_string", vec![text(), text()], instant)?;
    env.add_overload("date_of", "date_of_string", vec![text()], date_of)?;
    env.add_overload("decimal", "decimal_string", vec![text()], decimal)?;
    env.add_overload("stamp", "stamp_string_string", vec![text(), text()], stamp)?;
    env.add_overload("sum", "sum_list", vec![types::LIST_TYPE], sum)?;
    env.add_overload("min", "min_list", vec![types::LIST_TYPE], |arguments| {
        extreme(arguments, Ordering::Less)
    })?;
    env.add_overload("max", "max_list", vec![types::LIST_TYPE], |arguments| {
        extreme(arguments, Ordering::Greater)
    })?;
    for number in [types::DOUBLE_TYPE, types::INT_TYPE] {
        let id = format!("round_{}_int", number.name());
        env.add_overload("round", &id, vec![number, types::INT_TYPE], round)?;
    }
    encodings::declare(env)?;
    extensions::strings(env)
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn local_date<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: String| ExecutionError::function_error("local_date", what);
    let at = arguments
        .first()
        .and_then(|value| value.downcast_ref::<CelTimestamp>())
        .ok_or_else(|| fail("needs a timestamp".into()))?;
    let zone = zone(text(&arguments, 1)).map_err(fail)?;
    let instant = Timestamp::from_second(at.inner().timestamp())
        .map_err(|_| fail("the instant is out of range".into()))?;
    Ok(CowVal::owned(CelString::from(instant.to_zoned(zone).date().to_string())))
}

fn instant<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: String| ExecutionError::function_error("instant", what);
    let zone = zone(text(&arguments, 1)).map_err(fail)?;
    let instant = crate::stamp::instant(text(&arguments, 0), &zone);
    let instant = instant.ok_or_else(|| fail("the text is not a date and time".into()))?;
    let utc = chrono::DateTime::from_timestamp_micros(instant.as_microsecond());
    let utc = utc.ok_or_else(|| fail("the instant is out of range".into()))?;
    Ok(CowVal::owned(CelTimestamp::from(utc.fixed_offset())))
}

fn date_of<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = || ExecutionError::function_error("date_of", "the text does not begin with a date");
    let date: jiff::civil::Date =
        text(&arguments, 0).trim().get(..10).ok_or_else(fail)?.parse().map_err(|_| fail())?;
    Ok(CowVal::owned(CelString::from(date.to_string())))
}

fn decimal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let number = text(&arguments, 0).trim().parse::<f64>();
    let number = number.ok().filter(|number| number.is_finite());
    let number =
        number.ok_or_else(|| ExecutionError::function_error("decimal", "the text is not a number"))?;
    Ok(CowVal::owned(CelDouble::from(number)))
}

fn stamp<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let stamp = crate::stamp::reformat(text(&arguments, 0), text(&arguments, 1));
    // The reason in the library's words would repeat the text.
    let stamp =
        stamp.map_err(|_| ExecutionError::function_error("stamp", "the text is not in this format"))?;
    Ok(CowVal::owned(CelString::from(stamp)))
}

fn sum<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: &str| ExecutionError::function_error("sum", what);
    let list = arguments.first().and_then(|list| list.as_iterable()).ok_or_else(|| fail("needs a list"))?;
    let mut items = list.iter();
    let mut sum = Decimal::ZERO;
    while let Some(item) = items.next() {
        let number = exact(item).ok_or_else(|| fail("the list holds something that is not a number"))?;
        sum = sum.checked_add(number).ok_or_else(|| fail("the sum is too large"))?;
    }
    let sum = sum.to_f64().ok_or_else(|| fail("the sum is too large"))?;
    Ok(CowVal::owned(CelDouble::from(sum)))
}

fn extreme<'b, 'v>(arguments: Arguments<'b, 'v>, wanted: Ordering) -> Outcome<'b, 'v> {
    let fail = |what: &str| ExecutionError::function_error("min or max", what);
    let list = arguments.first().and_then(|list| list.as_iterable()).ok_or_else(|| fail("needs a list"))?;
    let mut items = list.iter();
    let mut extreme = items.next().ok_or_else(|| fail("the list is empty"))?;
    while let Some(item) = items.next() {
        let comparer = item.as_comparer().ok_or_else(|| fail("the list holds what has no order"))?;
        if comparer.compare(extreme)? == wanted {
            extreme = item;
        }
    }
    Ok(CowVal::Owned(extreme.clone_as_boxed()))
}

fn round<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let fail = |what: &str| ExecutionError::function_error("round", what);
    let number =
        arguments.first().and_then(|number| exact(number.as_ref())).ok_or_else(|| fail("needs a number"))?;
    let digits =
        arguments.get(1).and_then(|digits| digits.downcast_ref::<CelInt>()).map(|digits| *digits.inner());
    let digits = digits.and_then(|digits| u32::try_from(digits).ok()).filter(|digits| *digits <= 28);
    let digits = digits.ok_or_else(|| fail("takes 0 to 28 digits after the point"))?;
    let rounded = number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).to_f64();
    Ok(CowVal::owned(CelDouble::from(rounded.ok_or_else(|| fail("the number is too large"))?)))
}

/// The exact number that a CEL value says.
fn exact(value: &dyn Val) -> Option<Decimal> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        Decimal::from_str_exact(text.inner().trim()).ok()
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        // The shortest text that says this double: 12.99 and not what lies beside it.
        number.inner().to_string().parse().ok()
    } else {
        value.downcast_ref::<CelInt>().map(|number| Decimal::from(*number.inner()))
    }
}

fn text<'a>(arguments: &'a [CowVal<'_, '_>], position: usize) -> &'a str {
    arguments.get(position).and_then(|value| value.downcast_ref::<CelString>()).map_or("", CelString::inner)
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "the zone is no IANA time zone such as `Europe/Zurich`".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::invented::evaluate;
    use crate::{Unknown, Value};

    #[test]
    fn money_is_added_exactly() {
        for (source, expected) in [
            ("sum(['12.99', ' 12.79'])", 25.78),
            ("sum([0.1, 0.2])", 0.3),
            ("sum([1, '0.5', 0.25])", 1.75),
            ("sum([])", 0.0),
            ("round(13.99023, 2)", 13.99),
            ("round(2.675, 2)", 2.68),
            ("round(3, 0)", 3.0),
        ] {
            assert_eq!(evaluate(source), Ok(Value::Float(expected)), "{source}");
        }
        for source in [
            "sum(['much'])",
            "sum([1e300])",
            "sum([[1]])",
            "round(1.5, 99)",
            "round(1.5, -1)",
            "min([])",
            "min([1, 'a'])",
        ] {
            assert!(matches!(evaluate(source), Err(Unknown::Failed(_))), "{source}");
        }
    }

    #[test]
    fn texts_are_taken_apart_and_dates_read_in_any_format() {
        for (source, expected) in [
            ("' a-b '.trim().replace('-', '/').upperAscii()", "A/B"),
            ("'1.234,50'.replace('.', '').replace(',', '.')", "1234.50"),
            ("'Rio, RJ'.split(', ')[1]", "RJ"),
            ("min(['2026-03-02 10:00:00', '2026-03-01 09:00:00'])", "2026-03-01 09:00:00"),
            ("max(['b', 'c', 'a'])", "c"),
            ("stamp('27.03.2026 18:00', '%d.%m.%Y %H:%M')", "2026-03-27T18:00:00"),
        ] {
            assert_eq!(evaluate(source), Ok(Value::text(expected)), "{source}");
        }
    }
}
