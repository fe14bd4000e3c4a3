//! `routes/*.yaml`: the rules, checked against departments, templates and the facts of the event types.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hinge_domain::{Ask, Department, Event, Expression, Priority, Rule, Templates};
use hinge_schema::Catalogue;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::audience;
use crate::diagnostic::{Page, Place};
use crate::manifest::{known_event_type, valid_name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutesFile {
    routes: Vec<RouteEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    id: Spanned<String>,
    owner: Spanned<String>,
    on: Spanned<OneOrMany>,
    when: Option<Spanned<String>>,
    to: Spanned<OneOrMany>,
    audience: Option<Spanned<String>>,
    #[serde(default)]
    kind: KindName,
    #[serde(default)]
    priority: PriorityName,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    template: Option<Spanned<String>>,
    because: Option<String>,
    #[serde(default)]
    stop: bool,
}

/// `operations` or `[operations, finance]`. (An untagged enum would lose the places in the file.)
enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(name) = names.next_element()? {
                    many.push(name);
                }
                Ok(OneOrMany::Many(many))
            }
        }

        deserializer.deserialize_any(Names)
    }
}

fn names(given: Spanned<OneOrMany>) -> Vec<Spanned<String>> {
    match given.value {
        OneOrMany::One(one) => vec![Spanned::new(one, given.referenced, given.defined)],
        OneOrMany::Many(many) => many,
    }
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum KindName {
    #[default]
    Know,
    Do,
    Answer,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum PriorityName {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

/// What rules may refer to.
pub(crate) struct Known<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) departments: &'a [Department],
    pub(crate) templates: &'a Templates,
    /// For each department whether somebody is known there.
    pub(crate) staffed: &'a [bool],
}

/// Rule ids seen so far, with the file that has them.
pub(crate) type Ids = HashMap<String, String>;

pub(crate) fn routes(page: &mut Page<'_>, known: &Known<'_>, ids: &mut Ids) -> Vec<Rule> {
    let Some(file) = page.yaml::<RoutesFile>() else { return Vec::new() };
    file.routes.into_iter().map(|entry| rule(page, known, ids, entry)).collect()
}

fn rule(page: &mut Page<'_>, known: &Known<'_>, ids: &mut Ids, entry: RouteEntry) -> Rule {
    valid_name(page, "rule", &entry.id);
    if let Some(other) = ids.insert(entry.id.value.clone(), page.path.display().to_string()) {
        let message = format!("the rule id `{}` is already used in {other}", entry.id.value);
        page.note("name-duplicate", &entry.id, message, "give each rule an id of its own");
    }
    if entry.owner.value.trim().is_empty() {
        let message = format!("the rule `{}` has no owner", entry.id.value);
        page.note("policy-empty", &entry.owner, message, "say who answers for the rule");
    }
    let event_types = event_types(page, known, names(entry.on), &entry.id);
    let when = entry.when.and_then(|when| condition(page, known, &event_types, &when));
    for fact in &entry.requires {
        let lacking =
            event_types.iter().find(|event_type| !has_fact(known.catalogue, event_type, &fact.value));
        if let Some(event_type) = lacking {
            let message = format!("`{event_type}` has no fact `{}`", fact.value);
            let help = format!("its facts are {}", facts_of(known.catalogue, event_type));
            page.note("fact-unknown", fact, message, &help);
        }
    }
    if let Some(template) = &entry.template {
        check_template(page, known, &event_types, template);
    }
    let to = departments(page, known, entry.to);
    let audience = entry.audience.and_then(|it| audience::audience(page, known, &event_types, &to, &it));
    Rule {
        id: entry.id.value.into(),
        owner: entry.owner.value.into(),
        to,
        audience,
        event_types,
        when,
        ask: match entry.kind {
            KindName::Know => Ask::Know,
            KindName::Do => Ask::Do,
            KindName::Answer => Ask::Answer,
        },
        priority: match entry.priority {
            PriorityName::Low => Priority::Low,
            PriorityName::Normal => Priority::Normal,
            PriorityName::High => Priority::High,
            PriorityName::Urgent => Priority::Urgent,
        },
        requires: entry.requires.into_iter().map(|fact| fact.value.into()).collect(),
        template: entry.template.map(|template| template.value.into()),
        because: entry.because.map(Into::into),
        stop: entry.stop,
    }
}

fn event_types(
    page: &mut Page<'_>,
    known: &Known<'_>,
    on: Vec<Spanned<String>>,
    id: &Spanned<String>,
) -> Vec<Arc<str>> {
    if on.is_empty() {
        let message = format!("the rule `{}` looks at no event type", id.value);
        page.note("policy-empty", id, message, "name at least one under `on`, such as `on: order.placed`");
    }
    let known_ones = on.into_iter().filter(|name| known_event_type(page, known.catalogue, name));
    known_ones.map(|name| name.value.into()).collect()
}

fn departments(page: &mut Page<'_>, known: &Known<'_>, to: Spanned<OneOrMany>) -> Vec<usize> {
    let place = Place::from(&to);
    let to = names(to);
    if to.is_empty() {
        page.note("policy-empty", place, "the rule tells nobody".into(), "name at least one department");
    }
    let mut positions = Vec::new();
    for name in to {
        if let Some(position) = known.departments.iter().position(|it| *it.name == name.value) {
            positions.push(position);
        } else {
            let names: Vec<&str> = known.departments.iter().map(|it| it.name.as_ref()).collect();
            let message = format!("`{}` is not a department", name.value);
            let help = format!("departments.yaml has {}", names.join(", "));
            page.note("name-unknown", &name, message, &help);
        }
    }
    positions
}

fn condition(
    page: &mut Page<'_>,
    known: &Known<'_>,
    event_types: &[Arc<str>],
    when: &Spanned<String>,
) -> Option<Expression> {
    let expression = match Expression::parse(&when.value) {
        Ok(expression) => expression,
        Err(error) => {
            let place = Place::from(when).within(error.line, error.column);
            let help = "write a CEL condition, such as `event.state == 'ZH' && event.item_count > 3`";
            page.note("expression-invalid", place, error.message, help);
            return None;
        }
    };
    for function in expression.unknown_functions() {
        let message = format!("there is no function `{function}`");
        let help = "beside CEL's own there are local_date, instant, date_of, stamp, decimal, sum, min, max and round";
        page.note("expression-invalid", when, message, help);
    }
    for read in expression.reads() {
        check_read(page, known, event_types, when, (&read.variable, &read.field));
    }
    Some(expression)
}

fn check_template(
    page: &mut Page<'_>,
    known: &Known<'_>,
    event_types: &[Arc<str>],
    template: &Spanned<String>,
) {
    if !known.templates.contains(&template.value) {
        let message = format!("there is no template `{}`", template.value);
        let help = format!("write templates/{}.md; its first line is the title", template.value);
        page.note("name-unknown", template, message, &help);
    }
    for read in known.templates.reads(&template.value) {
        let (variable, field) = read.split_once('.').unwrap_or((&read, ""));
        if variable != "department" {
            let field = field.split('.').next().unwrap_or_default();
            check_read(page, known, event_types, template, (variable, field));
        }
    }
}

/// Notes what is read and can never be there: it must be a fact of at least one of the rule's event types.
pub(crate) fn check_read(
    page: &mut Page<'_>,
    known: &Known<'_>,
    event_types: &[Arc<str>],
    place: &Spanned<String>,
    (variable, field): (&str, &str),
) {
    if variable != "event" {
        let message = format!("there is nothing called `{variable}`");
        page.note("fact-unknown", place, message, "the event's facts are read as `event.state`");
    } else if !field.is_empty()
        && !event_types.is_empty()
        && !event_types.iter().any(|event_type| has_fact(known.catalogue, event_type, field))
    {
        let message = format!("`{}` has no fact `{field}`", event_types.join("`, `"));
        let help = format!("its facts are {}", facts_of(known.catalogue, &event_types[0]));
        page.note("fact-unknown", place, message, &help);
    }
}

fn has_fact(catalogue: &Catalogue, event_type: &str, name: &str) -> bool {
    Event::ATTRIBUTES.contains(&name)
        || catalogue.shape(event_type).is_some_and(|shape| shape.position(name).is_some())
}

fn facts_of(catalogue: &Catalogue, event_type: &str) -> String {
    let names = catalogue.shape(event_type).into_iter().flat_map(|shape| &shape.fields);
    let names: Vec<&str> = names.map(|field| field.name.as_ref()).chain(Event::ATTRIBUTES).collect();
    names.join(", ")
}
