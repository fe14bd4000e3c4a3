//! CEL in a policy's files: what is wrong with an expression, at its place in the file.

use hinge_domain::{Complaint, Expression, Fault, TypeScope};
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
use crate::place::Place;
use crate::yaml::part_of;

/// Parses a condition and checks it on every scope that it may meet; what is wrong is noted once.
pub(crate) fn condition(
    page: &mut Page<'_>,
    text: &Spanned<String>,
    scopes: &[TypeScope],
) -> Option<Expression> {
    let expression = parse(page, text)?;
    let mut noted: Vec<Complaint> = Vec::new();
    for complaint in scopes.iter().flat_map(|scope| expression.check_condition(scope)) {
        if !noted.iter().any(|known| known.span == complaint.span) {
            note(page, text, &complaint);
            noted.push(complaint);
        }
    }
    Some(expression)
}

fn parse(page: &mut Page<'_>, text: &Spanned<String>) -> Option<Expression> {
    match Expression::parse(&text.value) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let place = if text.value.trim().is_empty() {
                written_empty(page.text, text)
            } else {
                part_of(page.text, text, error.span)
            };
            let help = format!("{}. Conditions are written in CEL", error.help);
            page.note("expression-invalid", place, error.message, &help).suggestion = error.suggestion;
            None
        }
    }
}

fn note(page: &mut Page<'_>, text: &Spanned<String>, complaint: &Complaint) {
    let code = match complaint.fault {
        Fault::Name => "fact-unknown",
        Fault::Function => "expression-invalid",
        Fault::Symbol => "symbol-unknown",
        Fault::Operands | Fault::Condition => "operands-invalid",
    };
    let place = part_of(page.text, text, complaint.span.clone());
    let noted = page.note(code, place, complaint.message.clone(), &complaint.help);
    noted.suggestion.clone_from(&complaint.suggestion);
    // An audience always knows a person.
    if complaint.fault == Fault::Name && text.value.get(complaint.span.clone()) == Some("person") {
        "a condition under `when` is about the event alone".clone_into(&mut noted.message);
        "whom of its departments the rule tells is said under `audience:`".clone_into(&mut noted.help);
        noted.suggestion = None;
    }
}

/// Where a text stands that is empty: of a block (`when: >-`) its mark, because the block begins on the next line.
fn written_empty(file: &str, text: &Spanned<String>) -> Place {
    let at = text.referenced.span().byte_offset().and_then(|at| usize::try_from(at).ok());
    let before = at.and_then(|at| file.get(..at)).unwrap_or_default().trim_end();
    let word = before.rsplit([' ', '\t', '\n']).next().unwrap_or_default();
    if word.starts_with(['>', '|']) && word.chars().all(|sign| ">|+-0123456789".contains(sign)) {
        return Place::of_bytes(file, before.len() - word.len()..before.len());
    }
    text.into()
}
