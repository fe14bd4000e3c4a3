//! What the data of any Avro schema is as values. That data is bounded is the business of [`crate::foreign_schema`].

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::{Name, NamespaceRef};
use apache_avro::types::Value as Avro;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hinge_domain::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::avro_facts::from_unscaled;
use crate::fact_rules::days;

/// How the data of a schema is read: what the decoded value alone does not tell.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// All that the decoded value tells by itself.
    Plain,
    /// An exact number with so many digits after the point.
    Decimal { scale: u32 },
    /// Named values.
    Record(Vec<(Arc<str>, Arc<Plan>)>),
    /// Values of one kind.
    List(Arc<Plan>),
    /// Values of one kind by names of their own.
    Map(Arc<Plan>),
    /// One of these.
    Union(Vec<Arc<Plan>>),
}

impl Plan {
    /// The plan of a schema, or why it cannot be used.
    pub(super) fn of(schema: &Schema) -> Result<Self, String> {
        let mut named = HashMap::new();
        let plan = planned(schema, None, &mut named)?;
        Ok(Arc::unwrap_or_clone(plan))
    }

    /// A decoded value; `None` for what the library makes of data that ends too early.
    pub(super) fn value(&self, value: Avro) -> Option<Value> {
        Some(match (self, value) {
            (Self::Decimal { scale }, Avro::Decimal(number)) => {
                // More digits than 28 are kept as a text that says so much at least.
                from_unscaled(&number, *scale).map_or_else(|_| unscaled_text(&number), Value::Decimal)
            }
            (Self::Record(fields), Avro::Record(members)) => {
                let members = fields.iter().zip(members);
                let members =
                    members.map(|((name, plan), (_, value))| Some((Arc::clone(name), plan.value(value)?)));
                Value::Record(members.collect::<Option<_>>()?)
            }
            (Self::List(item), Avro::Array(values)) => {
                Value::List(values.into_iter().map(|value| item.value(value)).collect::<Option<_>>()?)
            }
            (Self::Map(item), Avro::Map(values)) => {
                let members =
                    values.into_iter().map(|(name, value)| Some((Arc::from(name), item.value(value)?)));
                let mut members = members.collect::<Option<Vec<(Arc<str>, Value)>>>()?;
                // The library gives them in any order.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                Value::Record(members)
            }
            (Self::Union(branches), Avro::Union(position, value)) => {
                branches.get(usize::try_from(position).ok()?)?.value(*value)?
            }
            (Self::Plain, value) => plain(value)?,
            (_, _) => return None,
        })
    }
}

fn plain(value: Avro) -> Option<Value> {
    let instant =
        |instant: Result<Timestamp, jiff::Error>| instant.ok().map_or(Value::Absent, Value::Instant);
    // On clocks of a zone that the mapping names.
    let local = |instant: Result<Timestamp, jiff::Error>| {
        instant.ok().map_or(Value::Absent, |at| Value::text(TimeZone::UTC.to_datetime(at).to_string()))
    };
    let nanos = |count: i64| Timestamp::from_nanosecond(i128::from(count));
    Some(match value {
        Avro::Null => Value::Absent,
        Avro::Boolean(value) => Value::Bool(value),
        Avro::Int(value) | Avro::TimeMillis(value) => Value::Int(value.into()),
        Avro::Long(value) | Avro::TimeMicros(value) => Value::Int(value),
        // The number that people see: 0.1 and not what lies beside it.
        Avro::Float(value) => value.to_string().parse().map_or(Value::Float(value.into()), Value::Float),
        Avro::Double(value) => Value::Float(value),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => Value::text(STANDARD.encode(bytes)),
        Avro::String(text) | Avro::Enum(_, text) => Value::text(text),
        Avro::Date(count) => days(count).unwrap_or_default(),
        Avro::TimestampMillis(count) => instant(Timestamp::from_millisecond(count)),
        Avro::TimestampMicros(count) => instant(Timestamp::from_microsecond(count)),
        Avro::TimestampNanos(count) => instant(nanos(count)),
        Avro::LocalTimestampMillis(count) => local(Timestamp::from_millisecond(count)),
        Avro::LocalTimestampMicros(count) => local(Timestamp::from_microsecond(count)),
        Avro::LocalTimestampNanos(count) => local(nanos(count)),
        Avro::BigDecimal(number) => {
            let text = number.to_string();
            Decimal::from_str_exact(&text).map_or_else(|_| Value::text(text), Value::Decimal)
        }
        Avro::Uuid(id) => Value::text(id.to_string()),
        Avro::Duration(duration) => {
            let [months, days, millis] =
                [u32::from(duration.months()), u32::from(duration.days()), u32::from(duration.millis())];
            let part = |name: &str, count: u32| (Arc::from(name), Value::Int(count.into()));
            Value::Record(vec![part("months", months), part("days", days), part("millis", millis)])
        }
        Avro::Decimal(_) | Avro::Union(..) | Avro::Array(_) | Avro::Map(_) | Avro::Record(_) => return None,
    })
}

/// The bytes of a number that no exact number holds, in base64.
fn unscaled_text(number: &apache_avro::Decimal) -> Value {
    let bytes: Result<Vec<u8>, _> = number.try_into();
    bytes.map_or(Value::Absent, |bytes| Value::text(STANDARD.encode(bytes)))
}

/// The plans of named types, by their full name; `None` while one is being made.
type Named = HashMap<Name, Option<Arc<Plan>>>;

fn planned(schema: &Schema, namespace: NamespaceRef<'_>, named: &mut Named) -> Result<Arc<Plan>, String> {
    let plan = match schema {
        Schema::Decimal(decimal) => {
            let scale = u32::try_from(decimal.scale).ok().filter(|scale| *scale <= 28);
            Plan::Decimal { scale: scale.ok_or("an exact number with more than 28 digits after the point")? }
        }
        Schema::Array(array) => Plan::List(planned(&array.items, namespace, named)?),
        Schema::Map(map) => Plan::Map(planned(&map.types, namespace, named)?),
        Schema::Union(union) => {
            let branches = union.variants().iter().map(|branch| planned(branch, namespace, named));
            Plan::Union(branches.collect::<Result<_, _>>()?)
        }
        Schema::Record(record) => {
            let name = record.name.fully_qualified_name(namespace).into_owned();
            named.insert(name.clone(), None);
            let fields = record.fields.iter().map(|field| {
                let plan = planned(&field.schema, name.namespace(), named)?;
                Ok((Arc::from(field.name.as_str()), plan))
            });
            let plan = Arc::new(Plan::Record(fields.collect::<Result<_, String>>()?));
            named.insert(name, Some(Arc::clone(&plan)));
            return Ok(plan);
        }
        Schema::Enum(symbols) => return Ok(leaf(&symbols.name, namespace, named)),
        Schema::Fixed(fixed) => return Ok(leaf(&fixed.name, namespace, named)),
        Schema::Ref { name } => {
            let name = name.fully_qualified_name(namespace);
            let known = named.get(&name).cloned().flatten();
            return known.ok_or_else(|| format!("`{name}` is not defined before it is used"));
        }
        _ => Plan::Plain,
    };
    Ok(Arc::new(plan))
}

fn leaf(name: &Name, namespace: NamespaceRef<'_>, named: &mut Named) -> Arc<Plan> {
    let plan = Arc::new(Plan::Plain);
    named.insert(name.fully_qualified_name(namespace).into_owned(), Some(Arc::clone(&plan)));
    plan
}
