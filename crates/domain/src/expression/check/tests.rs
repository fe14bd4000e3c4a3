//! What the checker finds, and where.

use std::sync::Arc;

use super::*;
use crate::invented::{field, shape};
use crate::{Expression, Kind, Shape};

mod properties;

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
        "local_date(event.promised_date, 'UTC') > '2026-03-02'",
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
fn a_date_stands_beside_a_date_that_is_written_as_one() {
    use Fault::Operands;
    fits("event.promised_date in ['2026-03-02', '2028-02-29'] && '2026-03-02' != event.promised_date");
    fits("event.promised_date > date_of(event.state) && local_date(event.time, 'UTC') >= '2026-01-01'");
    fits("event.promised_date == max([event.promised_date, local_date(event.paid_at, 'UTC')])");
    for text in ["'01.03.2026'", "'hello'", "''", "'2026-02-29'", "'20260305'", "'2026-03-02 '", "'2026'"] {
        for operator in ["==", "!=", "<", ">", "<=", ">="] {
            let words = ["is no date to compare `event.promised_date` with", "such as `'2026-03-02'`"];
            faulty(&format!("event.promised_date {operator} {text}"), Operands, text, &words);
            faulty(&format!("{text} {operator} event.promised_date"), Operands, text, &words);
        }
        faulty(&format!("event.promised_date in ['2026-03-02', {text}]"), Operands, text, &["no date"]);
        faulty(&format!("{text} in [event.promised_date]"), Operands, text, &["no date"]);
    }
    faulty("event.promised_date == '2026-3-5'", Operands, "'2026-3-5'", &["'2026-03-05'"]);
    faulty(
        "event.promised_date < '2026-03-05T10:00:00Z'",
        Operands,
        "'2026-03-05T10:00:00Z'",
        &["'2026-03-05'"],
    );
    let words = &["is a date", "is text", "date_of(event.state)"];
    let beside = "event.promised_date > event.state";
    faulty(beside, Operands, beside, words);
    let beside = "event.state == event.promised_date";
    faulty(beside, Operands, beside, words);
    let beside = "event.promised_date == event.channel";
    faulty(beside, Operands, beside, &["cannot be compared"]);
    faulty("event.promised_date in event.promise_ids", Operands, "event.promised_date", &["holds texts"]);
    let beside = "event.promised_date > 20260302";
    faulty(beside, Operands, beside, &["in quotes: `'2026-03-02'`"]);
    let beside = "event.promise_ids.exists(p, p == 5)";
    faulty(beside, Operands, "p == 5", &["compare text with text, such as `'5'`", "decimal(p)"]);
}

#[test]
fn what_is_written_out_and_can_never_be_read_is_told() {
    use Fault::Operands;
    fits("event.state.matches('[A-Z]+') && matches(event.state, 'x') && event.state.matches(event.id)");
    fits("event.time > timestamp('2026-03-02T10:00:00Z') && event.time - event.paid_at < duration('1.5h')");
    fits(
        "local_date(event.time, 'Europe/Zurich') == '2026-03-02' && event.time.getHours('America/Sao_Paulo') > 1",
    );
    faulty(
        "event.state.matches('[')",
        Operands,
        "'['",
        &["`matches` can never read `'['`", "regular expression"],
    );
    faulty("matches(event.state, '(')", Operands, "'('", &["`matches` can never read `'('`"]);
    let instant = "timestamp('2026-99-01')";
    faulty(
        &format!("event.time > {instant}"),
        Operands,
        instant,
        &["never has a value", "2026-03-02T10:00:00Z"],
    );
    for long in ["duration('48h30')", "duration('5min')", "duration('1h and a half')", "duration('')"] {
        faulty(&format!("event.time - event.paid_at > {long}"), Operands, long, &["duration('90m')"]);
    }
    fits("event.time - event.paid_at > duration('-1h30m') && event.time - event.paid_at < duration('0')");
    let long = "duration('x')";
    faulty(&format!("event.time - event.paid_at > {long}"), Operands, long, &["duration('48h')"]);
    faulty(
        "local_date(event.time, 'Mars/Base') == '2026-03-02'",
        Operands,
        "'Mars/Base'",
        &["Europe/Zurich"],
    );
    faulty("event.time.getHours('Mars') > 3", Operands, "'Mars'", &["IANA"]);
    faulty("int('seven') == event.item_count", Operands, "int('seven')", &["same for every event"]);
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
        let never = Expression::parse(source).unwrap().never_true(&Known::default());
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
    let absent = "!has(event.state) && event.state == 'SP'";
    check(absent, Some(absent));
    check("has(event.city) && !has(event.city)", Some("has(event.city) && !has(event.city)"));
    check("!has(event.state) || event.state == 'SP'", None);
    check("!has(event.state) && event.city == 'SP' && has(event.gift)", None);
    check("has(event.state) && event.state != 'SP'", None);
}

#[test]
fn conditions_that_what_is_known_before_leaves_nothing_for_are_found() {
    let known = Known {
        whole: vec!["event.item_count".into()],
        one_of: vec![("event.type".into(), vec!["order.placed".into(), "order.changed".into()])],
    };
    let check = |source: &str, expected: Option<(&str, &str)>| {
        let never = Expression::parse(source).unwrap().never_true(&known);
        let told = never.as_ref().map(|never| (&source[never.span.clone()], never.why.as_str()));
        assert_eq!(told, expected, "{source}");
    };
    let why = "`event.type` is only `order.placed` or `order.changed` here";
    let other = "event.type == 'order.cancelled'";
    check(other, Some((other, why)));
    check("event.gift && event.type in ['a', 'b']", Some(("event.type in ['a', 'b']", why)));
    check("event.type == 'order.changed' || event.type == 'order.cancelled'", None);
    check("event.type != 'order.placed'", None);
    check("event.type.startsWith('x')", None);
    let why = "what it asks of `event.item_count` cannot all be true at once";
    for source in [
        "event.item_count > 5 && event.item_count < 6",
        "event.item_count >= 5.5 && event.item_count <= 5.9",
        "event.item_count < 1 && event.item_count > 0",
    ] {
        check(source, Some((source, why)));
    }
    check("event.item_count > 5 && event.item_count < 7", None);
    check("event.item_count >= 5 && event.item_count < 6", None);
    check("event.value > 5.0 && event.value < 6.0", None);
}
