//! `routes/*.yaml`: the rules, checked against departments, templates and the facts of the event types.

use std::collections::HashMap;
use std::sync::Arc;

use hinge_domain::{Ask, Department, Priority, Rule, Shape, Templates, Type, TypeScope, nearest};
use hinge_schema::Catalogue;
use serde_saphyr::Spanned;

use crate::audience::audience;
use crate::conditions::condition;
use crate::diagnostic::Page;
use crate::form::{self, Form, Holds, Key, or_unnamed};
use crate::names::{known_event_type, valid_name};
use crate::place::Place;
use crate::rule_tests::{self, RuleTests};
use crate::templates::facts_of;
use crate::yaml::{Node, Yaml, whole};

/// The form of a file of rules.
pub(crate) const FORM: Form = Form {
    what: "a file of rules",
    doc: "Who is told what, when. All matching rules count.",
    keys: &[Key::must(
        "routes",
        Holds::List(&Holds::Record(&RULE)),
        "the rules; `routes: []` if there is none",
    )],
};

const RULE: Form = Form {
    what: "a rule",
    doc: "Which departments are told of which events, and what is asked of them.",
    keys: &[
        Key::must("id", Holds::Text, "its name, such as `order-to-pack`"),
        Key::must("owner", Holds::Text, "who answers for the rule"),
        Key::must("on", Holds::Texts, "the event types that it looks at, such as `order.placed`"),
        Key::may("when", Holds::Text, "a CEL condition on the event, such as `event.value >= 500.0`"),
        Key::must("to", Holds::Texts, "the departments that it tells, by their names in departments.yaml"),
        Key::may(
            "audience",
            Holds::Text,
            "whom of these departments: a CEL condition on `person` and `event`, such as `person.location == event.state`; everybody unless said",
        ),
        Key::may("kind", Holds::OneOf(KINDS), "what it asks: know (unless said), do or answer"),
        Key::may(
            "priority",
            Holds::OneOf(PRIORITIES),
            "how much it hurries: low, normal (unless said), high or urgent",
        ),
        Key::may("requires", Holds::Texts, "the facts that they need; one that is missing is named"),
        Key::may("template", Holds::Text, "the words: templates/<name>.md"),
        Key::may("because", Holds::Text, "why, in your words"),
        Key::may(
            "stop",
            Holds::Flag,
            "whether no later rule is looked at once this one matches; false unless said",
        ),
        Key::may(
            "tests",
            Holds::List(&Holds::Record(&rule_tests::TEST)),
            "events, and what the rule must do about them",
        ),
    ],
};

pub(crate) const KINDS: &[&str] = &["know", "do", "answer"];
pub(crate) const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];

/// What rules may refer to.
pub(crate) struct Known<'a> {
    pub(crate) catalogue: &'a Catalogue,
    /// `None`: departments.yaml could not be read, so that nothing can be said about their names.
    pub(crate) departments: Option<&'a [Department]>,
    pub(crate) templates: &'a Templates,
    /// For each department whether somebody is known there.
    pub(crate) staffed: &'a [bool],
}

/// A rule, and how it was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rule: Rule,
    /// The file, by its name within the directory.
    pub(crate) file: String,
    pub(crate) id: Spanned<String>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) audience: Option<Spanned<String>>,
    /// The name of its template, whether there is one or not.
    pub(crate) template: Option<String>,
    /// What stands under `tests`.
    pub(crate) tests: Option<Node>,
}

impl Written {
    /// The rule, and its tests.
    pub(crate) fn into_parts(self) -> (Rule, RuleTests) {
        (self.rule, RuleTests { file: self.file, tests: self.tests })
    }
}

/// Rule ids seen so far, with the place that has them.
pub(crate) type Ids = HashMap<String, String>;

pub(crate) fn routes(page: &mut Page<'_>, known: &Known<'_>, name: &str, ids: &mut Ids) -> Vec<Written> {
    let Some(file) = form::read(page, &FORM) else { return Vec::new() };
    let entries = file.get("routes").map(|list| list.value.items()).unwrap_or_default();
    let rules = entries.iter().filter(|entry| matches!(entry.value, Yaml::Map(_)));
    rules.map(|entry| written(page, known, entry, (name, ids))).collect()
}

fn written(page: &mut Page<'_>, known: &Known<'_>, entry: &Node, (file, ids): (&str, &mut Ids)) -> Written {
    let fields = &entry.value;
    let id = or_unnamed(fields.text_at("id"), entry);
    valid_name(page, "rule", &id);
    if id.value != "?"
        && let Some(other) = ids.insert(id.value.clone(), format!("{file} on line {}", id.referenced.line()))
    {
        let message = format!("the rule id `{}` is already used in {other}", id.value);
        page.note("name-duplicate", &id, message, "give each rule an id of its own");
    }
    let owner = or_unnamed(fields.text_at("owner"), entry);
    if owner.value.trim().is_empty() {
        let message = format!("the rule `{}` has no owner", id.value);
        page.note("policy-empty", &owner, message, "say who answers for the rule");
    }
    for key in ["on", "to", "requires"] {
        warn_doubles(page, key, fields);
    }
    let event_types = event_types(page, known, fields, &id);
    let when = fields.text_at("when");
    let requires = fields.texts_at("requires");
    let twice =
        |position: usize| requires[..position].iter().any(|fact| fact.value == requires[position].value);
    let requires: Vec<_> = (0..requires.len())
        .filter(|position| !twice(*position))
        .map(|position| requires[position].clone())
        .collect();
    for fact in &requires {
        required_fact(page, known.catalogue, &event_types, fact);
    }
    let named = fields.text_at("template");
    let template = named.clone().filter(|template| known_template(page, known.templates, template));
    let word = |key| fields.text_at(key).map(|word| word.value).unwrap_or_default();
    let to = departments(page, known, fields);
    let chosen = fields.text_at("audience");
    let rule = Rule {
        audience: chosen.as_ref().and_then(|it| audience(page, known, &event_types, &to, it)),
        when: when.as_ref().and_then(|when| condition(page, when, &scopes(known.catalogue, &event_types))),
        to,
        id: id.value.as_str().into(),
        owner: owner.value.into(),
        event_types,
        ask: match word("kind").as_str() {
            "do" => Ask::Do,
            "answer" => Ask::Answer,
            _ => Ask::Know,
        },
        priority: match word("priority").as_str() {
            "low" => Priority::Low,
            "high" => Priority::High,
            "urgent" => Priority::Urgent,
            _ => Priority::Normal,
        },
        requires: requires.into_iter().map(|fact| fact.value.into()).collect(),
        template: template.map(|template| template.value.into()),
        because: fields.text_at("because").map(|why| why.value.into()),
        stop: fields.flag_at("stop").is_some_and(|stop| stop.value),
    };
    Written {
        rule,
        file: file.to_owned(),
        id,
        when,
        audience: chosen,
        template: named.map(|it| it.value),
        tests: fields.get("tests").cloned(),
    }
}

/// Warns of a name that stands twice in a list.
fn warn_doubles(page: &mut Page<'_>, key: &str, fields: &Yaml) {
    let names = fields.texts_at(key);
    for (position, name) in names.iter().enumerate() {
        if names[..position].iter().any(|before| before.value == name.value) {
            let message = format!("`{}` stands twice under `{key}`", name.value);
            page.warn("name-duplicate", name, message, "keep one of the two; perhaps another one was meant");
        }
    }
}

/// What the conditions of a rule may read, for each event type that it looks at.
pub(crate) fn scopes(catalogue: &Catalogue, event_types: &[Arc<str>]) -> Vec<TypeScope> {
    let shapes: Vec<&Shape> =
        event_types.iter().filter_map(|name| catalogue.shape(name)).map(AsRef::as_ref).collect();
    let scope = |shape: &&Shape| TypeScope::default().with("event", Type::of_event_among(shape, &shapes));
    if shapes.is_empty() {
        // The event types are wrong, which is noted; the rest of the condition can still be looked at.
        return vec![TypeScope::default().with("event", Type::Any)];
    }
    shapes.iter().map(scope).collect()
}

fn event_types(page: &mut Page<'_>, known: &Known<'_>, fields: &Yaml, id: &Spanned<String>) -> Vec<Arc<str>> {
    let on = fields.texts_at("on");
    if on.is_empty() && fields.get("on").is_some_and(|on| matches!(on.value, Yaml::List(_))) {
        let message = format!("the rule `{}` looks at no event type", id.value);
        page.note("policy-empty", id, message, "name at least one under `on`, such as `on: order.placed`");
    }
    let known_ones = on.into_iter().filter(|name| known_event_type(page, known.catalogue, name));
    let mut event_types: Vec<Arc<str>> = Vec::new();
    for name in known_ones.map(|name| Arc::from(name.value)) {
        if !event_types.contains(&name) {
            event_types.push(name);
        }
    }
    event_types
}

fn departments(page: &mut Page<'_>, known: &Known<'_>, fields: &Yaml) -> Vec<usize> {
    let to = fields.texts_at("to");
    if let Some(node) =
        fields.get("to").filter(|node| matches!(&node.value, Yaml::List(items) if items.is_empty()))
    {
        let place = whole(page.text, node);
        page.note("policy-empty", place, "the rule tells nobody".into(), "name at least one department");
    }
    let mut departments = Vec::new();
    for department in to.iter().filter_map(|name| known_department(page, known.departments?, name)) {
        if !departments.contains(&department) {
            departments.push(department);
        }
    }
    departments
}

/// The position of a department; notes one that there is not.
pub(crate) fn known_department(
    page: &mut Page<'_>,
    departments: &[Department],
    name: &Spanned<String>,
) -> Option<usize> {
    let position = departments.iter().position(|it| *it.name == name.value);
    if position.is_none() {
        let names = || departments.iter().map(|it| it.name.as_ref());
        let message = format!("`{}` is not a department", name.value);
        let help = format!("departments.yaml has {}", names().collect::<Vec<_>>().join(", "));
        let meant = nearest(&name.value, names()).map(str::to_owned);
        page.note("name-unknown", name, message, &help).suggestion = meant;
    }
    position
}

fn required_fact(
    page: &mut Page<'_>,
    catalogue: &Catalogue,
    event_types: &[Arc<str>],
    fact: &Spanned<String>,
) {
    let lacks = |event_type: &&Arc<str>| !facts_of(catalogue, event_type).contains(&fact.value.as_str());
    if let Some(event_type) = event_types.iter().find(lacks) {
        let facts = facts_of(catalogue, event_type);
        let message = format!("`{event_type}` has no fact `{}`", fact.value);
        let help = format!("its facts are {}", facts.join(", "));
        let meant = nearest(&fact.value, facts).map(str::to_owned);
        page.note("fact-unknown", fact, message, &help).suggestion = meant;
    }
}

fn known_template(page: &mut Page<'_>, templates: &Templates, template: &Spanned<String>) -> bool {
    let known = templates.contains(&template.value);
    if !known {
        let message = format!("there is no template `{}`", template.value);
        let help = format!("write templates/{}.md; its first line is the title", template.value);
        let names: Vec<String> = templates.names().map(str::to_owned).collect();
        let meant = nearest(&template.value, names.iter().map(String::as_str)).map(str::to_owned);
        page.note("name-unknown", Place::from(template), message, &help).suggestion = meant;
    }
    known
}
