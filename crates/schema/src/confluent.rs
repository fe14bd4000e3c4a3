//! Values in Confluent's framing as events: a table of the ids that a schema registry gave, until the registry
//! itself is asked. How an id is framed is in [`crate::framing`].

use std::collections::HashMap;
use std::sync::Arc;

use hinge_domain::{Facts, Shape};

use crate::compatibility::{Incompatibility, incompatibilities};
use crate::foreign_schema::ForeignSchema;
use crate::framing::SchemaId;
use crate::resolution::resolve;
use crate::schema_fields::SchemaError;
use crate::{Catalogue, Code, Rejection};

/// The schemas that framed values may name.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    by_id: HashMap<SchemaId, Known>,
}

#[derive(Debug)]
struct Known {
    schema: ForeignSchema,
    event_type: Arc<str>,
}

impl Catalogue {
    /// The same catalogue, which also reads values that name one of these schemas. A schema belongs to the event
    /// type whose schemas have its full name; it may be any version of it, or a producer's own one.
    ///
    /// # Errors
    /// Where a schema has the name of no event type, or the newest version of its type cannot read it.
    pub fn with_confluent(
        mut self,
        schemas: impl IntoIterator<Item = (SchemaId, ForeignSchema)>,
    ) -> Result<Self, SchemaError> {
        let mut by_id = HashMap::new();
        for (id, schema) in schemas {
            let event_type = self.readable(&schema).map_err(|problem| problem.of(id.to_string()))?;
            by_id.insert(id, Known { schema, event_type });
        }
        self.registered = Arc::new(Registered { by_id });
        Ok(self)
    }

    /// The event type that a schema belongs to, if its values can be read.
    fn readable(&self, schema: &ForeignSchema) -> Result<Arc<str>, SchemaError> {
        let name = schema.full_name();
        let shape = self.shape_of_record(&name).ok_or_else(|| {
            SchemaError::new(format!(
                "no event type has the record `{name}`; `hinge schemas list` shows the event types"
            ))
        })?;
        let Some((_, newest)) = self.newest_writer(&shape.event_type) else {
            return Err(SchemaError::new("its event type has no schema"));
        };
        let problems: Vec<String> = incompatibilities(schema.schema(), newest.schema())?
            .iter()
            .filter(|problem| !problem.sometimes)
            .map(Incompatibility::to_string)
            .collect();
        if !problems.is_empty() {
            let (event_type, problems) = (&shape.event_type, problems.join("; "));
            return Err(SchemaError::new(format!("`{event_type}` cannot be read from it: {problems}")));
        }
        Ok(Arc::clone(&shape.event_type))
    }

    /// The facts in the data of a framed value.
    pub(crate) fn framed_facts(
        &self,
        id: SchemaId,
        datum: &[u8],
        shape: &Arc<Shape>,
    ) -> Result<Facts, Rejection> {
        let Some(known) = self.registered.by_id.get(&id) else {
            return Err(Rejection::new(
                Code::SchemaIdUnknown,
                format!("no schema is configured for the id {id}"),
            ));
        };
        if known.event_type != shape.event_type {
            let detail =
                format!("type `{}`, data of `{}` by the id {id}", shape.event_type, known.event_type);
            return Err(Rejection::new(Code::SchemaMismatch, detail));
        }
        let values = resolve(known.schema.read(datum)?, &shape.fields)?;
        Ok(Facts::new(Arc::clone(shape), values))
    }
}
