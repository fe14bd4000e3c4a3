//! CEL in a policy's files: what is wrong with an expression, at its place in the file.

use hinge_domain::{Complaint, Expression, Fault, TypeScope};
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
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
            let place = part_of(page.text, text, error.span);
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
}
