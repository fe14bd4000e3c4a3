//! `hinge dead-letters`: what was rejected, and what shall become of it.

use std::collections::HashMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use hinge_domain::nearest;
use hinge_router::operator::{self, Closed, Closing, Letter, Replay};
use hinge_router::{DEAD_LETTERS, Held, RecordPlace};
use hinge_schema::{Catalogue, Code};
use hinge_stream::Record;
use jiff::Timestamp;
use serde_json::json;

use crate::arguments::{Format, LogArgs};
use crate::by::ByArgs;
use crate::exit::Coded;
use crate::opening::{self, IfMissing, Opened};
use crate::settings::Settings;
use crate::summary::count;
use crate::{confluent, tail};

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
            let topic = &letter.place.partition.topic;
            let is_input = settings.input_topics().iter().any(|input| **input == **topic);
            let repairing =
                Repairing { opened: &opened, catalogue: confluent::catalogue(&settings)?, is_input };
            repairing.replay(&letter, with.as_deref(), by, out)
        }
        Action::Discard { place, by, reason, .. } => {
            let letter = find(&opened, place)?;
            let mut name = String::new();
            let mut appender = opened.log.appender()?;
            let by = by.with(&mut name, Some(reason));
            operator::close(appender.as_mut(), &letter.place, Closing::Discarded, &by)?;
            appender.flush()?;
            writeln!(out, "{} is marked as discarded; it stays in {DEAD_LETTERS}.", letter.place)?;
            let held = operator::held_keys(opened.log.reader()?.as_mut())?;
            for Held { key, .. } in held.iter().filter(|held| held.key.letter == letter.place) {
                let (name, records) = (key.name(), count(key.records, "record"));
                writeln!(
                    out,
                    "Its key is still held, and {records} with it: `hinge held release {name}` lets them go on, `hinge held \
                     discard {name} --reason WHY` puts them into the dead letters; after either what comes later is \
                     decided as it comes."
                )?;
            }
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
        if let Some(unknown) = self.code.filter(|code| !is_code(code)) {
            let near = nearest(unknown, Code::ALL.iter().map(|code| code.as_str()));
            let near = near.map(|near| format!("; do you mean `{near}`?")).unwrap_or_default();
            return Err(Coded::new(
                "code-unknown",
                2,
                format!("no record is rejected with `{unknown}`{near}"),
            )
            .into());
        }
        let (mut shown, mut done) = (0_usize, 0_usize);
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
            writeln!(out, "{}{more}", count(shown, "dead letter"))?;
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
    let id = letter
        .event_id()
        .map_or_else(|| "no id that can be read".to_owned(), |id| format!("event {}", in_short(&id)));
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
        Some(closed) => Some(in_words_of(closed)),
        // A held record that an operator discarded is done with from the beginning.
        None => (letter.code == Code::Discarded.as_str()).then(|| "discarded while it was held".to_owned()),
    }
}

/// What was done about a letter, by whom and when.
pub(crate) fn in_words_of(closed: &Closed) -> String {
    let how = match closed.closing {
        Closing::Replayed => "replayed",
        Closing::Discarded => "discarded",
    };
    let why = closed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{how} at {} by {}{why}", closed.at, closed.by)
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

/// What a repair is held against.
struct Repairing<'a> {
    opened: &'a Opened,
    catalogue: Catalogue,
    /// Whether the record lies in a topic of Hinge's own events, so that what it can read is all that can be decided.
    is_input: bool,
}

impl Repairing<'_> {
    fn replay(
        &self,
        letter: &Letter,
        with: Option<&Path>,
        by: operator::By<'_>,
        out: &mut dyn Write,
    ) -> Result<()> {
        if !letter.can_be_replayed() {
            return Err(refused(
                "this letter does not say where it came from, since its headers cannot be read; let the producer write \
                 the record again",
            ));
        }
        let record =
            if letter.is_body_omitted { from_input(self.opened, letter)? } else { letter.record.clone() };
        let body = with.map(|file| {
            std::fs::read(file)
                .map_err(|error| refused(format!("`{}` cannot be read: {error}", file.display())))
        });
        let body = body.transpose()?;
        if let Some(body) = body.as_ref().filter(|_| self.is_input) {
            self.check(letter, &record, body)?;
        }
        let replay = Replay { record: &record, body: body.as_deref(), by };
        operator::replay(self.opened.log.appender()?.as_mut(), letter, &replay)?;
        let how = if body.is_some() { "repaired" } else { "as it came" };
        writeln!(out, "{} is appended to {} again, {how}.", letter.place, letter.place.partition)?;
        Ok(())
    }

    /// A repair that cannot be read either would be a second dead letter, and the first one done with.
    fn check(&self, letter: &Letter, record: &Record, body: &[u8]) -> Result<()> {
        let headers = record.headers.iter().map(|header| (header.name, header.value));
        let repaired = self
            .catalogue
            .decode(headers, Some(body))
            .map_err(|why| refused(format!("the repaired record cannot be read either: {why}")))?;
        match letter.event_id().filter(|id| *id != repaired.event.id) {
            None => Ok(()),
            Some(id) => Err(refused(format!(
                "the repaired body tells of event `{}` and the rejected one of `{id}`; a repair keeps the id",
                repaired.event.id
            ))),
        }
    }
}

fn refused(message: impl Into<String>) -> anyhow::Error {
    Coded::new("repair-refused", 1, message).into()
}

/// Whether records are rejected with this code.
fn is_code(code: &str) -> bool {
    Code::ALL.iter().any(|known| known.as_str() == code)
}

/// An id as a line can take it: whoever wrote it may have written anything.
fn in_short(id: &str) -> String {
    const LONGEST: usize = 100;
    match id.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", id[..end].escape_debug()),
        None => id.escape_debug().to_string(),
    }
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
