//! `policy.yaml`: who we are, the catalogue version, and the event types of which nobody wants to be told.

use std::collections::HashMap;
use std::sync::Arc;

use hinge_schema::Catalogue;
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
use crate::form::{self, Form, Holds, Key, or_unnamed};
use crate::names::known_event_type;

/// The form of `policy.yaml`.
pub(crate) const FORM: Form = Form {
    what: "policy.yaml",
    doc: "Who we are, and which catalogue of event types this policy was written for.",
    keys: &[
        Key::must("name", Holds::Text, "what the organisation calls its policy"),
        Key::must(
            "catalogue",
            Holds::Whole(1, 1_000_000),
            "the version of the event catalogue that the policy was written for",
        ),
        Key::may(
            "ignored",
            Holds::List(&Holds::Record(&IGNORED)),
            "event types of which nobody needs to be told, each with the reason",
        ),
    ],
};

const IGNORED: Form = Form {
    what: "an ignored event type",
    doc: "Event types of which nobody needs to be told.",
    keys: &[
        Key::must("type", Holds::Texts, "the event type, such as `order.changed`, or a list of them"),
        Key::must("reason", Holds::Text, "why nobody needs to be told"),
    ],
};

/// `policy.yaml`, read.
pub(crate) struct Manifest {
    /// What the organisation calls its policy.
    pub(crate) name: String,
    /// The catalogue version that it was written for.
    pub(crate) catalogue: u32,
    /// Event types of which nobody wants to be told, and why.
    pub(crate) ignored: Vec<(Spanned<String>, Arc<str>)>,
}

impl Manifest {
    /// The ignored event types, for deciding.
    pub(crate) fn ignored_types(&self) -> HashMap<Arc<str>, Arc<str>> {
        let entries = self.ignored.iter();
        entries.map(|(event_type, reason)| (event_type.value.as_str().into(), Arc::clone(reason))).collect()
    }
}

pub(crate) fn manifest(page: &mut Page<'_>, catalogue: &Catalogue) -> Option<Manifest> {
    let file = form::read(page, &FORM)?;
    let given = file.number_at("catalogue");
    let pinned =
        given.as_ref().and_then(|given| u32::try_from(given.value).ok()).unwrap_or(catalogue.version());
    if let Some(given) = given.filter(|_| pinned > catalogue.version()) {
        let message = format!("catalogue version {pinned} is not known");
        let help = format!("this Hinge knows the catalogue up to version {}", catalogue.version());
        page.note("catalogue-version", &given, message, &help);
    }
    let mut ignored: Vec<(Spanned<String>, Arc<str>)> = Vec::new();
    for entry in file.get("ignored").map(|list| list.value.items()).unwrap_or_default() {
        let reason = or_unnamed(entry.value.text_at("reason"), entry);
        if reason.value.trim().is_empty() {
            page.note(
                "policy-empty",
                &reason,
                "there is no reason".into(),
                "say why nobody needs to be told",
            );
        }
        let reason: Arc<str> = reason.value.into();
        for event_type in entry.value.texts_at("type") {
            if !known_event_type(page, catalogue, &event_type) {
                continue;
            }
            if ignored.iter().any(|(known, _)| known.value == event_type.value) {
                let message = format!("`{}` is ignored twice", event_type.value);
                page.note("name-duplicate", &event_type, message, "keep one of the two");
            } else {
                ignored.push((event_type, Arc::clone(&reason)));
            }
        }
    }
    let name = file.text_at("name").map(|name| name.value).unwrap_or_default();
    Some(Manifest { name, catalogue: pinned, ignored })
}
