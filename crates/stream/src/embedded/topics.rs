//! The topics of the file: listing and creating.

use rusqlite::params;

use super::database::Database;
use crate::{Error, TopicSpec, TopicState, Topics};

/// More than any single machine needs, and far below what a row id can hold.
const PARTITIONS_MOST: i32 = 10_000;

/// Looks at topics and creates them.
#[derive(Debug)]
pub(super) struct EmbeddedTopics {
    database: Database,
}

impl EmbeddedTopics {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    fn create_one(&self, spec: &TopicSpec) -> Result<(), Error> {
        let added = self
            .database
            .statement("INSERT OR IGNORE INTO topics (name, partitions) VALUES (?1, ?2)")?
            .execute(params![spec.name, spec.partitions])
            .map_err(|error| self.database.error(error))?;
        if added == 0 {
            return Ok(());
        }
        let mut statement = self.database.statement(
            "INSERT INTO partitions (topic, number, next_offset, newest_timestamp) VALUES (?1, ?2, 0, 0)",
        )?;
        for number in 0..spec.partitions {
            statement.execute(params![spec.name, number]).map_err(|error| self.database.error(error))?;
        }
        Ok(())
    }
}

impl Topics for EmbeddedTopics {
    fn list(&mut self) -> Result<Vec<TopicState>, Error> {
        let mut statement = self.database.statement("SELECT name, partitions FROM topics ORDER BY name")?;
        let rows =
            statement.query_map([], |row| Ok(TopicState { name: row.get(0)?, partitions: row.get(1)? }));
        rows.and_then(Iterator::collect).map_err(|error| self.database.error(error))
    }

    fn create(&mut self, specs: &[TopicSpec]) -> Result<(), Error> {
        for spec in specs {
            check(spec)?;
        }
        self.database.begin_immediate()?;
        let created = specs.iter().try_for_each(|spec| self.create_one(spec));
        let created = created.and_then(|()| self.database.commit());
        if created.is_err() {
            self.database.rollback();
        }
        created
    }
}

/// The rules of Kafka, so that what works here can move there.
fn check(spec: &TopicSpec) -> Result<(), Error> {
    let refused =
        |reason: &str| Err(Error::TopicRefused { topic: spec.name.clone(), reason: reason.to_owned() });
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if spec.name.is_empty() || spec.name.len() > 249 || matches!(spec.name.as_str(), "." | "..") {
        return refused("a name has 1 to 249 characters and is not `.` or `..`");
    }
    if !spec.name.bytes().all(allowed) {
        return refused("a name consists of ASCII letters, digits, `.`, `_` and `-`");
    }
    if !(1..=PARTITIONS_MOST).contains(&spec.partitions) {
        return refused("a topic has 1 to 10000 partitions");
    }
    Ok(())
}
