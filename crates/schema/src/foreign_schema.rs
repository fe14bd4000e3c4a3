//! Schemas that others wrote: any Avro there is, within limits that keep every value small and shallow. What of
//! them Hinge can read is in [`crate::compatibility`], what their values mean in [`crate::resolution`].

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{Name, NamesRef, ResolvedSchema};
use apache_avro::types::Value as Avro;

use crate::Rejection;
use crate::avro::{read_all, set_allocation_limit};
use crate::avro_walk::Walk;
use crate::schema_fields::{MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS, SchemaError, check_limits};

/// A schema of somebody else, ready to read with. Schemas live as long as the process: they are leaked, because
/// the library's reader borrows them and must not be built per record.
pub struct ForeignSchema {
    schema: &'static Schema,
    decoder: GenericDatumReader<'static>,
    walk: Walk,
}

impl std::fmt::Debug for ForeignSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ForeignSchema").field(&self.full_name()).finish()
    }
}

impl ForeignSchema {
    /// Reads a schema from its JSON.
    ///
    /// # Errors
    /// Where it is not an Avro schema, is no record, or is beyond the limits: 64 KiB, 32 levels, 500 fields
    /// (each counted wherever its type is used), no schema within itself, no list of items without bytes.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        set_allocation_limit();
        let unusable = |error: apache_avro::Error| SchemaError::new(error.to_string());
        let json = check_limits(text)?;
        let schema = Schema::parse(&json).map_err(unusable)?;
        let resolved = ResolvedSchema::new(&schema).map_err(unusable)?;
        let Schema::Record(_) = &schema else { return Err(SchemaError::new("not a record")) };
        Extent { names: resolved.get_names(), within: Vec::new(), fields: 0 }.measure(&schema)?;
        let walk = Walk::of_foreign(&schema, resolved.get_names());
        drop(resolved);
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let decoder = GenericDatumReader::builder(schema).build().map_err(unusable)?;
        Ok(Self { schema, decoder, walk })
    }

    /// The record's name with its namespace, such as `hinge.order.OrderPlaced`.
    pub fn full_name(&self) -> String {
        full_name(self.schema)
    }

    pub(crate) fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// Reads data that must end exactly where the schema says.
    pub(crate) fn read(&self, datum: &[u8]) -> Result<Avro, Rejection> {
        read_all(&self.decoder, &self.walk, datum)
    }
}

/// The name of a schema with its namespace; empty where it has none.
pub(crate) fn full_name(schema: &Schema) -> String {
    schema.name().map(|name| name.fullname(None)).unwrap_or_default()
}

/// How far a schema reaches once its names are followed.
struct Extent<'a> {
    names: &'a NamesRef<'a>,
    /// The records around the place that is looked at.
    within: Vec<&'a Name>,
    fields: usize,
}

impl<'a> Extent<'a> {
    /// Follows a schema to its ends; gives whether its values may have no bytes at all.
    fn measure(&mut self, schema: &'a Schema) -> Result<bool, SchemaError> {
        // Names let a small schema be deep, so that levels are counted here again.
        if self.within.len() > MAX_SCHEMA_DEPTH {
            return Err(SchemaError::new(format!("nested deeper than {MAX_SCHEMA_DEPTH}")));
        }
        match schema {
            Schema::Null => Ok(true),
            Schema::Ref { name } => {
                let named = *self.names.get(name).ok_or_else(|| {
                    SchemaError::new(format!("the type `{}` is not defined", name.fullname(None)))
                })?;
                self.measure(named)
            }
            Schema::Record(record) => {
                if self.within.contains(&&record.name) {
                    let name = record.name.fullname(None);
                    return Err(SchemaError::new(format!("`{name}` contains itself")));
                }
                self.within.push(&record.name);
                let mut empty = true;
                for field in &record.fields {
                    self.fields += 1;
                    if self.fields > MAX_SCHEMA_FIELDS {
                        return Err(SchemaError::new(format!("more than {MAX_SCHEMA_FIELDS} fields")));
                    }
                    empty &= self.measure(&field.schema)?;
                }
                self.within.pop();
                Ok(empty)
            }
            Schema::Array(array) => {
                if self.measure(&array.items)? {
                    // Four bytes could stand for any number of them.
                    return Err(SchemaError::new("a list whose items have no bytes"));
                }
                Ok(false)
            }
            Schema::Map(map) => self.measure(&map.types).map(|_| false),
            Schema::Union(union) => {
                for branch in union.variants() {
                    self.measure(branch)?;
                }
                Ok(false)
            }
            Schema::Fixed(fixed) if fixed.size > crate::MAX_BODY_BYTES => {
                Err(SchemaError::new(format!("a value of {} bytes", fixed.size)))
            }
            Schema::Fixed(fixed) => Ok(fixed.size == 0),
            _ => Ok(false),
        }
    }
}
