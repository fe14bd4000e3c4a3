//! `schemas/README.md` against the catalogue. Its event types are written from the schemas, with
//! `HINGE_WRITE_SAMPLES=1`; everything around them is written by hand.

use std::fmt::Write as _;
use std::fs;

use hinge_domain::{Field, Kind, Pii, Shape, Stream, Value};

use super::schemas;
use crate::notification::newest;
use crate::{CATALOGUE_VERSION, Catalogue};

/// Between these two lines the page is written by this module.
const FIRST: &str = "### Marketing: topic `marketing.events`\n";
const AFTER: &str = "## What departments read\n";

/// A field's kind in the page's words.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "yes or no".to_owned(),
        Kind::Int => "whole number".to_owned(),
        Kind::Float => "number".to_owned(),
        Kind::Decimal { .. } => "money".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Symbol { symbols, .. } => {
            symbols.iter().map(|symbol| format!("`{symbol}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Instant => "instant".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::List(item) => format!("list of {}", self::kind(item)),
        Kind::Record(fields) => {
            let optional = |field: &Field| matches!(field.default, Some(Value::Absent));
            let name = |field: &Field| format!("`{}`{}", field.name, if optional(field) { "?" } else { "" });
            format!("records: {}", fields.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

fn must(field: &Field) -> String {
    match &field.default {
        None => "yes".to_owned(),
        Some(Value::Absent) => String::new(),
        Some(Value::List(_)) => "else empty".to_owned(),
        Some(default) => format!("else `{default}`"),
    }
}

fn personal(field: &Field) -> &'static str {
    match field.pii {
        Pii::Direct => "direct",
        Pii::Indirect => "indirect",
        Pii::None => "",
    }
}

fn section(shape: &Shape, since: u32, page: &mut String) {
    let came = if since == 1 { String::new() } else { format!(", since catalogue version {since}") };
    writeln!(page, "#### `{}` (version {}{came})\n", shape.event_type, shape.version).unwrap();
    writeln!(page, "{}\n", shape.doc).unwrap();
    page.push_str("| fact | kind | must | personal | meaning |\n|---|---|---|---|---|\n");
    for field in &shape.fields {
        let (kind, must, personal) = (kind(&field.kind), must(field), personal(field));
        writeln!(page, "| `{}` | {kind} | {must} | {personal} | {} |", field.name, field.doc).unwrap();
    }
    page.push('\n');
}

/// All event types, as the page has them.
fn event_types() -> String {
    let catalogue = Catalogue::builtin();
    let mut page = String::new();
    for stream in Stream::ALL {
        let name = stream.name();
        let title = name[..1].to_uppercase() + &name[1..];
        writeln!(page, "### {title}: topic `{name}.events`\n").unwrap();
        for shape in catalogue.shapes().filter(|shape| shape.stream == stream) {
            section(shape, catalogue.since(&shape.event_type).unwrap(), &mut page);
        }
    }
    page
}

#[test]
fn the_readme_tells_every_event_type_as_its_schema_does() {
    let path = schemas().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    assert!(readme.contains(&format!("Catalogue version: {CATALOGUE_VERSION}.")));
    let start = readme.find(FIRST).expect("the page has the event types");
    let end = readme.find(AFTER).expect("the page tells what departments read");
    let written = event_types();
    if std::env::var_os("HINGE_WRITE_SAMPLES").is_some() {
        fs::write(path, format!("{}{written}{}", &readme[..start], &readme[end..])).unwrap();
        return;
    }
    let differs = readme[start..end].lines().zip(written.lines()).find(|(is, should)| is != should);
    assert_eq!(differs, None, "write the page anew: HINGE_WRITE_SAMPLES=1 cargo test -p hinge-schema");
    assert!(readme[start..end] == written, "the page ends too early or too late");
}

#[test]
fn the_readme_lists_what_departments_read() {
    let readme = fs::read_to_string(schemas().join("README.md")).unwrap();
    let section = readme.split(AFTER).nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let writer = newest();
    let fields: Vec<&str> = writer.fields().iter().map(|field| field.name.as_ref()).collect();
    assert_eq!(listed, fields);
}
