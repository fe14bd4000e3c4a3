//! Records that cannot be decided: bytes and headers as they came, ours beside them.
//!
//! Our headers follow the fields that Kafka Connect writes, under our own prefix.

use hinge_schema::Rejection;
use hinge_stream::{Offset, Outgoing, Record, Session, TopicPartition};

use crate::decode::Envelope;
use crate::error::Error;
use crate::output::LARGEST_RECORD;
use crate::topics::DEAD_LETTERS;

/// The longest detail that is written into a header, in bytes.
const LONGEST_DETAIL: usize = 2048;

/// More than our other headers take, in bytes.
const OUR_HEADERS: usize = 2048;

/// A letter without its body keeps the key up to this many bytes.
const LONGEST_KEY: usize = 4096;

/// What all of our headers begin with.
pub(crate) const OURS_BEGIN: &str = "hinge-error-";

/// The header that says that the record came without a key, and the letter's is the correlation id.
pub(crate) const KEY_ADDED: &str = "hinge-error-key-added";

/// Where the record of a dead letter came from.
pub(crate) fn origin(letter: &Record) -> Option<(TopicPartition, Offset)> {
    let said = |name| std::str::from_utf8(letter.headers.get(name)?).ok();
    let partition = said("hinge-error-partition")?.parse().ok()?;
    let offset = said("hinge-error-offset")?.parse().ok()?;
    Some((TopicPartition::new(said("hinge-error-topic")?, partition), Offset(offset)))
}

/// Sends a record to the dead letters. One that is too large for them leaves a letter without body and
/// headers, which says where the record lies.
pub(crate) fn send(
    session: &mut dyn Session,
    record: &Record,
    envelope: Option<&Envelope>,
    rejection: &Rejection,
) -> Result<(), Error> {
    let partition = record.place.partition.to_string();
    let offset = record.offset.to_string();
    let timestamp = record.timestamp.millis().map(|millis| millis.to_string()).unwrap_or_default();
    let detail = shortened(&rejection.detail);
    let bytes = size_of_original(record);
    let omitted = format!("at least {bytes} bytes, too many for this topic");
    let added = record.key.is_none() && envelope.is_some();
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("hinge-error-code", rejection.code.as_str().as_bytes()),
        ("hinge-error-detail", detail.as_bytes()),
        ("hinge-error-topic", record.place.topic.as_bytes()),
        ("hinge-error-partition", partition.as_bytes()),
        ("hinge-error-offset", offset.as_bytes()),
        ("hinge-error-timestamp", timestamp.as_bytes()),
    ];
    if added {
        headers.push((KEY_ADDED, b"true"));
    }
    // A record of another system does not say the id of the event that it was about to become.
    headers.extend(envelope.map(|envelope| ("hinge-error-event-id", envelope.event.id.as_bytes())));
    let key = record.key.as_deref().or(envelope.map(|envelope| envelope.event.correlation_id.as_bytes()));
    let whole = Outgoing {
        topic: DEAD_LETTERS,
        key,
        value: record.value.as_deref(),
        headers: &headers,
        carried: Some(&record.headers),
        timestamp: None,
    };
    if bytes + LONGEST_DETAIL + OUR_HEADERS <= LARGEST_RECORD {
        match session.send(&whole) {
            // Headers whose names cannot be read cannot be measured either; the log has.
            Err(hinge_stream::Error::Unwritable { .. }) => {}
            sent => return Ok(sent?),
        }
    }
    let key = key.filter(|key| key.len() <= LONGEST_KEY);
    let omitted = [headers.as_slice(), &[("hinge-error-body-omitted", omitted.as_bytes())]].concat();
    session.send(&Outgoing { key, value: None, carried: None, headers: &omitted, ..whole })?;
    Ok(())
}

/// The bytes of a record as it came: key, value and headers that can be read.
pub(crate) fn size_of_original(record: &Record) -> usize {
    let bytes = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let headers: usize =
        record.headers.iter().map(|header| header.name.len() + bytes(header.value) + 16).sum();
    bytes(record.key.as_deref()) + bytes(record.value.as_deref()) + headers
}

fn shortened(detail: &str) -> &str {
    let end = (0..=LONGEST_DETAIL.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
    &detail[..end.unwrap_or_default()]
}
