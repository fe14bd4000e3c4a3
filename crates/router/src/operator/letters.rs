//! Dead letters as an operator sees them, and sending one back.

use std::ops::ControlFlow;

use hinge_schema::Code;
use hinge_stream::{Appender, Error, HeaderList, Headers, Outgoing, Reader, Record, Timestamp};

use super::{By, Closing, close};
use crate::dead_letter::{KEY_ADDED, OURS_BEGIN, origin};
use crate::place::RecordPlace;
use crate::reading;
use crate::repair::{REPAIRS, REPAIRS_CODE, REPAIRS_EVENT};
use crate::topics::DEAD_LETTERS;

/// A dead letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where its record lies in the input; where that cannot be read, where the letter itself lies.
    pub place: RecordPlace,
    /// Where the letter lies.
    pub lies_at: RecordPlace,
    /// Why the record was rejected.
    pub code: String,
    /// What is wrong and where.
    pub detail: String,
    /// The event that was rejected, where the letter says it beside the record.
    event: Option<String>,
    /// When it was rejected, in milliseconds since 1970-01-01 UTC.
    pub rejected_at: Option<i64>,
    /// Whether the letter lacks the body and the headers, because the record is too large for the topic.
    pub is_body_omitted: bool,
    /// The record, without our headers: as it came, but for what `is_body_omitted` says. It has its own place.
    pub record: Record,
}

/// How a letter's record goes back.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The record to append; its headers go with it.
    pub record: &'a Record,
    /// The repaired body; otherwise as it came.
    pub body: Option<&'a [u8]>,
    /// Who does it.
    pub by: By<'a>,
}

impl Letter {
    /// Reads a record of `hinge.dead-letters`.
    fn read(letter: Record) -> Self {
        let lies_at = RecordPlace::of(&letter);
        let said = |name: &str| {
            letter
                .headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .unwrap_or_default()
        };
        let Some((partition, offset)) = origin(&letter) else {
            // Headers with names that nobody can read make ours unreadable too.
            let detail = "none of the letter's headers can be read, so it says nothing of where it came from";
            return Self {
                place: lies_at.clone(),
                lies_at,
                code: Code::HeadersUnreadable.to_string(),
                detail: detail.to_owned(),
                event: None,
                rejected_at: letter.timestamp.millis(),
                is_body_omitted: false,
                record: letter,
            };
        };
        let (code, detail) = (said("hinge-error-code"), said("hinge-error-detail"));
        let event = Some(said("hinge-error-event-id")).filter(|id| !id.is_empty());
        let timestamp = said("hinge-error-timestamp").parse().map_or(Timestamp::Unknown, Timestamp::Append);
        let is_body_omitted = letter.headers.get("hinge-error-body-omitted").is_some();
        let key = letter.key.clone().filter(|_| letter.headers.get(KEY_ADDED).is_none());
        let rejected_at = letter.timestamp.millis();
        // Ours are the last ones.
        let ours =
            letter.headers.iter().rev().take_while(|header| header.name.starts_with(OURS_BEGIN)).count();
        let mut headers: HeaderList = letter.headers.iter().collect();
        headers.truncate(headers.len() - ours);
        let place = RecordPlace { partition: partition.clone(), offset };
        let record = Record {
            place: partition,
            offset,
            timestamp,
            key,
            headers: Headers::Readable(headers),
            ..letter
        };
        Self { place, lies_at, code, detail, event, rejected_at, is_body_omitted, record }
    }

    /// The event's id, where it can be read: from the letter, from the headers, or from a body that is JSON.
    pub fn event_id(&self) -> Option<String> {
        if self.event.is_some() {
            return self.event.clone();
        }
        if let Some(id) = self.record.headers.get("ce_id") {
            return String::from_utf8(id.to_vec()).ok();
        }
        let body: serde_json::Value = serde_json::from_slice(self.record.value.as_deref()?).ok()?;
        Some(body["id"].as_str()?.to_owned())
    }

    /// Whether its record can go back: it is known where it came from.
    pub fn can_be_replayed(&self) -> bool {
        self.place != self.lies_at
    }
}

/// Hands every dead letter to `each`, the oldest first, until that has enough.
pub fn each_letter(
    reader: &mut dyn Reader,
    each: &mut dyn FnMut(Letter) -> ControlFlow<()>,
) -> Result<(), Error> {
    reading::read(reader, DEAD_LETTERS, &[], &mut |record| each(Letter::read(record)))?;
    Ok(())
}

/// Appends a letter's record to its topic and partition again, and marks the letter as replayed.
///
/// The record says what it repairs; a repair of a conflict, also one that was spoilt and is repaired in turn,
/// says that too, and of which events: another event of the same record is told as if it came for the first time.
pub fn replay(appender: &mut dyn Appender, letter: &Letter, replay: &Replay<'_>) -> Result<(), Error> {
    let is_ours = |name: &str| name == REPAIRS || name == REPAIRS_CODE;
    let was_of_conflict = replay.record.headers.get(REPAIRS_CODE) == Some(Code::Conflict.as_str().as_bytes());
    let code = if was_of_conflict { Code::Conflict.as_str() } else { letter.code.as_str() };
    let place = letter.place.to_string();
    let decided = letter.event.as_ref().filter(|_| letter.code == Code::Conflict.as_str());
    let mut headers = vec![(REPAIRS, place.as_bytes()), (REPAIRS_CODE, code.as_bytes())];
    headers.extend(decided.map(|id| (REPAIRS_EVENT, id.as_bytes())));
    let carried = replay.record.headers.iter().filter(|header| !is_ours(header.name)).collect();
    let record = Outgoing {
        topic: &letter.place.partition.topic,
        key: replay.record.key.as_deref(),
        value: replay.body.or(replay.record.value.as_deref()),
        headers: &headers,
        carried: Some(&Headers::Readable(carried)),
        timestamp: None,
    };
    appender.append_to(letter.place.partition.partition, &record)?;
    close(appender, &letter.place, Closing::Replayed, &replay.by)?;
    appender.flush()
}
