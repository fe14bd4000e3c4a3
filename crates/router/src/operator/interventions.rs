//! `hinge.interventions`: what operators did to dead letters (`letter/..`) and to stopped partitions (`resume/..`).

use std::collections::HashMap;
use std::ops::ControlFlow;

use hinge_stream::{Appender, Error, Outgoing, Reader, TopicPartition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::place::{RecordPlace, parse_partition};
use crate::reading::{self, Marks};
use crate::topics::INTERVENTIONS;

/// Who does something, when and why.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Who.
    pub name: &'a str,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<&'a str>,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closing {
    /// Its record was appended to its topic again.
    Replayed,
    /// Nothing more is to be done about it.
    Discarded,
}

/// A dead letter that is done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// How.
    pub closing: Closing,
    /// By whom.
    pub by: String,
    /// When.
    pub at: String,
    /// Why, where it was said.
    pub reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Resumed {
    by: String,
    at: String,
    reason: Option<String>,
}

/// The dead letters that are done with, by the place of their record.
pub fn closings(reader: &mut dyn Reader) -> Result<HashMap<RecordPlace, Closed>, Error> {
    let mut closed = HashMap::new();
    reading::read(reader, INTERVENTIONS, &[], &mut |record| {
        let place =
            record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()?.strip_prefix("letter/"));
        let value = record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        if let (Some(Ok(place)), Some(value)) = (place.map(str::parse), value) {
            closed.insert(place, value);
        }
        ControlFlow::Continue(())
    })?;
    Ok(closed)
}

/// Hands over that the dead letter of the record at `place` is done with; in the log after the next flush.
pub fn close(
    appender: &mut dyn Appender,
    place: &RecordPlace,
    closing: Closing,
    by: &By<'_>,
) -> Result<(), Error> {
    let reason = by.reason.map(str::to_owned);
    let closed = Closed { closing, by: by.name.to_owned(), at: by.at.to_string(), reason };
    append(appender, &format!("letter/{place}"), &serde_json::to_vec(&closed).unwrap_or_default())
}

/// Writes down that a stopped partition shall go on; the router that owns it does it.
pub fn resume(appender: &mut dyn Appender, place: &TopicPartition, by: &By<'_>) -> Result<(), Error> {
    let reason = by.reason.map(str::to_owned);
    let resumed = Resumed { by: by.name.to_owned(), at: by.at.to_string(), reason };
    append(appender, &format!("resume/{place}"), &serde_json::to_vec(&resumed).unwrap_or_default())?;
    appender.flush()
}

fn append(appender: &mut dyn Appender, key: &str, value: &[u8]) -> Result<(), Error> {
    appender.append(&Outgoing {
        topic: INTERVENTIONS,
        key: Some(key.as_bytes()),
        value: Some(value),
        headers: &[],
        carried: None,
        timestamp: None,
    })
}

/// The end of the topic as it is now.
pub(crate) fn interventions_end(reader: &mut dyn Reader) -> Result<Marks, Error> {
    reading::ends(reader, INTERVENTIONS)
}

/// The partitions that somebody wished to go on since `from`, and by whom; and where to read on.
pub(crate) fn resumes(
    reader: &mut dyn Reader,
    from: &[i64],
) -> Result<(Vec<(TopicPartition, String)>, Marks), Error> {
    let mut wished = Vec::new();
    let until = reading::read(reader, INTERVENTIONS, from, &mut |record| {
        let place =
            record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()?.strip_prefix("resume/"));
        let value = record.value.as_deref().and_then(|value| serde_json::from_slice::<Resumed>(value).ok());
        if let (Some(place), Some(value)) = (place.and_then(parse_partition), value) {
            wished.push((place, value.by));
        }
        ControlFlow::Continue(())
    })?;
    Ok((wished, until))
}
