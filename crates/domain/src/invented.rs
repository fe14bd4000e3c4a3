//! Invented parts, which the tests of this crate are built of: a test says what matters to it, the rest is as here.

use std::sync::Arc;

use crate::{
    Ask, Department, Event, Expression, Facts, Field, Format, Kind, Parts, Person, Pii, Priority, Rule,
    Scope, Shape, Stream, Unknown, Value,
};

/// A field that may be left out.
pub(crate) fn field(name: &str, kind: Kind) -> Field {
    Field { name: name.into(), kind, default: Some(Value::Absent), pii: Pii::None, doc: String::new() }
}

pub(crate) fn shape(event_type: &str, fields: Vec<Field>) -> Arc<Shape> {
    let stream = Stream::Order;
    Arc::new(Shape { event_type: event_type.into(), stream, version: 1, doc: String::new(), fields })
}

/// What a shop says of its order A-1.
pub(crate) fn event(shape: Arc<Shape>, facts: Vec<Value>) -> Event {
    Event {
        id: "1".into(),
        source: "/shop".into(),
        subject: "A-1".into(),
        correlation_id: "A-1".into(),
        occurred: "2026-03-02T08:00:00Z".parse().unwrap(),
        history: None,
        facts: Facts::new(shape, facts),
        extensions: Vec::new(),
    }
}

/// Tells departments of every order that is placed.
pub(crate) fn rule(id: &str, to: &[usize]) -> Rule {
    Rule {
        id: id.into(),
        owner: "operations".into(),
        event_types: vec!["order.placed".into()],
        when: None,
        to: to.to_vec(),
        audience: None,
        ask: Ask::Know,
        priority: Priority::Normal,
        requires: Vec::new(),
        template: None,
        because: None,
        stop: false,
    }
}

/// Somebody of whom nothing else is known.
pub(crate) fn person(id: &str, department: &str) -> Person {
    Person {
        id: id.into(),
        department: department.into(),
        role: None,
        seniority: None,
        location: None,
        interests: None,
        languages: None,
        medium: None,
    }
}

/// A policy without steps, templates and people.
pub(crate) fn parts(departments: &[&str], rules: Vec<Rule>) -> Parts {
    let department = |name: &&str| Department {
        name: (*name).into(),
        title: name.to_uppercase(),
        format: Format::Json,
        partitions: 1,
    };
    let departments = departments.iter().map(department).collect();
    Parts { version: "v1".into(), departments, rules, ..Parts::default() }
}

/// What an expression of which nothing is known says.
pub(crate) fn evaluate(source: &str) -> Result<Value, Unknown> {
    let expression = Expression::parse(source).unwrap();
    assert_eq!(expression.unknown_functions(), Vec::<String>::new(), "{source}");
    expression.evaluate(&Scope::default())
}
