//! The texts of notifications: minijinja templates whose first line is the title.
//!
//! A template reads the event (`{{ event.promised_date }}`) and the department's title
//! (`{{ department }}`). What is not given reads `(not known)`, so that nobody takes silence for a value.

mod extent;
mod plain;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value as Text};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use crate::{Event, Value};
use extent::Called;
use plain::Plain;

/// What a template may cost: minijinja counts roughly one per instruction.
const FUEL: u64 = 100_000;

/// What stands for a fact that is not given.
const NOT_KNOWN: &str = "(not known)";

/// All templates of a policy.
pub struct Templates {
    environment: Environment<'static>,
    /// Those that need no more than facts put into text, as most do.
    plain: HashMap<String, Plain>,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1, if known.
    pub line: Option<usize>,
}

/// A rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// One line.
    pub(crate) title: String,
    /// The rest.
    pub(crate) body: String,
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(write_value);
        environment.set_fuel(Some(FUEL));
        Self { environment, plain: HashMap::new() }
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.environment.templates().map(|(name, _)| name)).finish()
    }
}

impl Templates {
    /// Adds a template. One that calls what there is not is there all the same, so that the rest of it can be
    /// looked at; it must not be used.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), TemplateError> {
        let wrong = |(message, line)| TemplateError { message, line: Some(line) };
        let called = extent::check(source).map_err(wrong)?;
        let added = self.environment.add_template_owned(name.to_owned(), source.to_owned());
        added.map_err(|error| told(&error))?;
        for called in called {
            self.check_called(called).map_err(wrong)?;
        }
        match Plain::parse(source) {
            Some(plain) => self.plain.insert(name.to_owned(), plain),
            None => self.plain.remove(name),
        };
        Ok(())
    }

    /// Tries a filter or a test, to see whether there is one of this name.
    fn check_called(&self, called: Called<'_>) -> Result<(), (String, usize)> {
        let (what, name, line, trial) = match called {
            Called::Filter(name, line) => ("filter", name, line, format!("{{{{ 0|{name} }}}}")),
            Called::Test(name, line) => ("test", name, line, format!("{{{{ 0 is {name} }}}}")),
        };
        let tried = self.environment.render_str(&trial, ());
        match tried.map_err(|error| error.kind()) {
            Err(ErrorKind::UnknownFilter | ErrorKind::UnknownTest) => {
                Err((format!("there is no {what} `{name}`"), line))
            }
            // It is there and wants something else than a number, or is no name at all, which the parser says.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.environment.get_template(name).is_ok()
    }

    /// The names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.environment.templates().map(|(name, _)| name)
    }

    /// The variables that a template reads, such as `event.state`, in order of name; what minijinja itself
    /// brings (`range`) is none of them.
    pub fn reads(&self, name: &str) -> Vec<String> {
        let Ok(template) = self.environment.get_template(name) else { return Vec::new() };
        let brought = |read: &String| self.environment.globals().any(|(name, _)| name == read.as_str());
        let mut reads: Vec<_> =
            template.undeclared_variables(true).into_iter().filter(|read| !brought(read)).collect();
        reads.sort();
        reads
    }

    /// The texts about one event.
    pub(crate) fn texts<'a>(&'a self, event: &'a Event) -> Texts<'a> {
        Texts { templates: self, event, context: OnceCell::new(), rendered: [None; REMEMBERED] }
    }
}

/// So many different texts about one event are remembered while its departments are told.
const REMEMBERED: usize = 4;

/// The texts about one event. What is the same for all departments is made once.
pub(crate) struct Texts<'a> {
    templates: &'a Templates,
    event: &'a Event,
    /// The event as minijinja sees it.
    context: OnceCell<Text>,
    /// Templates whose text is the same for all departments, and who got it first.
    rendered: [Option<(&'a Plain, usize)>; REMEMBERED],
}

/// A text for a department.
#[derive(Debug)]
pub(crate) enum Worded {
    /// The same as this earlier one got.
    As(usize),
    New(Rendered),
}

impl Texts<'_> {
    /// The text of a template for a department, the one at `place` among those told.
    pub(crate) fn render(
        &mut self,
        name: &str,
        department: &str,
        place: usize,
    ) -> Result<Worded, TemplateError> {
        let Some(plain) = self.templates.plain.get(name) else {
            return self.by_minijinja(name, department).map(Worded::New);
        };
        let mut known = self.rendered.iter().flatten();
        if let Some((_, first)) = known.find(|(known, _)| std::ptr::eq(*known, plain)) {
            return Ok(Worded::As(*first));
        }
        let Some(text) = plain.render(self.event, department) else {
            return self.by_minijinja(name, department).map(Worded::New);
        };
        if !plain.by_department()
            && let Some(free) = self.rendered.iter_mut().find(|known| known.is_none())
        {
            *free = Some((plain, place));
        }
        Ok(Worded::New(Rendered::of(text)))
    }

    fn by_minijinja(&self, name: &str, department: &str) -> Result<Rendered, TemplateError> {
        let template = self.templates.environment.get_template(name).map_err(|error| told(&error))?;
        let event = self.context.get_or_init(|| named(self.event.attributes()));
        let values = minijinja::context! { event => event.clone(), department => department };
        // What minijinja says of a failing value may repeat it; only the kind of error is kept.
        let failed = |error: Error| TemplateError { message: error.kind().to_string(), line: error.line() };
        Ok(Rendered::of(template.render(values).map_err(failed)?))
    }
}

impl Rendered {
    /// The first line is the title, without the marks of a heading.
    fn of(mut text: String) -> Self {
        let end = text.find('\n').unwrap_or(text.len());
        let body = text[end..].trim().to_owned();
        text.truncate(text[..end].trim_end().len());
        let title = text.trim_start_matches('#').trim_start();
        text.drain(..text.len() - title.len());
        Self { title: text, body }
    }
}

/// Named values in the order of the schema, found by name.
#[derive(Debug)]
struct Named(Vec<(Arc<str>, Text)>);

impl Object for Named {
    fn get_value(self: &Arc<Self>, key: &Text) -> Option<Text> {
        let wanted = key.as_str()?;
        self.0.iter().find(|(name, _)| name.as_ref() == wanted).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Text::from(Arc::clone(name))).collect())
    }
}

fn named(fields: impl Iterator<Item = (Arc<str>, Value)>) -> Text {
    Text::from_object(Named(fields.map(|(name, value)| (name, to_text(&value))).collect()))
}

fn to_text(value: &Value) -> Text {
    match value {
        Value::Absent => Text::UNDEFINED,
        Value::Bool(value) => Text::from(*value),
        Value::Int(value) => Text::from(*value),
        Value::Float(value) => Text::from(*value),
        Value::Text(value) => Text::from(Arc::clone(value)),
        Value::Decimal(value) => Text::from(value.to_string()),
        Value::Instant(value) => Text::from(value.to_string()),
        Value::Date(value) => Text::from(value.to_string()),
        Value::List(values) => values.iter().map(to_text).collect(),
        Value::Record(fields) => named(fields.iter().cloned()),
    }
}

fn write_value(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Text) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return output.write_str(NOT_KNOWN).map_err(Error::from);
    }
    minijinja::escape_formatter(output, state, value)
}

fn told(error: &Error) -> TemplateError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateError { message, line: error.line() }
}

#[cfg(test)]
mod tests;
