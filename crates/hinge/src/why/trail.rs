//! What the log has on an event: decisions, dead letters, the record itself and the records that tell it again.
//!
//! Finds and reads; what to say of it is in [`super::words`].

use std::collections::HashSet;

use anyhow::Result;
use hinge_router::{Clock, DEAD_LETTERS, DECISIONS, Reading, RecordPlace, Rehearsal, operator};
use hinge_schema::{Catalogue, Sources};
use hinge_stream::{Log, Offset, Reader, Record, TopicPartition};
use serde_json::Value as Json;

use crate::confluent;
use crate::letters::in_words_of;
use crate::settings::Settings;
use crate::tail::{read_all, read_one, read_partition};
use crate::versions::Stored;

/// Where a record lies.
pub(super) type Place = (TopicPartition, Offset);

/// A decision record of `hinge.decisions`.
#[derive(Clone, Debug)]
pub(super) struct Decision(pub(super) Json);

impl Decision {
    pub(super) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// An attribute of its event.
    pub(super) fn event(&self, name: &str) -> &str {
        self.0["event"][name].as_str().unwrap_or_default()
    }

    /// Where the record of its event lies.
    pub(super) fn place(&self) -> Place {
        let partition = self.0["partition"].as_i64().and_then(|number| i32::try_from(number).ok());
        let place = TopicPartition::new(self.text("topic"), partition.unwrap_or(-1));
        (place, Offset(self.0["offset"].as_i64().unwrap_or(-1)))
    }

    pub(super) fn notifications(&self) -> impl Iterator<Item = &Json> {
        self.0["notifications"].as_array().into_iter().flatten()
    }

    /// The departments that were told, in the order of the policy.
    pub(super) fn told(&self) -> Vec<&str> {
        self.notifications().filter_map(|told| told["department"].as_str()).collect()
    }
}

/// A record of `hinge.dead-letters`; attributes that cannot be read are empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Letter {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) place: Option<Place>,
    pub(super) source: String,
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) correlation_id: String,
    /// What was done about it.
    pub(super) closed: Option<String>,
}

impl Letter {
    fn of(record: &Record) -> Self {
        let header =
            |name: &str| record.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        // Only a structured event says in its body who it is.
        let body: Json = match header("ce_id") {
            Some(_) => Json::Null,
            None => record
                .value
                .as_deref()
                .and_then(|value| serde_json::from_slice(value).ok())
                .unwrap_or_default(),
        };
        let said = |name: &str| {
            header(&format!("ce_{name}"))
                .or_else(|| Some(body[name].as_str()?.to_owned()))
                .unwrap_or_default()
        };
        let number = |name: &str| header(name)?.parse::<i64>().ok();
        let place = || {
            let partition = i32::try_from(number("hinge-error-partition")?).ok()?;
            let place = TopicPartition::new(header("hinge-error-topic")?, partition);
            Some((place, Offset(number("hinge-error-offset")?)))
        };
        Self {
            code: header("hinge-error-code").unwrap_or_default(),
            detail: header("hinge-error-detail").unwrap_or_default(),
            place: place(),
            source: said("source"),
            // A record of another system does not say which event it was about to become.
            id: header("hinge-error-event-id").unwrap_or_else(|| said("id")),
            subject: said("subject"),
            correlation_id: said("correlationid"),
            closed: None,
        }
    }
}

/// Records that tell of an event that was decided.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Where it is told again.
    pub(super) told: Vec<Place>,
    /// What is held, and under which key; what it tells is looked at when it is released.
    pub(super) held: Vec<(Place, String)>,
}

/// Reads the log for whoever asks.
pub(super) struct Trail<'a> {
    pub(super) reader: Box<dyn Reader>,
    pub(super) settings: &'a Settings,
    pub(super) catalogue: Catalogue,
    /// Reads the records of other systems; those of the version that ran last, until a decision names another.
    pub(super) sources: Sources,
}

impl<'a> Trail<'a> {
    /// A trail through this log, with the catalogue that a router of these settings reads it by.
    pub(super) fn of(log: &dyn Log, settings: &'a Settings) -> Result<Self> {
        let catalogue = confluent::catalogue(settings)?;
        let mut reader = log.reader()?;
        let sources = Stored::read(reader.as_mut())?.sources(&catalogue);
        Ok(Self { reader, settings, catalogue, sources })
    }

    /// The decisions that `wanted` picks among those that mention `needle` anywhere, in the order of deciding.
    pub(super) fn decisions(
        &mut self,
        needle: &str,
        wanted: impl Fn(&Decision) -> bool,
    ) -> Result<Vec<Decision>> {
        // As it stands within a JSON text: most decisions need not be parsed.
        let quoted = Json::from(needle).to_string();
        let needle = quoted.trim_matches('"');
        let mut found = Vec::new();
        read_all(self.reader.as_mut(), DECISIONS, &mut |record| {
            let text = record.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
            if let Some(text) = text.filter(|text| text.contains(needle)) {
                let decision = serde_json::from_str(text).ok().map(Decision);
                found.extend(decision.filter(&wanted));
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// The dead letters that `wanted` picks.
    pub(super) fn letters(&mut self, wanted: impl Fn(&Letter) -> bool) -> Result<Vec<Letter>> {
        let mut found = Vec::new();
        read_all(self.reader.as_mut(), DEAD_LETTERS, &mut |record| {
            found.extend(Some(Letter::of(record)).filter(&wanted));
            Ok(true)
        })?;
        if !found.is_empty() {
            let closed = operator::closings(self.reader.as_mut())?;
            for letter in &mut found {
                let place = letter.place.clone().map(|(partition, offset)| RecordPlace { partition, offset });
                letter.closed = place.and_then(|place| closed.get(&place)).map(in_words_of);
            }
        }
        Ok(found)
    }

    /// The events of the record at a place; none where it is gone, or cannot be read.
    pub(super) fn events_at(&mut self, (place, offset): &Place) -> Result<Vec<Reading>> {
        if !self.is_read(&place.topic) {
            return Ok(Vec::new());
        }
        let record = read_one(self.reader.as_mut(), place, *offset)?;
        let rehearsal = self.rehearsal();
        Ok(record.and_then(|record| rehearsal.read(&record).ok()).unwrap_or_default())
    }

    /// The event of a decision, read from its record again.
    pub(super) fn event_of(&mut self, decision: &Decision) -> Result<Option<Reading>> {
        let (source, id) = (decision.event("source"), decision.event("id"));
        let mut readings = self.events_at(&decision.place())?;
        let position = readings.iter().position(|it| it.event().source == source && it.event().id == id);
        // What the record says now may be another event than then; whoever asked is told that, and not an error.
        let position = position.or((readings.len() == 1).then_some(0));
        Ok(position.map(|position| readings.swap_remove(position)))
    }

    /// The places after a decision's record in its partition that tell of the same event, as far as the window
    /// reaches; up to the next of the places in `decided`, where it was an event once more.
    pub(super) fn repetitions(&mut self, decision: &Decision, decided: &[Place]) -> Result<Again> {
        let (place, mut last) = decision.place();
        let mut again = Again::default();
        if !self.is_read(&place.topic) {
            return Ok(again);
        }
        let mut held = operator::held_places(self.reader.as_mut())?;
        let mut rejected = HashSet::new();
        read_all(self.reader.as_mut(), DEAD_LETTERS, &mut |record| {
            let origin = Letter::of(record).place.filter(|(origin, _)| *origin == place);
            rejected.extend(origin.map(|(_, offset)| offset));
            Ok(true)
        })?;
        let (source, id) = (decision.event("source"), decision.event("id"));
        let window = self.settings.window();
        let rehearsal = self.rehearsal();
        read_partition(self.reader.as_mut(), (&place, last.next()), &mut |record| {
            let here = (place.clone(), record.offset);
            if record.offset.0 - last.0 > window.offsets || decided.contains(&here) {
                return Ok(false);
            }
            let is_it = |reading: &Reading| {
                (reading.event().source.as_str(), reading.event().id.as_str()) == (source, id)
            };
            if rehearsal.read(record).is_ok_and(|readings| readings.iter().any(is_it))
                && !rejected.contains(&record.offset)
            {
                if let Some(key) = held.remove(&RecordPlace::of(record)) {
                    again.held.push((here, key));
                } else {
                    last = record.offset;
                    again.told.push(here);
                }
            }
            Ok(true)
        })?;
        Ok(again)
    }

    /// The first input record that `wanted` picks by its event.
    pub(super) fn waiting(&mut self, wanted: impl Fn(&Reading) -> bool) -> Result<Option<(Place, Reading)>> {
        let mut found = None;
        let mut topics = self.settings.input_topics();
        topics.extend(self.sources.topics().into_iter().map(ToString::to_string));
        for topic in topics {
            let rehearsal = self.rehearsal();
            read_all(self.reader.as_mut(), &topic, &mut |record| {
                let reading = rehearsal.read(record).unwrap_or_default().into_iter().find(&wanted);
                found = reading.map(|reading| ((record.place.clone(), record.offset), reading));
                Ok(found.is_none())
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }

    fn is_read(&self, topic: &str) -> bool {
        self.sources.of(topic).is_some() || self.settings.input_topics().iter().any(|input| input == topic)
    }

    /// The name of the key behind whose rejected record the one at a place is held, if it is.
    pub(super) fn held_as(&mut self, (place, offset): &Place) -> Result<Option<String>> {
        let place = RecordPlace { partition: place.clone(), offset: *offset };
        Ok(operator::held_places(self.reader.as_mut())?.remove(&place))
    }

    fn rehearsal(&self) -> Rehearsal {
        let mut rehearsal = Rehearsal::new(self.catalogue.clone(), Clock::Wall, self.settings.window());
        rehearsal.with_sources(self.sources.clone());
        rehearsal
    }
}

/// A place as it is written: `order.events/0/17`.
pub(super) fn parse_place(text: &str) -> Option<Place> {
    let (rest, offset) = text.rsplit_once('/')?;
    let (topic, partition) = rest.rsplit_once('/')?;
    Some((TopicPartition::new(topic, partition.parse().ok()?), Offset(offset.parse().ok()?)))
}
