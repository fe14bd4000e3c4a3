//! What a watcher saw: a digest of each record by its place, kept in a file of text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

/// The first line of the file.
const HEAD: &str = "hinge-checker saw 1";

/// What was visible, by topic and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Offsets in their order, with digests.
    pub records: HashMap<(String, i32), Vec<(i64, u64)>>,
    /// Places at which another record was read later.
    pub changed: Vec<String>,
    /// The longest time between the first and the last notification of one event, in milliseconds, and which it was.
    pub torn: (u64, String),
}

/// What the watcher knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It was not seen.
    New,
    /// It was seen as it is.
    Same,
    /// Something else was seen in its place.
    Other,
}

impl Seen {
    /// Takes a record out, and says what is known of it.
    pub fn before(&self, topic: &str, place: (i32, i64), digest: u64, passed: &mut Passed) -> Before {
        let (partition, offset) = place;
        let key = (topic.to_owned(), partition);
        let Some(records) = self.records.get(&key) else { return Before::New };
        let Ok(found) = records.binary_search_by_key(&offset, |record| record.0) else { return Before::New };
        passed.0.entry(key).or_insert_with(|| vec![false; records.len()])[found] = true;
        if records[found].1 == digest { Before::Same } else { Before::Other }
    }

    /// The places that were not passed.
    pub fn gone(&self, passed: &Passed) -> Vec<String> {
        let mut gone = Vec::new();
        for ((topic, partition), records) in &self.records {
            let met = passed.0.get(&(topic.clone(), *partition));
            for (place, (offset, _)) in records.iter().enumerate() {
                if met.is_none_or(|met| !met[place]) {
                    gone.push(format!("{topic}/{partition}/{offset}"));
                }
            }
        }
        gone.sort();
        gone
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The disk's own.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let beside = path.with_extension("part");
        let mut file = BufWriter::new(File::create(&beside).map_err(wrong)?);
        let mut text = format!("{HEAD}\ntorn {} {}\n", self.torn.0, self.torn.1.replace('\n', " "));
        for place in &self.changed {
            // Writing to text never fails.
            let _ = writeln!(text, "changed {place}");
        }
        file.write_all(text.as_bytes()).map_err(wrong)?;
        for ((topic, partition), records) in &self.records {
            writeln!(file, "in {partition} {topic}").map_err(wrong)?;
            for (offset, digest) in records {
                writeln!(file, "{offset} {digest:x}").map_err(wrong)?;
            }
        }
        file.into_inner().map_err(|error| wrong(error.into_error()))?.sync_all().map_err(wrong)?;
        fs::rename(&beside, path).map_err(wrong)
    }

    /// Reads a file that was written.
    ///
    /// # Errors
    /// The disk's own, and a file of something else.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |why: &str| format!("{}: {why}", path.display());
        let file = File::open(path).map_err(|error| wrong(&error.to_string()))?;
        let mut seen = Self::default();
        let mut lines = BufReader::new(file).lines();
        if !matches!(lines.next(), Some(Ok(head)) if head == HEAD) {
            return Err(wrong("not what a watcher saw"));
        }
        let mut current: Option<&mut Vec<(i64, u64)>> = None;
        for line in lines {
            let line = line.map_err(|error| wrong(&error.to_string()))?;
            let (word, rest) = line.split_once(' ').ok_or_else(|| wrong("a line of one word"))?;
            let number = |text: &str| text.parse::<i64>().map_err(|_| wrong("a number is expected"));
            match word {
                "torn" => {
                    let (millis, event) = rest.split_once(' ').unwrap_or((rest, ""));
                    seen.torn = (number(millis)?.unsigned_abs(), event.to_owned());
                }
                "changed" => seen.changed.push(rest.to_owned()),
                "in" => {
                    let (partition, topic) =
                        rest.split_once(' ').ok_or_else(|| wrong("a topic is missing"))?;
                    let partition = partition.parse().map_err(|_| wrong("a partition is expected"))?;
                    current = Some(seen.records.entry((topic.to_owned(), partition)).or_default());
                }
                offset => {
                    let digest = u64::from_str_radix(rest, 16).map_err(|_| wrong("a digest is expected"))?;
                    let records = current.as_mut().ok_or_else(|| wrong("a record without its topic"))?;
                    records.push((number(offset)?, digest));
                }
            }
        }
        Ok(seen)
    }
}

/// Which of what was seen has been met again.
#[derive(Clone, Debug, Default)]
pub struct Passed(HashMap<(String, i32), Vec<bool>>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_read_as_it_was_written_and_what_is_gone_is_named() {
        let key = |partition| ("hinge.decisions".to_owned(), partition);
        let seen = Seen {
            records: HashMap::from([(key(0), vec![(0, 7), (2, u64::MAX)]), (key(1), vec![(5, 1)])]),
            changed: vec!["hinge.decisions/0/2".to_owned()],
            torn: (35, "/shop 1".to_owned()),
        };
        let path = std::env::temp_dir().join(format!("hinge-checker-{}.seen", std::process::id()));
        seen.write(&path).unwrap();
        let read = Seen::read(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(read, Ok(seen.clone()));

        let mut passed = Passed::default();
        let mut before = |offset, digest| seen.before("hinge.decisions", (0, offset), digest, &mut passed);
        assert_eq!([before(0, 7), before(1, 7), before(2, 8)], [Before::Same, Before::New, Before::Other]);
        assert_eq!(seen.gone(&passed), ["hinge.decisions/1/5"]);
    }
}
