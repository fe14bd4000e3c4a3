//! Rules that hold but hardly mean what was meant: they can never match, or say what another says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hinge_domain::{Ask, Department, Expression, Field, Kind, Known, Priority, Rule, Segment};
use hinge_schema::Catalogue;

use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::place::Place;
use crate::routes::Written;
use crate::yaml::part_of;

/// Warns of rules that can never match or choose anybody and of rules that repeat another.
pub(crate) fn warn(
    directory: &Directory,
    (rules, departments): (&[Written], &[Department]),
    catalogue: &Catalogue,
    problems: &mut Vec<Diagnostic>,
) {
    let mut said: HashMap<Said, &Written> = HashMap::new();
    // The first rule that stops whatever an event of a type says.
    let mut stops: HashMap<&Arc<str>, &Written> = HashMap::new();
    for written in rules {
        let Some(file) = directory.file(&written.file) else { continue };
        let mut page = file.page(problems);
        let rule = &written.rule;
        let id = &rule.id;
        let known = known(rule, departments, catalogue);
        if let (Some(when), Some(never)) =
            (&written.when, rule.when.as_ref().and_then(|when| when.never_true(&known)))
        {
            let place = part_of(page.text, when, never.span);
            let message = format!("the rule `{id}` never matches: {}", never.why);
            page.warn("rule-never-matches", place, message, "correct the condition, or remove the rule");
        }
        let chosen = rule.audience.as_ref().map(Segment::expression);
        if let (Some(audience), Some(never)) =
            (&written.audience, chosen.and_then(|chosen| chosen.never_true(&known)))
        {
            let place = part_of(page.text, audience, never.span);
            let message = format!("the rule `{id}` never chooses anybody: {}", never.why);
            let help = "correct the audience, or leave it out: then everybody in the department is chosen";
            page.warn("rule-never-matches", place, message, help);
        }
        let stopped: Option<Vec<&&Written>> = rule.event_types.iter().map(|of| stops.get(of)).collect();
        let same = said.get(&Said::by(written));
        if let Some(stop) = stopped.and_then(|stopped| stopped.into_iter().next()) {
            let message =
                format!("the rule `{id}` is never looked at: the rule `{}` stops before it", stop.rule.id);
            let help = format!("move it before `{}`, or give that one a condition", stop.rule.id);
            page.warn("rule-never-matches", &written.id, message, &help);
        } else if let Some(same) = same.filter(|_| !rule.event_types.is_empty()) {
            let message = format!("the rule `{id}` says the same as `{}`", same.rule.id);
            let (line, _) = Place::from(&same.id).start();
            let help = format!("remove one of the two; the other stands in {} on line {line}", same.file);
            page.warn("rule-duplicate", &written.id, message, &help);
        }
        said.entry(Said::by(written)).or_insert(written);
        if rule.stop && written.when.is_none() {
            for event_type in &rule.event_types {
                stops.entry(event_type).or_insert(written);
            }
        }
    }
}

/// What is known of the facts that a rule reads, before an event is there.
fn known(rule: &Rule, departments: &[Department], catalogue: &Catalogue) -> Known {
    let fields: Vec<&Field> = rule
        .event_types
        .iter()
        .filter_map(|of| catalogue.shape(of))
        .flat_map(|shape| &shape.fields)
        .collect();
    let is_whole = |field: &&&Field| {
        fields.iter().filter(|other| other.name == field.name).all(|other| other.kind == Kind::Int)
    };
    let mut whole: Vec<String> =
        fields.iter().filter(is_whole).map(|field| format!("event.{}", field.name)).collect();
    whole.push("person.seniority".to_owned());
    let mut one_of = Vec::new();
    if !rule.event_types.is_empty() {
        one_of.push(("event.type".to_owned(), rule.event_types.clone()));
    }
    let to: Vec<Arc<str>> =
        rule.to.iter().filter_map(|at| departments.get(*at)).map(|it| Arc::clone(&it.name)).collect();
    if !to.is_empty() {
        one_of.push(("person.department".to_owned(), to));
    }
    Known { whole, one_of }
}

/// What a rule says, whoever answers for it: all but its id, its owner, the reason and its tests.
#[derive(PartialEq, Eq, Hash)]
struct Said {
    event_types: BTreeSet<Arc<str>>,
    departments: BTreeSet<usize>,
    /// What it asks and how much it hurries.
    how: (Ask, Priority),
    /// What its condition and its audience say, however they are written.
    asks: [Option<String>; 2],
    requires: BTreeSet<Arc<str>>,
    template: Option<Arc<str>>,
    stop: bool,
}

impl Said {
    fn by(Written { rule, when, .. }: &Written) -> Self {
        // A condition that cannot be read is its own.
        let unread = || when.as_ref().map(|when| when.value.clone());
        Self {
            event_types: rule.event_types.iter().cloned().collect(),
            departments: rule.to.iter().copied().collect(),
            how: (rule.ask, rule.priority),
            asks: [
                rule.when.as_ref().map(Expression::canonical).or_else(unread),
                rule.audience.as_ref().map(|chosen| chosen.expression().canonical()),
            ],
            requires: rule.requires.iter().cloned().collect(),
            template: rule.template.clone(),
            stop: rule.stop,
        }
    }
}
