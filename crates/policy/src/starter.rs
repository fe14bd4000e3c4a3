//! The commented policy that `hinge init` writes, and that the demo runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

macro_rules! starter_files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/starter/policy/", $name)))),+]
    };
}
/// Each file of the starter policy, with its path within the directory.
const FILES: &[(&str, &str)] = &starter_files!(
    "policy.yaml",
    "departments.yaml",
    "chain.yaml",
    "routes/10-campaigns.yaml",
    "routes/15-promises.yaml",
    "routes/20-orders.yaml",
    "routes/25-tasks.yaml",
    "routes/30-deliveries.yaml",
    "routes/40-contacts.yaml",
    "routes/45-complaints.yaml",
    "templates/campaign-changed.md",
    "templates/campaign-launched.md",
    "templates/campaign-planned.md",
    "templates/campaign-withdrawn.md",
    "templates/claim-published.md",
    "templates/complaint-closed.md",
    "templates/complaint-received.md",
    "templates/contact-answered.md",
    "templates/contact-received.md",
    "templates/customer-notified.md",
    "templates/delivered-late.md",
    "templates/delivered.md",
    "templates/delivery-delayed.md",
    "templates/delivery-dispatched.md",
    "templates/delivery-failed.md",
    "templates/delivery-returned.md",
    "templates/delivery-scheduled.md",
    "templates/feedback-received.md",
    "templates/order-cancelled.md",
    "templates/order-changed.md",
    "templates/order-placed.md",
    "templates/order-to-pack.md",
    "templates/product-launched.md",
    "templates/promise-to-keep.md",
    "templates/promise-withdrawn.md",
    "templates/service-changed.md",
    "templates/task-assigned.md",
    "templates/task-completed.md",
);

/// Why the starter policy was not written.
#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    /// The directory holds a policy already.
    #[error("`{}` is already there; choose an empty directory, nothing was written", .0.display())]
    Exists(PathBuf),
    /// The disk refuses.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the starter policy into `root`, which is created; never over a file that is there.
///
/// Gives the paths written.
pub fn write_starter(root: &Path) -> Result<Vec<PathBuf>, StarterError> {
    if let Some(present) = FILES.iter().map(|(name, _)| root.join(name)).find(|path| path.exists()) {
        return Err(StarterError::Exists(present));
    }
    let mut written = Vec::new();
    for (name, text) in FILES {
        let path = root.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|source| StarterError::Io { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use hinge_domain::{Decision, Event, Facts, Verdict, decide};
    use hinge_schema::Catalogue;
    use jiff::Timestamp;

    use super::*;

    /// An event about `A-1` with these facts.
    fn event(facts: Facts) -> Event {
        Event {
            id: "e-1".to_owned(),
            source: "/invented".to_owned(),
            subject: "A-1".to_owned(),
            correlation_id: "A-1".to_owned(),
            occurred: Timestamp::UNIX_EPOCH,
            history: None,
            facts,
            extensions: Vec::new(),
        }
    }

    fn texts(decision: &Decision<'_>) -> Vec<String> {
        match &decision.verdict {
            Verdict::Emitted(told) => told.iter().map(|it| format!("{}\n{}", it.title, it.body)).collect(),
            other => panic!("nobody is told: {other:?}"),
        }
    }

    #[test]
    fn every_event_type_is_told_to_somebody_in_words_that_say_what_the_event_says() {
        let folder = tempfile::tempdir().unwrap();
        write_starter(folder.path()).unwrap();
        let catalogue = Catalogue::builtin();
        let policy = crate::load(folder.path(), &catalogue).unwrap().policy;
        for shape in catalogue.shapes() {
            let (event_type, version) = (&shape.event_type, shape.version);
            let sample = format!("../../schemas/{}/samples/{event_type}.v{version}.json", shape.stream);
            let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(sample);
            let facts = catalogue.facts_from_json(event_type, &fs::read_to_string(sample).unwrap()).unwrap();
            let event = event(facts);
            let decision = decide(&event, &policy, Timestamp::UNIX_EPOCH);
            assert_eq!(decision.unrendered, Vec::<String>::new(), "{event_type}");
            assert!(!decision.chain_step.is_empty(), "{event_type} belongs to no step of the chain");
            for text in texts(&decision) {
                // A sample says everything, so nothing may be unknown and no name of a fact be shown.
                assert!(!text.contains("(not known)") && !text.contains("event."), "{event_type}: {text}");
            }
        }
    }
}
