//! `hinge why` and `hinge why-not`: why somebody was told, or why nobody was, read from what was stored.
//!
//! * [`trail`]: what the log has on an event;
//! * [`words`]: what is said of it;
//! * [`mod@why_not`]: the event decided once more, rule by rule, for one department; [`proof`] puts that into words.

mod proof;
mod trail;
mod why_not;
mod words;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use hinge_router::Reading;
use serde_json::{Value as Json, json};

use crate::arguments::{Format, LogArgs};
use crate::exit::Coded;
use crate::opening::Opened;
use crate::settings::Settings;
use trail::{Again, Decision, Letter, Place, Trail, parse_place};

pub(crate) use why_not::{WhyNotArgs, why_not};

/// What `hinge why` takes.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,

    /// A notification's id, an event's id, a record's place (order.events/0/17), or an order's or case's number
    #[arg(value_name = "ID")]
    pub(crate) first: String,

    /// The event's id, where the first is its source
    #[arg(value_name = "ID-OF-SOURCE")]
    pub(crate) second: Option<String>,
}

/// What somebody asks about: an event of a source, or whatever has this name.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    source: Option<&'a str>,
    name: &'a str,
}

/// What was found for whoever asked.
#[derive(Debug, Default)]
struct Found {
    decisions: Vec<Decision>,
    letters: Vec<Letter>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.decisions.is_empty() && self.letters.is_empty()
    }

    /// The identities of the events among it, source first.
    fn events(&self) -> BTreeSet<(&str, &str)> {
        let decided = self.decisions.iter().map(|it| (it.event("source"), it.event("id")));
        let rejected = self.letters.iter().map(|it| (it.source.as_str(), it.id.as_str()));
        decided.chain(rejected.filter(|(_, id)| !id.is_empty())).collect()
    }
}

/// Tells about a notification, an event, a record or all events of an order.
pub(crate) fn why(
    args: &WhyArgs,
    settings: &Settings,
    opened: &Opened,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let mut trail = Trail::of(opened.log.as_ref(), settings)?;
    let asked = match &args.second {
        Some(id) => Asked { source: Some(&args.first), name: id },
        None => Asked { source: None, name: &args.first },
    };
    let found = find(&mut trail, asked)?;
    if found.is_empty() {
        return undecided(&mut trail, asked, format, out);
    }
    if found.events().len() > 1 {
        return listed(&found, asked.name, format, out);
    }
    told(&mut trail, &found, asked.name, format, out)
}

/// What is known of what was asked about.
fn find(trail: &mut Trail<'_>, asked: Asked<'_>) -> Result<Found> {
    let Asked { source: Some(source), name: id } = asked else { return search(trail, asked.name) };
    Ok(Found {
        decisions: trail.decisions(id, |it| it.event("source") == source && it.event("id") == id)?,
        letters: trail.letters(|it| it.source == source && it.id == id)?,
    })
}

/// What `asked` names: a notification, else an event, else what events are about.
fn search(trail: &mut Trail<'_>, asked: &str) -> Result<Found> {
    let mentioned = trail.decisions(asked, |it| {
        ["id", "subject", "correlationid"].iter().any(|name| it.event(name) == asked)
            || it.notifications().any(|told| told["id"] == asked)
    })?;
    let is_told = |it: &Decision| it.notifications().any(|told| told["id"] == asked);
    if mentioned.iter().any(is_told) {
        let decisions = mentioned.into_iter().filter(is_told).collect();
        return Ok(Found { decisions, letters: Vec::new() });
    }
    let letters = trail
        .letters(|it| [&it.id, &it.subject, &it.correlation_id].into_iter().any(|said| said == asked))?;
    let all = Found { decisions: mentioned, letters };
    if all.decisions.iter().any(|it| it.event("id") == asked) || all.letters.iter().any(|it| it.id == asked) {
        return Ok(Found {
            decisions: all.decisions.into_iter().filter(|it| it.event("id") == asked).collect(),
            letters: all.letters.into_iter().filter(|it| it.id == asked).collect(),
        });
    }
    match (all.is_empty(), parse_place(asked)) {
        (true, Some(place)) => at_place(trail, &place),
        _ => Ok(all),
    }
}

/// What is known of the record at a place: its own decision or letter, or those of the event that it tells again.
fn at_place(trail: &mut Trail<'_>, place: &Place) -> Result<Found> {
    let letters = trail.letters(|it| it.place.as_ref() == Some(place))?;
    if !letters.is_empty() {
        return Ok(Found { decisions: Vec::new(), letters });
    }
    let mut found = Found::default();
    for reading in trail.events_at(place)? {
        let (source, id) = (reading.event().source.as_str(), reading.event().id.as_str());
        let decisions = trail.decisions(id, |it| {
            let (partition, offset) = it.place();
            it.event("source") == source && it.event("id") == id && partition == place.0 && offset <= place.1
        })?;
        // Of an event that was decided more than once, what the record tells again is the last before it.
        found.decisions.extend(decisions.into_iter().max_by_key(|it| it.place().1));
    }
    Ok(found)
}

/// One event, in full.
fn told(
    trail: &mut Trail<'_>,
    found: &Found,
    asked: &str,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let decided: Vec<Place> = found.decisions.iter().map(Decision::place).collect();
    for (number, decision) in found.decisions.iter().enumerate() {
        let first = &decided[number];
        let is_one = decision.notifications().any(|told| told["id"] == asked);
        let again = if is_one { Again::default() } else { trail.repetitions(decision, &decided)? };
        match format {
            Format::Json => {
                writeln!(out, "{}", decision.0)?;
                for place in &again.told {
                    writeln!(out, "{}", repetition_json(place, first))?;
                }
                for (place, key) in &again.held {
                    writeln!(
                        out,
                        "{}",
                        json!({"outcome": "held", "place": words::place_json(place), "held": key})
                    )?;
                }
            }
            Format::Text => {
                let shape = trail.catalogue.shape(decision.event("type"));
                words::decision(decision, asked, shape.map(Arc::as_ref), out)?;
                words::repetitions(first, &again, out)?;
            }
        }
    }
    for letter in &found.letters {
        match format {
            Format::Json => writeln!(out, "{}", words::letter_json(letter))?,
            Format::Text => words::letter(letter, out)?,
        }
    }
    Ok(())
}

fn repetition_json(place: &Place, first: &Place) -> Json {
    let mut told = json!({"outcome": "filtered", "reason": "repetition", "first": words::place_json(first)});
    if let (Some(told), Json::Object(place)) = (told.as_object_mut(), words::place_json(place)) {
        told.extend(place);
    }
    told
}

/// Several events: one line each, and how to ask about one of them.
fn listed(found: &Found, asked: &str, format: Format, out: &mut dyn Write) -> Result<()> {
    let mut decisions = found.decisions.clone();
    decisions.sort_by_key(|it| it.event("time").parse::<jiff::Timestamp>().ok());
    if format == Format::Json {
        for decision in &decisions {
            writeln!(out, "{}", decision.0)?;
        }
        for letter in &found.letters {
            writeln!(out, "{}", words::letter_json(letter))?;
        }
        return Ok(());
    }
    writeln!(out, "`{asked}` is in {} events; ask about one of them:", found.events().len())?;
    words::list(&decisions, &found.letters, out)
}

/// Nothing was decided: it may still be waiting.
fn undecided(trail: &mut Trail<'_>, asked: Asked<'_>, format: Format, out: &mut dyn Write) -> Result<()> {
    let name = asked.name;
    let at_place = match parse_place(name) {
        Some(place) => trail.events_at(&place)?.into_iter().next().map(|reading| (place, reading)),
        None => None,
    };
    let is_asked = |reading: &Reading| {
        let event = reading.event();
        match asked.source {
            Some(source) => event.source == source && event.id == name,
            None => [&event.id, &event.subject, &event.correlation_id].into_iter().any(|said| said == name),
        }
    };
    let waiting = match at_place {
        Some(waiting) => Some(waiting),
        None => trail.waiting(is_asked)?,
    };
    let Some((place, reading)) = waiting else {
        let message = format!(
            "nothing is stored about `{name}`: no notification, event, record or order of this name is in the log \
             (`hinge tail` shows what is)"
        );
        return Err(Coded::new("not-found", 1, message).into());
    };
    let event = reading.event();
    let held = trail.held_as(&place)?;
    match format {
        Format::Json => {
            let event = json!({"id": event.id, "source": event.source, "type": event.event_type().as_ref()});
            writeln!(
                out,
                "{}",
                json!({"outcome": held.as_ref().map(|_| "held"), "event": event,
                       "place": words::place_json(&place), "held": held})
            )?;
        }
        Format::Text => {
            let why_not = match held {
                Some(key) => format!("it is held behind a rejected record (`hinge held show {key}`)"),
                None => {
                    "no router has come to it (`hinge run --drain` decides everything that waits)".to_owned()
                }
            };
            writeln!(
                out,
                "{} about {}, event {} of {}, lies at {} and is not decided yet: {why_not}.",
                event.event_type(),
                event.subject,
                event.id,
                event.source,
                words::place(&place)
            )?;
        }
    }
    Ok(())
}
