//! The newest records of a source's topics, straight from the log.

use std::time::Duration;

use anyhow::Result;
use hinge_schema::{ForeignRecord, Source};
use hinge_stream::{Headers, Log, Offset, Record};

use super::try_record;
use crate::ingest::Tried;

/// How long to wait for records that are known to be there.
const WAIT: Duration = Duration::from_millis(500);

/// Tries a source on the `sample` newest records of its topics, the oldest of them first.
pub(super) fn newest(log: &dyn Log, source: &Source, sample: usize) -> Result<Vec<Tried>> {
    let mut reader = log.reader()?;
    let mut records: Vec<Record> = Vec::new();
    let wanted = i64::try_from(sample).unwrap_or(i64::MAX);
    for topic in source.topics() {
        for (place, first, end) in reader.bounds(topic)? {
            let mut next = Offset(end.0.saturating_sub(wanted)).max(first);
            while next < end {
                let read = reader.read(&place, next, sample.max(1), WAIT)?;
                match read.last() {
                    Some(last) => next = last.offset.next(),
                    None if reader.at_end(&place) => break,
                    None => {}
                }
                records.extend(read);
            }
        }
    }
    records.sort_by_key(|record| record.timestamp.millis());
    let skipped = records.len().saturating_sub(sample);
    Ok(records.iter().skip(skipped).map(|record| tried(source, record)).collect())
}

fn tried(source: &Source, record: &Record) -> Tried {
    let at = format!("{}/{}", record.place, record.offset);
    if let Headers::Unreadable(_) = &record.headers {
        let events = Err("at least one header has a name that is not UTF-8".to_owned());
        return Tried::only(at, events);
    }
    let headers: Vec<(&str, Option<&[u8]>)> =
        record.headers.iter().map(|header| (header.name, header.value)).collect();
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    try_record(source, at, &ForeignRecord { topic: &record.place.topic, key, headers: &headers, value })
}
