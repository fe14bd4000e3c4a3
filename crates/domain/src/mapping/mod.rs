//! Any company's rows become Hinge's events: which rows belong together, and what each says as events.
//!
//! A [`Mapping`] turns one row, with the rows of other files that belong to it, into any number of events,
//! or says why not ([`Unmapped`]): all events of a row or none. It is pure; reading files, looking rows up
//! and writing events is for the caller, the YAML that people write for `hinge-policy`.

mod fit;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::{Event, Expression, Facts, Scope, Shape, Unknown, Value};

/// The name under which expressions read the row that is being mapped.
pub const ROW: &str = "row";
/// The name under which expressions read the mapping's zone.
pub const ZONE: &str = "zone";

/// Named values, in the order of the file. An absent value reads as *unknown*.
pub type Row = Vec<(Arc<str>, Value)>;

/// How the rows of one company become events.
#[derive(Debug)]
pub struct Mapping {
    /// Who says so: the `source` of every event.
    pub source: Arc<str>,
    /// The zone of stamps that name none; its IANA name is what expressions read as `zone`.
    pub zone: TimeZone,
    /// The name of the file whose rows are mapped, without its endings; none: whatever file is given.
    pub rows: Option<Arc<str>>,
    /// What stands between the cells of a CSV file.
    pub delimiter: u8,
    /// What is looked up for each row, in order.
    pub joins: Vec<Join>,
    /// Facts that every event carries whose type has them: each is computed once per row.
    pub shared: Vec<SharedFact>,
    /// What a row says, in the order in which its events at one instant are to be told.
    pub events: Vec<EventMapping>,
}

/// Rows of another file that belong to a row.
#[derive(Debug)]
pub struct Join {
    /// The name under which expressions read them.
    pub name: Arc<str>,
    /// The name of the file, without its endings.
    pub file: Arc<str>,
    /// The column of that file ...
    pub key: Arc<str>,
    /// ... that has this value.
    pub is: Expression,
    /// Whether there may be any number of them: a list, else one record.
    pub many: bool,
}

/// A fact that events of several types have.
#[derive(Debug)]
pub struct SharedFact {
    /// The fact.
    pub name: Arc<str>,
    /// Its value.
    pub value: Expression,
}

/// How one event is made of a row.
#[derive(Debug)]
pub struct EventMapping {
    /// Its type.
    pub shape: Arc<Shape>,
    /// Whether the row says it at all; always, if there is no condition.
    pub when: Option<Expression>,
    /// Its id, the same each time the row is read.
    pub id: Expression,
    /// What it is about.
    pub subject: Arc<Expression>,
    /// What it belongs to; the subject, if not given.
    pub correlation_id: Option<Arc<Expression>>,
    /// When it happened.
    pub time: Expression,
    /// Where each fact comes from, in the order of the shape's fields.
    pub facts: Vec<FactSource>,
}

/// Where a fact comes from.
#[derive(Debug)]
pub enum FactSource {
    /// Nowhere: it has its default.
    Default,
    /// An expression of its own.
    Own(Expression),
    /// The shared fact at this position of [`Mapping::shared`].
    Shared(usize),
}

/// Why a row cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {cause}")]
pub struct Unmapped {
    /// Which part of the mapping cannot be computed; without any value of the row.
    pub part: String,
    /// Why; may repeat parts of the row where an expression failed on it.
    pub cause: String,
}

impl Mapping {
    /// The events that a row says, in the mapping's order.
    ///
    /// `lookup` gives the rows of the join at a position whose key column has this value, in the order of
    /// their file.
    pub fn events<'a>(
        &self,
        row: Row,
        lookup: &dyn Fn(usize, &str) -> &'a [Row],
    ) -> Result<Vec<Event>, Unmapped> {
        let mut scope = Scope::default();
        if let Some(zone) = self.zone.iana_name() {
            scope.set(ZONE, &Value::text(zone));
        }
        scope.set_record(ROW, row);
        for (position, join) in self.joins.iter().enumerate() {
            let part = || format!("the key of `{}`", join.name);
            let found = match join.is.evaluate(&scope) {
                Ok(Value::Absent) | Err(Unknown::Missing(_)) => &[],
                Ok(key) => {
                    let key = fit::text(&key).ok_or_else(|| unmapped(part(), "expected text or a number"))?;
                    lookup(position, &key)
                }
                Err(failed @ Unknown::Failed(_)) => return Err(unmapped(part(), failed)),
            };
            if join.many {
                let records = found.iter().map(|row| Value::Record(row.clone()));
                scope.set(&join.name, &Value::List(records.collect()));
            } else {
                scope.set_record(&join.name, found.first().into_iter().flatten().cloned());
            }
        }
        let shared: Vec<_> = self.shared.iter().map(|fact| fact.value.evaluate(&scope)).collect();
        let reading = Reading { mapping: self, scope: &scope, shared: &shared };
        let events = self.events.iter().map(|event| reading.event(event));
        events.filter_map(Result::transpose).collect()
    }

    /// The columns that the mapping reads from what expressions call `name`, as far as they are named.
    pub fn columns_of(&self, name: &str) -> BTreeSet<&str> {
        let keys = self.joins.iter().filter(|join| *join.name == *name).map(|join| join.key.as_ref());
        let reads = self.expressions().flat_map(Expression::reads);
        let fields = reads.filter(|read| read.variable == name && !read.field.is_empty());
        keys.chain(fields.map(|read| read.field.as_str())).collect()
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let joins = self.joins.iter().map(|join| &join.is);
        let shared = self.shared.iter().map(|fact| &fact.value);
        joins.chain(shared).chain(self.events.iter().flat_map(EventMapping::expressions))
    }
}

impl EventMapping {
    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let facts = self.facts.iter().filter_map(|fact| match fact {
            FactSource::Own(expression) => Some(expression),
            FactSource::Default | FactSource::Shared(_) => None,
        });
        let attributes = [&self.id, self.subject.as_ref(), &self.time];
        let given = self.when.iter().chain(self.correlation_id.as_deref());
        attributes.into_iter().chain(given).chain(facts)
    }
}

/// One row, with all that its expressions can read.
struct Reading<'a> {
    mapping: &'a Mapping,
    scope: &'a Scope,
    shared: &'a [Result<Value, Unknown>],
}

impl Reading<'_> {
    /// The event that the row says, if it says it.
    fn event(&self, event: &EventMapping) -> Result<Option<Event>, Unmapped> {
        if !self.is_said(event)? {
            return Ok(None);
        }
        let subject = self.text(event, "subject", &event.subject)?;
        let correlation_id = match &event.correlation_id {
            Some(expression) => self.text(event, "correlationid", expression)?,
            None => subject.clone(),
        };
        let time = needed(event, "time", event.time.evaluate(self.scope))?;
        let occurred = fit::instant(&time, &self.mapping.zone);
        Ok(Some(Event {
            id: self.text(event, "id", &event.id)?,
            source: self.mapping.source.to_string(),
            subject,
            correlation_id,
            occurred: occurred.map_err(|why| unmapped(part(event, "time"), why))?,
            history: None,
            facts: self.facts(event)?,
            extensions: Vec::new(),
        }))
    }

    fn is_said(&self, event: &EventMapping) -> Result<bool, Unmapped> {
        let Some(when) = &event.when else { return Ok(true) };
        let part = || part(event, "when");
        match when.evaluate(self.scope) {
            Ok(Value::Bool(said)) => Ok(said),
            Ok(_) => Err(unmapped(part(), "expected true or false")),
            Err(missing @ Unknown::Missing(_)) => {
                Err(unmapped(part(), format_args!("{missing}; ask with `has(..)` first")))
            }
            Err(failed @ Unknown::Failed(_)) => Err(unmapped(part(), failed)),
        }
    }

    fn text(&self, event: &EventMapping, name: &str, expression: &Expression) -> Result<String, Unmapped> {
        let value = needed(event, name, expression.evaluate(self.scope))?;
        let text = fit::text(&value).filter(|text| !text.is_empty());
        text.ok_or_else(|| unmapped(part(event, name), "expected text that is not empty"))
    }

    fn facts(&self, event: &EventMapping) -> Result<Facts, Unmapped> {
        let fields = event.shape.fields.iter().zip(&event.facts);
        let values = fields.map(|(field, source)| {
            let value = match source {
                FactSource::Default => Err(Unknown::Missing(field.name.to_string())),
                FactSource::Own(expression) => expression.evaluate(self.scope),
                FactSource::Shared(position) => self.shared[*position].clone(),
            };
            match (value, &field.default) {
                (Ok(Value::Absent) | Err(Unknown::Missing(_)), Some(default)) => Ok(default.clone()),
                (value, _) => {
                    let value = needed(event, &field.name, value)?;
                    fit::fit(value, &field.kind, &self.mapping.zone)
                        .map_err(|why| unmapped(part(event, &field.name), why))
                }
            }
        });
        let values = values.collect::<Result<Vec<Value>, Unmapped>>()?;
        Ok(Facts::new(Arc::clone(&event.shape), values))
    }
}

/// A value that an event cannot do without.
fn needed(event: &EventMapping, name: &str, value: Result<Value, Unknown>) -> Result<Value, Unmapped> {
    match value {
        Ok(Value::Absent) => Err(unmapped(part(event, name), "the expression gives nothing")),
        Ok(value) => Ok(value),
        Err(unknown) => Err(unmapped(part(event, name), unknown)),
    }
}

fn part(event: &EventMapping, name: &str) -> String {
    format!("`{name}` of `{}`", event.shape.event_type)
}

fn unmapped(part: String, cause: impl fmt::Display) -> Unmapped {
    Unmapped { part, cause: cause.to_string() }
}

#[cfg(test)]
mod tests;
