//! The topics that the router reads and writes.

use hinge_domain::{Policy, Stream};
use hinge_stream::TopicSpec;

/// Records that could not be decided.
pub const DEAD_LETTERS: &str = "hinge.dead-letters";

/// One record per event: what was decided, and why.
pub const DECISIONS: &str = "hinge.decisions";

/// Records that wait behind a rejected one of their key.
pub const HELD: &str = "hinge.held";

/// Which keys are held, and what operators wish for them; compacted.
pub const HELD_KEYS: &str = "hinge.held-keys";

/// What operators did to dead letters and stopped partitions; compacted.
pub const INTERVENTIONS: &str = "hinge.interventions";

/// Who was chosen, by the hash of the audience; compacted.
pub const AUDIENCES: &str = "hinge.audiences";

/// Events that no rule matched.
pub const UNROUTED: &str = "hinge.unrouted";

/// The default input topic of a stream: `marketing.events`, `order.events`, `delivery.events`, `service.events`.
pub fn input_topic(stream: Stream) -> String {
    format!("{stream}.events")
}

/// The topics that the router writes under this policy.
pub fn output_topics(policy: &Policy, replication: i32) -> Vec<TopicSpec> {
    let spec = |name: String, partitions: i32| TopicSpec {
        name,
        partitions,
        replication,
        settings: vec![("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())],
    };
    let own = [DECISIONS, UNROUTED, DEAD_LETTERS].map(|name| spec(name.to_owned(), 1));
    let with = |name: &str, setting: &str, value: &str| {
        let mut spec = spec(name.to_owned(), 1);
        spec.settings.push((setting.to_owned(), value.to_owned()));
        spec
    };
    // What waits for somebody to decide must not age away meanwhile.
    let held = with(HELD, "retention.ms", "-1");
    let compacted = [HELD_KEYS, INTERVENTIONS, AUDIENCES].map(|name| with(name, "cleanup.policy", "compact"));
    let departments = policy
        .departments
        .iter()
        .map(|department| spec(Policy::topic_of(&department.name), department.partitions));
    own.into_iter().chain([held]).chain(compacted).chain(departments).collect()
}

#[cfg(test)]
mod tests {
    use hinge_domain::Parts;

    use super::*;

    #[test]
    fn the_topics_that_are_states_and_no_others_are_compacted() {
        let policy = Policy::new(Parts::default());
        let compact = ("cleanup.policy".to_owned(), "compact".to_owned());
        let topics = output_topics(&policy, 1);
        let compacted = topics.iter().filter(|topic| topic.settings.contains(&compact));
        assert_eq!(
            compacted.map(|topic| topic.name.as_str()).collect::<Vec<_>>(),
            [HELD_KEYS, INTERVENTIONS, AUDIENCES]
        );
    }
}
