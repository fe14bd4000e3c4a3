//! `hinge map test`: what a mapping makes of rows, or a source of records, before anybody runs it.
//!
//! Nothing is written anywhere. What a record comes to is told by the same code that `ingest` and the router use.

mod lines;
mod records;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use hinge_domain::{Event, Value};
use hinge_policy::{Mapped, load_mapped};
use hinge_schema::{Catalogue, ForeignRecord, Source};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{Format, LogArgs};
use crate::exit::Coded;
use crate::ingest::{Tried, try_rows};
use crate::opening::{self, IfMissing};
use crate::settings::Settings;

/// What can be done with a mapping.
#[derive(Debug, Subcommand)]
pub(crate) enum MapAction {
    /// Show which events come out of the first rows, or why none do; nothing is written
    Test(MapTestArgs),
}

/// Which mapping, on what.
#[derive(Args, Debug)]
pub(crate) struct MapTestArgs {
    /// The mapping for files, or a source of a policy (`sources/*.yaml`)
    pub(crate) file: PathBuf,

    /// For a mapping a folder or files of rows; for a source a file of JSON lines, each a value or a record as
    /// `hinge tail --format json` writes it; without it the newest records of the source's topics
    pub(crate) from: Vec<PathBuf>,

    /// How many rows or records
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) sample: usize,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Tries a mapping.
pub(crate) fn map(
    action: &MapAction,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let MapAction::Test(args) = action;
    let catalogue = Catalogue::builtin();
    let tried = match load_mapped(&args.file, &catalogue)? {
        Mapped::Files(_) if args.from.is_empty() => {
            let message = format!(
                "`{}` is a mapping for files; give a folder or files to try it on",
                args.file.display()
            );
            return Err(Coded::new("map-input-missing", 2, message).into());
        }
        Mapped::Files(mapping) => try_rows(&mapping, &args.from, args.sample, &catalogue)?,
        Mapped::Topics(source) if args.from.is_empty() => {
            opening::apply_log_args(&mut settings, &args.log);
            let opened = opening::open_log(&settings, IfMissing::Refuse)?;
            records::newest(opened.log.as_ref(), &source, args.sample)?
        }
        Mapped::Topics(source) => lines::first(&args.from, &source, args.sample)?,
    };
    match format {
        Format::Json => tried.iter().try_for_each(|tried| Ok(writeln!(out, "{}", as_json(tried))?)),
        Format::Text => tell(&tried, out),
    }
}

/// What a source makes of one record.
fn try_record(source: &Source, at: String, record: &ForeignRecord<'_>) -> Tried {
    let because = |why: hinge_schema::Rejection| format!("{} [{}]", why.detail, why.code);
    match source.open(record) {
        Err(why) => Tried::only(at, Err(because(why))),
        Ok(None) => Tried::only(at, Ok(Vec::new())),
        Ok(Some(given)) => {
            let unread = source.unread(&given).map(ToString::to_string).collect();
            let (events, fell_back) = match source.map(&given) {
                Ok(said) => (Ok(said.events), said.fell_back),
                Err(why) => (Err(because(why)), Vec::new()),
            };
            Tried { at, events, unread, fell_back }
        }
    }
}

fn as_json(tried: &Tried) -> Json {
    let (events, problem) = match &tried.events {
        Ok(events) => (events.iter().map(event_as_json).collect(), Json::Null),
        Err(why) => (Vec::new(), json!(why)),
    };
    json!({"at": tried.at, "events": events, "problem": problem, "unread": tried.unread,
        "unknown_words": tried.fell_back.iter().map(AsRef::as_ref).collect::<Vec<&str>>()})
}

fn event_as_json(event: &Event) -> Json {
    let data: Map<String, Json> =
        event.facts.given().map(|(name, value)| (name.to_string(), json!(value))).collect();
    json!({
        "type": event.event_type().as_ref(),
        "id": event.id,
        "source": event.source,
        "subject": event.subject,
        "correlationid": event.correlation_id,
        "time": event.occurred.to_string(),
        "data": data,
    })
}

fn tell(tried: &[Tried], out: &mut dyn Write) -> Result<()> {
    let (mut events, mut nothing, mut failed) = (0, 0, 0);
    let mut unread: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown_words: BTreeMap<&str, usize> = BTreeMap::new();
    for row in tried {
        for fact in &row.fell_back {
            *unknown_words.entry(fact).or_default() += 1;
        }
        for name in &row.unread {
            *unread.entry(name).or_default() += 1;
        }
        match &row.events {
            Err(why) => {
                failed += 1;
                writeln!(out, "{}  cannot be mapped: {}", visible(&row.at), visible(why))?;
            }
            Ok(said) if said.is_empty() => {
                nothing += 1;
                writeln!(out, "{}  says no event", visible(&row.at))?;
            }
            Ok(said) => {
                events += said.len();
                writeln!(out, "{}", visible(&row.at))?;
                said.iter().try_for_each(|event| tell_event(event, out))?;
            }
        }
    }
    writeln!(
        out,
        "\ntried {}: events {events}, without an event {nothing}, cannot be mapped {failed}; nothing was written",
        tried.len()
    )?;
    let counted = |counts: BTreeMap<&str, usize>| {
        let names: Vec<String> =
            counts.into_iter().map(|(name, count)| format!("{} ({count})", visible(name))).collect();
        names.join(", ")
    };
    if !unread.is_empty() {
        writeln!(out, "never read: {}", counted(unread))?;
    }
    if !unknown_words.is_empty() {
        writeln!(
            out,
            "words that these facts do not have, told as what stands for any other: {}",
            counted(unknown_words)
        )?;
    }
    Ok(())
}

fn tell_event(event: &Event, out: &mut dyn Write) -> Result<()> {
    let Event { id, subject, correlation_id, occurred, .. } = event;
    let under =
        if subject == correlation_id { String::new() } else { format!(" under {}", visible(correlation_id)) };
    let (id, subject) = (visible(id), visible(subject));
    writeln!(out, "  {}  id {id}  {occurred}  about {subject}{under}", event.event_type())?;
    let told =
        event.facts.given().filter(|(_, value)| !matches!(value, Value::List(items) if items.is_empty()));
    let facts: Vec<String> =
        told.map(|(name, value)| format!("{name}={}", visible(&value.to_string()))).collect();
    if !facts.is_empty() {
        writeln!(out, "    {}", facts.join("  "))?;
    }
    Ok(())
}

/// A text of somebody else's as it can be shown: what would move the cursor or colour the terminal is written out.
fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, sign| {
        if sign.is_control() {
            shown.extend(sign.escape_default());
        } else {
            shown.push(sign);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_written_out() {
        assert_eq!(visible("Zürich \u{1b}[31m\r\n\u{9b}"), "Zürich \\u{1b}[31m\\r\\n\\u{9b}");
    }
}
