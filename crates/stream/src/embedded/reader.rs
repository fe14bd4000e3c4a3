//! Reading beside a session, without a group.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::database::Database;
use super::fetch::{self, Room, Source, Stretch};
use super::writer::partitions_of;
use crate::{Error, Offset, Reader, Record, TopicPartition};

/// Reads any topic of one file.
#[derive(Debug)]
pub(super) struct EmbeddedReader {
    database: Database,
    sources: HashMap<TopicPartition, Source>,
    /// Where each partition was read up to.
    reached: HashMap<TopicPartition, Offset>,
}

impl EmbeddedReader {
    pub(super) fn new(database: Database) -> Self {
        Self { database, sources: HashMap::new(), reached: HashMap::new() }
    }
}

impl Reader for EmbeddedReader {
    fn bounds(&mut self, topic: &str) -> Result<Vec<(TopicPartition, Offset, Offset)>, Error> {
        sources_of(&self.database, topic)?
            .into_iter()
            .map(|source| {
                let oldest = fetch::oldest(&self.database, source.id)?;
                let end = fetch::end(&self.database, source.id)?;
                Ok((source.place, oldest, end))
            })
            .collect()
    }

    fn read(
        &mut self,
        place: &TopicPartition,
        from: Offset,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Record>, Error> {
        if !self.sources.contains_key(place) {
            for source in sources_of(&self.database, &place.topic)? {
                self.sources.insert(source.place.clone(), source);
            }
        }
        let source =
            self.sources.get(place).ok_or_else(|| Error::PartitionMissing { place: place.clone() })?;
        let database = &self.database;
        let found = fetch::wait_for(database, wait, || {
            let mut records = Vec::new();
            let mut room = Room { records: most, bytes: usize::MAX };
            let stretch = Stretch { source, from, until: Offset(i64::MAX) };
            fetch::fetch(database, stretch, &mut room, &mut |record| {
                records.push(record);
                ControlFlow::Continue(())
            })?;
            Ok(Some(records).filter(|records| !records.is_empty()))
        })?;
        let records = found.unwrap_or_default();
        let reached = records.last().map_or(from, |record| record.offset.next());
        self.reached.insert(place.clone(), reached);
        Ok(records)
    }

    fn at_end(&self, place: &TopicPartition) -> bool {
        let (Some(source), Some(reached)) = (self.sources.get(place), self.reached.get(place)) else {
            return false;
        };
        fetch::end(&self.database, source.id).is_ok_and(|end| *reached >= end)
    }
}

/// The partitions of a topic, by number.
pub(super) fn sources_of(database: &Database, topic: &str) -> Result<Vec<Source>, Error> {
    let name: std::sync::Arc<str> = topic.into();
    let partitions = partitions_of(database, topic)?;
    Ok((0..)
        .zip(partitions)
        .map(|(number, id)| Source { place: TopicPartition::new(name.clone(), number), id })
        .collect())
}
