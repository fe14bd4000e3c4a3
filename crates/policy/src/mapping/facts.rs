//! What a mapping's expressions read and call, and whether what they give can be the facts that they stand for.

use std::sync::Arc;

use hinge_domain::{Expression, FactSource, Field, Kind, Shape, SharedFact, Unfit, nearest, unfit};
use serde_saphyr::Spanned;

use super::file::Fact;
use super::{Reader, Shared};
use crate::yaml::part_of;

impl Reader<'_> {
    /// Checks the facts that every event has which knows them; `None` is the shape of an event whose type is wrong.
    pub(super) fn shared_facts(
        &mut self,
        written: &[Fact],
        facts: &[SharedFact],
        shapes: &[Option<Arc<Shape>>],
    ) {
        for (name, value) in written {
            let mut known = shapes.iter().flatten();
            let field = known.find_map(|shape| Some(shape.fields[shape.position(&name.value)?].clone()));
            let expression = facts.iter().find(|fact| *fact.name == name.value).map(|fact| &fact.value);
            if let (Some(expression), Some(field), Some(value)) = (expression, &field, value) {
                self.fits(expression, field, value);
            }
            // An event whose type is wrong might have it.
            if field.is_none()
                && shapes.iter().all(Option::is_some)
                && let Some(shape) = shapes.iter().flatten().next()
            {
                let message = format!("none of the events has a fact `{}`", name.value);
                let names = shapes.iter().flatten().flat_map(|shape| &shape.fields);
                let meant = nearest(&name.value, names.map(|field| field.name.as_ref())).map(str::to_owned);
                self.page.note("fact-unknown", name, message, &facts_of(shape)).suggestion = meant;
            }
        }
    }

    /// Where each fact of the shape comes from.
    pub(super) fn facts(
        &mut self,
        event_type: &Spanned<String>,
        shape: &Shape,
        own: Vec<Fact>,
        shared: &Shared,
    ) -> Vec<FactSource> {
        let position_of = |name: &str| shared.facts.iter().position(|fact| *fact.name == *name);
        let shared_or_default =
            |name: &str| position_of(name).map_or(FactSource::Default, FactSource::Shared);
        let mut sources: Vec<FactSource> =
            shape.fields.iter().map(|field| shared_or_default(&field.name)).collect();
        // An expression that is wrong is noted already; its fact must not be called missing on top.
        let mut given = shared.given.clone();
        for (name, value) in own {
            let expression = value.as_ref().and_then(|value| self.expression(value));
            if let Some(position) = shape.position(&name.value) {
                given.insert(name.value);
                if let (Some(expression), Some(value)) = (&expression, &value) {
                    self.fits(expression, &shape.fields[position], value);
                }
                sources[position] = expression.map_or(FactSource::Default, FactSource::Own);
            } else {
                let message = format!("`{}` has no fact `{}`", shape.event_type, name.value);
                let meant = nearest(&name.value, shape.fields.iter().map(|field| field.name.as_ref()));
                // What is only misspelt is not missing on top.
                given.extend(meant.map(str::to_owned));
                self.page.note("fact-unknown", &name, message, &facts_of(shape)).suggestion =
                    meant.map(str::to_owned);
            }
        }
        for field in &shape.fields {
            if field.default.is_none() && !given.contains(field.name.as_ref()) {
                let message =
                    format!("`{}` needs the fact `{}`, and nothing gives it", shape.event_type, field.name);
                let help = format!("add `{}:` with an expression under `facts`. {}", field.name, field.doc);
                self.page.note("mapping-invalid", event_type, message, &help);
            }
        }
        sources
    }

    /// Notes what an expression always gives that its fact cannot be.
    fn fits(&mut self, expression: &Expression, field: &Field, written: &Spanned<String>) {
        let zone = self.zone.clone();
        match (unfit(expression, &field.kind, &zone), &field.kind) {
            (None, _) => {}
            (Some(Unfit::Word(word)), Kind::Symbol { symbols, .. }) => {
                let words: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
                let message = format!("`{}` has no `{word}`", field.name);
                let meant = nearest(&word, words.iter().copied()).map(str::to_owned);
                let help = format!("its words are {}", words.join(", "));
                self.page.note("symbol-unknown", written, message, &help).suggestion = meant;
            }
            (Some(Unfit::Word(why) | Unfit::Kind(why)), _) => {
                let message = format!("this can never be the fact `{}`: {why}", field.name);
                let help = format!("`{}`: {}", field.name, field.doc);
                self.page.note("operands-invalid", written, message, &help);
            }
            (Some(Unfit::Failed(why)), _) => {
                let message = format!("this can never be computed: {why}");
                let help = format!("`{}`: {}", field.name, field.doc);
                self.page.note("expression-invalid", written, message, &help);
            }
        }
    }

    /// Parses an expression and checks what it calls and reads.
    pub(super) fn expression(&mut self, source: &Spanned<String>) -> Option<Expression> {
        const HELP: &str =
            "Expressions are written in CEL, such as `row.order_id + '/placed'`; text stands in quotes";
        let expression = match Expression::parse(&source.value) {
            Ok(expression) => expression,
            Err(error) => {
                let place = if source.value.trim().is_empty() {
                    source.into()
                } else {
                    part_of(self.page.text, source, error.span)
                };
                let help = format!("{}. {HELP}", error.help);
                self.page.note("expression-invalid", place, error.message, &help).suggestion =
                    error.suggestion;
                return None;
            }
        };
        for function in expression.unknown_functions() {
            let message = format!("there is no function `{function}`");
            let help = "beside CEL's own there are local_date, instant, date_of, stamp, decimal, sum, min, max and round, and for \
                        change records timestamp_millis, timestamp_micros, timestamp_nanos, local_millis, local_micros, \
                        local_nanos, date_from_days and decimal_base64";
            self.page.note("expression-invalid", source, message, help);
        }
        let unknown = expression.reads().iter().find(|read| !self.names.contains(&read.variable));
        if let Some(read) = unknown {
            let message = format!("there is nothing called `{}`", read.variable);
            let mut names = self.names.clone();
            names.sort_unstable();
            names.dedup();
            let help = format!(
                "a column is read as `row.{0}`, and the text itself is written \"'{0}'\"; there are {1}",
                read.variable,
                names.join(", ")
            );
            self.page.note("name-unknown", source, message, &help);
        }
        Some(expression)
    }
}

fn facts_of(shape: &Shape) -> String {
    let names: Vec<&str> = shape.fields.iter().map(|field| field.name.as_ref()).collect();
    format!("the facts of `{}` are {}", shape.event_type, names.join(", "))
}
