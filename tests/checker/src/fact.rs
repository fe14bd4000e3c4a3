//! Facts: their kinds, their values, how JSON says them, and a digest of them to tell equal from other.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::instant;
use crate::json::{self, Kind as Json};

/// The most items of a list.
pub const MOST_ITEMS: usize = 10_000;
/// The most digits of an exact number.
const MOST_DIGITS: u32 = 18;

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it may be null.
    pub optional: bool,
    /// What it holds.
    pub kind: Kind,
    /// What it is where it is not given; `None`: it must be.
    pub default: Option<Fact>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// A number with so many digits after the point.
    Exact(u32),
    /// Text.
    Text,
    /// One of these words, and the one that stands for others.
    Symbol(Vec<Arc<str>>, Arc<str>),
    /// An instant to the millisecond.
    Instant,
    /// A date.
    Date,
    /// A list.
    List(Box<Kind>),
    /// Further fields.
    Record(Vec<Field>),
}

/// What an event says under a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fact {
    /// Nothing.
    #[default]
    Absent,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number.
    Double(f64),
    /// An exact number: all its digits, and how many of them come after the point.
    Exact(i64, u32),
    /// Text, or a word of an enumeration.
    Text(Arc<str>),
    /// Milliseconds since 1970.
    Instant(i64),
    /// Days since 1970.
    Date(i32),
    /// A list.
    List(Vec<Self>),
    /// A record.
    Record(Vec<(Arc<str>, Self)>),
}

impl Fact {
    /// Appends the fact in a form that is the same exactly for equal facts.
    pub fn write(&self, target: &mut Vec<u8>) {
        let mut put = |tag: u8, bytes: &[u8]| {
            target.push(tag);
            target.extend_from_slice(bytes);
        };
        match self {
            Self::Absent => put(0, &[]),
            Self::Bool(value) => put(1, &[u8::from(*value)]),
            Self::Long(value) => put(2, &value.to_le_bytes()),
            Self::Double(value) => put(3, &value.to_bits().to_le_bytes()),
            Self::Exact(value, scale) => {
                put(4, &value.to_le_bytes());
                target.extend_from_slice(&scale.to_le_bytes());
            }
            Self::Text(value) => {
                put(5, &value.len().to_le_bytes());
                target.extend_from_slice(value.as_bytes());
            }
            Self::Instant(value) => put(6, &value.to_le_bytes()),
            Self::Date(value) => put(7, &value.to_le_bytes()),
            Self::List(items) => {
                put(8, &items.len().to_le_bytes());
                for item in items {
                    item.write(target);
                }
            }
            Self::Record(members) => {
                put(9, &members.len().to_le_bytes());
                for (_, value) in members {
                    value.write(target);
                }
            }
        }
    }
}

/// An exact number from its text, if it has room for its digits.
fn exact(text: &str, scale: u32) -> Option<Fact> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = match rest.find(['e', 'E']) {
        Some(place) => (&rest[..place], rest[place + 1..].parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = number.contains('.');
    let ends = !whole.is_empty() && (!has_point || !fraction.is_empty());
    if text.len() > 64 || !ends || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    // What the digits alone say, and how many places to the left the point belongs.
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut unscaled = digits;
    let mut places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let wanted = i32::try_from(scale).ok()?;
    while places > wanted && unscaled % 10 == 0 && unscaled != 0 {
        unscaled /= 10;
        places -= 1;
    }
    while places < wanted && unscaled != 0 {
        unscaled = unscaled.checked_mul(10)?;
        places += 1;
    }
    let fits = unscaled == 0 || (places == wanted && unscaled < 10_i128.pow(MOST_DIGITS));
    let number = i64::try_from(unscaled).ok().filter(|_| fits)?;
    Some(Fact::Exact(if negative { -number } else { number }, scale))
}

/// A word, or the one that stands for words that are not known.
pub fn symbol(word: &str, words: &[Arc<str>], fallback: &Arc<str>) -> Fact {
    Fact::Text(Arc::clone(words.iter().find(|known| ***known == *word).unwrap_or(fallback)))
}

/// The facts of a JSON object by these fields; `None` where it breaks a rule.
pub fn from_json(object: &str, fields: &[Field]) -> Option<Vec<Fact>> {
    let members = json::object(object)?;
    let mut found = vec![None; fields.len()];
    for (name, raw) in members {
        if let Some(place) = fields.iter().position(|field| *field.name == *name)
            && found[place].replace(raw).is_some()
        {
            return None;
        }
    }
    let facts =
        fields.iter().zip(found).map(|(field, raw)| match raw.filter(|raw| json::kind(raw) != Json::Null) {
            Some(raw) => value(raw, &field.kind),
            None => field.default.clone(),
        });
    facts.collect()
}

fn value(raw: &RawValue, kind: &Kind) -> Option<Fact> {
    Some(match (kind, json::kind(raw)) {
        (Kind::Bool, Json::Bool) => Fact::Bool(raw.get() == "true"),
        (Kind::Long, Json::Number) => Fact::Long(raw.get().parse().ok()?),
        (Kind::Double, Json::Number) => {
            Fact::Double(raw.get().parse().ok().filter(|number: &f64| number.is_finite())?)
        }
        (Kind::Exact(scale), Json::Number) => exact(raw.get(), *scale)?,
        (Kind::Exact(scale), Json::Text) => exact(&json::text(raw)?, *scale)?,
        (Kind::Text, Json::Text) => Fact::Text(json::text(raw)?.into()),
        (Kind::Symbol(words, fallback), Json::Text) => symbol(&json::text(raw)?, words, fallback),
        (Kind::Instant, Json::Text) => Fact::Instant(instant::millis(instant::instant(&json::text(raw)?)?)),
        (Kind::Date, Json::Text) => Fact::Date(instant::date(&json::text(raw)?)?),
        (Kind::List(item), Json::List) => {
            let items = json::list(raw).filter(|items| items.len() <= MOST_ITEMS)?;
            Fact::List(items.into_iter().map(|raw| value(raw, item)).collect::<Option<_>>()?)
        }
        (Kind::Record(fields), Json::Object) => named(fields, from_json(raw.get(), fields)?),
        (_, _) => return None,
    })
}

/// Values with the names of their fields.
pub fn named(fields: &[Field], values: Vec<Fact>) -> Fact {
    Fact::Record(fields.iter().map(|field| Arc::clone(&field.name)).zip(values).collect())
}

/// Values written by an older schema as the newest one has them; `None` where one is missing.
pub fn upgraded(values: Vec<Fact>, written: &[Field], newest: &[Field]) -> Option<Vec<Fact>> {
    let mut older: Vec<(&Field, Fact)> = written.iter().zip(values).collect();
    let fields = newest.iter().map(|field| match older.iter_mut().find(|(old, _)| old.name == field.name) {
        Some((old, value)) => one_upgraded(std::mem::take(value), &old.kind, &field.kind),
        None => field.default.clone(),
    });
    fields.collect()
}

fn one_upgraded(value: Fact, written: &Kind, newest: &Kind) -> Option<Fact> {
    match (value, written, newest) {
        (Fact::Text(word), Kind::Symbol(..), Kind::Symbol(words, fallback)) => {
            Some(symbol(&word, words, fallback))
        }
        (Fact::List(items), Kind::List(written), Kind::List(newest)) => {
            let items = items.into_iter().map(|item| one_upgraded(item, written, newest));
            Some(Fact::List(items.collect::<Option<_>>()?))
        }
        (Fact::Record(members), Kind::Record(written), Kind::Record(newest)) => {
            let values = members.into_iter().map(|(_, value)| value).collect();
            Some(named(newest, upgraded(values, written, newest)?))
        }
        (value, _, _) => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_keep_their_digits() {
        for (text, expected) in [
            ("149.80", Some(14_980)),
            ("149.8", Some(14_980)),
            ("1.5e2", Some(15_000)),
            ("15000e-3", Some(1_500)),
            ("-3", Some(-300)),
            ("0", Some(0)),
            ("0.000", Some(0)),
            ("9999999999999999.99", Some(999_999_999_999_999_999)),
            ("10000000000000000.00", None),
            ("1.005", None),
            ("1.", None),
            (".5", None),
            ("+1", None),
            ("", None),
            ("1e400", None),
        ] {
            assert_eq!(exact(text, 2), expected.map(|number| Fact::Exact(number, 2)), "{text}");
        }
    }

    #[test]
    fn facts_in_json_are_as_their_fields_say() {
        let field = |name: &str, kind, default| Field { name: name.into(), optional: false, kind, default };
        let words = Kind::Symbol(vec!["web".into(), "other".into()], "other".into());
        let fields = [
            field("count", Kind::Long, None),
            field("via", words, Some(Fact::Text("other".into()))),
            field("ids", Kind::List(Box::new(Kind::Text)), Some(Fact::List(Vec::new()))),
        ];
        let read = |text: &str| from_json(text, &fields);
        let expected =
            |count, via: &str| Some(vec![Fact::Long(count), Fact::Text(via.into()), Fact::List(vec![])]);
        assert_eq!(read(r#"{"count": 3, "via": "web", "more": 1}"#), expected(3, "web"));
        assert_eq!(read(r#"{"count": 3, "via": "fax", "ids": null}"#), expected(3, "other"));
        for text in ["{}", r#"{"count": 3.0}"#, r#"{"count": "3"}"#, r#"{"count": 1, "count": 1}"#, "[]", "{"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(r#"{"count": 1, "ids": [1]}"#), None);
    }
}
