//! Files of a policy, loaded. What holds is asked about an event; the same files make the same policy again.
#![no_main]

use hinge_domain::decide;
use hinge_schema::Catalogue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let catalogue = Catalogue::builtin();
    match hinge_fuzz::policy(&hinge_fuzz::parts(text), &catalogue) {
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused without a word");
            assert!(!problems.to_string().is_empty());
        }
        Ok(loaded) => {
            let event = hinge_fuzz::order(&catalogue);
            let first = decide(&event, &loaded.policy, event.occurred);
            let second = decide(&event, &loaded.policy, event.occurred);
            assert_eq!(first.verdict, second.verdict, "the same event, policy and time");
        }
    }
});
