//! The texts of notifications: minijinja templates whose first line is the title.
//!
//! A template reads the event (`{{ event.promised_date }}`) and the department's title
//! (`{{ department }}`). What is not given reads `(not known)`, so that nobody takes silence for a value.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value as Text};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use crate::template_extent::{self, Called};
use crate::{Event, Value};

/// What a template may cost: minijinja counts roughly one per instruction.
const FUEL: u64 = 100_000;

/// What stands for a fact that is not given.
const NOT_KNOWN: &str = "(not known)";

/// All templates of a policy.
pub struct Templates {
    environment: Environment<'static>,
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
pub struct Rendered {
    /// One line.
    pub title: String,
    /// The rest.
    pub body: String,
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(write_value);
        environment.set_fuel(Some(FUEL));
        Self { environment }
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.environment.templates().map(|(name, _)| name)).finish()
    }
}

impl Templates {
    /// Adds a template.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), TemplateError> {
        let wrong = |(message, line)| TemplateError { message, line: Some(line) };
        for called in template_extent::check(source).map_err(wrong)? {
            self.check_called(called).map_err(wrong)?;
        }
        self.environment.add_template_owned(name.to_owned(), source.to_owned()).map_err(|error| told(&error))
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

    /// The text of a template for an event and a department.
    pub fn render(
        &self,
        name: &str,
        context: &TemplateContext,
        department: &str,
    ) -> Result<Rendered, TemplateError> {
        let template = self.environment.get_template(name).map_err(|error| told(&error))?;
        let values = minijinja::context! { event => context.event.clone(), department => department };
        // What minijinja says of a failing value may repeat it; only the kind of error is kept.
        let failed = |error: Error| TemplateError { message: error.kind().to_string(), line: error.line() };
        let text = template.render(values).map_err(failed)?;
        let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
        let title = title.trim_start_matches('#').trim().to_owned();
        Ok(Rendered { title, body: body.trim().to_owned() })
    }
}

/// An event as templates see it; made once for all departments.
pub struct TemplateContext {
    event: Text,
}

impl TemplateContext {
    /// The attributes and facts of an event.
    pub fn of(event: &Event) -> Self {
        Self { event: named(event.attributes()) }
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
mod tests {
    use super::*;

    fn rendered(source: &str) -> Result<Rendered, TemplateError> {
        let mut templates = Templates::default();
        templates.add("text", source)?;
        let items = ["one", "two"].map(Value::text).to_vec();
        let facts = [("state", Value::text("ZH")), ("items", Value::List(items)), ("city", Value::Absent)];
        let event = named(facts.into_iter().map(|(name, value)| (Arc::from(name), value)));
        templates.render("text", &TemplateContext { event }, "Warehouse")
    }

    #[test]
    fn the_first_line_is_the_title_and_what_is_not_given_is_said() {
        let text = rendered(
            "# To {{ event.state }}, {{ event.city }}\n\n{{ department }}: {{ event.items | join(', ') }}\n",
        );
        let expected = Rendered { title: "To ZH, (not known)".into(), body: "Warehouse: one, two".into() };
        assert_eq!(text, Ok(expected));
    }

    #[test]
    fn a_template_that_does_not_end_is_stopped() {
        let endless =
            "# x\n{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(rendered(endless).is_err());
        assert_eq!(rendered("# x\n{% if %}").unwrap_err().line, Some(2));
    }
}
