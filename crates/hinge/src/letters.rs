//! `hinge dead-letters`: what was rejected, and what shall become of it.

use std::collections::HashMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use hinge_router::operator::{self, Closed, Closing, Letter, Replay};
use hinge_router::{DEAD_LETTERS, RecordPlace};
use hinge_schema::{Catalogue, Code};
use hinge_stream::Record;
use jiff::Timestamp;
use serde_json::json;

use crate::by::ByArgs;
use crate::cli::{Format, LogArgs};
use crate::exit::Coded;
use crate::opening::{self, IfMissing, Opened};
use crate::settings::Settings;
use crate::tail;

/// How long to wait for a record that is known to be there.
const WAIT: Duration = Duration::from_secs(5);

/// `hinge dead-letters ..`
#[derive(Debug, Args)]
pub(crate) struct LettersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the dead letters that nothing was done about yet
    List {
        #[command(flatten)]
        log: LogArgs,
        /// Only those with this code
        #[arg(long)]
        code: Option<String>,
        /// Only those from this topic
        #[arg(long)]
        topic: Option<String>,
        /// Also those that were replayed or discarded
        #[arg(long)]
        all: bool,
    },
    /// Show a dead letter: headers and body as they came, personal data too
    Show {
        #[command(flatten)]
        log: LogArgs,
        /// The place of the record, as `list` names it
        place: RecordPlace,
    },
    /// Append the record of a dead letter to its topic again, as it came or repaired
    Replay {
        #[command(flatten)]
        log: LogArgs,
        /// The place of the record, as `list` names it
        place: RecordPlace,
        /// The repaired body; the headers stay as they came
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
        /// Also where it was replayed already
        #[arg(long)]
        again: bool,
        #[command(flatten)]
        by: ByArgs,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Mark a dead letter as one about which nothing is to be done
    Discard {
        #[command(flatten)]
        log: LogArgs,
        /// The place of the record, as `list` names it
        place: RecordPlace,
        #[command(flatten)]
        by: ByArgs,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Does what `hinge dead-letters ..` asks for.
pub(crate) fn letters(
    args: &LettersArgs,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let (Action::List { log, .. }
    | Action::Show { log, .. }
    | Action::Replay { log, .. }
    | Action::Discard { log, .. }) = &args.action;
    opening::apply_log_args(&mut settings, log);
    let opened = opening::open_log(&settings, IfMissing::Refuse)?;
    let closed = operator::closings(opened.log.reader()?.as_mut())?;
    match &args.action {
        Action::List { code, topic, all, .. } => {
            let wanted = Wanted { code: code.as_deref(), topic: topic.as_deref(), all: *all };
            wanted.list(&opened, &closed, format, out)
        }
        Action::Show { place, .. } => {
            let letter = find(&opened, place)?;
            match format {
                Format::Json => writeln!(out, "{}", document(&letter, state(&letter, &closed).as_deref()))?,
                Format::Text => in_words(&letter, state(&letter, &closed).as_deref(), out)?,
            }
            tail::write_record(&letter.record, &Catalogue::builtin(), format, out)
        }
        Action::Replay { place, with, again, by, reason, .. } => {
            let letter = find(&opened, place)?;
            let was = closed.get(&letter.place).filter(|was| was.closing == Closing::Replayed);
            if let Some(was) = was.filter(|_| !again) {
                let message = format!(
                    "`{place}` was replayed at {} by {}; `--again` does it once more",
                    was.at, was.by
                );
                return Err(Coded::new("repair-refused", 1, message).into());
            }
            let mut name = String::new();
            let by = by.with(&mut name, reason.as_deref());
            replay(&opened, &letter, with.as_deref(), by, out)
        }
        Action::Discard { place, by, reason, .. } => {
            let letter = find(&opened, place)?;
            let mut name = String::new();
            let mut appender = opened.log.appender()?;
            let by = by.with(&mut name, Some(reason));
            operator::close(appender.as_mut(), &letter.place, Closing::Discarded, &by)?;
            appender.flush()?;
            writeln!(out, "{} is marked as discarded; it stays in {DEAD_LETTERS}.", letter.place)?;
            Ok(())
        }
    }
}

struct Wanted<'a> {
    code: Option<&'a str>,
    topic: Option<&'a str>,
    all: bool,
}

impl Wanted<'_> {
    fn list(
        &self,
        opened: &Opened,
        closed: &HashMap<RecordPlace, Closed>,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<()> {
        let (mut shown, mut done) = (0_u64, 0_u64);
        let mut written = Ok(());
        operator::each_letter(opened.log.reader()?.as_mut(), &mut |letter| {
            let topic = letter.place.partition.topic.as_ref();
            if self.code.is_some_and(|code| code != letter.code) || self.topic.is_some_and(|it| it != topic) {
                return ControlFlow::Continue(());
            }
            let state = state(&letter, closed);
            if state.is_some() && !self.all {
                done += 1;
                return ControlFlow::Continue(());
            }
            shown += 1;
            written = line(&letter, state.as_deref(), format, out);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        if format == Format::Text {
            let more = if done > 0 {
                format!("; {done} more are done with (`--all` lists them)")
            } else {
                String::new()
            };
            writeln!(out, "{shown} dead letters{more}")?;
        }
        Ok(())
    }
}

/// Of a letter, without what it holds: its body and headers may be personal.
fn line(letter: &Letter, state: Option<&str>, format: Format, out: &mut dyn Write) -> Result<()> {
    if format == Format::Json {
        writeln!(out, "{}", document(letter, state))?;
        return Ok(());
    }
    let id =
        letter.event_id().map_or_else(|| "no id that can be read".to_owned(), |id| format!("event {id}"));
    writeln!(out, "{}  {}  {}  {id}", letter.place, letter.code, when(letter))?;
    writeln!(out, "    {}", letter.detail)?;
    if let Some(state) = state {
        writeln!(out, "    {state}")?;
    }
    Ok(())
}

fn in_words(letter: &Letter, state: Option<&str>, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "The record {} was rejected with `{}` at {}:", letter.place, letter.code, when(letter))?;
    writeln!(out, "{}.", letter.detail)?;
    writeln!(out, "The letter lies at {}; `hinge explain {}` tells more.", letter.lies_at, letter.code)?;
    if letter.is_body_omitted {
        writeln!(out, "Its body is too large for that topic and lies in the input only.")?;
    }
    if let Some(state) = state {
        writeln!(out, "It was {state}.")?;
    }
    writeln!(out)?;
    Ok(())
}

fn document(letter: &Letter, state: Option<&str>) -> serde_json::Value {
    json!({
        "place": letter.place.to_string(),
        "lies_at": letter.lies_at.to_string(),
        "code": letter.code,
        "detail": letter.detail,
        "rejected": when(letter),
        "id": letter.event_id(),
        "state": state,
    })
}

fn when(letter: &Letter) -> String {
    let instant = letter.rejected_at.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    instant.map_or_else(|| "an unknown time".to_owned(), |instant| instant.to_string())
}

/// What was done about a letter, if anything.
fn state(letter: &Letter, closed: &HashMap<RecordPlace, Closed>) -> Option<String> {
    match closed.get(&letter.place) {
        Some(closed) => {
            let how = match closed.closing {
                Closing::Replayed => "replayed",
                Closing::Discarded => "discarded",
            };
            let why = closed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("{how} at {} by {}{why}", closed.at, closed.by))
        }
        // A held record that an operator discarded is done with from the beginning.
        None => (letter.code == Code::Discarded.as_str()).then(|| "discarded while it was held".to_owned()),
    }
}

fn find(opened: &Opened, place: &RecordPlace) -> Result<Letter> {
    let by_letter = place.partition.topic.as_ref() == DEAD_LETTERS;
    let mut found = None;
    operator::each_letter(opened.log.reader()?.as_mut(), &mut |letter| {
        if *place == if by_letter { letter.lies_at.clone() } else { letter.place.clone() } {
            found = Some(letter);
        }
        ControlFlow::Continue(())
    })?;
    found.ok_or_else(|| {
        let message = format!(
            "no record at `{place}` was rejected; `hinge dead-letters list --all` lists all that were"
        );
        Coded::new("not-found", 1, message).into()
    })
}

fn replay(
    opened: &Opened,
    letter: &Letter,
    with: Option<&Path>,
    by: operator::By<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    let refused = |message: String| -> Result<()> { Err(Coded::new("repair-refused", 1, message).into()) };
    if !letter.can_be_replayed() {
        let message = "this letter does not say where it came from, since its headers cannot be read; let the producer \
                       write the record again";
        return refused(message.to_owned());
    }
    let record = if letter.is_body_omitted { from_input(opened, letter)? } else { letter.record.clone() };
    let body =
        with.map(|file| std::fs::read(file).with_context(|| format!("`{}` cannot be read", file.display())));
    let body = body.transpose()?;
    if let Some(body) = &body {
        let headers = record.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref()));
        match Catalogue::builtin().decode(headers, Some(body)) {
            Ok(repaired) => {
                if let Some(id) = letter.event_id().filter(|id| *id != repaired.event.id) {
                    let message = format!(
                        "the repaired body tells of event `{}` and the rejected one of `{id}`; a repair keeps the id",
                        repaired.event.id
                    );
                    return refused(message);
                }
            }
            Err(rejection) => {
                writeln!(
                    out,
                    "Hinge cannot read the repaired record either, unless by a mapping: {rejection}."
                )?;
            }
        }
    }
    let replay = Replay { record: &record, body: body.as_deref(), by };
    operator::replay(opened.log.appender()?.as_mut(), letter, &replay)?;
    let how = if body.is_some() { "repaired" } else { "as it came" };
    writeln!(out, "{} is appended to {} again, {how}.", letter.place, letter.place.partition)?;
    Ok(())
}

/// The record of a letter that lacks its body, from where it came.
fn from_input(opened: &Opened, letter: &Letter) -> Result<Record> {
    let (partition, offset) = (&letter.place.partition, letter.place.offset);
    let found = opened.log.reader()?.read(partition, offset, 1, WAIT)?;
    found.into_iter().find(|record| record.offset == offset).ok_or_else(|| {
        let message = format!("`{}` is gone from its topic, and its letter has no body", letter.place);
        Coded::new("repair-refused", 1, message).into()
    })
}
