//! The rules that an event made of a foreign record keeps, which are those of events on Hinge's own topics: the same
//! limits of attributes, the same range and precision of facts. So an event is the same whether `hinge ingest` wrote
//! it or the router made it.

use hinge_domain::{Event, Facts, Field, Kind, Value};

use crate::attributes::check_text;
use crate::fact_rules::{check_items, decimal, fact_instant, instant_in_range, invalid};
use crate::path::Path;
use crate::{Code, MAX_ATTRIBUTE_BYTES, Rejection, is_uri_reference};

/// The event as its record would be read back.
pub(super) fn kept(event: Event) -> Result<Event, Rejection> {
    let named = [
        ("id", &event.id),
        ("source", &event.source),
        ("subject", &event.subject),
        ("correlationid", &event.correlation_id),
    ];
    for (name, value) in named {
        check_text(name, value, MAX_ATTRIBUTE_BYTES)?;
    }
    if !is_uri_reference(&event.source) {
        return Err(Rejection::new(Code::AttributeInvalid, "`source`: it is not a URI reference"));
    }
    instant_in_range(event.occurred)
        .map_err(|problem| Rejection::new(Code::AttributeInvalid, format!("`time`: {problem}")))?;
    let shape = event.facts.shape();
    let values = shape.fields.iter().zip(event.facts.values());
    let values =
        values.map(|(field, value)| kept_value(value, &field.kind, Path::Member(&Path::Data, &field.name)));
    let facts = Facts::new(shape.clone(), values.collect::<Result<_, _>>()?);
    Ok(Event { facts, ..event })
}

fn kept_value(value: &Value, kind: &Kind, path: Path<'_>) -> Result<Value, Rejection> {
    Ok(match (value, kind) {
        (Value::Decimal(number), Kind::Decimal { scale }) => {
            decimal(*number, *scale).map_err(|problem| invalid(path, problem))?
        }
        (Value::Instant(instant), _) => fact_instant(*instant).map_err(|problem| invalid(path, problem))?,
        (Value::Date(date), _) if date.year() < 1 => {
            return Err(invalid(path, "a date outside the years 1 to 9999"));
        }
        (Value::List(values), Kind::List(item)) => {
            check_items(values.len(), path)?;
            let values = values.iter().enumerate();
            let values = values.map(|(at, value)| kept_value(value, item, Path::Item(&path, at)));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        (Value::Record(members), Kind::Record(fields)) => {
            let kind_of = |name: &str| fields.iter().find(|field: &&Field| *field.name == *name);
            let members = members.iter().map(|(name, value)| {
                let value = match kind_of(name) {
                    Some(field) => kept_value(value, &field.kind, Path::Member(&path, name))?,
                    None => value.clone(),
                };
                Ok((name.clone(), value))
            });
            Value::Record(members.collect::<Result<_, Rejection>>()?)
        }
        (value, _) => value.clone(),
    })
}
