//! One record in `hinge.held`: as it came, with headers of ours that say where it came from.

use hinge_schema::{Code, Rejection};
use hinge_stream::{Headers, Offset, Outgoing, Record, Session, Timestamp, TopicPartition};

use crate::dead_letter;
use crate::error::Error;
use crate::output::LARGEST_RECORD;
use crate::topics::HELD;

const TOPIC: &str = "hinge-held-topic";
const PARTITION: &str = "hinge-held-partition";
const OFFSET: &str = "hinge-held-offset";
const TIMESTAMP: &str = "hinge-held-timestamp";

/// Our headers, in their order.
const OURS: [&str; 4] = [TOPIC, PARTITION, OFFSET, TIMESTAMP];

/// More than our headers take, in bytes.
const OUR_HEADERS: usize = 512;

/// Sends a record to be held. `Err` within `Ok` is a record that is too large for that.
pub(crate) fn send(session: &mut dyn Session, record: &Record) -> Result<Result<(), Rejection>, Error> {
    let bytes = dead_letter::size_of_original(record);
    let too_large = || {
        let detail = format!(
            "it is to be held behind a rejected record and has {bytes} bytes, too many for `{HELD}`; release or \
             discard its key, then replay it"
        );
        Rejection::new(Code::OutputTooLarge, detail)
    };
    if bytes + OUR_HEADERS > LARGEST_RECORD {
        return Ok(Err(too_large()));
    }
    let partition = record.place.partition.to_string();
    let offset = record.offset.to_string();
    let timestamp = record.timestamp.millis().map(|millis| millis.to_string()).unwrap_or_default();
    let values: [&[u8]; 4] =
        [record.place.topic.as_bytes(), partition.as_bytes(), offset.as_bytes(), timestamp.as_bytes()];
    let headers: Vec<(&str, &[u8])> = OURS.into_iter().zip(values).collect();
    let sent = session.send(&Outgoing {
        topic: HELD,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &headers,
        carried: Some(&record.headers),
        timestamp: None,
    });
    match sent {
        Err(hinge_stream::Error::Unwritable { .. }) => Ok(Err(too_large())),
        sent => Ok(Ok(sent?)),
    }
}

/// The record as it lay in its input topic; `None` where `held` is not one of ours.
pub(crate) fn original(held: Record) -> Option<Record> {
    let Headers::Readable(mut headers) = held.headers else { return None };
    // Ours are the last ones: what came with the record may have the same names.
    let came = headers.len().checked_sub(OURS.len())?;
    let ours: Vec<(String, Option<Vec<u8>>)> = headers
        .iter()
        .skip(came)
        .map(|ours| (ours.name.to_owned(), ours.value.map(<[u8]>::to_vec)))
        .collect();
    if !ours.iter().map(|(name, _)| name.as_str()).eq(OURS) {
        return None;
    }
    headers.truncate(came);
    let said = |index: usize| std::str::from_utf8(ours[index].1.as_deref()?).ok();
    let place = TopicPartition::new(said(0)?, said(1)?.parse().ok()?);
    let offset = Offset(said(2)?.parse().ok()?);
    // Who gave the instant does not matter any more.
    let timestamp = said(3)?.parse().map_or(Timestamp::Unknown, Timestamp::Append);
    Some(Record { place, offset, timestamp, headers: Headers::Readable(headers), ..held })
}
