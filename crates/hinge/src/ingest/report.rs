//! What an ingest has done, for people and for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use crate::arguments::Format;
use crate::summary::table;

/// What an ingest has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Rows that were to be mapped, the rejected ones among them.
    pub(crate) rows: u64,
    /// Rows of any file that could not be used.
    pub(crate) rejected: u64,
    /// Where they are, if there are any.
    pub(crate) rejects: Option<PathBuf>,
    /// Where the first of them stands, as `orders.csv:17`.
    pub(crate) first_reject: Option<String>,
    /// Events by type, in the mapping's order.
    pub(crate) events: Vec<EventCount>,
    /// How often a word of a row was none of a fact's, so that its fallback was told, by fact.
    pub(crate) unknown_words: BTreeMap<Arc<str>, u64>,
    /// The joined files, in the mapping's order.
    pub(crate) joins: Vec<JoinCount>,
    /// A packed file that ended too early: what came after is missing.
    pub(crate) broken_off: Option<PathBuf>,
    /// Whether no event was written.
    pub(crate) dry_run: bool,
}

/// How many events of a type there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EventCount {
    /// The event type.
    #[serde(rename = "type")]
    pub(crate) event_type: Arc<str>,
    /// The topic to which they went.
    pub(crate) topic: String,
    /// How many.
    pub(crate) count: u64,
}

/// What was looked up in a joined file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct JoinCount {
    /// What the mapping calls its rows.
    pub(crate) name: Arc<str>,
    /// How many there are.
    pub(crate) rows: u64,
    /// For how many rows something was found.
    pub(crate) found: u64,
}

impl Summary {
    /// All events.
    pub(crate) fn event_count(&self) -> u64 {
        self.events.iter().map(|events| events.count).sum()
    }

    /// Writes it.
    pub(crate) fn write(&self, format: Format, out: &mut dyn Write) -> Result<()> {
        match format {
            Format::Json => {
                serde_json::to_writer(&mut *out, self)?;
                writeln!(out)?;
            }
            Format::Text => self.write_text(out)?,
        }
        Ok(())
    }

    fn write_text(&self, out: &mut dyn Write) -> Result<()> {
        let mut table = table(&["event type", "topic", "events"]);
        for events in &self.events {
            table.add_row([events.event_type.as_ref(), &events.topic, &events.count.to_string()]);
        }
        table.add_row(["", "sum", &self.event_count().to_string()]);
        writeln!(out, "{table}\n")?;
        writeln!(out, "{} rows read, {} rejected", self.rows, self.rejected)?;
        for join in &self.joins {
            writeln!(out, "{} rows of `{}`, found for {} of the rows", join.rows, join.name, join.found)?;
        }
        for (fact, count) in &self.unknown_words {
            writeln!(out, "{count} words that `{fact}` does not have: told as what stands for any other")?;
        }
        if self.dry_run {
            writeln!(out, "\nno event was written")?;
        }
        if let (Some(path), Some(first)) = (&self.rejects, &self.first_reject) {
            writeln!(
                out,
                "\nthe rejected rows are in {}, each with its line and the reason; the first stands in {first}\n\
                 next: correct the rows or the mapping and ingest again; events that are there already count as \
                 repetitions for 24 hours",
                path.display()
            )?;
        } else if self.dry_run {
            writeln!(out, "next: the same without `--dry-run`")?;
        } else {
            writeln!(out, "\nnext: `hinge run` tells the departments")?;
        }
        Ok(())
    }
}
