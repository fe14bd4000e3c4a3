//! `hinge tail`: reads a topic, decoded for people or as one JSON object a line for programs.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use hinge_schema::{Catalogue, ReadNotification, decode_notification};
use hinge_stream::{Headers, Offset, Reader, Record, TopicPartition};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{Format, LogArgs};
use crate::opening::Opened;

/// How many records are read at once.
const CHUNK: usize = 1000;

/// How long to wait for more before looking at the other partitions again.
const WAIT: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,

    /// The topic, such as hinge.notifications.quality
    pub(crate) topic: String,

    /// Stop at the end instead of waiting for more
    #[arg(long)]
    pub(crate) until_end: bool,

    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

/// Writes the records of a topic, partition by partition up to the end, then as they come.
pub(crate) fn tail(
    args: &TailArgs,
    (opened, catalogue): (&Opened, &Catalogue),
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut reader = opened.log.reader()?;
    let mut places: Vec<(TopicPartition, Offset)> =
        reader.bounds(&args.topic)?.into_iter().map(|(place, first, _)| (place, first)).collect();
    if places.is_empty() {
        bail!("`{}` has no partitions", args.topic);
    }
    let mut at_end = false;
    while !at_end || !args.until_end {
        at_end = true;
        for (place, next) in &mut places {
            while left > 0 {
                let records =
                    reader.read(place, *next, CHUNK.min(usize::try_from(left).unwrap_or(CHUNK)), WAIT)?;
                let Some(last) = records.last() else {
                    at_end &= reader.at_end(place);
                    break;
                };
                *next = last.offset.next();
                at_end = false;
                for record in &records {
                    write_record(record, catalogue, format, out)?;
                    left -= 1;
                }
                out.flush()?;
            }
        }
        if left == 0 {
            break;
        }
    }
    Ok(())
}

/// Writes a record, decoded.
pub(crate) fn write_record(
    record: &Record,
    catalogue: &Catalogue,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let document = document(record, catalogue);
    match format {
        Format::Json => Ok(writeln!(out, "{document}")?),
        Format::Text => write_for_people(record, &document, out),
    }
}

fn write_for_people(record: &Record, document: &Json, out: &mut dyn Write) -> Result<()> {
    let value = &document["value"];
    let field = |name: &str| value[name].as_str().unwrap_or_default();
    let place = format!("{}/{}", record.place, record.offset);
    if value["title"].is_string() && value["kind"].is_string() {
        let [department, kind, priority] = ["department", "kind", "priority"].map(field);
        writeln!(out, "── {department} · {kind} · {priority} · {place}\n{}", field("title"))?;
        if !field("body").is_empty() {
            writeln!(out, "{}", field("body"))?;
        }
    } else {
        writeln!(out, "── {place}")?;
        for (name, value) in document["headers"].as_object().into_iter().flatten() {
            writeln!(out, "{name}: {}", value.as_str().unwrap_or_default())?;
        }
        writeln!(out, "{value}")?;
    }
    writeln!(out)?;
    Ok(())
}

/// A record as one JSON object.
pub(crate) fn document(record: &Record, catalogue: &Catalogue) -> Json {
    json!({
        "topic": record.place.topic.as_ref(),
        "partition": record.place.partition,
        "offset": record.offset.0,
        "timestamp": record.timestamp.millis(),
        "key": record.key.as_deref().map(String::from_utf8_lossy),
        "headers": headers(&record.headers),
        "value": value(record, catalogue),
    })
}

fn headers(headers: &Headers) -> Map<String, Json> {
    headers
        .iter()
        .map(|header| (header.name.to_owned(), json!(header.value.map(String::from_utf8_lossy))))
        .collect()
}

/// The body as JSON: as it is, or decoded from Avro, or as text.
fn value(record: &Record, catalogue: &Catalogue) -> Json {
    let Some(bytes) = record.value.as_deref() else { return Json::Null };
    if let Ok(value) = serde_json::from_slice(bytes) {
        return value;
    }
    if let Ok(read) = decode_notification(bytes) {
        return notification(&read);
    }
    let headers = record.headers.iter().map(|header| (header.name, header.value));
    if let Ok(decoded) = catalogue.decode(headers, Some(bytes)) {
        let facts = decoded.event.facts.given().map(|(name, value)| (name.to_string(), json!(value)));
        return Json::Object(facts.collect());
    }
    json!(String::from_utf8_lossy(bytes))
}

/// A notification that was written in Avro, as the JSON that other departments get.
fn notification(read: &ReadNotification) -> Json {
    let told = &read.notification;
    let event = &told.event;
    let facts: Map<String, Json> =
        told.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let reasons: Vec<Json> = told
        .reasons
        .iter()
        .map(|it| json!({"rule": it.rule, "owner": it.owner, "kind": it.ask.name(), "because": it.because}))
        .collect();
    let mut document = json!({
        "id": told.id.to_string(),
        "department": told.department,
        "kind": told.ask.name(),
        "priority": told.priority.name(),
        "title": told.title,
        "body": told.body,
        "event": {
            "id": event.id,
            "source": event.source,
            "type": event.event_type,
            "subject": event.subject,
            "time": event.occurred.to_string(),
        },
        "correlation_id": told.correlation_id,
        "chain_step": told.chain_step,
        "rank": told.rank,
        "reasons": reasons,
        "facts": facts,
        "missing": told.missing,
        "history": told.history,
        "policy_version": told.policy_version,
        "recorded": read.recorded.to_string(),
        "decided": read.decided.to_string(),
    });
    if let Some(audience) = &told.audience {
        document["audience"] = json!({"hash": audience.hash, "size": audience.size});
    }
    document
}

/// Everything in a topic, from its oldest record to the end as it is now.
pub(crate) fn read_all(
    reader: &mut dyn Reader,
    topic: &str,
    each: &mut dyn FnMut(&Record) -> Result<bool>,
) -> Result<()> {
    for (place, first, _) in reader.bounds(topic)? {
        if !read_partition(reader, (&place, first), each)? {
            break;
        }
    }
    reader.rest();
    Ok(())
}

/// Everything in a partition from an offset to the end as it is now; `false` where `each` had enough before.
pub(crate) fn read_partition(
    reader: &mut dyn Reader,
    (place, mut next): (&TopicPartition, Offset),
    each: &mut dyn FnMut(&Record) -> Result<bool>,
) -> Result<bool> {
    let mut wait = Duration::ZERO;
    loop {
        let records = reader.read(place, next, CHUNK, wait)?;
        for record in &records {
            next = record.offset.next();
            if !each(record)? {
                return Ok(false);
            }
        }
        if reader.at_end(place) {
            return Ok(true);
        }
        // Only a log that cannot tell the end at once is waited for.
        wait = WAIT;
    }
}

/// The record at an offset, if it is still there.
pub(crate) fn read_one(
    reader: &mut dyn Reader,
    place: &TopicPartition,
    offset: Offset,
) -> Result<Option<Record>> {
    let bounds = reader.bounds(&place.topic)?;
    let Some((_, _, end)) = bounds.into_iter().find(|(known, ..)| known == place) else { return Ok(None) };
    if offset >= end {
        return Ok(None);
    }
    loop {
        let found = reader.read(place, offset, 1, WAIT)?.pop();
        if found.is_some() || reader.at_end(place) {
            return Ok(found.filter(|record| record.offset == offset));
        }
    }
}
