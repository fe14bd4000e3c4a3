//! The organisation's own words, validated: departments, the chain, rules and templates.
//!
//! Built by the `policy` crate from a directory; read by [`decide`](crate::decide).

use std::collections::HashMap;
use std::sync::Arc;

use crate::decide::Routes;
use crate::{
    Ask, Event, Exclusion, Expression, Notification, People, Person, Priority, Segment, Snapshot, Templates,
};

/// How a department wants its notifications written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// Avro, single-object encoding.
    Avro,
}

/// A part of the organisation that is told things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its name, kebab-case; its topic is `hinge.notifications.<name>`.
    pub name: Arc<str>,
    /// Its name as people say it.
    pub title: String,
    /// How its notifications are written.
    pub format: Format,
    /// How many partitions its topic has.
    pub partitions: i32,
}

/// One step of the marketing service chain and the event types that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainStep {
    /// Its name.
    pub name: Arc<str>,
    /// The event types that happen at this step.
    pub event_types: Vec<Arc<str>>,
}

/// Who is told what, when.
#[derive(Debug)]
pub struct Rule {
    /// Its id, unique in the policy.
    pub id: Arc<str>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// The event types that it looks at.
    pub event_types: Vec<Arc<str>>,
    /// When it matches; always, if there is no condition.
    pub when: Option<Expression>,
    /// Which departments it tells, as positions in [`Policy::departments`].
    pub to: Vec<usize>,
    /// Whom of these departments; everybody, if there is no audience.
    pub audience: Option<Segment>,
    /// What it asks of them.
    pub ask: Ask,
    /// How much it hurries.
    pub priority: Priority,
    /// The facts that they need.
    pub requires: Vec<Arc<str>>,
    /// The text: a template's name.
    pub template: Option<Arc<str>>,
    /// Why, in its owner's words.
    pub because: Option<Arc<str>>,
    /// Whether no later rule is looked at once this one matches.
    pub stop: bool,
}

/// A validated policy.
#[derive(Debug)]
pub struct Policy {
    /// Which version this is: a short hash of everything in its directory.
    pub version: Arc<str>,
    /// Who can be told.
    pub departments: Vec<Department>,
    /// The steps of the chain, in order.
    pub chain: Vec<ChainStep>,
    /// The rules, in order: by file name, then by place in the file.
    pub rules: Vec<Rule>,
    /// The texts.
    pub templates: Templates,
    /// Event types of which nobody wants to be told, and why.
    pub ignored: HashMap<Arc<str>, Arc<str>>,
    /// Who works in the departments.
    pub people: People,
    routes: HashMap<Arc<str>, Routes>,
    steps: HashMap<Arc<str>, usize>,
}

/// The parts of a policy; by default there are none.
#[derive(Debug, Default)]
pub struct Parts {
    /// See [`Policy::version`].
    pub version: Arc<str>,
    /// See [`Policy::departments`].
    pub departments: Vec<Department>,
    /// See [`Policy::chain`].
    pub chain: Vec<ChainStep>,
    /// See [`Policy::rules`]; a rule's `to` must lie within the departments.
    pub rules: Vec<Rule>,
    /// See [`Policy::templates`].
    pub templates: Templates,
    /// See [`Policy::ignored`].
    pub ignored: HashMap<Arc<str>, Arc<str>>,
    /// See [`Policy::people`]; ids must be unique and the departments among those of the policy.
    pub people: Vec<Person>,
}

impl Policy {
    /// A policy of these parts, indexed for deciding.
    pub fn new(mut parts: Parts) -> Self {
        let people = People::new(&parts.departments, &mut parts.rules, parts.people);
        let mut routes: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (position, rule) in parts.rules.iter().enumerate() {
            for event_type in &rule.event_types {
                routes.entry(Arc::clone(event_type)).or_default().push(position);
            }
        }
        let routes = routes
            .into_iter()
            .map(|(event_type, positions)| (event_type, Routes::new(positions, &parts.rules)))
            .collect();
        let steps = parts.chain.iter().enumerate().flat_map(|(position, step)| {
            step.event_types.iter().map(move |event_type| (Arc::clone(event_type), position))
        });
        Self {
            steps: steps.collect(),
            routes,
            version: parts.version,
            departments: parts.departments,
            chain: parts.chain,
            rules: parts.rules,
            templates: parts.templates,
            ignored: parts.ignored,
            people,
        }
    }

    /// The rules that look at an event type, in order.
    pub fn rules_for(&self, event_type: &str) -> impl Iterator<Item = &Rule> {
        let positions = self.routes.get(event_type).into_iter().flat_map(Routes::rules);
        positions.map(|position| &self.rules[*position])
    }

    /// The rules that look at an event type, prepared for matching.
    pub(crate) fn routes_of(&self, event_type: &str) -> Option<&Routes> {
        self.routes.get(event_type)
    }

    /// The chain step of an event type and its rank, from 1.
    pub fn step_of(&self, event_type: &str) -> Option<(&Arc<str>, u32)> {
        let position = *self.steps.get(event_type)?;
        Some((&self.chain[position].name, u32::try_from(position).unwrap_or(u32::MAX).saturating_add(1)))
    }

    /// What is to be kept of a notification's audience; `None` if the notification has none.
    ///
    /// The notification must be one that this policy decided for the event.
    pub fn snapshot(&self, event: &Event, notification: &Notification) -> Option<Snapshot> {
        notification.audience.as_ref()?;
        let department = self.departments.iter().position(|it| it.name == notification.department)?;
        let named = |rule: &&Rule| notification.reasons.iter().any(|reason| reason.rule == rule.id);
        let rules: Vec<&Rule> = self.rules_for(event.event_type()).filter(named).collect();
        self.people.snapshot(event, department, &rules)
    }

    /// Why a rule that matches an event does not choose a person for it; `None` if it does.
    pub fn exclusion(&self, rule: &Rule, event: &Event, person: &Person) -> Option<Exclusion> {
        if !rule.to.iter().any(|department| self.departments[*department].name == person.department) {
            return Some(Exclusion::Elsewhere(Arc::clone(&person.department)));
        }
        rule.audience.as_ref()?.exclusion(person, event)
    }

    /// The topic of a department.
    pub fn topic_of(department: &str) -> String {
        format!("hinge.notifications.{department}")
    }
}
