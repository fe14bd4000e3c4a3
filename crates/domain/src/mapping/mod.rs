//! Any company's rows become Hinge's events: which rows belong together, and what each says as events.
//!
//! A [`Mapping`] turns one row, with the rows of other files that belong to it, into any number of events,
//! or says why not ([`Unmapped`]): all events of a row or none. It is pure; reading files, looking rows up
//! and writing events is for the caller, the YAML that people write for `hinge-policy`.

mod constant;
mod fit;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::{Event, Expression, Facts, Scope, Shape, Unknown, Value};

pub use constant::{Unfit, unfit};
use fit::Fitting;

/// The name under which expressions read the row that is being mapped.
pub const ROW: &str = "row";
/// The name under which expressions read the mapping's zone.
pub const ZONE: &str = "zone";

/// Named values, in the order of the file. An absent value reads as *unknown*.
pub type Row = Vec<(Arc<str>, Value)>;

/// What expressions read of one record of another system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The row itself, called [`ROW`].
    pub row: Row,
    /// What comes with it, by the names under which expressions read it. An absent value reads as *unknown*.
    pub beside: Vec<(&'static str, Value)>,
}

impl Given {
    /// The value at a path such as `row`, `customer`, `state`; `None` where there is nothing.
    fn at(&self, path: &[String]) -> Option<&Value> {
        let (variable, fields) = path.split_first()?;
        let (mut record, fields) = if variable == ROW {
            (&self.row, fields)
        } else {
            let (_, value) = self.beside.iter().find(|(name, _)| name == variable)?;
            match value {
                Value::Record(record) => (record, fields),
                value => return fields.is_empty().then_some(value),
            }
        };
        let (last, way) = fields.split_last()?;
        let member = |record: &'_ [(Arc<str>, Value)], name: &str| {
            record.iter().position(|(known, _)| **known == *name)
        };
        for name in way {
            match &record[member(record, name)?].1 {
                Value::Record(inner) => record = inner,
                _ => return None,
            }
        }
        Some(&record[member(record, last)?].1).filter(|value| !value.is_absent())
    }
}

impl From<Row> for Given {
    fn from(row: Row) -> Self {
        Self { row, beside: Vec::new() }
    }
}

/// How the rows of one company become events.
#[derive(Debug)]
pub struct Mapping {
    /// Who says so: the `source` of events.
    pub source: Origin,
    /// The zone of stamps that name none; its IANA name is what expressions read as `zone`.
    pub zone: TimeZone,
    /// The name of the file whose rows are mapped, without its endings; none: whatever file is given.
    pub rows: Option<Arc<str>>,
    /// What stands between the cells of a CSV file.
    pub delimiter: u8,
    /// What is looked up for each row, in order.
    pub joins: Vec<Join>,
    /// Whether a row says anything at all; it does, if there is no condition.
    pub when: Option<Expression>,
    /// Facts that every event carries whose type has them: each is computed once per row.
    pub shared: Vec<SharedFact>,
    /// What a row says, in the order in which its events at one instant are to be told.
    pub events: Vec<EventMapping>,
}

/// Who says so. With its id this is an event's identity.
#[derive(Debug)]
pub enum Origin {
    /// The same for every row.
    Fixed(Arc<str>),
    /// What this says of each.
    Read(Expression),
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

/// Why a row cannot be mapped; without any value of the row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {cause}")]
pub struct Unmapped {
    /// Which part of the mapping cannot be computed.
    pub part: String,
    /// Why.
    pub cause: String,
    /// What is not there, where that is why.
    pub missing: Option<String>,
}

/// What a row says.
#[derive(Clone, Debug, Default)]
pub struct Mapped {
    /// Its events, in the mapping's order.
    pub events: Vec<Event>,
    /// Facts, one for each time that a word of the row is none of theirs, so that their fallback (`other`) stands for
    /// it.
    pub fell_back: Vec<Arc<str>>,
}

impl Mapping {
    /// The events that a row says.
    ///
    /// `lookup` gives the rows of the join at a position whose key column has this value, in the order of
    /// their file.
    pub fn map<'a>(
        &self,
        given: &Given,
        lookup: &dyn Fn(usize, &str) -> &'a [Row],
    ) -> Result<Mapped, Unmapped> {
        let mut scope = Scope::default();
        if let Some(zone) = self.zone.iana_name() {
            scope.set(ZONE, &Value::text(zone));
        }
        scope.set_record(ROW, given.row.iter().cloned());
        for (name, value) in &given.beside {
            scope.set(name, value);
        }
        for (position, join) in self.joins.iter().enumerate() {
            let part = || format!("the key of `{}`", join.name);
            let found = match evaluate(&join.is, given, &scope) {
                Ok(Value::Absent) | Err(Unknown::Missing(_)) => &[],
                Ok(key) => {
                    let key = fit::text(&key).ok_or_else(|| unmapped(part(), "expected text or a number"))?;
                    lookup(position, &key)
                }
                Err(failed @ Unknown::Failed(_)) => return Err(unknown(part(), &failed)),
            };
            if join.many {
                let records = found.iter().map(|row| Value::Record(row.clone()));
                scope.set(&join.name, &Value::List(records.collect()));
            } else {
                scope.set_record(&join.name, found.first().into_iter().flatten().cloned());
            }
        }
        let fell_back = RefCell::default();
        let reading = Reading { mapping: self, given, scope: &scope, shared: &[], fell_back: &fell_back };
        if !reading.is_said(self.when.as_ref(), || "`when`".to_owned())? {
            return Ok(Mapped::default());
        }
        let shared: Vec<_> = self.shared.iter().map(|fact| reading.evaluate(&fact.value)).collect();
        let reading = Reading { shared: &shared, ..reading };
        let events = self.events.iter().map(|event| reading.event(event));
        let events = events.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Mapped { events, fell_back: fell_back.take() })
    }

    /// [`Mapping::map`], and nothing but the events.
    pub fn events<'a>(
        &self,
        given: &Given,
        lookup: &dyn Fn(usize, &str) -> &'a [Row],
    ) -> Result<Vec<Event>, Unmapped> {
        self.map(given, lookup).map(|mapped| mapped.events)
    }

    /// Whether an expression reads what is called `name`.
    pub fn reads(&self, name: &str) -> bool {
        self.expressions().flat_map(Expression::reads).any(|read| read.variable == name)
    }

    /// Whether an expression reads what is called `name` as a whole, so that [`Mapping::columns_of`] it
    /// cannot be complete.
    pub fn reads_whole(&self, name: &str) -> bool {
        let mut reads = self.expressions().flat_map(Expression::reads);
        reads.any(|read| read.variable == name && read.field.is_empty())
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
        let source = match &self.source {
            Origin::Fixed(_) => None,
            Origin::Read(expression) => Some(expression),
        };
        let shared = self.shared.iter().map(|fact| &fact.value);
        joins
            .chain(source)
            .chain(self.when.as_ref())
            .chain(shared)
            .chain(self.events.iter().flat_map(EventMapping::expressions))
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

/// The value of an expression on a row.
///
/// One that only names a place (`row.total`) is answered without CEL, so that an exact number stays exact.
/// What is missing is named only where the expression itself names it: a key that was computed may be
/// anybody's.
fn evaluate(expression: &Expression, given: &Given, scope: &Scope) -> Result<Value, Unknown> {
    if let Some(value) = expression.path().and_then(|path| given.at(path)) {
        return Ok(value.clone());
    }
    match expression.evaluate(scope) {
        Err(Unknown::Missing(name)) if !expression.says(&name) => {
            Err(Unknown::Failed("a key that is looked up is not there".to_owned()))
        }
        value => value,
    }
}

/// One row, with all that its expressions can read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    mapping: &'a Mapping,
    given: &'a Given,
    scope: &'a Scope,
    shared: &'a [Result<Value, Unknown>],
    fell_back: &'a RefCell<Vec<Arc<str>>>,
}

impl Reading<'_> {
    /// The event that the row says, if it says it.
    fn event(&self, event: &EventMapping) -> Result<Option<Event>, Unmapped> {
        if !self.is_said(event.when.as_ref(), || part(event, "when"))? {
            return Ok(None);
        }
        let subject = self.text(event, "subject", &event.subject)?;
        let correlation_id = match &event.correlation_id {
            Some(expression) => self.text(event, "correlationid", expression)?,
            None => subject.clone(),
        };
        let time = needed(event, "time", self.evaluate(&event.time))?;
        let occurred = fit::instant(&time, &self.mapping.zone);
        Ok(Some(Event {
            id: self.text(event, "id", &event.id)?,
            source: match &self.mapping.source {
                Origin::Fixed(source) => source.to_string(),
                Origin::Read(expression) => self.text(event, "source", expression)?,
            },
            subject,
            correlation_id,
            occurred: occurred.map_err(|why| unmapped(part(event, "time"), why))?,
            history: None,
            facts: self.facts(event)?,
            extensions: Vec::new(),
        }))
    }

    fn evaluate(&self, expression: &Expression) -> Result<Value, Unknown> {
        evaluate(expression, self.given, self.scope)
    }

    fn is_said(&self, when: Option<&Expression>, part: impl Fn() -> String) -> Result<bool, Unmapped> {
        let Some(when) = when else { return Ok(true) };
        match self.evaluate(when) {
            Ok(Value::Bool(said)) => Ok(said),
            Ok(_) => Err(unmapped(part(), "expected true or false")),
            Err(missing @ Unknown::Missing(_)) => {
                let cause = format!("{missing}; ask with `has(..)` first");
                Err(Unmapped { cause, ..unknown(part(), &missing) })
            }
            Err(failed @ Unknown::Failed(_)) => Err(unknown(part(), &failed)),
        }
    }

    fn text(&self, event: &EventMapping, name: &str, expression: &Expression) -> Result<String, Unmapped> {
        let value = needed(event, name, self.evaluate(expression))?;
        let text = fit::text(&value).filter(|text| !text.is_empty());
        text.ok_or_else(|| unmapped(part(event, name), "expected text that is not empty"))
    }

    fn facts(&self, event: &EventMapping) -> Result<Facts, Unmapped> {
        let fell_back = Cell::new(false);
        let by = Fitting { zone: &self.mapping.zone, fell_back: &fell_back };
        let fields = event.shape.fields.iter().zip(&event.facts);
        let values = fields.map(|(field, source)| {
            let value = match source {
                FactSource::Default => Err(Unknown::Missing(Arc::clone(&field.name))),
                FactSource::Own(expression) => self.evaluate(expression),
                FactSource::Shared(position) => self.shared[*position].clone(),
            };
            match (value, &field.default) {
                (Ok(Value::Absent) | Err(Unknown::Missing(_)), Some(default)) => Ok(default.clone()),
                (value, _) => {
                    let value = needed(event, &field.name, value)?;
                    let fitted = fit::fit(value, &field.kind, by)
                        .map_err(|why| unmapped(part(event, &field.name), why))?;
                    if fell_back.take() {
                        self.fell_back.borrow_mut().push(Arc::clone(&field.name));
                    }
                    Ok(fitted)
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
        Err(why) => Err(unknown(part(event, name), &why)),
    }
}

fn part(event: &EventMapping, name: &str) -> String {
    format!("`{name}` of `{}`", event.shape.event_type)
}

fn unmapped(part: String, cause: impl fmt::Display) -> Unmapped {
    Unmapped { part, cause: cause.to_string(), missing: None }
}

fn unknown(part: String, why: &Unknown) -> Unmapped {
    let missing = match why {
        Unknown::Missing(name) => Some(name.to_string()),
        Unknown::Failed(_) => None,
    };
    Unmapped { missing, ..unmapped(part, why) }
}

#[cfg(test)]
mod tests;
