//! The canonical notification: all that was decided, without the instants at which it happened to be. When two are the
//! same, and in what they differ.

use std::hash::{DefaultHasher, Hash, Hasher};

use hinge_schema::NotificationRecord;

/// What makes two notifications the same decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equality {
    /// Everything, the version of the policy too.
    Whole,
    /// Everything but the version of the policy: it is another one by intention.
    ButVersion,
}

impl Equality {
    /// A short form that is equal for equal notifications; compared only among those of one id, in this process.
    pub(super) fn hash(self, notification: &mut NotificationRecord) -> u64 {
        if self == Self::ButVersion {
            notification.policy_version.clear();
        }
        let mut hasher = DefaultHasher::new();
        notification.hash(&mut hasher);
        hasher.finish()
    }
}

/// In what `after` differs from `before`, field by field. Texts and facts may name a person: only that they differ
/// is said.
pub(super) fn differences(before: &NotificationRecord, after: &NotificationRecord) -> Vec<String> {
    let rules = |told: &NotificationRecord| listed(told.reasons.iter().map(|reason| reason.rule.as_str()));
    let names = |told: &NotificationRecord| listed(told.facts.iter().map(|(name, _)| name.as_str()));
    let missing = |told: &NotificationRecord| listed(told.missing.iter().map(String::as_str));
    let mut found = Vec::new();
    let mut compare = |what: &str, before: String, after: String| {
        if before != after {
            found.push(format!("{what}: {before} -> {after}"));
        }
    };
    compare("kind", before.ask.name().to_owned(), after.ask.name().to_owned());
    compare("priority", before.priority.name().to_owned(), after.priority.name().to_owned());
    compare("rules", rules(before), rules(after));
    compare("facts", names(before), names(after));
    compare("missing", missing(before), missing(after));
    compare("chain step", before.chain_step.clone(), after.chain_step.clone());
    compare("rank", before.rank.to_string(), after.rank.to_string());
    compare("history", before.history.to_string(), after.history.to_string());
    compare("policy version", before.policy_version.clone(), after.policy_version.clone());
    let mut differ = |what: &str, differs: bool| {
        if differs {
            found.push(format!("{what} differs"));
        }
    };
    differ("title", before.title != after.title);
    differ("body", before.body != after.body);
    differ("event", before.event != after.event || before.correlation_id != after.correlation_id);
    let same_rules = rules(before) == rules(after);
    differ("what a rule says of itself", same_rules && before.reasons != after.reasons);
    differ("the value of a fact", names(before) == names(after) && before.facts != after.facts);
    found
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}
