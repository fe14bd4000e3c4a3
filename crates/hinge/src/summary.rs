//! What a run has done, in numbers that add up.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use hinge_router::Summary;
use serde_json::json;

use crate::arguments::Format;

/// Writes the outcomes of a run; the sum is the number of records committed.
pub(crate) fn write(summary: &Summary, format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Json => {
            let outcomes: Vec<_> = summary
                .outcomes
                .iter()
                .map(|((topic, outcome), count)| {
                    json!({"topic": topic.as_ref(), "outcome": outcome.name(), "reason": outcome.reason(), "records": count})
                })
                .collect();
            let notifications: serde_json::Map<_, _> =
                summary.notifications.iter().map(|(name, count)| (name.to_string(), json!(count))).collect();
            let stopped: serde_json::Map<_, _> = summary
                .stopped
                .iter()
                .map(|(place, stop)| (place.to_string(), json!(stop.reason.name())))
                .collect();
            let line = json!({
                "records": summary.records(),
                "outcomes": outcomes,
                "notifications": notifications,
                "released": summary.released,
                "stopped": stopped,
            });
            writeln!(out, "{line}")?;
        }
        Format::Text => {
            let mut table = table(&["topic", "outcome", "reason", "records"]);
            for ((topic, outcome), count) in &summary.outcomes {
                table.add_row([topic.as_ref(), outcome.name(), outcome.reason(), &count.to_string()]);
            }
            table.add_row(["", "", "sum", &summary.records().to_string()]);
            writeln!(out, "{table}")?;
            for (became, count) in &summary.released {
                writeln!(out, "held before and {became} now: {count}")?;
            }
            if summary.notifications.is_empty() {
                writeln!(out, "\nnobody was told anything new")?;
                return Ok(());
            }
            let mut table = self::table(&["department", "notifications"]);
            for (department, count) in &summary.notifications {
                table.add_row([department.as_ref(), &count.to_string()]);
            }
            writeln!(out, "\n{table}")?;
        }
    }
    Ok(())
}

/// A plain table whose last column is a number.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if let Some(column) = table.column_mut(header.len() - 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// So many of something: `1 record`, `2 records`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
