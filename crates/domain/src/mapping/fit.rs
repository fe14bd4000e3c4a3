//! A value as a file has it becomes a value as a fact has it: `"149.80"` an exact number, a local stamp an
//! instant. Says what was expected and never repeats the value.

use std::cell::Cell;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::{Field, Kind, Value, stamp};

/// What values are fitted by.
#[derive(Clone, Copy)]
pub(super) struct Fitting<'a> {
    /// The zone of stamps without one.
    pub(super) zone: &'a TimeZone,
    /// Becomes true where a word is none of a symbol's, and its fallback stands for it.
    pub(super) fell_back: &'a Cell<bool>,
}

/// `value` as a fact of this kind.
pub(super) fn fit(value: Value, kind: &Kind, by: Fitting<'_>) -> Result<Value, String> {
    match kind {
        Kind::Bool => boolean(&value),
        Kind::Int => whole(&value),
        Kind::Float => number(&value),
        Kind::Decimal { scale } => exact(&value, *scale),
        Kind::Text => text(&value).map(Value::text).ok_or_else(|| expected("text")),
        Kind::Uuid => uuid(&value),
        Kind::Symbol { symbols, fallback } => {
            let said = text(&value).ok_or_else(|| expected("text"))?;
            let known = symbols.iter().find(|symbol| symbol.as_ref() == said);
            if known.is_none() && **fallback != *said {
                by.fell_back.set(true);
            }
            Ok(Value::Text(Arc::clone(known.unwrap_or(fallback))))
        }
        Kind::Instant => instant(&value, by.zone).map(Value::Instant),
        Kind::Date => date(&value, by.zone),
        Kind::List(kind) => match value {
            Value::List(values) => {
                let fitted = values.into_iter().map(|value| fit(value, kind, by));
                fitted.collect::<Result<_, _>>().map(Value::List)
            }
            single => Ok(Value::List(vec![fit(single, kind, by)?])),
        },
        Kind::Record(fields) => match value {
            Value::Record(members) => record(members, fields, by),
            _ => Err(expected("a record such as `{'product': i.product_id}`")),
        },
    }
}

/// The instant that a value says.
pub(super) fn instant(value: &Value, zone: &TimeZone) -> Result<Timestamp, String> {
    const NO_STAMP: &str = "a date and time such as `2026-03-02 14:00:00`; \
                            `stamp(text, format)` reads other formats, `timestamp(number)` seconds since 1970";
    match value {
        Value::Instant(instant) => Ok(*instant),
        Value::Text(text) => stamp::instant(text, zone).ok_or_else(|| expected(NO_STAMP)),
        _ => Err(expected(NO_STAMP)),
    }
}

/// The text that a value is, or that a number is written as; `None` for what has no text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::Instant(_) | Value::Date(_) => Some(value.to_string()),
        // As CEL writes the same number: `9790`, not `9790.0`.
        Value::Decimal(number) => Some(number.normalize().to_string()),
        // A number from JSON; whole ones without `.0`, as they were most likely written.
        Value::Float(number) if number.is_finite() => Some(number.to_string()),
        Value::Float(_) | Value::Absent | Value::List(_) | Value::Record(_) => None,
    }
}

fn expected(what: &str) -> String {
    format!("expected {what}")
}

fn boolean(value: &Value) -> Result<Value, String> {
    let said = match value {
        Value::Bool(said) => Some(*said),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    said.map(Value::Bool).ok_or_else(|| expected("true or false"))
}

fn whole(value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Float(number) => exact_of_float(*number).and_then(whole_of_exact),
        Value::Decimal(number) => whole_of_exact(*number),
        _ => None,
    };
    number.map(Value::Int).ok_or_else(|| expected("a whole number"))
}

fn whole_of_exact(number: Decimal) -> Option<i64> {
    let whole = number.normalize();
    if whole.scale() == 0 { i64::try_from(whole.mantissa()).ok() } else { None }
}

fn number(value: &Value) -> Result<Value, String> {
    let number: Option<f64> = match value {
        Value::Float(number) => Some(*number),
        Value::Int(_) | Value::Decimal(_) | Value::Text(_) => {
            text(value).and_then(|text| text.trim().parse().ok())
        }
        _ => None,
    };
    let number = number.filter(|number| number.is_finite());
    number.map(Value::Float).ok_or_else(|| expected("a number"))
}

/// An exact number. What CEL computed is a double: one that lies a rounding error beside a number
/// with `scale` digits after the point is that number.
fn exact(value: &Value, scale: u32) -> Result<Value, String> {
    const ROUNDING_ERROR: Decimal = Decimal::from_parts(1, 0, 0, false, 9);
    let number = match value {
        Value::Decimal(number) => Some(*number),
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::Text(text) => Decimal::from_str_exact(text.trim()).ok(),
        Value::Float(number) => exact_of_float(*number),
        _ => None,
    };
    let number = number.ok_or_else(|| expected("a number such as `149.80`"))?;
    let mut rounded = number.round_dp(scale);
    let computed = matches!(value, Value::Float(_));
    if rounded != number && !(computed && (rounded - number).abs() < ROUNDING_ERROR) {
        return Err(expected(&format!(
            "at most {scale} digits after the point; `round(number, {scale})` rounds"
        )));
    }
    rounded.rescale(scale);
    Ok(Value::Decimal(rounded))
}

/// The exact number that people see when a double is written.
fn exact_of_float(number: f64) -> Option<Decimal> {
    let written = number.to_string();
    Decimal::from_str_exact(&written).ok().or_else(|| written.parse().ok())
}

fn uuid(value: &Value) -> Result<Value, String> {
    let parsed = text(value).and_then(|text| uuid::Uuid::try_parse(text.trim()).ok());
    parsed.map(|uuid| Value::text(uuid.to_string())).ok_or_else(|| expected("a UUID"))
}

fn date(value: &Value, zone: &TimeZone) -> Result<Value, String> {
    let date = match value {
        Value::Date(date) => Some(*date),
        Value::Instant(instant) => Some(zone.to_datetime(*instant).date()),
        Value::Text(text) => stamp::date(text, zone),
        _ => None,
    };
    let wanted = "a date such as `2026-03-02`; `stamp(text, format)` reads other formats";
    date.map(Value::Date).ok_or_else(|| expected(wanted))
}

fn record(mut members: Vec<(Arc<str>, Value)>, fields: &[Field], by: Fitting<'_>) -> Result<Value, String> {
    if let Some((name, _)) = members.iter().find(|(name, _)| !fields.iter().any(|field| field.name == *name))
    {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_ref()).collect();
        // What a sender calls a member may be somebody's address.
        let usual = name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let name = if usual { name } else { "?" };
        return Err(format!("there is no `{name}` in it, only {}", names.join(", ")));
    }
    let mut fitted = Vec::with_capacity(fields.len());
    for field in fields {
        let given = members.iter_mut().find(|(name, _)| *name == field.name);
        let value = match given.map(|(_, value)| std::mem::take(value)) {
            Some(value) if !value.is_absent() => {
                fit(value, &field.kind, by).map_err(|why| format!("`{}`: {why}", field.name))?
            }
            Some(_) | None => field.default.clone().ok_or_else(|| format!("`{}` is missing", field.name))?,
        };
        fitted.push((Arc::clone(&field.name), value));
    }
    Ok(Value::Record(fitted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pii;

    fn fitted(value: Value, kind: &Kind) -> Result<Value, String> {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        fit(value, kind, Fitting { zone: &zone, fell_back: &Cell::new(false) })
    }

    fn money(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    #[test]
    fn texts_become_what_the_fact_is() {
        let money_kind = Kind::Decimal { scale: 2 };
        let channel = Kind::Symbol { symbols: vec!["web".into(), "other".into()], fallback: "other".into() };
        let cases = [
            (Value::text("yes"), Kind::Bool, Value::Bool(true)),
            (Value::text("0"), Kind::Bool, Value::Bool(false)),
            (Value::text(" 12 "), Kind::Int, Value::Int(12)),
            (Value::Float(3.0), Kind::Int, Value::Int(3)),
            (Value::text("2.5"), Kind::Float, Value::Float(2.5)),
            (Value::text("12.9"), money_kind.clone(), money("12.90")),
            (Value::Float(12.99 + 12.79), money_kind.clone(), money("25.78")),
            (Value::Float(0.1 + 0.2), money_kind.clone(), money("0.30")),
            (Value::Int(7), money_kind, money("7.00")),
            (Value::Int(9790), Kind::Text, Value::text("9790")),
            (Value::Float(9790.0), Kind::Text, Value::text("9790")),
            (Value::text("web"), channel.clone(), Value::text("web")),
            (Value::text("fax"), channel, Value::text("other")),
            (
                Value::text("2026-03-27 22:30:00"),
                Kind::Instant,
                Value::Instant("2026-03-28T01:30:00Z".parse().unwrap()),
            ),
            (
                Value::Instant("2026-03-28T01:30:00Z".parse().unwrap()),
                Kind::Date,
                Value::Date("2026-03-27".parse().unwrap()),
            ),
            (Value::text("2026-04-18 00:00:00"), Kind::Date, Value::Date("2026-04-18".parse().unwrap())),
            (Value::text("p-1"), Kind::List(Box::new(Kind::Text)), Value::List(vec![Value::text("p-1")])),
        ];
        for (value, kind, wanted) in cases {
            assert_eq!(fitted(value.clone(), &kind), Ok(wanted), "{value:?} as {kind:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_without_repeating_it() {
        for (value, kind) in [
            (Value::text("12.999"), Kind::Decimal { scale: 2 }),
            (Value::Float(12.999), Kind::Decimal { scale: 2 }),
            (Value::Float(f64::NAN), Kind::Decimal { scale: 2 }),
            (Value::Float(1e300), Kind::Decimal { scale: 2 }),
            (Value::text("1.234,50"), Kind::Decimal { scale: 2 }),
            (Value::text("3.5"), Kind::Int),
            (Value::Float(f64::INFINITY), Kind::Int),
            (Value::text("maybe"), Kind::Bool),
            (Value::text("27.03.2026"), Kind::Date),
            (Value::Int(1_774_000_000), Kind::Instant),
            (Value::text("not-a-uuid"), Kind::Uuid),
            (Value::List(Vec::new()), Kind::Text),
        ] {
            let why = fitted(value.clone(), &kind).unwrap_err();
            assert!(why.starts_with("expected ") && !why.contains(&value.to_string()), "{value:?}: {why}");
        }
    }

    #[test]
    fn a_record_has_its_members_in_order_with_defaults() {
        let field = |name: &str, kind, default| Field {
            name: name.into(),
            kind,
            default,
            pii: Pii::None,
            doc: String::new(),
        };
        let kind = Kind::Record(vec![
            field("product", Kind::Text, None),
            field("quantity", Kind::Int, Some(Value::Int(1))),
            field("category", Kind::Text, Some(Value::Absent)),
        ]);
        let record = |members: &[(&str, Value)]| {
            Value::Record(members.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect())
        };
        let given = fitted(record(&[("product", Value::text("p-1"))]), &kind).unwrap();
        let whole =
            [("product", Value::text("p-1")), ("quantity", Value::Int(1)), ("category", Value::Absent)];
        assert_eq!(given, record(&whole));
        assert_eq!(fitted(record(&[]), &kind), Err("`product` is missing".into()));
        let unknown = fitted(record(&[("produkt", Value::text("p-1"))]), &kind).unwrap_err();
        assert!(unknown.contains("`produkt`") && unknown.contains("product"), "{unknown}");
    }
}
