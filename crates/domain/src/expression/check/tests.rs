//! What the checker finds and where, and that what it accepts can be evaluated.

use std::sync::Arc;

use cel::ExecutionError;
use proptest::prelude::*;

use super::*;
use crate::invented::{field, shape};
use crate::{Expression, Kind, Scope, Shape, Value};

fn symbols() -> Kind {
    let symbols = ["email", "telephone", "web"].map(Arc::from).to_vec();
    Kind::Symbol { symbols, fallback: "web".into() }
}

fn placed() -> Arc<Shape> {
    let item = vec![field("price", Kind::Decimal { scale: 2 }), field("category", Kind::Text)];
    shape(
        "order.placed",
        vec![
            field("state", Kind::Text),
            field("value", Kind::Decimal { scale: 2 }),
            field("weight", Kind::Float),
            field("item_count", Kind::Int),
            field("promised_date", Kind::Date),
            field("paid_at", Kind::Instant),
            field("channel", symbols()),
            field("channels", Kind::List(Box::new(symbols()))),
            field("gift", Kind::Bool),
            field("promise_ids", Kind::List(Box::new(Kind::Text))),
            field("items", Kind::List(Box::new(Kind::Record(item)))),
        ],
    )
}

fn scope() -> TypeScope {
    TypeScope::default().with("event", Type::of_events(&[&placed()]))
}

fn complaints(source: &str) -> Vec<Complaint> {
    Expression::parse(source).unwrap().check_condition(&scope())
}

#[track_caller]
fn fits(source: &str) {
    assert_eq!(complaints(source), [], "{source}");
}

/// One complaint: its kind, what it underlines, and words that it says.
#[track_caller]
fn faulty(source: &str, fault: Fault, underlined: &str, words: &[&str]) {
    let found = complaints(source);
    let [found] = found.as_slice() else { panic!("{source}: {found:#?}") };
    assert_eq!((found.fault, &source[found.span.clone()]), (fault, underlined), "{source}: {found:#?}");
    let told =
        format!("{} {} {}", found.message, found.help, found.suggestion.as_deref().unwrap_or_default());
    for word in words {
        assert!(told.contains(word), "{source}: `{word}` is not said in {told}");
    }
}

#[test]
fn what_fits_is_left_alone() {
    fits("event.value >= 500.0 && event.value > 500 && event.item_count < 2.5");
    fits("event.items.all(i, i.price > 10.0) && event.items.exists(i, i.category == 'toys')");
    fits("event.items.map(i, i.price).exists(p, p > 3.0) && sum(event.items.map(i, i.price)) > 5.0");
    fits("event.items.filter(i, i.price > 2.0).size() == 1 && size(event.items) > 0");
    fits("event.items.exists_one(i, i.price > 2.0)");
    fits("event.items.exists(i, i.category != event.items[0].category)");
    fits("local_date(event.time, event.state) > event.promised_date");
    fits("event.promised_date == '2026-03-02' && event.promised_date < local_date(event.paid_at, 'UTC')");
    fits("event.paid_at > timestamp('2026-03-02T00:00:00Z') && event.paid_at - event.time > duration('48h')");
    fits("event.time + duration('1h') < event.paid_at");
    fits("has(event.state) && event.state in ['SP', 'RJ'] && !(event.state in event.promise_ids)");
    fits("'email' in event.channels || event.channel == 'web' || event.channels.exists(c, c == 'telephone')");
    fits("event.gift && !event.gift || event.gift == true");
    fits(
        "event.state.startsWith('S') && event.state.lowerAscii().contains('p') && event.state.matches('^S')",
    );
    fits("(event.gift ? event.value : 3.0) > 2.0 && (event.value * 2.0 - 1.0) / 3.0 > 0.0");
    fits("event.item_count % 2 == 0 && double(event.item_count) * 1.5 > 3.0 && -event.value < 0.0");
    fits("event.?state.orValue('x') == 'x'");
    fits("event['state'] == 'SP' && min([1.0, event.value]) > 0.0 && round(event.value, 1) > 0.5");
    fits("event.type == 'order.placed' && event.source != event.id && event.correlationid == event.subject");
    fits("type(event.value) == double");
}

#[test]
fn names_that_there_are_not_are_told_with_the_nearest_one() {
    use Fault::Name;
    faulty("event.valeu >= 500.0", Name, "valeu", &["`order.placed` has no fact `valeu`", "value"]);
    faulty("event.items.all(i, i.prise > 10.0)", Name, "prise", &["`items`", "price"]);
    faulty("has(event.stat)", Name, "stat", &["state"]);
    faulty("evnt.state == 'SP'", Name, "evnt", &["nothing called `evnt`", "event"]);
    faulty("value > 3.0", Name, "value", &["event.value"]);
    faulty("event.state == SP", Name, "SP", &["'SP'"]);
    faulty("event['stat'] == 'SP'", Name, "'stat'", &["'state'"]);
    faulty("event.items[0].prise > 1.0", Name, "prise", &["price"]);
    faulty("shout(event.state)", Fault::Function, "shout", &["`shout`"]);
    faulty("event.state.startswith('S')", Fault::Function, "startswith", &["startsWith"]);
    faulty("startsWith(event.state, 'S')", Fault::Function, "startsWith", &["(text).startsWith(text)"]);
    faulty(
        "event.items.all(i.price > 3.0)",
        Fault::Function,
        "event.items.all(i.price > 3.0)",
        &["needs a name"],
    );
}

#[test]
fn operands_that_do_not_fit_are_told_as_a_whole() {
    use Fault::Operands;
    faulty("event.value > 'abc'", Operands, "event.value > 'abc'", &["is a number", "is text"]);
    faulty("event.gift || event.value > '500'", Operands, "event.value > '500'", &["without quotes", "500"]);
    faulty("event.state == 3", Operands, "event.state == 3", &["cannot be compared"]);
    faulty(
        "event.time > event.promised_date",
        Operands,
        "event.time > event.promised_date",
        &["local_date(event.time"],
    );
    faulty("event.paid_at > '2026-03-02'", Operands, "event.paid_at > '2026-03-02'", &["timestamp("]);
    faulty("event.value * 2 > 10.0", Operands, "event.value * 2", &["event.value * 2.0"]);
    faulty(
        "event.value / event.item_count > 1.0",
        Operands,
        "event.value / event.item_count",
        &["double(event.item_count)"],
    );
    faulty("event.promised_date + 2 > '2026'", Operands, "event.promised_date + 2", &["a date"]);
    faulty("event.state && event.gift", Operands, "event.state", &["true or false"]);
    faulty("event.state == null", Operands, "event.state == null", &["has(event.state)"]);
    faulty("event.state in 'SP'", Operands, "'SP'", &["contains"]);
    faulty("event.value in ['a']", Operands, "'a'", &["a number"]);
    faulty("event.value in event.promise_ids", Operands, "event.value", &["texts"]);
    faulty(
        "event.promise_ids == 'P-1'",
        Operands,
        "event.promise_ids == 'P-1'",
        &["'P-1' in event.promise_ids"],
    );
    faulty("event.items.price > 3.0", Operands, "price", &["is a list", "exists"]);
    faulty("event.state.length > 3", Operands, "length", &["no fields"]);
    faulty("event.state.all(c, c == 'x')", Operands, "event.state", &["not a list"]);
    faulty("event.items.exists(i, i.price)", Operands, "i.price", &["true or false"]);
    faulty(
        "local_date(event.promised_date, 'UTC') > '2026'",
        Operands,
        "event.promised_date",
        &["a date", "instant, text"],
    );
    faulty(
        "round(event.value) > 1.0",
        Operands,
        "round(event.value)",
        &["other arguments", "round(number, whole number)"],
    );
    faulty("event.items['a'].price > 1.0", Operands, "'a'", &["from 0"]);
    faulty("size(event.value) > 1", Operands, "event.value", &["size(list)"]);
    faulty("sum(event.items) > 1.0", Operands, "event.items", &["list of numbers"]);
    faulty("-event.state == 'x'", Operands, "event.state", &["no negative"]);
}

#[test]
fn a_condition_is_true_or_false() {
    faulty("event.value", Fault::Condition, "event.value", &["a number"]);
    faulty("event.value + 1.0", Fault::Condition, "event.value + 1.0", &["true or false"]);
    faulty("event.items.map(i, i.price)", Fault::Condition, "event.items.map(i, i.price)", &["a list"]);
}

#[test]
fn a_text_that_an_enumeration_does_not_have_is_told_with_the_nearest_one() {
    use Fault::Symbol;
    faulty("event.channel == 'telefon'", Symbol, "'telefon'", &["never `telefon`", "'telephone'"]);
    faulty("'e-mail' != event.channel", Symbol, "'e-mail'", &["'email'"]);
    faulty("event.channel in ['web', 'emial']", Symbol, "'emial'", &["email"]);
    faulty("'fax' in event.channels", Symbol, "'fax'", &["email, telephone, web"]);
    faulty("event.channels.exists(c, c == 'wep')", Symbol, "'wep'", &["'web'"]);
}

#[test]
fn a_rule_on_several_types_is_checked_against_each_that_has_the_fact() {
    let (placed, other) =
        (placed(), shape("contact.received", vec![field("value", Kind::Text), field("note", Kind::Text)]));
    let all = [placed.as_ref(), other.as_ref()];
    let check = |source: &str, shape: &Shape| {
        let scope = TypeScope::default().with("event", Type::of_event_among(shape, &all));
        Expression::parse(source).unwrap().check_condition(&scope).len()
    };
    assert_eq!(check("event.item_count > 3 && event.note == 'x'", &placed), 0);
    assert_eq!(check("event.item_count > 3 && event.note == 'x'", &other), 0);
    assert_eq!((check("event.value > 3.0", &placed), check("event.value > 3.0", &other)), (0, 1));
    assert_eq!(check("event.nothing == 'x'", &placed), 1);
}

#[test]
fn conditions_that_no_event_can_meet_are_found() {
    let check = |source: &str, underlined: Option<&str>| {
        let never = Expression::parse(source).unwrap().never_true();
        assert_eq!(
            never.as_ref().map(|never| &source[never.span.clone()]),
            underlined,
            "{source}: {never:?}"
        );
    };
    let both = "event.state == 'SP' && event.state == 'RJ'";
    check(both, Some(both));
    check(
        "event.gift && event.value > 5.0 && event.value < 3.0",
        Some("event.value > 5.0 && event.value < 3.0"),
    );
    check(
        "event.value > 0.0 && event.value > 5.0 && event.value <= 5.0",
        Some("event.value > 0.0 && event.value > 5.0 && event.value <= 5.0"),
    );
    check(
        "event.state in ['SP', 'RJ'] && event.state == 'MG'",
        Some("event.state in ['SP', 'RJ'] && event.state == 'MG'"),
    );
    check("event.state == 'SP' && event.state != 'SP'", Some("event.state == 'SP' && event.state != 'SP'"));
    check("event.gift && !event.gift", Some("event.gift && !event.gift"));
    check(
        "event.state == 'SP' && (event.state == 'RJ' || event.state == 'MG')",
        Some("event.state == 'SP' && (event.state == 'RJ'"),
    );
    check("1 > 2", Some("1 > 2"));
    check("event.gift && false", Some("false"));
    check("event.state == 'SP' || event.state == 'RJ'", None);
    check("event.state == 'SP' && event.value > 3.0", None);
    check("event.value >= 5.0 && event.value <= 5.0", None);
    check("event.state == 'SP' && (event.state == 'RJ' || event.gift)", None);
    check("event.state != 'SP' && event.state != 'RJ'", None);
    check("event.items.exists(i, i.price > 3.0) && event.items.exists(i, i.price < 1.0)", None);
    check("event.value == 5.0 && event.value in [5, 6]", None);
    check("1 < 2", None);
}

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

    /// Whatever somebody writes, it is parsed or explained, and its places lie within it.
    #[test]
    fn no_text_makes_the_checks_fail(source in "[a-e.()\\[\\]{}'\"=&|<>!+*/%?:, 0-9\\\\éün東😀\n\t-]{0,40}") {
        match Expression::parse(&source) {
            Ok(expression) => {
                let never = expression.never_true().map(|never| never.span);
                let spans = expression.check_condition(&scope()).into_iter().map(|it| it.span).chain(never);
                for span in spans {
                    prop_assert!(source.get(span.clone()).is_some(), "{source}: {span:?}");
                }
            }
            Err(error) => prop_assert!(source.get(error.span.clone()).is_some(), "{source}: {error:?}"),
        }
    }
}
