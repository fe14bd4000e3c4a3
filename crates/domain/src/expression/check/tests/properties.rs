//! What the checker accepts can be evaluated, whatever somebody writes.

use std::sync::Arc;

use cel::ExecutionError;
use proptest::prelude::*;

use super::*;
use crate::{Expression, Scope, Value};

/// An event with every fact.
fn event() -> Scope {
    let item = |price: f64, category: &str| {
        Value::Record(vec![("price".into(), Value::Float(price)), ("category".into(), Value::text(category))])
    };
    let texts = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::text(*text)).collect());
    let mut scope = Scope::default();
    let facts = [
        ("id", Value::text("1")),
        ("source", Value::text("/shop")),
        ("type", Value::text("order.placed")),
        ("subject", Value::text("A-1")),
        ("correlationid", Value::text("A-1")),
        ("time", Value::Instant("2026-03-02T08:00:00Z".parse().unwrap())),
        ("state", Value::text("SP")),
        ("value", Value::Decimal("149.80".parse().unwrap())),
        ("weight", Value::Float(2.5)),
        ("item_count", Value::Int(2)),
        ("promised_date", Value::Date("2026-03-05".parse().unwrap())),
        ("paid_at", Value::Instant("2026-03-02T09:00:00Z".parse().unwrap())),
        ("channel", Value::text("web")),
        ("channels", texts(&["web", "email"])),
        ("gift", Value::Bool(true)),
        ("promise_ids", texts(&["P-1"])),
        ("items", Value::List(vec![item(10.0, "toys"), item(3.5, "books")])),
    ];
    scope.set_record("event", facts.map(|(name, value)| (Arc::from(name), value)));
    scope
}

#[expect(clippy::too_many_lines, reason = "a list of what expressions are made of")]
/// Small expressions of every operator and most functions, right and wrong ones alike.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "event.state",
            "event.value",
            "event.weight",
            "event.item_count",
            "event.promised_date",
            "event.paid_at",
            "event.time",
            "event.channel",
            "event.channels",
            "event.gift",
            "event.promise_ids",
            "event.items",
            "event.items[0].price",
            "event.items[0].category",
            "event.nothing",
            "event.id",
            "event.items[0]",
            "event",
        ]),
        prop::sample::select(vec![
            "1",
            "2.5",
            "3u",
            "'web'",
            "'SP'",
            "'2026-03-02'",
            "'2.3.2026'",
            "'['",
            "true",
            "false",
            "null",
            "[1, 2]",
            "['a']",
            "[1, 2.5]",
            "[]",
            "duration('1h')",
            "timestamp('2026-03-02T00:00:00Z')",
            "'UTC'",
            "b'x'",
            "{'a': 1}",
            "[event.state, 1]",
        ]),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 24, 3, |inner| {
        let operators = vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "in"];
        let calls = vec![
            "size(A)",
            "A.size()",
            "A.startsWith(B)",
            "A.contains(B)",
            "A.lowerAscii()",
            "A.split(B)",
            "A.join(B)",
            "A.substring(B)",
            "A.replace(B, C)",
            "A.indexOf(B)",
            "A.charAt(B)",
            "A.reverse()",
            "A.format([B])",
            "local_date(A, B)",
            "instant(A, B)",
            "date_of(A)",
            "decimal(A)",
            "stamp(A, B)",
            "sum(A)",
            "min(A)",
            "max(A)",
            "round(A, B)",
            "string(A)",
            "int(A)",
            "double(A)",
            "uint(A)",
            "bool(A)",
            "timestamp(A)",
            "duration(A)",
            "A.getFullYear()",
            "A.getHours(B)",
            "A.getMinutes()",
            "A[B]",
            "A ? B : C",
            "!A",
            "-A",
            "has(event.state)",
            "[A, B]",
            "A.exists(x, x == B)",
            "A.all(x, B)",
            "A.map(x, x)",
            "A.filter(x, x != B)",
            "A.exists_one(x, x == B)",
            "A.map(x, x.price)",
            "A.exists(x, x.price > B)",
            "A.matches('a')",
            "A.matches(B)",
            "A.map(x, B, x)",
            "sum(A.map(x, x.price))",
            "A.bytes",
            "bytes(A)",
            "type(A)",
            "{'k': A}['k']",
            "A.map(x, [x, B])",
        ];
        prop_oneof![
            (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(one, operator, other)| format!("({one}) {operator} ({other})")),
            (prop::sample::select(calls), inner.clone(), inner.clone(), inner).prop_map(|(call, a, b, c)| {
                let part = |text: &str| {
                    if text.chars().all(|c| c.is_alphanumeric() || "._'[]".contains(c)) {
                        text.to_owned()
                    } else {
                        format!("({text})")
                    }
                };
                call.replace('A', "\u{1}")
                    .replace('B', "\u{2}")
                    .replace('C', "\u{3}")
                    .replace("lower\u{1}scii", "lowerAscii")
                    .replace('\u{1}', &part(&a))
                    .replace('\u{2}', &part(&b))
                    .replace('\u{3}', &part(&c))
            }),
        ]
    })
}

/// Whether an evaluation failed because something was of the wrong type, not because of a value.
fn is_about_types(error: &ExecutionError) -> bool {
    !matches!(
        error,
        ExecutionError::FunctionError { .. }
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..)
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::DuplicateKey(_)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// What the checker accepts never fails over a type on an event that has all facts.
    #[test]
    fn an_accepted_expression_never_fails_over_a_type(source in expressions()) {
        let Ok(expression) = Expression::parse(&source) else { return Ok(()) };
        let (of, checker) = expression.checked(&scope());
        for complaint in &checker.complaints {
            prop_assert!(source.get(complaint.span.clone()).is_some_and(|text| !text.is_empty()), "{source}: {complaint:?}");
        }
        // Of what may be anything it promises nothing.
        if checker.complaints.is_empty() && !checker.left_open {
            match expression.program.execute(&event().context) {
                Ok(value) => prop_assert!(of != Type::Bool || matches!(value, cel::Value::Bool(_)), "{source}: {value:?}"),
                Err(error) => prop_assert!(!is_about_types(&error), "{source}: {error}"),
            }
        }
    }

    /// A date is accepted beside exactly those texts that say one, and is then compared as dates are.
    #[test]
    fn an_accepted_date_compares_as_a_date(
        text in "(20(26|5[0-9])[-.]?[01]?[0-9][-.]?[0-3]?[0-9]|[0-9./T:Z -]{0,12})",
        operator in prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]),
    ) {
        let source = format!("event.promised_date {operator} '{text}'");
        let date = text.parse::<jiff::civil::Date>().ok().filter(|date| date.to_string() == text);
        prop_assert_eq!(complaints(&source).is_empty(), date.is_some(), "{}", source);
        if let Some(date) = date {
            let promised: jiff::civil::Date = "2026-03-05".parse().unwrap();
            let expected = match operator {
                "<" => promised < date,
                "<=" => promised <= date,
                ">" => promised > date,
                ">=" => promised >= date,
                "==" => promised == date,
                _ => promised != date,
            };
            let got = Expression::parse(&source).unwrap().evaluate(&event());
            prop_assert_eq!(got, Ok(Value::Bool(expected)), "{}", source);
        }
    }

    /// An argument that is written out is accepted exactly if the call can be evaluated.
    #[test]
    fn an_accepted_constant_can_be_read(
        call in prop::sample::select(vec![
            "event.state.matches('#') || true",
            "event.time > timestamp('#') || true",
            "event.time - event.paid_at > duration('#') || true",
            "local_date(event.time, '#') == event.promised_date || true",
            "event.time.getHours('#') > 2 || true",
        ]),
        text in "([a-z\\[\\]()*+?{}^$|.-]{0,6}|20(26|30)-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00Z|[0-9.]{1,3}[hmsx]|UTC|Europe/(Zurich|Zürich))",
    ) {
        let source = call.replace('#', &text);
        let call = source.trim_end_matches(" || true");
        let expression = Expression::parse(call).unwrap();
        let evaluates = expression.program.execute(&event().context).is_ok();
        prop_assert_eq!(complaints(&source).is_empty(), evaluates, "{}", source);
    }

    /// Whatever somebody writes, it is parsed or explained, and its places lie within it.
    #[test]
    fn no_text_makes_the_checks_fail(source in "[a-e.()\\[\\]{}'\"=&|<>!+*/%?:, 0-9\\\\éün東😀\n\t-]{0,40}") {
        match Expression::parse(&source) {
            Ok(expression) => {
                let never = expression.never_true(&Known::default()).map(|never| never.span);
                let spans = expression.check_condition(&scope()).into_iter().map(|it| it.span).chain(never);
                for span in spans {
                    prop_assert!(source.get(span.clone()).is_some(), "{source}: {span:?}");
                }
            }
            Err(error) => prop_assert!(source.get(error.span.clone()).is_some(), "{source}: {error:?}"),
        }
    }
}
