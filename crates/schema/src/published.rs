//! The schemas that Hinge publishes, for people and for other programs: their texts, and whether a schema of
//! somebody else fits them. Reading records with them is the business of [`crate::avro_facts`].

use std::sync::{Arc, LazyLock};

use crate::catalogue::Published;
use crate::compatibility::{Incompatibility, incompatibilities};
use crate::files::NOTIFICATION_SCHEMAS;
use crate::foreign_schema::{ForeignSchema, full_name};
use crate::notification::VERSIONS;
use crate::schema_fields::SchemaError;
use crate::{Catalogue, NOTIFICATION_TYPE};

/// How somebody else's schema fits one of Hinge's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The version of Hinge's schema, from 1.
    pub version: u32,
    /// What Hinge's schema cannot read of what the other one wrote.
    pub hinge_reads: Vec<Incompatibility>,
    /// What the other one cannot read of what Hinge's schema wrote.
    pub reads_hinge: Vec<Incompatibility>,
}

impl Catalogue {
    /// The Avro schemas of an event type, or of `hinge.notification`, as JSON: one for each version from 1.
    pub fn schema_texts(&self, event_type: &str) -> Option<Vec<&'static str>> {
        Some(self.published(event_type)?.iter().map(|published| published.text).collect())
    }

    /// What has a record of this full name: an event type, or `hinge.notification`.
    pub fn type_of_record(&self, full_name: &str) -> Option<&str> {
        match self.shape_of_record(full_name) {
            Some(shape) => Some(&shape.event_type),
            None => (full_name == name_of(notifications())).then_some(NOTIFICATION_TYPE),
        }
    }

    /// How a schema fits each version of an event type, or of `hinge.notification`, in both directions; `None`
    /// where there is no such type.
    ///
    /// # Errors
    /// Where names in the schema lead nowhere.
    pub fn compare(
        &self,
        schema: &ForeignSchema,
        event_type: &str,
    ) -> Result<Option<Vec<Compared>>, SchemaError> {
        let Some(published) = self.published(event_type) else { return Ok(None) };
        let (theirs, ours) = (schema.full_name(), name_of(published));
        let misnamed = (theirs != ours).then(|| Incompatibility {
            path: String::new(),
            problem: format!("is named `{theirs}`; Hinge knows the event type by the name `{ours}`"),
            sometimes: false,
        });
        let each = (1..).zip(published).map(|(version, published)| {
            let ours = published.writer.schema();
            let mut hinge_reads = incompatibilities(schema.schema(), ours)?;
            hinge_reads.splice(0..0, misnamed.clone());
            Ok(Compared { version, hinge_reads, reads_hinge: incompatibilities(ours, schema.schema())? })
        });
        each.collect::<Result<_, _>>().map(Some)
    }

    fn published(&self, event_type: &str) -> Option<&[Published]> {
        if event_type == NOTIFICATION_TYPE { Some(notifications()) } else { self.versions(event_type) }
    }
}

fn name_of(published: &[Published]) -> String {
    published.last().map(|newest| full_name(newest.writer.schema())).unwrap_or_default()
}

/// What departments read, which is no event type.
fn notifications() -> &'static [Published] {
    static NOTIFICATIONS: LazyLock<Vec<Published>> = LazyLock::new(|| {
        let versions = NOTIFICATION_SCHEMAS.iter().zip(VERSIONS.iter());
        versions.map(|(file, writer)| Published { text: file.text, writer: Arc::clone(writer) }).collect()
    });
    &NOTIFICATIONS
}
