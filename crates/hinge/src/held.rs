//! `hinge held`: the keys behind a rejected record, and what shall become of their records.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use hinge_router::operator;
use hinge_router::{Held, HeldKey, Wish, Wished};
use hinge_schema::Catalogue;
use serde_json::json;

use crate::arguments::{Format, LogArgs};
use crate::by::ByArgs;
use crate::exit::Coded;
use crate::opening::{self, IfMissing, Opened};
use crate::settings::Settings;
use crate::summary::{count, table};
use crate::tail;

/// `hinge held ..`
#[derive(Debug, Args)]
pub(crate) struct HeldArgs {
    #[command(subcommand)]
    action: Action,
}

/// A key and the log that holds it.
#[derive(Debug, Args)]
struct KeyArgs {
    #[command(flatten)]
    log: LogArgs,

    /// The key, as `list` names it, or without topic and partition where that is clear
    key: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the held keys: since when, behind which rejected record, how many records
    List {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Show a held key and its records, as they came
    Show(KeyArgs),
    /// Let the held records of a key be decided, in their order; the running router does it
    Release {
        #[command(flatten)]
        of: KeyArgs,
        #[command(flatten)]
        by: ByArgs,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Put the held records of a key into the dead letters; nobody is told of them
    Discard {
        #[command(flatten)]
        of: KeyArgs,
        #[command(flatten)]
        by: ByArgs,
        /// Why; stored with each of the records
        #[arg(long)]
        reason: String,
    },
}

/// Does what `hinge held ..` asks for.
pub(crate) fn held(
    args: &HeldArgs,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let (Action::List { log }
    | Action::Show(KeyArgs { log, .. })
    | Action::Release { of: KeyArgs { log, .. }, .. }
    | Action::Discard { of: KeyArgs { log, .. }, .. }) = &args.action;
    opening::apply_log_args(&mut settings, log);
    let opened = opening::open_log(&settings, IfMissing::Refuse)?;
    let keys = operator::held_keys(opened.log.reader()?.as_mut())?;
    match &args.action {
        Action::List { .. } => list(&keys, format, out),
        Action::Show(of) => show(find(&keys, &of.key)?, &opened, format, out),
        Action::Release { of, by, reason } => {
            let asked = Asked { wish: Wish::Release, by, reason: reason.as_deref() };
            asked.write(&find(&keys, &of.key)?.key, &opened, out)
        }
        Action::Discard { of, by, reason } => {
            let asked = Asked { wish: Wish::Discard, by, reason: Some(reason) };
            asked.write(&find(&keys, &of.key)?.key, &opened, out)
        }
    }
}

fn find<'a>(keys: &'a [Held], asked: &str) -> Result<&'a Held> {
    let exact = keys.iter().find(|held| held.key.name() == asked);
    let alike: Vec<&Held> = keys.iter().filter(|held| held.key.key_text() == asked).collect();
    match (exact, alike.as_slice()) {
        (Some(found), _) => Ok(found),
        (None, [found]) => Ok(*found),
        (None, []) => {
            let message = format!("no key `{asked}` is held; `hinge held list` lists those that are");
            Err(Coded::new("not-found", 1, message).into())
        }
        (None, several) => {
            let names: Vec<String> = several.iter().map(|held| format!("`{}`", held.key.name())).collect();
            let message = format!("`{asked}` is held in several places; give one of {}", names.join(", "));
            Err(Coded::new("not-found", 1, message).into())
        }
    }
}

fn wish_text(wished: Option<&Wished>) -> String {
    wished.map_or_else(String::new, |wished| {
        let what = match wished.wish {
            Wish::Release => "release",
            Wish::Discard => "discard",
        };
        format!("{what}, by {}", wished.by)
    })
}

fn list(keys: &[Held], format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Json => {
            for held in keys {
                writeln!(out, "{}", document(held))?;
            }
        }
        Format::Text if keys.is_empty() => writeln!(out, "no key is held")?,
        Format::Text => {
            let mut table = table(&["key", "since", "behind", "code", "wished", "records"]);
            for Held { key, wished } in keys {
                table.add_row([
                    key.name(),
                    key.since.to_string(),
                    key.letter.to_string(),
                    key.code.clone(),
                    wish_text(wished.as_ref()),
                    key.records.to_string(),
                ]);
            }
            writeln!(out, "{table}")?;
        }
    }
    Ok(())
}

fn document(Held { key, wished }: &Held) -> serde_json::Value {
    json!({
        "name": key.name(),
        "topic": key.partition.topic.as_ref(),
        "partition": key.partition.partition,
        "key": key.key_text(),
        "since": key.since.to_string(),
        "letter": key.letter.to_string(),
        "code": key.code,
        "records": key.records,
        "wished": wished,
    })
}

fn show(held: &Held, opened: &Opened, format: Format, out: &mut dyn Write) -> Result<()> {
    let Held { key, wished } = held;
    match format {
        Format::Json => writeln!(out, "{}", document(held))?,
        Format::Text => {
            let records = count(key.records, "record");
            writeln!(out, "{} is held since {}, {records}.", key.name(), key.since)?;
            writeln!(out, "The record {} was rejected with `{}`:", key.letter, key.code)?;
            writeln!(out, "`hinge dead-letters show {}` tells more.", key.letter)?;
            if wished.is_some() {
                writeln!(out, "Wished and not carried out yet: {}.", wish_text(wished.as_ref()))?;
            }
            writeln!(out)?;
        }
    }
    let catalogue = Catalogue::builtin();
    for record in operator::held_records(opened.log.reader()?.as_mut(), key)? {
        tail::write_record(&record, &catalogue, format, out)?;
    }
    Ok(())
}

struct Asked<'a> {
    wish: Wish,
    by: &'a ByArgs,
    reason: Option<&'a str>,
}

impl Asked<'_> {
    fn write(&self, key: &HeldKey, opened: &Opened, out: &mut dyn Write) -> Result<()> {
        let mut name = String::new();
        let by = self.by.with(&mut name, self.reason);
        operator::wish(opened.log.appender()?.as_mut(), key, self.wish, &by)?;
        let what = match self.wish {
            Wish::Release => "decided, in their order,",
            Wish::Discard => "put into the dead letters",
        };
        writeln!(
            out,
            "The {} records held of {} are {what} by the router that has its partition, a second from now; where none \
             runs, by the next one.",
            key.records,
            key.name()
        )?;
        Ok(())
    }
}
