//! `audience:` of a rule: whom of its departments it tells.

use std::sync::Arc;

use hinge_domain::{Person, Segment};
use serde_saphyr::Spanned;

use crate::diagnostic::{Page, Place};
use crate::routes::{Known, check_read};

/// Reads the audience of a rule that tells the departments at these positions; what is wrong with it is noted.
pub(crate) fn audience(
    page: &mut Page<'_>,
    known: &Known<'_>,
    event_types: &[Arc<str>],
    to: &[usize],
    source: &Spanned<String>,
) -> Option<Segment> {
    let segment = match Segment::parse(&source.value) {
        Ok(segment) => segment,
        Err(error) => {
            let place = Place::from(source).within(error.line, error.column);
            let help =
                "write a CEL condition, such as `person.role == 'driver' && person.location == event.state`";
            page.note("expression-invalid", place, error.message, help);
            return None;
        }
    };
    for function in segment.expression().unknown_functions() {
        let message = format!("there is no function `{function}`");
        let help = "beside CEL's own there are local_date, instant, date_of, stamp, decimal, sum, min, max and round";
        page.note("expression-invalid", source, message, help);
    }
    for read in segment.expression().reads() {
        match (read.variable.as_str(), read.field.as_str()) {
            (whole @ ("person" | "event"), "") => {
                let message = format!("`{whole}` is taken as a whole");
                let help = "name what is read, such as `person.location == event.state`";
                page.note("expression-invalid", source, message, help);
            }
            ("person", name) if Person::ATTRIBUTES.contains(&name) => {}
            ("person", name) => {
                let message = format!("nothing called `{name}` is known of a person");
                let help = format!("a person has {}", Person::ATTRIBUTES.join(", "));
                page.note("fact-unknown", source, message, &help);
            }
            read => check_read(page, known, event_types, source, read),
        }
    }
    if !to.is_empty() && !to.iter().any(|department| known.staffed[*department]) {
        let message = "nobody is known in the departments that the rule tells".to_owned();
        let help =
            "name their people in people.yaml, or leave `audience` out: then the department is told as such";
        page.note("people-invalid", source, message, help);
    }
    Some(segment)
}
