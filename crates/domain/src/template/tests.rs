//! What templates make of an event, with minijinja and without.

use proptest::prelude::*;

use super::*;
use crate::Kind;
use crate::invented::{self, field, shape};

fn event(facts: Vec<(&str, Value)>) -> Event {
    let (names, values): (Vec<&str>, Vec<Value>) = facts.into_iter().unzip();
    let fields = names.into_iter().map(|name| field(name, Kind::Text)).collect();
    let event = invented::event(shape("order.placed", fields), values);
    Event { correlation_id: "A-2".into(), occurred: "2026-03-02T08:00:00.25Z".parse().unwrap(), ..event }
}

fn rendered(source: &str) -> Result<Rendered, TemplateError> {
    let mut templates = Templates::default();
    templates.add("text", source)?;
    let items = ["one", "two"].map(Value::text).to_vec();
    let event =
        event(vec![("state", Value::text("ZH")), ("items", Value::List(items)), ("city", Value::Absent)]);
    templates.texts(&event).render("text", "Warehouse", 0).map(new)
}

fn new(worded: Worded) -> Rendered {
    match worded {
        Worded::New(rendered) => rendered,
        Worded::As(_) => panic!("it is the first"),
    }
}

#[test]
fn the_first_line_is_the_title_and_what_is_not_given_is_said() {
    for source in [
        "# To {{ event.state }}, {{ event.city }}\n\n{{ department }}: {{ event.items | join(', ') }}\n",
        "# To {{ event.state }}, {{ event.city }}\n\n{{ department }}: one, two\n",
    ] {
        let expected = Rendered { title: "To ZH, (not known)".into(), body: "Warehouse: one, two".into() };
        assert_eq!(rendered(source), Ok(expected), "{source}");
    }
}

#[test]
fn a_template_that_does_not_end_is_stopped() {
    let endless = "# x\n{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
    assert!(rendered(endless).is_err());
    assert_eq!(rendered("# x\n{% if %}").unwrap_err().line, Some(2));
}

#[test]
fn departments_share_a_text_only_where_it_does_not_name_them() {
    let mut templates = Templates::default();
    templates.add("same", "# {{ event.state }}").unwrap();
    templates.add("named", "# {{ event.state }} {{ department }}").unwrap();
    assert_eq!(templates.plain.len(), 2);
    let event = event(vec![("state", Value::text("ZH"))]);
    let mut texts = templates.texts(&event);
    for name in ["named", "same"] {
        new(texts.render(name, "Warehouse", 7).unwrap());
    }
    assert!(matches!(texts.render("same", "Finance", 8), Ok(Worded::As(7))));
    assert_eq!(new(texts.render("named", "Finance", 9).unwrap()).title, "ZH Finance");
}

#[test]
fn more_texts_than_are_remembered_are_made_again() {
    let mut templates = Templates::default();
    let names: Vec<String> = (0..REMEMBERED + 2).map(|number| format!("text-{number}")).collect();
    for name in &names {
        templates.add(name, name).unwrap();
    }
    let event = event(Vec::new());
    let mut texts = templates.texts(&event);
    let mut told = Vec::new();
    for name in names.iter().chain(&names) {
        let title = match texts.render(name, "Finance", told.len()).unwrap() {
            Worded::New(rendered) => rendered.title,
            Worded::As(earlier) => String::clone(&told[earlier]),
        };
        assert_eq!(title, *name);
        told.push(title);
    }
}

#[test]
fn a_template_that_is_replaced_by_another_kind_is_the_new_one() {
    let mut templates = Templates::default();
    templates.add("text", "plain").unwrap();
    templates.add("text", "{% if true %}not plain{% endif %}").unwrap();
    let event = event(Vec::new());
    assert_eq!(new(templates.texts(&event).render("text", "Finance", 0).unwrap()).title, "not plain");
}

const PIECES: &[&str] = &[
    "# ",
    "Order",
    " ",
    "\n",
    "\r\n",
    "\n\n",
    "{",
    "}",
    "}}",
    "%}",
    "é",
    "#",
    "{{ event.text }}",
    "{{event.text}}",
    "{{\tevent.number }}",
    "{{ event.money }}",
    "{{ event.day }}",
    "{{ event.time }}",
    "{{ event.subject }}",
    "{{ event.nothing }}",
    "{{ department }}",
    "{{ event.other }}",
    "{{- event.text }}",
    "{{ event.text -}}",
    "{{ event.text | upper }}",
    "{{ event['text'] }}",
    "{{ event }}",
    "{{ 1 }}",
    "{{ '}}' }}",
    "{% if true %}x{% endif %}",
    "{# note #}",
    "{{ nothing }}",
    "{{ event.text }",
    "{{ event.\ntext }}",
    "{{ event.true }}",
];

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&["", "ZH", "{{ event.text }}", "a\nb", " # x ", "<&>"][..])
            .prop_map(Value::text),
        any::<i64>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(Value::Float),
        (any::<i64>(), 0u32..5)
            .prop_map(|(digits, scale)| Value::Decimal(rust_decimal::Decimal::new(digits, scale))),
        (-9999i16..9999, 1i8..13, 1i8..29)
            .prop_map(|(year, month, day)| Value::Date(jiff::civil::date(year, month, day))),
        Just(Value::Absent),
        Just(Value::List(vec![Value::Int(1)])),
    ]
}

proptest! {
    #[test]
    fn without_minijinja_templates_say_what_they_say_with_it(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..8),
        values in [values(), values(), values(), values(), values()],
    ) {
        let mut templates = Templates::default();
        let source = pieces.concat();
        if templates.add("text", &source).is_ok() {
            let [text, number, money, day, other] = values;
            let event = event(vec![
                ("text", text), ("number", number), ("money", money), ("day", day), ("other", other),
            ]);
            let mut texts = templates.texts(&event);
            let expected = texts.by_minijinja("text", "Finance");
            prop_assert_eq!(texts.render("text", "Finance", 0).map(new), expected, "{}", source);
        }
    }
}
