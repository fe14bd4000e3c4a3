//! `audience:` of a rule: whom of its departments it tells.

use std::sync::Arc;

use hinge_domain::{Person, Segment};
use serde_saphyr::Spanned;

use crate::conditions::condition;
use crate::diagnostic::Page;
use crate::routes::{Known, scopes};

/// Reads the audience of a rule that tells the departments at these positions; what is wrong with it is noted.
pub(crate) fn audience(
    page: &mut Page<'_>,
    known: &Known<'_>,
    event_types: &[Arc<str>],
    to: &[usize],
    source: &Spanned<String>,
) -> Option<Segment> {
    let scopes = scopes(known.catalogue, event_types).into_iter();
    let scopes: Vec<_> = scopes.map(|scope| scope.with("person", Person::expression_type())).collect();
    let expression = condition(page, source, &scopes)?;
    let whole = expression.reads().iter().find(|read| read.field.is_empty());
    if let Some(whole) = whole.filter(|read| ["person", "event"].contains(&read.variable.as_str())) {
        let message = format!("`{}` is taken as a whole", whole.variable);
        let help = "name what is read, such as `person.location == event.state`";
        page.note("expression-invalid", source, message, help);
    }
    if !to.is_empty() && !to.iter().any(|department| known.staffed[*department]) {
        let message = "nobody is known in the departments that the rule tells".to_owned();
        let help =
            "name their people in people.yaml, or leave `audience` out: then the department is told as such";
        page.note("people-invalid", source, message, help);
    }
    Segment::parse(expression.source()).ok()
}
