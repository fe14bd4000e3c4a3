//! What the router does beside its main job: it holds the records behind a rejected one, lets a partition
//! stand still, and carries out what operators wish.
//!
//! Wishes are read between batches, and only while something is held or stands still: the topics that they lie
//! in cost nothing otherwise.

use std::time::{Duration, Instant};

use hinge_schema::{Code, Rejection};
use hinge_stream::{Offset, Record, TopicPartition};

use crate::decode::{Envelope, Said};
use crate::error::Error;
use crate::held_key::{HeldKey, Wish, Wished};
use crate::operator::{self, Part};
use crate::outcome::{Outcome, Released};
use crate::place::RecordPlace;
use crate::stops::StopReason;
use crate::{Router, clock, dead_letter, held_record};

/// How often wishes are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Whether an event of this type is never held: it takes something back, and nobody may act on that meanwhile.
fn is_never_held(event_type: &str) -> bool {
    event_type.ends_with(".withdrawn") || event_type.ends_with(".cancelled")
}

impl Router {
    /// A record whose key is held: it waits too, unless it repairs the rejected one or takes something back.
    pub(crate) fn one_behind(
        &mut self,
        record: &Record,
        said: &Said,
        polled: Instant,
    ) -> Result<Option<Outcome>, Error> {
        let Some(envelope) = said.envelopes.first() else {
            // It says nothing, so nothing of it could come too early.
            return self.decide_one(record, said, polled);
        };
        let repaired = envelope.repairs.as_ref().map(|repair| &repair.place);
        if let Some(place) = repaired.filter(|place| self.holding.is_behind_of(record, place)) {
            let outcome = self.decide_one(record, said, polled)?;
            if !matches!(outcome, None | Some(Outcome::Rejected(_))) {
                self.free_after_repair(record, place)?;
            }
            return Ok(outcome);
        }
        if said.envelopes.iter().any(|envelope| is_never_held(envelope.event.event_type())) {
            return self.decide_one(record, said, polled);
        }
        self.hold(record, Some(envelope))
    }

    /// Puts a record behind those of its key that wait already.
    pub(crate) fn hold(
        &mut self,
        record: &Record,
        envelope: Option<&Envelope>,
    ) -> Result<Option<Outcome>, Error> {
        if self.holding.is_full(record) {
            self.stops.stop_before(record, StopReason::HeldRecords);
            return Ok(None);
        }
        self.begin()?;
        match held_record::send(self.session.as_mut(), record)? {
            Ok(()) => {
                self.holding.hold(record);
                Ok(Some(Outcome::Held))
            }
            Err(rejection) => self.reject(record, envelope, &rejection),
        }
    }

    /// What the key was held for is repaired: what waits behind it follows.
    fn free_after_repair(&mut self, record: &Record, repaired: &RecordPlace) -> Result<(), Error> {
        self.begin()?;
        let wished = Wished {
            wish: Wish::Release,
            letter: repaired.to_string(),
            by: "hinge".to_owned(),
            at: clock::wall().to_string(),
            reason: Some(format!("`{repaired}` was repaired by `{}`", RecordPlace::of(record))),
        };
        self.holding.wish(record, wished);
        Ok(())
    }

    /// Looks for wishes now and then, and carries out a part of one.
    pub(crate) fn operate(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() >= LOOK && (!self.holding.is_empty() || self.stops.any()) {
            if !self.holding.is_empty() {
                self.holding.look(self.reader.as_mut())?;
            }
            if self.stops.any() {
                self.resume_wished()?;
            }
            self.looked = Instant::now();
        }
        match self.holding.next_wish() {
            Some((key, wished)) => {
                let (key, wished) = (key.clone(), wished.clone());
                self.carry_out(&key, &wished)
            }
            None => Ok(()),
        }
    }

    /// Carries out a part of a wish, as much as fits into one batch, in a transaction of its own.
    fn carry_out(&mut self, key: &HeldKey, wished: &Wished) -> Result<(), Error> {
        self.commit()?;
        let part = Part { records: self.settings.limits.records, bytes: self.settings.limits.bytes };
        let (records, reached) = operator::first_held(self.reader.as_mut(), key, part)?;
        let polled = Instant::now();
        self.begin()?;
        let mut rejected = None;
        for record in &records {
            self.pulse.beat();
            self.holding.let_out(record);
            let released = match wished.wish {
                Wish::Release => self.release(record, polled)?,
                Wish::Discard => self.discard(record, wished)?,
            };
            self.tally.release(released);
            if let Released::Ended(Outcome::Rejected(code)) = released {
                rejected = Some((record, code));
                break;
            }
        }
        let left = key.records.saturating_sub(records.len());
        if let Some((record, code)) = rejected {
            self.holding.goes_on_behind(record, code);
        } else if left == 0 || records.is_empty() {
            if left > 0 {
                tracing::error!(topic = %key.partition.topic, partition = key.partition.partition, missing = left,
                    first = key.from.0, last = key.until.0 - 1,
                    "held records are gone from hinge.held: find out who emptied it, and write them to the input again");
            }
            self.holding.end(&key.partition, &key.key);
        } else if let Some(last) = records.last() {
            self.holding.lies_from(last, reached);
        }
        self.commit()?;
        tracing::info!(topic = %key.partition.topic, partition = key.partition.partition, letter = %key.letter,
            records = records.len(), wish = ?wished.wish, by = wished.by, "held records carried on as wished");
        if left == 0 { self.holding.move_on(self.reader.as_mut()) } else { Ok(()) }
    }

    /// A held record is decided, as if it came now, at its own place.
    fn release(&mut self, record: &Record, polled: Instant) -> Result<Released, Error> {
        let ended = match self.decoded(record) {
            Ok(said) => self.decide_one(record, &said, polled)?,
            Err(rejection) => self.reject(record, None, &rejection)?,
        };
        ended.map(Released::Ended).ok_or_else(|| Error::NotOurs(record.place.clone()))
    }

    /// A held record goes to the dead letters, with the reason that the operator gave.
    fn discard(&mut self, record: &Record, wished: &Wished) -> Result<Released, Error> {
        let reason = wished.reason.as_deref().unwrap_or("no reason given");
        let detail = format!("held behind `{}`, discarded by {}: {reason}", wished.letter, wished.by);
        let said = self.decoded(record).ok();
        let envelope = said.as_ref().and_then(|said| said.envelopes.first());
        let rejection = Rejection::new(Code::Discarded, detail);
        dead_letter::send(self.session.as_mut(), record, envelope, &rejection)?;
        Ok(Released::Discarded)
    }

    /// What comes next in a partition cannot be read, so it stops there.
    pub(crate) fn stop_unreadable(
        &mut self,
        place: &TopicPartition,
        next: Offset,
        why: String,
    ) -> Result<(), Error> {
        self.commit()?;
        self.stops.stop_at(place, next, (StopReason::Unreadable, Some(why)));
        self.stand_still()
    }

    /// Partitions that were stopped stand still from now on, and somebody is told.
    pub(crate) fn stand_still(&mut self) -> Result<(), Error> {
        if !self.stops.any() {
            return Ok(());
        }
        let mut stood = self.stops.any_stands();
        while let Some((place, stop)) = self.stops.next_to_stand() {
            if !stood {
                // What was wished before it stood still was not meant for this.
                self.resumes_read_until = operator::interventions_end(self.reader.as_mut())?;
                stood = true;
            }
            self.session.pause(&place)?;
            self.metrics.stopped(&place, Some(stop.reason));
            let look_at = match stop.reason {
                StopReason::RejectedShare | StopReason::RejectedInARow => {
                    format!("hinge dead-letters list --topic {}", place.topic)
                }
                StopReason::HeldKeys | StopReason::HeldRecords => "hinge held list".to_owned(),
                StopReason::Unreadable => format!("the records of {place} from {} on", stop.first),
            };
            tracing::error!(topic = %place.topic, partition = place.partition, reason = stop.reason.name(),
                codes = stop.codes(), detail = stop.detail, first = stop.first.0, last = stop.last.0, look_at,
                resume = format!("hinge resume {place}"), explain = "hinge explain partition-stopped",
                "partition stopped: look at the cause, mend it, then resume");
        }
        self.show_stopped();
        Ok(())
    }

    /// Lets those partitions go on that somebody wishes to go on.
    fn resume_wished(&mut self) -> Result<(), Error> {
        let (wished, until) = operator::resumes(self.reader.as_mut(), &self.resumes_read_until)?;
        self.resumes_read_until = until;
        for (place, by) in wished {
            if self.stops.resume(&place) {
                self.session.resume(&place)?;
                self.metrics.stopped(&place, None);
                tracing::info!(topic = %place.topic, partition = place.partition, by, "partition resumed");
            }
        }
        self.show_stopped();
        Ok(())
    }

    fn show_stopped(&self) {
        let stopped = self.stops.stopped();
        self.pulse.set_stopped(stopped.iter().map(|(place, stop)| format!("{place}: {stop}")).collect());
    }
}
