//! `hinge why`: why somebody was told, or why nobody was, read from what was stored.

use std::io::Write;

use anyhow::Result;
use hinge_router::{DEAD_LETTERS, DECISIONS};
use serde_json::{Value as Json, json};

use crate::cli::Format;
use crate::exit::Coded;
use crate::opening::Opened;
use crate::tail::read_all;

/// Tells about a notification or an event.
pub(crate) fn why(id: &str, opened: &Opened, format: Format, out: &mut dyn Write) -> Result<()> {
    let mut reader = opened.log.reader()?;
    let mut decisions = Vec::new();
    read_all(reader.as_mut(), DECISIONS, &mut |record| {
        let decision: Option<Json> =
            record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        decisions.extend(decision.filter(|decision| concerns(decision, id)));
        Ok(true)
    })?;
    let mut letters = Vec::new();
    read_all(reader.as_mut(), DEAD_LETTERS, &mut |record| {
        let header = |name: &str| record.headers.get(name).map(String::from_utf8_lossy);
        let said_in_body = || {
            let body: Option<Json> =
                record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
            body.is_some_and(|body| body["id"] == id)
        };
        let said = |name| header(name).is_some_and(|said| said == id);
        if said("ce_id") || said("hinge-error-event-id") || said_in_body() {
            let of = |name: &str| header(name).unwrap_or_default().into_owned();
            letters.push(json!({
                "outcome": "rejected",
                "code": of("hinge-error-code"),
                "detail": of("hinge-error-detail"),
                "topic": of("hinge-error-topic"),
                "partition": of("hinge-error-partition"),
                "offset": of("hinge-error-offset"),
            }));
        }
        Ok(true)
    })?;
    if decisions.is_empty() && letters.is_empty() {
        let message = format!(
            "nothing is stored about `{id}`: neither a notification nor an event of this id was decided or rejected; \
             it may not have been read yet (`hinge run --drain` reads everything)"
        );
        return Err(Coded::new("not-found", 1, message).into());
    }
    for found in decisions.iter().chain(&letters) {
        match format {
            Format::Json => writeln!(out, "{found}")?,
            Format::Text => tell(found, id, out)?,
        }
    }
    Ok(())
}

fn concerns(decision: &Json, id: &str) -> bool {
    decision["event"]["id"] == id
        || decision["notifications"].as_array().into_iter().flatten().any(|told| told["id"] == id)
}

fn tell(found: &Json, id: &str, out: &mut dyn Write) -> Result<()> {
    if let Some(code) = found["code"].as_str() {
        let [topic, partition, offset, detail] =
            ["topic", "partition", "offset", "detail"].map(|name| text(found, name));
        writeln!(out, "The record {topic}/{partition}/{offset} was rejected with `{code}`: {detail}.")?;
        writeln!(out, "It lies in {DEAD_LETTERS}; `hinge explain {code}` tells more.")?;
        return Ok(());
    }
    let event = &found["event"];
    let (kind, subject, time) = (text(event, "type"), text(event, "subject"), text(event, "time"));
    writeln!(
        out,
        "{kind} about {subject}, occurred {time}, event {} of {}.",
        text(event, "id"),
        text(event, "source")
    )?;
    writeln!(
        out,
        "Read from {}/{}/{}, decided under policy {} at the step {}.",
        text(found, "topic"),
        found["partition"],
        found["offset"],
        text(found, "policy_version"),
        text(found, "chain_step")
    )?;
    match found["outcome"].as_str() {
        Some("filtered") => {
            writeln!(out, "Nobody is told, because the policy ignores it: {}.", text(found, "reason"))?;
        }
        Some("unrouted") => {
            writeln!(out, "No rule matched: nobody was told, and the event lies in hinge.unrouted.")?;
        }
        _ => tell_notifications(found, id, out)?,
    }
    for unknown in found["unknown"].as_array().into_iter().flatten() {
        writeln!(out, "The rule {} could not tell: {}.", text(unknown, "rule"), text(unknown, "why"))?;
    }
    Ok(())
}

fn tell_notifications(found: &Json, id: &str, out: &mut dyn Write) -> Result<()> {
    let all: Vec<&Json> = found["notifications"].as_array().into_iter().flatten().collect();
    let asked: Vec<&&Json> = all.iter().filter(|told| told["id"] == id).collect();
    for told in if asked.is_empty() { all.iter().collect() } else { asked } {
        writeln!(out, "{} was told (notification {}), because", text(told, "department"), text(told, "id"))?;
        for rule in told["rules"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            let matched =
                found["matched"].as_array().into_iter().flatten().find(|matched| matched["rule"] == rule);
            let values: Vec<String> = matched
                .and_then(|matched| matched["values"].as_object())
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            let on = if values.is_empty() {
                "which asks for every such event".to_owned()
            } else {
                values.join(", ")
            };
            writeln!(out, "  the rule {rule} matched: {on}.")?;
        }
        let missing: Vec<&str> =
            told["missing"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        if !missing.is_empty() {
            writeln!(out, "  It is incomplete; the event did not say: {}.", missing.join(", "))?;
        }
    }
    Ok(())
}

fn text(value: &Json, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
