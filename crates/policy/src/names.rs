//! Names in a policy: what they may look like, and whether there is what they refer to.

use std::collections::BTreeSet;

use hinge_domain::nearest;
use hinge_schema::Catalogue;
use serde_saphyr::Spanned;

use crate::diagnostic::Page;

/// Notes an event type that the catalogue does not have.
pub(crate) fn known_event_type(
    page: &mut Page<'_>,
    catalogue: &Catalogue,
    event_type: &Spanned<String>,
) -> bool {
    let given = event_type.value.as_str();
    if catalogue.shape(given).is_some() {
        return true;
    }
    let known = || catalogue.shapes().map(|shape| shape.event_type.as_ref());
    let thing = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let same_thing: Vec<&str> = known().filter(|name| thing(name) == thing(given)).collect();
    let help = if same_thing.is_empty() {
        let things: BTreeSet<String> = known().map(thing).collect();
        let things: Vec<String> = things.into_iter().collect();
        format!("there are event types of {}; schemas/README.md lists them", things.join(", "))
    } else {
        format!("there are {}", same_thing.join(", "))
    };
    let message = format!("`{given}` is not an event type of the catalogue");
    let meant = nearest(given, known()).map(str::to_owned);
    page.note("name-unknown", event_type, message, &help).suggestion = meant;
    false
}

/// Notes a name that cannot be part of a topic's name.
pub(crate) fn valid_name(page: &mut Page<'_>, what: &str, name: &Spanned<String>) {
    // Stands in for a name that is missing, which is noted already.
    if name.value == "?" || is_valid(&name.value) {
        return;
    }
    let message = format!("`{}` cannot be the name of a {what}", name.value);
    let help =
        "use lower-case letters, digits and hyphens, a letter first, at most 64 (such as `customer-support`)";
    let plain = name.value.to_lowercase().replace([' ', '_', '.'], "-");
    page.note("name-invalid", name, message, help).suggestion = is_valid(&plain).then_some(plain);
}

fn is_valid(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    begins && name.chars().all(letters) && name.len() <= 64 && !name.ends_with('-')
}
