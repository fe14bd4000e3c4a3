//! What is said of decisions, dead letters and repetitions, in sentences.

use std::io::Write;

use anyhow::Result;
use hinge_domain::{Kind, Shape};
use hinge_router::DEAD_LETTERS;
use serde_json::{Value as Json, json};

use super::trail::{Again, Decision, Letter, Place};

/// Which event it is, where it was read and under which policy it was decided.
pub(super) fn head(decision: &Decision, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "{} about {}, occurred {}, event {} of {}.",
        decision.event("type"),
        decision.event("subject"),
        decision.event("time"),
        decision.event("id"),
        decision.event("source")
    )?;
    writeln!(
        out,
        "Read from {}, decided under policy {} at the step {}.",
        place(&decision.place()),
        decision.text("policy_version"),
        decision.text("chain_step")
    )?;
    Ok(())
}

/// A decision in full; where a notification is asked for, only that one.
pub(super) fn decision(
    decision: &Decision,
    asked: &str,
    shape: Option<&Shape>,
    out: &mut dyn Write,
) -> Result<()> {
    head(decision, out)?;
    match decision.text("outcome") {
        "filtered" => {
            writeln!(out, "Nobody is told, because the policy ignores it: {}.", decision.text("reason"))?;
        }
        "unrouted" => {
            writeln!(out, "No rule matched: nobody was told, and the event lies in hinge.unrouted.")?;
        }
        _ => {
            let one = decision.notifications().any(|told| told["id"] == asked);
            for told in decision.notifications().filter(|told| !one || told["id"] == asked) {
                notification(decision, told, shape, out)?;
            }
        }
    }
    for unknown in decision.0["unknown"].as_array().into_iter().flatten() {
        writeln!(out, "The rule {} could not tell: {}.", text(unknown, "rule"), text(unknown, "why"))?;
    }
    Ok(())
}

/// Why a department was told, and what the event did not say.
pub(super) fn notification(
    decision: &Decision,
    told: &Json,
    shape: Option<&Shape>,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "{} was told (notification {}), because", text(told, "department"), text(told, "id"))?;
    let matched = decision.0["matched"].as_array();
    for rule in told["rules"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        let matched = matched.into_iter().flatten().find(|matched| matched["rule"] == rule);
        let values: Vec<String> = matched
            .and_then(|matched| matched["values"].as_object())
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name} = {}", shown(name, value, shape)))
            .collect();
        let on =
            if values.is_empty() { "which asks for every such event".to_owned() } else { values.join(", ") };
        writeln!(out, "  the rule {rule} matched: {on}.")?;
    }
    match told["audience"]["size"].as_u64() {
        Some(0) => writeln!(out, "  It was for nobody: no person of the department was chosen.")?,
        Some(1) => writeln!(out, "  It was for 1 person of the department.")?,
        Some(size) => writeln!(out, "  It was for {size} people of the department.")?,
        None => {}
    }
    let missing: Vec<&str> =
        told["missing"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if !missing.is_empty() {
        writeln!(out, "  It is incomplete; the event did not say: {}.", missing.join(", "))?;
    }
    Ok(())
}

/// A value as `why-not` shows it: text in quotes, what only JSON writes as text without.
fn shown(name: &str, value: &Json, shape: Option<&Shape>) -> String {
    let kind = shape.and_then(|shape| shape.fields.iter().find(|field| *field.name == *name));
    match (value, kind.map(|field| &field.kind)) {
        (Json::String(text), Some(Kind::Decimal { .. } | Kind::Date | Kind::Instant)) => text.clone(),
        (Json::String(text), _) => format!("'{text}'"),
        _ => value.to_string(),
    }
}

/// Why a record was rejected.
pub(super) fn letter(letter: &Letter, out: &mut dyn Write) -> Result<()> {
    let Letter { code, detail, .. } = letter;
    let place = letter.place.as_ref().map_or_else(|| "(place not readable)".to_owned(), place);
    writeln!(out, "The record {place} was rejected with `{code}`: {detail}.")?;
    write!(out, "It lies in {DEAD_LETTERS}; `hinge explain {code}` tells more")?;
    match &letter.closed {
        Some(closed) => writeln!(out, ". It was {closed}.")?,
        None => writeln!(
            out,
            ", and once the cause is mended `hinge dead-letters replay {place}` brings it in again."
        )?,
    }
    Ok(())
}

/// Records that tell of an event again, or are held and may.
pub(super) fn repetitions(first: &Place, again: &Again, out: &mut dyn Write) -> Result<()> {
    const SHOWN: usize = 5;
    for (held, key) in again.held.iter().take(SHOWN) {
        let held = place(held);
        writeln!(
            out,
            "The record {held} tells of it too, and is held behind a rejected one (`hinge held show {key}`)."
        )?;
    }
    let again = &again.told;
    if again.is_empty() {
        return Ok(());
    }
    let mut places: Vec<String> = again.iter().take(SHOWN).map(place).collect();
    if again.len() > SHOWN {
        places.push(format!("and {} more places", again.len() - SHOWN));
    }
    writeln!(
        out,
        "It was told again at {}: a repetition of the one at {}, for which nobody is told twice.",
        places.join(", "),
        place(first)
    )?;
    Ok(())
}

/// Events in one line each.
pub(super) fn list(decisions: &[Decision], letters: &[Letter], out: &mut dyn Write) -> Result<()> {
    for decision in decisions {
        let outcome = match decision.text("outcome") {
            "filtered" => "ignored".to_owned(),
            "unrouted" => "unrouted".to_owned(),
            _ => format!("told {}", decision.told().join(", ")),
        };
        let (time, kind) = (decision.event("time"), decision.event("type"));
        let (source, id) = (decision.event("source"), decision.event("id"));
        writeln!(out, "  {time}  {kind}  {outcome}  (hinge why {source} {id})")?;
    }
    for letter in letters {
        let place = letter.place.as_ref().map_or_else(String::new, place);
        writeln!(out, "  {place}  rejected with `{}`  (hinge why {place})", letter.code)?;
    }
    Ok(())
}

/// A place as it is written.
pub(super) fn place((place, offset): &Place) -> String {
    format!("{place}/{offset}")
}

/// A place as programs read it.
pub(super) fn place_json((place, offset): &Place) -> Json {
    json!({"topic": place.topic.as_ref(), "partition": place.partition, "offset": offset.0})
}

/// A dead letter as programs read it.
pub(super) fn letter_json(letter: &Letter) -> Json {
    let mut found =
        json!({"outcome": "rejected", "code": letter.code, "detail": letter.detail, "state": letter.closed});
    if let (Some(found), Some(place)) = (found.as_object_mut(), &letter.place)
        && let Json::Object(place) = place_json(place)
    {
        found.extend(place);
    }
    found
}

fn text<'a>(value: &'a Json, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
