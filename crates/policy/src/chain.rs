//! `chain.yaml`: the steps of the chain, and the event types that happen at each.

use std::collections::HashMap;
use std::sync::Arc;

use hinge_domain::ChainStep;
use hinge_schema::Catalogue;

use crate::diagnostic::Page;
use crate::form::{self, Form, Holds, Key, or_unnamed};
use crate::names::{known_event_type, valid_name};

/// The form of `chain.yaml`.
pub(crate) const FORM: Form = Form {
    what: "chain.yaml",
    doc: "The steps of the marketing service chain, in their order.",
    keys: &[Key::must("chain", Holds::List(&Holds::Record(&STEP)), "the steps, in their order")],
};

const STEP: Form = Form {
    what: "a step of the chain",
    doc: "One step, and the event types that happen at it.",
    keys: &[
        Key::must("step", Holds::Text, "its name, such as `operations`"),
        Key::must("events", Holds::Texts, "the event types that happen at this step"),
    ],
};

pub(crate) fn chain(page: &mut Page<'_>, catalogue: &Catalogue) -> Option<Vec<ChainStep>> {
    let file = form::read(page, &FORM)?;
    let mut chain: Vec<ChainStep> = Vec::new();
    let mut steps_of: HashMap<String, Arc<str>> = HashMap::new();
    for entry in file.get("chain").map(|list| list.value.items())? {
        let step = or_unnamed(entry.value.text_at("step"), entry);
        valid_name(page, "step", &step);
        if chain.iter().any(|known| *known.name == step.value) {
            let message = format!("the step `{}` is already named above", step.value);
            page.note("name-duplicate", &step, message, "put its events into one list");
        }
        let name: Arc<str> = step.value.into();
        let mut event_types = Vec::new();
        for event_type in &entry.value.texts_at("events") {
            if !known_event_type(page, catalogue, event_type) {
                continue;
            }
            if let Some(other) = steps_of.insert(event_type.value.clone(), Arc::clone(&name)) {
                let message = format!("`{}` already belongs to the step `{other}`", event_type.value);
                let help = "an event type belongs to one step; remove one";
                page.note("name-duplicate", event_type, message, help);
            }
            event_types.push(Arc::from(event_type.value.as_str()));
        }
        chain.push(ChainStep { name, event_types });
    }
    Some(chain)
}
