//! What a mapping may say, and what its author is told about what it may not.

use hinge_domain::FactSource;

use super::*;

/// As short as a mapping gets.
const SHORT: &str = "\
source: urn:example:shop
zone: Europe/Zurich
rows: orders
subject: row.number
events:
  - type: order.placed
    id: row.number + '/placed'
    time: row.placed_at
    facts: {value: row.total, currency: \"'CHF'\"}
";

fn parse(text: &str) -> Result<Mapping, Problems> {
    parse_mapping(Path::new("mapping.yaml"), text, &Catalogue::builtin())
}

#[test]
fn ten_lines_are_enough_for_one_file() {
    assert!(SHORT.lines().count() <= 10);
    let mapping = parse(SHORT).unwrap();
    assert_eq!((mapping.rows.as_deref(), mapping.delimiter, mapping.events.len()), (Some("orders"), b',', 1));
    assert_eq!(mapping.columns_of(ROW).into_iter().collect::<Vec<_>>(), ["number", "placed_at", "total"]);
}

#[test]
fn joined_files_and_shared_facts_are_understood() {
    let mapping = parse(
        "
source: urn:example:shop
zone: UTC
delimiter: tab
join:
  customer: {file: customers, key: customer id}
  region: {key: code, is: customer.region}
  items: {file: order_items, key: number, many: true}
subject: row.number
correlationid: row.number
facts: {state: region.name, promised_date: row.due, zone: zone}
events:
  - type: order.placed
    id: row.number + '/placed'
    time: row.placed_at
    facts:
      value: >-
        sum(items.map(i, i.price))
      currency: \"'CHF'\"
  - {type: delivery.dispatched, id: row.number + '/sent', time: row.sent_at, when: has(row.sent_at)}
",
    )
    .unwrap();
    assert_eq!((mapping.rows, mapping.delimiter), (None, b'\t'));
    let joins: Vec<_> = mapping.joins.iter().map(|join| (&*join.file, join.is.source(), join.many)).collect();
    let expected = [
        ("customers", "row['customer id']", false),
        ("region", "customer.region", false),
        ("order_items", "row.number", true),
    ];
    assert_eq!(joins, expected);
    for event in &mapping.events {
        let shared = event.facts.iter().filter(|fact| matches!(fact, FactSource::Shared(_))).count();
        assert_eq!(shared, 3, "{}", event.shape.event_type);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_to_do() {
    // What to replace in the short mapping, by what; the place and the beginning of the message; a word of the help.
    for (part, by, place, message, help) in [
        ("urn:example:shop", "'my shop'", "1:9", "`my shop` cannot be the source", "urn:example:shop"),
        ("Europe/Zurich", "Zurich", "2:7", "`Zurich` is not a time zone", "Europe/Zurich"),
        ("subject: row.number", "subjekt: row.number", "4:1", "a mapping has no `subjekt`", "subject"),
        ("    id: row.number + '/placed'\n", "", "6:5", "an event needs `id`", "unique"),
        ("source: urn:example:shop\n", "", "0:0", "it does not say whose events", "urn:example"),
        ("zone: Europe/Zurich\n", "", "1:1", "a mapping needs `zone`", "UTC"),
        ("row.placed_at", "[row.placed_at]", "8:11", "`time` must be text, not a list", "happened"),
        ("row.total,", "{row.total: 1},", "9:20", "`value` must be an expression, not a record", "quotes"),
        ("value: row.total", "valeu: row.total", "9:13", "`order.placed` has no fact `valeu`", "value"),
        ("subject: row.number", "", "6:11", "`order.placed` has no subject", "subject: row.order_id"),
        ("order.placed", "order.plaiced", "6:11", "`order.plaiced` is not an event type", "order.placed"),
        ("row.number + '/placed'", "\"'1'\"", "7:9", "every row would have the same id", "row.order_id"),
        ("row.number + '/placed'", "row.number +", "7:20", "", "CEL"),
        ("row.number + '/placed'", "nummer", "7:9", "there is nothing called `nummer`", "row.nummer"),
        ("row.placed_at", "parse(row.placed_at)", "8:11", "there is no function `parse`", "stamp"),
        ("value: row.total, ", "", "6:11", "`order.placed` needs the fact `value`", "customer pays"),
        (
            "value: row.total",
            "value: 1.0, price: row.total",
            "9:25",
            "`order.placed` has no fact `price`",
            "currency",
        ),
        ("\"'CHF'\"", "CHF", "9:41", "there is nothing called `CHF`", "\"'CHF'\""),
        (
            "subject",
            "facts: {color: row.color}\nsubject",
            "4:9",
            "none of the events has a fact `color`",
            "state",
        ),
        ("facts: {value: row.total,", "facts: {value: row.total +,", "9:30", "something is missing", "CEL"),
        ("subject", "delimiter: ab\nsubject", "4:12", "`ab` cannot stand between cells", "tab"),
        ("subject", "join: {row: {key: a}}\nsubject", "4:8", "`row` already means something else", "own"),
        ("subject", "join: {a-b: {key: a}}\nsubject", "4:8", "`a-b` cannot be read", "underscores"),
        (
            "subject",
            "join: {a: {key: a, is: b.x}, b: {key: b}}\nsubject",
            "4:24",
            "there is nothing called `b`",
            "row",
        ),
        ("subject", "zone: UTC\nsubject", "4:1", "`zone` is said twice", "one of the two"),
    ] {
        let text = SHORT.replacen(part, by, 1);
        let problems = parse(&text).map(|_| ()).unwrap_err();
        let first = &problems.0[0];
        assert_eq!(problems.0.len(), 1, "{by}: {problems}");
        assert_eq!(format!("{}:{}", first.line, first.column), place, "{by}: {problems}");
        assert!(first.message.starts_with(message), "{by}: {problems}");
        assert!(first.help.contains(help), "{by}: {problems}");
    }
}

#[test]
fn numbers_and_flags_are_expressions_and_names_as_they_are_written() {
    let text = SHORT.replacen("row.total", "1.50", 1).replacen("rows: orders", "rows: 0x10", 1);
    let text = text.replacen("currency", "freight: &a 2.0, item_count: 7, currency", 1);
    let mapping = parse(&text).unwrap();
    assert_eq!(mapping.rows.as_deref(), Some("0x10"));
    let of = |name: &str| {
        let event = &mapping.events[0];
        match &event.facts[event.shape.position(name).unwrap()] {
            FactSource::Own(expression) => expression.source().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([of("value"), of("freight"), of("item_count")], ["1.50", "2.0", "7"]);
}

#[test]
fn one_wrong_expression_or_type_is_not_told_as_something_missing_too() {
    let both = "facts: {state: row.state}\nsubject: row.a +\ncorrelationid: row.b +\nwhen: row.c +";
    let text = SHORT.replacen("subject: row.number", both, 1).replacen("order.placed", "order.plaiced", 1);
    let text = text.replacen("row.total", "row.total +", 1).replacen("row.placed_at", "row.placed_at +", 1);
    let problems = parse(&text).map(|_| ()).unwrap_err();
    let mut lines: Vec<_> = problems.0.iter().map(|it| (it.line, it.code)).collect();
    lines.sort_unstable();
    let wrong = "expression-invalid";
    assert_eq!(lines, [(5, wrong), (6, wrong), (7, wrong), (9, "name-unknown"), (11, wrong), (12, wrong)]);
}

#[test]
fn a_broken_expression_is_pointed_at_inside_quotes_and_blocks() {
    for (written, place) in
        [("row.a ++ 'x'", "7:16"), ("\"row.a ++ 'x'\"", "7:17"), ("|-\n      row.a ++ 'x'", "8:14")]
    {
        let text = SHORT.replacen("row.number + '/placed'", written, 1);
        let problems = parse(&text).map(|_| ()).unwrap_err();
        let first = &problems.0[0];
        assert_eq!(format!("{}:{}", first.line, first.column), place, "{problems}");
    }
}

#[test]
fn a_mapping_without_events_or_a_missing_file_is_refused() {
    let empty = parse("source: urn:example:shop\nzone: UTC\nevents: []\n").map(|_| ()).unwrap_err();
    assert!(empty.to_string().contains("there is no event"), "{empty}");
    let missing =
        load_mapping(Path::new("/nowhere/mapping.yaml"), &Catalogue::builtin()).map(|_| ()).unwrap_err();
    assert_eq!(missing.0[0].code, "file-unreadable");
}
