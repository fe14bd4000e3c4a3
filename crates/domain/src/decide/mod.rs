//! The main decision: which departments does this event concern, and what are they told?
//!
//! Pure: the same event, policy and `now` give the same decision, today and in a replay next year.

mod index;
mod matching;
mod native;
mod spans;

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::notification::NotificationIds;
use crate::template::{Rendered, Worded};
use crate::{About, Event, Notification, Policy, Reason, Rule, Unknown, Value};

pub(crate) use matching::Routes;

/// What becomes of an event, and why.
#[derive(Debug)]
pub struct Decision<'a> {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The rules that matched, with the values that mattered.
    pub matched: Vec<Matched<'a>>,
    /// The rules that could not tell.
    pub unknown: Vec<Undecided<'a>>,
    /// Texts that could not be rendered; the notification went out with a plain one.
    pub unrendered: Vec<String>,
    /// The step of the chain that the event belongs to; empty if the policy names none.
    pub chain_step: Arc<str>,
    /// Whether the event is history.
    pub history: bool,
}

/// What becomes of an event.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// These departments are told; never empty.
    Emitted(Vec<Notification>),
    /// The policy says, with a reason, that nobody wants to be told of such events.
    Ignored(Arc<str>),
    /// No rule matched: somebody has to look at it.
    Unrouted,
}

/// A rule that matched.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What its condition read.
    pub values: Vec<(&'a str, Value)>,
}

/// A rule that could not tell whether it matches: it reads what the event lacks.
#[derive(Debug)]
pub struct Undecided<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What is missing or failed.
    pub why: Unknown,
}

/// The step of events that belong to none.
static NO_STEP: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

/// Decides who is told what about `event`. `now` is the instant at which it was recorded.
pub fn decide<'a>(event: &Event, policy: &'a Policy, now: Timestamp) -> Decision<'a> {
    let (chain_step, rank) = policy.step_of(event.event_type()).unwrap_or((&NO_STEP, 0));
    let mut decision = Decision {
        verdict: Verdict::Unrouted,
        matched: Vec::new(),
        unknown: Vec::new(),
        unrendered: Vec::new(),
        chain_step: Arc::clone(chain_step),
        history: event.is_history(now),
    };
    if let Some(reason) = policy.ignored.get(event.event_type()) {
        decision.verdict = Verdict::Ignored(Arc::clone(reason));
        return decision;
    }
    matching::match_rules(event, policy, &mut decision);
    let told = notifications(event, policy, rank, &mut decision);
    if !told.is_empty() {
        decision.verdict = Verdict::Emitted(told);
    }
    decision
}

/// One notification per department that a matching rule names, in the order of the departments.
fn notifications(
    event: &Event,
    policy: &Policy,
    rank: u32,
    decision: &mut Decision<'_>,
) -> Vec<Notification> {
    if decision.matched.is_empty() {
        return Vec::new();
    }
    let about = Arc::new(About {
        id: event.id.clone(),
        source: event.source.clone(),
        event_type: Arc::clone(event.event_type()),
        subject: event.subject.clone(),
        correlation_id: event.correlation_id.clone(),
        occurred: event.occurred,
    });
    let mut texts = policy.templates.texts(event);
    let ids = NotificationIds::about(&event.source, &event.id);
    let mut audiences = policy.people.question(event);
    let mut told: Vec<Notification> = Vec::new();
    let mut rules: Vec<&Rule> = Vec::with_capacity(decision.matched.len());
    for (position, department) in policy.departments.iter().enumerate() {
        let matched = decision.matched.iter().map(|matched| matched.rule);
        rules.clear();
        rules.extend(matched.filter(|rule| rule.to.contains(&position)));
        // The text is that of the most asking, most hurried rule; among equals the first.
        let Some(leading) = rules.iter().rev().max_by_key(|rule| (rule.ask, rule.priority)) else { continue };
        let (facts, missing) = facts_for(event, &rules);
        let worded = match &leading.template {
            None => Worded::New(plain_text(event)),
            Some(template) => texts.render(template, &department.title, told.len()).unwrap_or_else(|error| {
                decision.unrendered.push(format!("template `{template}`: {error}"));
                Worded::New(plain_text(event))
            }),
        };
        let (title, body) = match worded {
            Worded::New(Rendered { title, body }) => (title, body),
            Worded::As(earlier) => (told[earlier].title.clone(), told[earlier].body.clone()),
        };
        told.push(Notification {
            id: ids.of(&department.name),
            department: Arc::clone(&department.name),
            about: Arc::clone(&about),
            chain_step: Arc::clone(&decision.chain_step),
            rank,
            ask: leading.ask,
            priority: rules.iter().map(|rule| rule.priority).max().unwrap_or(leading.priority),
            title,
            body,
            reasons: rules.iter().map(|rule| reason(rule)).collect(),
            facts,
            missing,
            history: decision.history,
            audience: audiences.audience(position, &rules),
        });
    }
    told
}

fn reason(rule: &Rule) -> Reason {
    Reason {
        rule: Arc::clone(&rule.id),
        owner: Arc::clone(&rule.owner),
        ask: rule.ask,
        because: rule.because.clone(),
    }
}

type Given = Vec<(Arc<str>, Value)>;
type Missing = Vec<Arc<str>>;

/// The facts that the rules require: those that the event has, and the names of those it lacks.
fn facts_for(event: &Event, rules: &[&Rule]) -> (Given, Missing) {
    let mut facts = Given::with_capacity(rules.iter().map(|rule| rule.requires.len()).sum());
    let mut missing = Missing::new();
    for name in rules.iter().flat_map(|rule| &rule.requires) {
        if facts.iter().any(|(known, _)| known == name) || missing.contains(name) {
            continue;
        }
        match event.attribute(name) {
            Some(value) => facts.push((Arc::clone(name), value)),
            None => missing.push(Arc::clone(name)),
        }
    }
    (facts, missing)
}

/// What stands where no template says it better.
fn plain_text(event: &Event) -> Rendered {
    Rendered { title: format!("{} {}", event.event_type(), event.subject), body: String::new() }
}

#[cfg(test)]
mod tests;
