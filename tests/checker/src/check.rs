//! One check from the input to the verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::counters;
use crate::expectation::{Expectation, Memory, Rules};
use crate::log::{Log, NOTIFICATIONS, is_output};
use crate::outputs::{Outputs, Sequence};
use crate::policy::Policy;
use crate::schemas::Schemas;
use crate::seen::{Before, Passed, Seen};
use crate::verdict::{Kind, Verdict};

/// What is checked, and against what.
#[derive(Clone, Debug)]
pub struct Check {
    /// The cluster.
    pub log: Log,
    /// The policy that decided all of it.
    pub policy: PathBuf,
    /// The input topics.
    pub inputs: Vec<String>,
    /// The group whose positions count.
    pub group: String,
    /// The schema files.
    pub schemas: PathBuf,
    /// What processes counted; none: nothing is said about it.
    pub metrics: Vec<PathBuf>,
    /// What a watcher saw.
    pub seen: Option<PathBuf>,
}

/// To judge the records of this topic, one would have to know what operators did.
const HELD: &str = "hinge.held";

impl Check {
    /// Reads everything and says what was found.
    ///
    /// # Errors
    /// Something could not be read, or is not known here; then nothing is said at all.
    pub fn run(&self) -> Result<Verdict, String> {
        let schemas = Schemas::read(&self.schemas)?;
        let policy = Policy::read(&self.policy)?;
        let seen = self.seen.as_deref().map(Seen::read).transpose()?;
        let counted = counters::read(&self.metrics)?;
        let rules = Rules { policy: &policy, schemas: &schemas };
        let topics = self.log.topics()?;
        let held = topics.get(HELD).into_iter().flatten().map(|partition| (HELD, *partition));
        if self.log.ends(held)?.into_values().any(|end| end > 0) {
            return Err(format!("records in {HELD} are not known here, so nothing is checked"));
        }
        let mut verdict = Verdict::default();
        let expected = self.expected(&topics, rules, &mut verdict)?;
        let mut outputs = Outputs::new(expected, rules);
        outputs.verdict = verdict;
        let mut passed = Passed::default();
        let (mut notifications, mut others) = (0, BTreeMap::new());
        for (topic, partitions) in topics.iter().filter(|(topic, _)| is_output(topic)) {
            let department = topic.strip_prefix(NOTIFICATIONS);
            let known = department
                .and_then(|name| policy.departments.iter().position(|department| department.name == name));
            let mut sequence = Sequence::default();
            let mut count = 0_u64;
            self.log.read(topic, partitions, &mut |record| {
                count += 1;
                let place = format!("{topic}/{}/{}", record.partition, record.offset);
                if let Some(seen) = &seen {
                    let at = (record.partition, record.offset);
                    if seen.before(topic, at, record.digest(), &mut passed) == Before::Other {
                        outputs.verdict.add(Kind::Vanished, || format!("{place} is not what it was"));
                    }
                }
                match (known, department, topic.as_str()) {
                    (Some(department), _, _) => {
                        outputs.notification(department, record, &place, &mut sequence);
                    }
                    (None, Some(_), _) => outputs.of_nobody(&place),
                    (None, None, "hinge.decisions") => outputs.decision(record, &place),
                    (None, None, "hinge.dead-letters") => outputs.letter(record, &place),
                    (None, None, _) => outputs.unrouted(record, &place),
                }
                Ok(())
            })?;
            if department.is_some() {
                notifications += count;
            } else {
                others.insert(topic.as_str(), count);
            }
        }
        let (mut verdict, tally) = outputs.end();
        if !self.metrics.is_empty() {
            counters::compare(&counted, &tally, &mut verdict);
        }
        let other = |topic: &str| others.get(topic).copied().unwrap_or_default();
        verdict.counted.extend([
            ("notifications", notifications),
            ("decisions", other("hinge.decisions")),
            ("dead_letters", other("hinge.dead-letters")),
            ("unrouted", other("hinge.unrouted")),
        ]);
        if let Some(seen) = &seen {
            for place in seen.gone(&passed) {
                verdict.add(Kind::Vanished, || format!("{place} was visible and is gone"));
            }
            for place in &seen.changed {
                verdict.add(Kind::Vanished, || format!("{place} was read twice and differed"));
            }
            let watched = seen.records.values().map(|records| records.len() as u64).sum();
            verdict.counted.extend([("watched", watched), ("torn_for_ms", seen.torn.0)]);
        }
        Ok(verdict)
    }

    /// Reads the input, and how far the group has come.
    fn expected(
        &self,
        topics: &BTreeMap<String, Vec<i32>>,
        rules: Rules<'_>,
        verdict: &mut Verdict,
    ) -> Result<Expectation, String> {
        let mut expected = Expectation { topics: self.inputs.clone(), ..Expectation::default() };
        let mut partitions = BTreeMap::new();
        for (place, topic) in self.inputs.iter().enumerate() {
            let known = topics.get(topic).ok_or_else(|| format!("there is no topic `{topic}`"))?;
            partitions.insert(topic.as_str(), known.as_slice());
            let mut memory = Memory::default();
            self.log.read(topic, known, &mut |record| expected.read(place, record, &mut memory, rules))?;
        }
        let positions = self.log.committed(&self.group, &partitions)?;
        let ends = self.log.ends(positions.keys().map(|(topic, number)| (topic.as_str(), *number)))?;
        for ((topic, number), position) in &positions {
            let (position, end) = (*position, ends[&(topic.as_str(), *number)]);
            if position > end {
                verdict.add(Kind::Closure, || {
                    format!("{topic}/{number} ends at {end}, and the group has committed {position}")
                });
            }
            let place = self.inputs.iter().position(|input| input == topic).unwrap_or_default();
            expected.partitions.entry((place, *number)).or_default().position = position;
        }
        Ok(expected)
    }
}
