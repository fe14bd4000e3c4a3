//! What can only be said once everything was read: what is missing, what was told in part, and whether outcomes
//! add up to what was committed.

use super::Outputs;
use crate::expectation::{Fate, Input, Owing};
use crate::verdict::{Kind, Verdict};

impl Outputs<'_> {
    /// Everything was read: adds what is missing, and the counts.
    pub fn end(mut self) -> (Verdict, super::Tally) {
        self.missing_of_events();
        self.missing_letters();
        (self.verdict, self.tally)
    }

    fn missing_of_events(&mut self) {
        let Self { expected, verdict, rules, .. } = self;
        for event in &expected.events {
            if event.too_large || !expected.is_committed(event.topic, event.partition, event.offset) {
                continue;
            }
            let owed = &expected.owed[event.owed.0..event.owed.0 + event.owed.1];
            let mut missing = Vec::new();
            if !event.decided {
                missing.push("its decision".to_owned());
            }
            if event.outcome.leaves_copy() && !event.copied {
                missing.push("its copy among the unrouted".to_owned());
            }
            let not_told = owed.iter().filter(|owed| !owed.found);
            missing.extend(not_told.map(|owed| rules.policy.departments[owed.department].name.clone()));
            if missing.is_empty() {
                continue;
            }
            let place = expected.place(event.topic, event.partition, event.offset);
            for what in &missing {
                verdict.add(Kind::Lost, || format!("{} at {place}: {what}", event.name));
            }
            let outputs = owed.len() + 1 + usize::from(event.outcome.leaves_copy());
            if missing.len() < outputs {
                verdict.add(Kind::Torn, || {
                    format!(
                        "{} at {place} lacks {} of {outputs} outputs: {missing:?}",
                        event.name,
                        missing.len()
                    )
                });
            }
        }
    }

    fn missing_letters(&mut self) {
        let Self { expected, verdict, tally, .. } = self;
        let (mut inputs, mut unread, mut repetitions, mut owed_letters) = (0, 0, 0, 0);
        let mut partitions: Vec<_> = expected.partitions.iter().collect();
        partitions.sort_by_key(|(place, _)| **place);
        for ((topic, number), partition) in partitions {
            let name = &expected.topics[*topic];
            let (committed, rest): (Vec<&Input>, Vec<&Input>) =
                partition.inputs.iter().partition(|input| input.offset < partition.position);
            inputs += partition.inputs.len() as u64;
            unread += rest.len() as u64;
            let mut again = 0;
            for input in &committed {
                match input.fate {
                    Fate::Repetition => again += 1,
                    Fate::Event(_) => {}
                    Fate::Conflict | Fate::Flawed(_) => {
                        owed_letters += 1;
                        if !input.lettered {
                            verdict.add(Kind::Lost, || {
                                format!(
                                    "the dead letter of {name}/{number}/{}, {:?}",
                                    input.offset, input.fate
                                )
                            });
                        }
                    }
                }
            }
            repetitions += again;
            if again > 0 {
                let key = (name.clone(), "filtered".to_owned(), "repetition".to_owned());
                *tally.entry(key).or_default() += again;
            }
            let outcomes = partition.decided + partition.lettered + again;
            if outcomes != committed.len() as u64 {
                verdict.add(Kind::Closure, || {
                    format!(
                        "{name}/{number}: {} records were committed, and {outcomes} outcomes are there: {} decided, {} \
                         rejected, {again} repetitions",
                        committed.len(),
                        partition.decided,
                        partition.lettered
                    )
                });
            }
        }
        let committed = |event: &&Owing| expected.is_committed(event.topic, event.partition, event.offset);
        let events = expected.events.iter().filter(committed);
        let (events, expected) =
            events.fold((0, 0), |(events, owed), event| (events + 1, owed + event.owed.1 as u64));
        verdict.counted.extend([
            ("inputs", inputs),
            ("not_committed", unread),
            ("events", events),
            ("expected", expected),
            ("expected_letters", owed_letters),
            ("repetitions", repetitions),
        ]);
    }
}
