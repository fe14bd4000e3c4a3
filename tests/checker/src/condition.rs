//! Conditions of rules: the part of CEL that compares what an event says. What is not said is unknown, and
//! unknown never matches; what this part does not know is refused when the policy is read.

mod parse;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::cloud_events::Event;
use crate::fact::Fact;
use crate::instant;
use crate::schemas::Schemas;

pub use parse::parse;

/// A condition, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number with a point.
    Double(f64),
    /// Text.
    Text(String),
    /// A list as written.
    List(Vec<Self>),
    /// `event.name`.
    Attribute(String),
    /// `term.name`.
    Member(Box<Self>, String),
    /// `term[place]`.
    Item(Box<Self>, Box<Self>),
    /// `has(term)`.
    Has(Box<Self>),
    /// `size(term)`.
    Size(Box<Self>),
    /// `!term`.
    Not(Box<Self>),
    /// `one && other`.
    And(Box<Self>, Box<Self>),
    /// `one || other`.
    Or(Box<Self>, Box<Self>),
    /// `one in list`.
    In(Box<Self>, Box<Self>),
    /// `one < other` and the like.
    Compare(Comparison, Box<Self>, Box<Self>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// Something that a condition needs is not there, or does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// A value while a condition is looked at.
#[derive(Clone, Debug)]
enum Value<'a> {
    Bool(bool),
    Long(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Instant(i128),
    List(Vec<Self>),
    Record(&'a Fact),
}

/// An event as conditions see it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    event: &'a Event,
    schemas: &'a Schemas,
}

impl<'a> Sight<'a> {
    /// The event, with the schemas that name its facts.
    pub fn new(event: &'a Event, schemas: &'a Schemas) -> Self {
        Self { event, schemas }
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn holds(self, condition: &Term) -> Result<bool, Unknown> {
        match self.value(condition)? {
            Value::Bool(answer) => Ok(answer),
            Value::Long(_)
            | Value::Double(_)
            | Value::Text(_)
            | Value::Instant(_)
            | Value::List(_)
            | Value::Record(_) => Err(Unknown),
        }
    }

    fn attribute(self, name: &str) -> Result<Value<'a>, Unknown> {
        let event = self.event;
        let event_type = self.schemas.at(event.schema);
        Ok(match name {
            "id" => Value::Text(event.id.as_str().into()),
            "source" => Value::Text(event.source.as_str().into()),
            "type" => Value::Text(Cow::Borrowed(&event_type.name)),
            "subject" => Value::Text(event.subject.as_str().into()),
            "correlationid" => Value::Text(event.correlation.as_str().into()),
            "time" => Value::Instant(event.occurred),
            name => {
                let place =
                    event_type.newest().iter().position(|field| *field.name == *name).ok_or(Unknown)?;
                seen(event.facts.get(place).ok_or(Unknown)?)?
            }
        })
    }

    fn value(self, term: &'a Term) -> Result<Value<'a>, Unknown> {
        Ok(match term {
            Term::Bool(value) => Value::Bool(*value),
            Term::Long(value) => Value::Long(*value),
            Term::Double(value) => Value::Double(*value),
            Term::Text(value) => Value::Text(Cow::Borrowed(value)),
            Term::List(items) => {
                Value::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Term::Attribute(name) => self.attribute(name)?,
            Term::Member(record, name) => match self.value(record)? {
                Value::Record(Fact::Record(members)) => {
                    let found = members.iter().find(|(member, _)| **member == **name).ok_or(Unknown)?;
                    seen(&found.1)?
                }
                _ => return Err(Unknown),
            },
            Term::Item(list, place) => match (self.value(list)?, self.value(place)?) {
                (Value::List(mut items), Value::Long(place)) => {
                    let place = usize::try_from(place).ok().filter(|place| *place < items.len());
                    items.swap_remove(place.ok_or(Unknown)?)
                }
                (_, _) => return Err(Unknown),
            },
            // Asking for the member of something that is not there cannot be answered.
            Term::Has(asked) => Value::Bool(match &**asked {
                Term::Member(record, _) => {
                    self.value(record)?;
                    self.value(asked).is_ok()
                }
                asked => self.value(asked).is_ok(),
            }),
            Term::Size(measured) => match self.value(measured)? {
                Value::List(items) => Value::Long(i64::try_from(items.len()).map_err(|_| Unknown)?),
                Value::Text(text) => Value::Long(i64::try_from(text.chars().count()).map_err(|_| Unknown)?),
                _ => return Err(Unknown),
            },
            Term::Not(negated) => Value::Bool(!self.holds(negated)?),
            Term::And(one, other) => Value::Bool(match (self.holds(one), self.holds(other)) {
                (Ok(false), _) | (_, Ok(false)) => false,
                (Ok(true), Ok(true)) => true,
                (_, _) => return Err(Unknown),
            }),
            Term::Or(one, other) => Value::Bool(match (self.holds(one), self.holds(other)) {
                (Ok(true), _) | (_, Ok(true)) => true,
                (Ok(false), Ok(false)) => false,
                (_, _) => return Err(Unknown),
            }),
            Term::In(one, list) => match (self.value(one)?, self.value(list)?) {
                (one, Value::List(items)) => Value::Bool(items.iter().any(|item| equal(&one, item))),
                (_, _) => return Err(Unknown),
            },
            Term::Compare(how, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                let ordered = || order(&one, &other).ok_or(Unknown);
                Value::Bool(match how {
                    Comparison::Equal => equal(&one, &other),
                    Comparison::Unequal => !equal(&one, &other),
                    Comparison::Less => ordered()?.is_lt(),
                    Comparison::AtMost => ordered()?.is_le(),
                    Comparison::Greater => ordered()?.is_gt(),
                    Comparison::AtLeast => ordered()?.is_ge(),
                })
            }
        })
    }
}

/// A fact as conditions see it: dates as text, exact numbers as doubles.
fn seen(fact: &Fact) -> Result<Value<'_>, Unknown> {
    Ok(match fact {
        Fact::Absent => return Err(Unknown),
        Fact::Bool(value) => Value::Bool(*value),
        Fact::Long(value) => Value::Long(*value),
        Fact::Double(value) => Value::Double(*value),
        Fact::Exact(unscaled, scale) => {
            let text = format!("{unscaled}e-{scale}");
            Value::Double(text.parse().map_err(|_| Unknown)?)
        }
        Fact::Text(value) => Value::Text(Cow::Borrowed(value)),
        Fact::Instant(millis) => Value::Instant(i128::from(*millis) * 1_000_000),
        Fact::Date(days) => Value::Text(instant::date_text(*days).into()),
        Fact::List(items) => Value::List(items.iter().map(seen).collect::<Result<_, _>>()?),
        Fact::Record(_) => Value::Record(fact),
    })
}

fn equal(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Record(one), Value::Record(other)) => one == other,
        (one, other) => order(one, other).is_some_and(Ordering::is_eq),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers are compared with doubles as CEL compares them")]
fn order(one: &Value<'_>, other: &Value<'_>) -> Option<Ordering> {
    match (one, other) {
        (Value::Long(one), Value::Long(other)) => Some(one.cmp(other)),
        (Value::Double(one), Value::Double(other)) => one.partial_cmp(other),
        (Value::Long(one), Value::Double(other)) => (*one as f64).partial_cmp(other),
        (Value::Double(one), Value::Long(other)) => one.partial_cmp(&(*other as f64)),
        (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Value::Instant(one), Value::Instant(other)) => Some(one.cmp(other)),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fact::from_json;

    const PLACED: &str = r#"{"value":"149.80","currency":"BRL","freight":"0.10","item_count":3,"state":"SP",
        "promised_date":"2026-03-12","promise_ids":["fast","green"],"channel":"web",
        "items":[{"product":"p-1","category":"garden","quantity":2,"price":"49.95"},{"product":"p-2","price":"30.00"}]}"#;

    fn ask(condition: &str) -> Result<bool, Unknown> {
        let schemas = Schemas::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")).unwrap();
        let (event_type, placed) = schemas.event_type("order.placed").unwrap();
        let event = Event {
            source: "/shop".to_owned(),
            id: "e-1".to_owned(),
            schema: event_type,
            subject: "o-1".to_owned(),
            correlation: "o-1".to_owned(),
            occurred: 0,
            recorded: None,
            facts: from_json(PLACED, placed.newest()).unwrap(),
        };
        let term = parse(condition).unwrap_or_else(|why| panic!("`{condition}`: {why}"));
        Sight::new(&event, &schemas).holds(&term)
    }

    #[test]
    fn conditions_hold_or_do_not_or_cannot_be_told() {
        for condition in [
            "event.state == 'SP'",
            "event.state != \"RJ\"",
            "event.value == 149.80",
            "event.value > 149.79",
            "event.value >= 149",
            "event.item_count > 2.5",
            "event.item_count == 3",
            "size(event.promise_ids) > 0",
            "event.promise_ids.size() == 2",
            "'fast' in event.promise_ids",
            "!('slow' in event.promise_ids)",
            "event.promise_ids == ['fast', 'green']",
            "event.promised_date >= '2026-03-12'",
            "event.promised_date < '2026-04-01'",
            "event.state in ['RJ', 'SP']",
            "has(event.state)",
            "!has(event.city)",
            "event.items[1].price < 40.0",
            "event.items[1].quantity == 1",
            "!!true",
            "!has(event.items[1].category)",
            "has(event.items[0].category)",
            "event.channel == 'web'",
            "event.state == 'SP' || event.city == 'Rio'",
            "event.city == 'Rio' || event.state == 'SP'",
            "event.type == 'order.placed' && event.subject == 'o-1' && event.id == 'e-1'",
            "(true || false) && !(false)",
            "true || false && false",
            "1 < 2 == true",
            "-1 < 0",
            "event.freight < 0.11",
            "size('h\\'e') == 3",
        ] {
            assert_eq!(ask(condition), Ok(true), "{condition}");
        }
        for condition in [
            "event.state == 'sp'",
            "event.value > 149.80",
            "event.item_count in [1, 2]",
            "has(event.city)",
            "event.city == 'Rio' && event.state == 'RJ'",
            "event.state == 'RJ' && event.city == 'Rio'",
            "event.promise_ids == []",
            "event.state == 7",
            "[] == ['a']",
        ] {
            assert_eq!(ask(condition), Ok(false), "{condition}");
        }
        for condition in [
            "event.city == 'Rio'",
            "event.city != 'Rio'",
            "!(event.city == 'Rio')",
            "event.city in ['Rio']",
            "!(event.city in ['Rio'])",
            "size(event.city) == 0",
            "event.city == event.city",
            "event.city == 'Rio' && event.state == 'SP'",
            "event.city == 'Rio' || event.state == 'RJ'",
            "event.items[2].quantity == 1",
            "event.items[1].category == 'garden'",
            "event.state < 7",
            "event.state",
        ] {
            assert_eq!(ask(condition), Err(Unknown), "{condition}");
        }
    }

    #[test]
    fn what_is_not_known_here_is_refused() {
        for condition in [
            "local_date(event.time, event.zone) > event.promised_date",
            "event.items.exists(item, true)",
            "event.value + 1.0 > 2.0",
            "true ? true : false",
            "person.role == 'x'",
            "event",
            "(true",
            "'open",
            "event.state == ",
            "true true",
            "has(true)",
            "event.state.startsWith('S')",
            "",
            "1u == 1u",
        ] {
            assert!(parse(condition).is_err(), "{condition}");
        }
    }
}
