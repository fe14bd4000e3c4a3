//! Rows become events, or say why not: the rules of a mapping, on invented rows.

use super::*;
use crate::invented::{self, field};
use crate::{Field, Kind};

fn expression(source: &str) -> Expression {
    Expression::parse(source).unwrap()
}

fn shape(event_type: &str, fields: &[(&str, Kind, Option<Value>)]) -> Arc<Shape> {
    let fields = fields
        .iter()
        .map(|(name, kind, default)| Field { default: default.clone(), ..field(name, kind.clone()) });
    invented::shape(event_type, fields.collect())
}

fn event(event_type: &str, time: &str, when: Option<&str>, value: &str) -> EventMapping {
    let optional = Some(Value::Absent);
    let fields = [
        ("value", Kind::Decimal { scale: 2 }, None),
        ("state", Kind::Text, optional),
        ("complete", Kind::Bool, Some(Value::Bool(true))),
    ];
    EventMapping {
        shape: shape(event_type, &fields),
        when: when.map(expression),
        id: expression(&format!("row.number + '/{event_type}'")),
        subject: Arc::new(expression("row.number")),
        correlation_id: None,
        time: expression(time),
        facts: vec![FactSource::Own(expression(value)), FactSource::Shared(0), FactSource::Default],
    }
}

/// Orders with their customer and their items; a row may be paid.
fn shop(value: &str) -> Mapping {
    let join = |name: &str, is: &str, many| Join {
        name: name.into(),
        file: name.into(),
        key: "key".into(),
        is: expression(is),
        many,
    };
    Mapping {
        source: Origin::Fixed("urn:example:shop".into()),
        zone: TimeZone::get("America/Sao_Paulo").unwrap(),
        rows: None,
        delimiter: b',',
        when: None,
        joins: vec![join("customer", "row.customer", false), join("items", "row.number", true)],
        shared: vec![SharedFact { name: "state".into(), value: expression("customer.state") }],
        events: vec![
            event("order.placed", "row.placed_at", None, value),
            event("order.confirmed", "row.paid_at", Some("has(row.paid_at)"), "'1.00'"),
        ],
    }
}

fn row(cells: &[(&str, &str)]) -> Row {
    cells.iter().map(|(name, text)| (Arc::from(*name), Value::text(*text))).collect()
}

const UNPAID: &[(&str, &str)] =
    &[("number", "A-1"), ("placed_at", "2026-03-02 10:00:00"), ("customer", "c-1")];
const PAID: &[(&str, &str)] = &[
    ("number", "A-1"),
    ("placed_at", "2026-03-02 10:00:00"),
    ("paid_at", "2026-03-02"),
    ("customer", "c-1"),
];

/// Maps a row of a shop whose customer c-1 lives in SP and whose order A-1 has two items.
fn events(mapping: &Mapping, cells: &[(&str, &str)]) -> Result<Vec<Event>, String> {
    let customers = [row(&[("key", "c-1"), ("state", "SP")])];
    let items = [row(&[("key", "A-1"), ("price", "12.99")]), row(&[("key", "A-1"), ("price", "12.79")])];
    let found = |join: usize, key: &str| match (join, key) {
        (0, "c-1") => &customers[..],
        (1, "A-1") => &items[..],
        _ => &[],
    };
    mapping.events(&row(cells).into(), &found).map_err(|why| why.to_string())
}

#[test]
fn a_row_with_its_joined_rows_becomes_events_in_the_order_of_the_mapping() {
    let events = events(&shop("sum(items.map(i, i.price))"), PAID).unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.id.as_str(), event.occurred.to_string())).collect();
    let expected = [
        ("A-1/order.placed", "2026-03-02T13:00:00Z".to_owned()),
        ("A-1/order.confirmed", "2026-03-02T03:00:00Z".to_owned()),
    ];
    assert_eq!(told, expected);
    let facts: Vec<_> = events[0].facts.given().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(facts, ["value=25.78", "state=SP", "complete=true"]);
    assert_eq!(events[0].correlation_id, "A-1");
}

#[test]
fn an_event_whose_condition_is_not_met_is_left_out() {
    assert_eq!(events(&shop("'1'"), UNPAID).unwrap().len(), 1);
}

#[test]
fn an_optional_fact_that_nobody_knows_is_left_out_and_a_needed_one_rejects_the_row() {
    let stranger = &[("number", "A-1"), ("placed_at", "2026-03-02 10:00"), ("customer", "c-9")];
    let without_state = events(&shop("'1'"), stranger).unwrap();
    assert_eq!(without_state[0].facts.get("state"), None);
    let nobody = &[("number", "A-1"), ("placed_at", "2026-03-02 10:00")];
    assert_eq!(events(&shop("'1'"), nobody).unwrap()[0].facts.get("state"), None);
    let why = events(&shop("row.total"), UNPAID).unwrap_err();
    assert_eq!(why, "`value` of `order.placed`: `total` is not given");
}

#[test]
fn a_row_that_cannot_be_mapped_gives_none_of_its_events_and_says_why() {
    let no_number = &[("placed_at", "2026-03-02 10:00:00")];
    let odd_time = &[("number", "A-1"), ("placed_at", "soon")];
    let plain = shop("'1'");
    let with_condition = |when: &str| {
        let mut mapping = shop("'1'");
        mapping.events[1].when = Some(expression(when));
        mapping
    };
    for (mapping, cells, expected) in [
        (&plain, &no_number[..], "`subject` of `order.placed`: `number` is not given"),
        (&plain, odd_time, "`time` of `order.placed`: expected a date and time"),
        (&shop("'12,50'"), UNPAID, "`value` of `order.placed`: expected a number"),
        (&shop("items[7].price"), UNPAID, "`value` of `order.placed`: "),
        (&shop("decimal(row.customer)"), UNPAID, "`value` of `order.placed`: "),
        (
            &with_condition("row.paid_at > '2026'"),
            UNPAID,
            "`when` of `order.confirmed`: `paid_at` is not given; ask",
        ),
        (&with_condition("row.number"), UNPAID, "`when` of `order.confirmed`: expected true or false"),
    ] {
        let why = events(mapping, cells).unwrap_err();
        assert!(why.starts_with(expected), "{why}\n{expected}");
    }
}

#[test]
fn a_mapping_knows_which_columns_it_reads() {
    let mapping = shop("sum(items.map(i, i.price))");
    let columns = |name: &str| mapping.columns_of(name).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(columns(ROW), "customer number paid_at placed_at");
    assert_eq!(columns("customer"), "key state");
    assert_eq!(columns("items"), "key");
}
