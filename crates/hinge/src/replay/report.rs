//! What differs, in numbers, by department and with examples; for people and for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use comfy_table::{CellAlignment, Table};
use hinge_schema::NotificationRecord;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::summary;

/// How a notification differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Deciding again gives it, and it is not there.
    Added,
    /// It is there, and deciding again does not give it.
    Gone,
    /// Both, and it says something else.
    Changed,
}

impl Change {
    const ALL: [Self; 3] = [Self::Added, Self::Gone, Self::Changed];

    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Gone => "gone",
            Self::Changed => "changed",
        }
    }
}

/// Notifications of one department.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    same: u64,
    added: u64,
    gone: u64,
    changed: u64,
}

impl Counts {
    fn of(&self, change: Change) -> u64 {
        match change {
            Change::Added => self.added,
            Change::Gone => self.gone,
            Change::Changed => self.changed,
        }
    }

    fn told(&self) -> u64 {
        self.same + self.gone + self.changed
    }
}

/// One notification that differs.
#[derive(Clone, Debug)]
pub(super) struct Example {
    id: String,
    event_type: String,
    subject: String,
    event_id: String,
    source: String,
    details: Vec<String>,
}

impl Example {
    pub(super) fn of(notification: &NotificationRecord, details: Vec<String>) -> Self {
        let event = &notification.event;
        Self {
            id: notification.id.to_string(),
            event_type: event.event_type.clone(),
            subject: event.subject.clone(),
            event_id: event.id.clone(),
            source: event.source.clone(),
            details,
        }
    }

    fn json(&self) -> Json {
        json!({
            "id": self.id,
            "event": {"id": self.event_id, "source": self.source, "type": self.event_type, "subject": self.subject},
            "details": self.details,
        })
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Records of the stretch that was compared.
    pub(super) records: u64,
    /// Events whose endings were compared.
    pub(super) compared: u64,
    /// Records that tell an event again, as they did then.
    pub(super) repetitions: u64,
    /// Records that no router has decided yet, or that lie before the first that one did, or that an operator
    /// holds or has discarded.
    pub(super) waiting: u64,
    /// Notifications whose text is gone from the department's topic.
    pub(super) unread: u64,
    /// How many events each version decided.
    pub(super) versions: BTreeMap<Arc<str>, u64>,
    /// When the newest event of the stretch was recorded.
    pub(super) newest: Option<Timestamp>,
    /// How events ended then and would end now, where that differs.
    pub(super) endings: BTreeMap<(String, String), u64>,
    departments: BTreeMap<String, Counts>,
    examples: BTreeMap<(String, Change), Vec<Example>>,
    wanted: usize,
}

impl Report {
    /// An empty one that will have at most `wanted` examples of each change for each department.
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn same(&mut self, department: &str) {
        self.department(department).same += 1;
    }

    pub(super) fn count(&mut self, department: &str, change: Change) {
        let counts = self.department(department);
        match change {
            Change::Added => counts.added += 1,
            Change::Gone => counts.gone += 1,
            Change::Changed => counts.changed += 1,
        }
    }

    fn department(&mut self, department: &str) -> &mut Counts {
        if !self.departments.contains_key(department) {
            self.departments.insert(department.to_owned(), Counts::default());
        }
        self.departments.get_mut(department).expect("it was inserted where it was not there")
    }

    /// Whether there is room for one more example.
    pub(super) fn wants(&self, department: &str, change: Change) -> bool {
        let known = self.examples.get(&(department.to_owned(), change)).map_or(0, Vec::len);
        known < self.wanted
    }

    pub(super) fn example(&mut self, department: &str, change: Change, example: impl FnOnce() -> Example) {
        if self.wants(department, change) {
            self.examples.entry((department.to_owned(), change)).or_default().push(example());
        }
    }

    fn sum(&self) -> Counts {
        self.departments.values().fold(Counts::default(), |sum, counts| Counts {
            same: sum.same + counts.same,
            added: sum.added + counts.added,
            gone: sum.gone + counts.gone,
            changed: sum.changed + counts.changed,
        })
    }

    /// Whether deciding again gives the same, all in all.
    pub(super) fn is_same(&self) -> bool {
        let sum = self.sum();
        self.endings.is_empty() && Change::ALL.iter().all(|change| sum.of(*change) == 0)
    }

    /// As one JSON object.
    pub(super) fn json(&self) -> Json {
        let sum = self.sum();
        let counts = |counts: &Counts| json!({"same": counts.same, "added": counts.added, "gone": counts.gone, "changed": counts.changed});
        let departments = self.departments.iter().map(|(name, of)| {
            let mut told = counts(of);
            for change in Change::ALL {
                let examples = self.examples.get(&(name.clone(), change)).into_iter().flatten();
                told["examples"][change.name()] = examples.map(Example::json).collect();
            }
            (name.clone(), told)
        });
        let endings = self
            .endings
            .iter()
            .map(|((then, now), records)| json!({"then": then, "now": now, "events": records}));
        json!({
            "records": self.records,
            "compared": self.compared,
            "repetitions": self.repetitions,
            "not_decided": self.waiting,
            "not_readable": self.unread,
            "versions": self.versions.iter().map(|(version, count)| (version.to_string(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "same": sum.same,
            "added": sum.added,
            "gone": sum.gone,
            "changed": sum.changed,
            "endings": endings.collect::<Vec<_>>(),
            "departments": departments.collect::<serde_json::Map<_, _>>(),
        })
    }

    /// What was read and compared.
    pub(super) fn write_extent(&self, out: &mut dyn Write) -> Result<()> {
        let versions: Vec<String> =
            self.versions.iter().map(|(version, count)| format!("{version} ({count})")).collect();
        writeln!(out, "{} records read, {} events compared.", self.records, self.compared)?;
        if !versions.is_empty() {
            writeln!(out, "Decided then under policy {}.", versions.join(", "))?;
        }
        for (count, what) in [
            (self.repetitions, "told an event again, as they did then"),
            (self.waiting, "not decided by any router (not yet, or before it began), and not compared"),
            (self.unread, "notifications are gone from their topic, so only that they were told is compared"),
        ] {
            if count > 0 {
                writeln!(out, "{count} {what}.")?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    /// The departments in numbers; `columns` name what is added, gone and changed.
    pub(super) fn write_table(&self, columns: [&str; 3], out: &mut dyn Write) -> Result<()> {
        let [added, gone, changed] = columns;
        let mut table: Table = summary::table(&["department", "told", added, gone, changed]);
        for position in 1..4 {
            if let Some(column) = table.column_mut(position) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let sum = self.sum();
        let rows = self.departments.iter().map(|(name, counts)| (name.as_str(), counts));
        for (name, counts) in rows.chain([("sum", &sum)]) {
            let numbers = [counts.told(), counts.added, counts.gone, counts.changed].map(|it| it.to_string());
            let [told, added, gone, changed] = &numbers;
            table.add_row([name, told, added, gone, changed]);
        }
        Ok(writeln!(out, "{table}")?)
    }

    /// Examples of what differs; `sentence` says what they are examples of.
    pub(super) fn write_examples(
        &self,
        sentence: impl Fn(&str, Change, u64) -> String,
        out: &mut dyn Write,
    ) -> Result<()> {
        for (name, counts) in &self.departments {
            for change in Change::ALL {
                let count = counts.of(change);
                if count == 0 {
                    continue;
                }
                writeln!(out, "\n{}", sentence(name, change, count))?;
                for example in self.examples.get(&(name.clone(), change)).into_iter().flatten() {
                    let Example { id, event_type, subject, event_id, source, details } = example;
                    writeln!(out, "  {event_type} about {subject}: {}", details.join("; "))?;
                    writeln!(out, "    event {event_id} of {source}, notification {id}")?;
                }
            }
        }
        if !self.endings.is_empty() {
            writeln!(out, "\nEvents that end otherwise:")?;
        }
        for ((then, now), count) in &self.endings {
            writeln!(out, "  {count} {then} then, {now} now")?;
        }
        Ok(())
    }
}
