//! Records that cannot be decided: bytes and headers as they came, ours beside them.
//!
//! Our headers follow the fields that Kafka Connect writes, under our own prefix.

use hinge_schema::Rejection;
use hinge_stream::{Outgoing, Record, Session};

use crate::decode::Envelope;
use crate::error::Error;
use crate::output::LARGEST_RECORD;
use crate::topics::DEAD_LETTERS;

/// The longest detail that is written into a header, in bytes.
const LONGEST_DETAIL: usize = 2048;

/// Sends a record to the dead letters. One that is too large for them leaves a letter without a body,
/// which says where the record lies.
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
    let bytes = record.value.as_deref().map_or(0, <[u8]>::len);
    let carried: usize = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.as_deref().map_or(0, <[u8]>::len) + 16)
        .sum();
    let fits = bytes + carried + LONGEST_DETAIL + 1024 <= LARGEST_RECORD;
    let omitted = if fits { String::new() } else { format!("{bytes} bytes, too many for this topic") };
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("hinge-error-code", rejection.code.as_str().as_bytes()),
        ("hinge-error-detail", detail.as_bytes()),
        ("hinge-error-topic", record.place.topic.as_bytes()),
        ("hinge-error-partition", partition.as_bytes()),
        ("hinge-error-offset", offset.as_bytes()),
        ("hinge-error-timestamp", timestamp.as_bytes()),
    ];
    if !fits {
        headers.push(("hinge-error-body-omitted", omitted.as_bytes()));
    }
    let key = record.key.as_deref().or(envelope.map(|envelope| envelope.event.correlation_id.as_bytes()));
    session.send(&Outgoing {
        topic: DEAD_LETTERS,
        key,
        value: record.value.as_deref().filter(|_| fits),
        headers: &headers,
        carried: fits.then_some(&record.headers),
        timestamp: None,
    })?;
    Ok(())
}

fn shortened(detail: &str) -> &str {
    let end = (0..=LONGEST_DETAIL.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
    &detail[..end.unwrap_or_default()]
}
