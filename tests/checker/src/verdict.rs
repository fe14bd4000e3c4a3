//! What was found: how many violations of which kind, a few of them in words, and what was counted.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// The kinds of violations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that is owed is not there.
    Lost,
    /// Something is there once too often.
    Doubled,
    /// What one department is told of one correlation id comes in another order than it was said.
    Order,
    /// An event was told in part.
    Torn,
    /// The records that were committed are not the sum of what became of them.
    Closure,
    /// Somebody was told who should not have been.
    Leak,
    /// A metric is not what the log says.
    Counters,
    /// Something is there that nothing in the input explains.
    Unexplained,
    /// Something was visible before and is not now, or differs.
    Vanished,
}

/// All kinds with their names.
pub const KINDS: [(Kind, &str); 9] = [
    (Kind::Lost, "lost"),
    (Kind::Doubled, "doubled"),
    (Kind::Order, "order"),
    (Kind::Torn, "torn"),
    (Kind::Closure, "closure"),
    (Kind::Leak, "leak"),
    (Kind::Counters, "counters"),
    (Kind::Unexplained, "unexplained"),
    (Kind::Vanished, "vanished"),
];

/// So many examples of a kind are put into words.
const MOST_EXAMPLES: u64 = 5;

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    counts: [u64; KINDS.len()],
    examples: Vec<String>,
    /// What was counted, by name, in the order in which it is shown.
    pub counted: Vec<(&'static str, u64)>,
}

impl Verdict {
    /// Adds a violation; it is put into words only where it still is an example.
    pub fn add(&mut self, kind: Kind, words: impl FnOnce() -> String) {
        let Some(place) = KINDS.iter().position(|(known, _)| *known == kind) else { return };
        self.counts[place] += 1;
        if self.counts[place] <= MOST_EXAMPLES {
            self.examples.push(format!("{}: {}", KINDS[place].1, words()));
        }
    }

    /// How many violations of a kind there are.
    pub fn of(&self, kind: Kind) -> u64 {
        KINDS.iter().zip(self.counts).find(|((known, _), _)| *known == kind).map_or(0, |(_, count)| count)
    }

    /// All violations.
    pub fn violations(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The examples.
    pub fn examples(&self) -> &[String] {
        &self.examples
    }

    /// The line that is printed.
    pub fn line(&self) -> String {
        let kinds = KINDS.iter().zip(self.counts);
        let by_kind: Map<String, Json> =
            kinds.map(|((_, name), count)| ((*name).to_owned(), Json::from(count))).collect();
        let mut line = format!(r#"{{"violations":{},"by_kind":{}"#, self.violations(), Json::Object(by_kind));
        // Writing to text never fails.
        let _ = write!(line, r#","examples":{}"#, Json::from(self.examples.clone()));
        for (name, count) in &self.counted {
            let _ = write!(line, r#","{name}":{count}"#);
        }
        line + "}"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_counted_by_kind_and_a_few_are_put_into_words() {
        let mut verdict = Verdict::default();
        for number in 0..7 {
            verdict.add(Kind::Lost, || format!("\"{number}\""));
        }
        verdict.add(Kind::Vanished, || "gone".to_owned());
        verdict.counted.push(("inputs", 3));
        let line: Json = serde_json::from_str(&verdict.line()).unwrap();
        assert_eq!(
            (&line["violations"], &line["by_kind"]["lost"], &line["inputs"]),
            (&8.into(), &7.into(), &3.into())
        );
        assert_eq!(line["by_kind"].as_object().unwrap().len(), KINDS.len());
        assert_eq!(line["examples"][5], "vanished: gone");
        assert_eq!(line["examples"].as_array().unwrap().len(), 6);
    }
}
