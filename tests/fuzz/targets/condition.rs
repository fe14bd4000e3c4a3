//! A condition, parsed and asked about an event: by the router's way of answering and by CEL itself, which must agree.
#![no_main]

use std::sync::Arc;

use hinge_domain::{Event, Expression, Scope, Value, decide};
use hinge_schema::Catalogue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|when: &str| {
    let Ok(expression) = Expression::parse(when) else { return };
    let catalogue = Catalogue::builtin();
    let event = hinge_fuzz::order(&catalogue);
    let mut scope = Scope::default();
    let attributes = Event::ATTRIBUTES.iter().map(|name| Arc::from(*name));
    let names = attributes.chain(event.facts.given().map(|(name, _)| Arc::clone(name)));
    scope.set_record("event", names.filter_map(|name| Some((Arc::clone(&name), event.attribute(&name)?))));
    let by_cel = expression.evaluate(&scope);
    let quoted = serde_json::to_string(when).expect("text is JSON");
    let rule = format!("routes: [{{id: corpus, owner: x, on: order.placed, when: {quoted}, to: finance}}]");
    let Ok(loaded) = hinge_fuzz::policy(&[("routes/00-corpus.yaml", &rule)], &catalogue) else { return };
    let decision = decide(&event, &loaded.policy, event.occurred);
    let matched = decision.matched.iter().any(|it| &*it.rule.id == "corpus");
    let unknown = decision.unknown.iter().any(|it| &*it.rule.id == "corpus");
    match by_cel {
        Ok(Value::Bool(said)) => assert_eq!((matched, unknown), (said, false), "CEL says {said}"),
        by_cel => assert!(!matched && unknown, "CEL says {by_cel:?}, matched {matched}"),
    }
});
