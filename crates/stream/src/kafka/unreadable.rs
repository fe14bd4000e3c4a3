//! Partitions of which the next batch cannot be read: compressed in a way that cannot be undone, or damaged.
//!
//! librdkafka says of such an error neither topic nor partition; after some it goes on behind the batch, as if it
//! were not there, after others it asks for it for ever. So at the first sign each partition is read once more,
//! alone, from where we are: the one that fails stands still, and the others go on.

use std::time::Duration;

use super::deadline::Deadline;
use super::incoming::{PartitionReader, Step};
use super::session::KafkaSession;
use crate::{Error, Offset, Polled, TopicPartition};

/// A partition that has more, of which nothing came for so long while the brokers answered, is suspicious.
pub(super) const STILL: Duration = Duration::from_secs(30);

/// How long one partition is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why what comes next may not be readable.
#[derive(Debug)]
pub(super) enum Suspicion {
    /// The consumer said so, of whichever partition.
    Error,
    /// Nothing comes of this one.
    Standing(TopicPartition),
}

impl KafkaSession {
    /// Looks into a suspicion, if there is one. What was polled and not handed out comes again.
    pub(super) fn look_into_suspicion(&mut self) -> Result<Option<Polled>, Error> {
        let Some(suspicion) = self.suspicion.take() else { return Ok(None) };
        self.batch.clear();
        self.batch_bytes = 0;
        let mut found = None;
        for (place, next) in self.assignment.going_on() {
            let is_it = match &suspicion {
                Suspicion::Error => true,
                Suspicion::Standing(standing) => *standing == place,
            };
            if is_it && let Some(why) = self.why_unreadable(&place, next, &suspicion)? {
                found = Some((place, next, why));
                break;
            }
        }
        if let Some((place, _, _)) = &found {
            self.stand_still(place)?;
        } else {
            tracing::warn!(?suspicion, "every partition can be read after all; going on where we were");
        }
        self.rewind()?;
        Ok(found.map(|(place, next, why)| Polled::Unreadable { place, next, why }))
    }

    /// Why the next batch of a partition cannot be read, if it cannot.
    fn why_unreadable(
        &mut self,
        place: &TopicPartition,
        next: Offset,
        suspicion: &Suspicion,
    ) -> Result<Option<String>, Error> {
        // One of its own: what another one has fetched would not be asked for again.
        let mut reader = PartitionReader::strict(&self.settings, &self.group)?;
        let deadline = Deadline::after(LOOK);
        match reader.go_to_by(deadline, place, next) {
            // Nobody leads it for now, which is the brokers' affair and passes; it is suspected again if it does not move.
            Err(error @ (Error::TimedOut { .. } | Error::BrokerUnreachable { .. })) => {
                tracing::warn!(%place, %error, "a partition cannot be looked at for now");
                return Ok(None);
            }
            looking => looking?,
        }
        while !deadline.is_over() {
            match reader.step(Duration::from_millis(100))? {
                Step::Record(_) | Step::End => return Ok(None),
                Step::Unreadable(error) => return Ok(Some(error.to_string())),
                Step::Nothing => {}
            }
        }
        Ok(match suspicion {
            // Of another partition, most likely.
            Suspicion::Error => None,
            Suspicion::Standing(_) => {
                Some(format!("nothing comes although there is more, for {} s", STILL.as_secs()))
            }
        })
    }
}
