//! The main decision: which departments does this event concern, and what are they told?
//!
//! Pure: the same event, policy and `now` give the same decision, today and in a replay next year.

use std::cell::LazyCell;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;

use crate::notification::notification_id;
use crate::policy::Reads;
use crate::template::{Rendered, TemplateContext};
use crate::{About, Event, Expression, Notification, Policy, Reason, Rule, Scope, Unknown, Value};

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

/// Decides who is told what about `event`. `now` is the instant at which it was recorded.
pub fn decide<'a>(event: &Event, policy: &'a Policy, now: Timestamp) -> Decision<'a> {
    let (chain_step, rank) = match policy.step_of(event.event_type()) {
        Some((step, rank)) => (Arc::clone(step), rank),
        None => (Arc::from(""), 0),
    };
    let mut decision = Decision {
        verdict: Verdict::Unrouted,
        matched: Vec::new(),
        unknown: Vec::new(),
        unrendered: Vec::new(),
        chain_step,
        history: event.is_history(now),
    };
    if let Some(reason) = policy.ignored.get(event.event_type()) {
        decision.verdict = Verdict::Ignored(Arc::clone(reason));
        return decision;
    }
    match_rules(event, policy, &mut decision);
    let told = notifications(event, policy, rank, &mut decision);
    if !told.is_empty() {
        decision.verdict = Verdict::Emitted(told);
    }
    decision
}

/// Evaluates the rules of the event's type in order, up to and including the first that stops.
fn match_rules<'a>(event: &Event, policy: &'a Policy, decision: &mut Decision<'a>) {
    let mut scope = None;
    for rule in policy.rules_for(event.event_type()) {
        let answer = match &rule.when {
            None => Ok(Value::Bool(true)),
            Some(when) => when
                .evaluate(scope.get_or_insert_with(|| scope_of(event, policy.reads_of(event.event_type())))),
        };
        match answer {
            Ok(Value::Bool(true)) => {
                let values = rule.when.as_ref().map_or_else(Vec::new, |when| values_read(event, when));
                decision.matched.push(Matched { rule, values });
                if rule.stop {
                    break;
                }
            }
            Ok(Value::Bool(false)) => {}
            Ok(_) => {
                let why = Unknown::Failed("the condition is neither true nor false".into());
                decision.unknown.push(Undecided { rule, why });
            }
            Err(why) => decision.unknown.push(Undecided { rule, why }),
        }
    }
}

/// The event as its conditions see it: no more than they read.
fn scope_of(event: &Event, reads: &Reads) -> Scope {
    let mut scope = Scope::default();
    if reads.whole {
        scope.set_record("event", event.attributes());
    } else {
        let read = reads.names.iter().filter_map(|name| Some((Arc::clone(name), event.attribute(name)?)));
        scope.set_record("event", read);
    }
    scope
}

fn values_read<'a>(event: &Event, when: &'a Expression) -> Vec<(&'a str, Value)> {
    let fields = when.reads().iter().filter(|read| read.variable == "event");
    fields.filter_map(|read| Some((read.field.as_str(), event.attribute(&read.field)?))).collect()
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
    let context = LazyCell::new(|| TemplateContext::of(event));
    let mut audiences = policy.people.question(event);
    let mut told = Vec::new();
    for (position, department) in policy.departments.iter().enumerate() {
        let rules: Vec<&Rule> = decision
            .matched
            .iter()
            .map(|matched| matched.rule)
            .filter(|rule| rule.to.contains(&position))
            .collect();
        // The text is that of the most asking, most hurried rule; among equals the first.
        let Some(leading) = rules.iter().rev().max_by_key(|rule| (rule.ask, rule.priority)) else { continue };
        let (facts, missing) = facts_for(event, &rules);
        let text = text_of(event, policy, leading, &context, &department.title).unwrap_or_else(|problem| {
            decision.unrendered.push(problem);
            plain_text(event)
        });
        told.push(Notification {
            id: notification_id(&event.source, &event.id, &department.name),
            department: Arc::clone(&department.name),
            about: Arc::clone(&about),
            chain_step: Arc::clone(&decision.chain_step),
            rank,
            ask: leading.ask,
            priority: rules.iter().map(|rule| rule.priority).max().unwrap_or(leading.priority),
            title: text.title,
            body: text.body,
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
    let mut facts = Given::new();
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

fn text_of(
    event: &Event,
    policy: &Policy,
    rule: &Rule,
    context: &dyn Deref<Target = TemplateContext>,
    department: &str,
) -> Result<Rendered, String> {
    let Some(template) = &rule.template else { return Ok(plain_text(event)) };
    let rendered = policy.templates.render(template, context, department);
    rendered.map_err(|error| format!("template `{template}`: {error}"))
}

/// What stands where no template says it better.
fn plain_text(event: &Event) -> Rendered {
    Rendered { title: format!("{} {}", event.event_type(), event.subject), body: String::new() }
}

#[cfg(test)]
mod tests;
