//! Avro of other systems: the schemas that a source names, and how its records say which of them wrote them.

use std::collections::HashMap;
use std::fmt;

use apache_avro::rabin::Rabin;
use hinge_domain::{Row, Value};
use uuid::Uuid;

use super::avro_values::Plan;
use crate::avro::{split, truncated};
use crate::fingerprint::fingerprint;
use crate::foreign_schema::ForeignSchema;
use crate::framing::{SchemaId, framed};
use crate::{Code, Rejection};

pub(super) use crate::framing::VALUE_SCHEMA_ID as VALUE_SCHEMA_HEADER;

/// Where Confluent's serializers put the schema of a key, if not before it.
pub(super) const KEY_SCHEMA_HEADER: &str = "__key_schema_id";

/// How a record says with which schema it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Avro's single-object encoding: `C3 01` and the schema's fingerprint.
    SingleObject,
    /// Confluent's: a number or GUID of a registry before the data or in a header.
    Confluent,
    /// It does not: there is one schema.
    Bare,
}

impl Framing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SingleObject, Self::Confluent, Self::Bare];

    /// The name in a source file.
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleObject => "single-object",
            Self::Confluent => "confluent",
            Self::Bare => "bare",
        }
    }
}

/// A schema, and what the registry calls it.
#[derive(Clone, Debug)]
pub struct SchemaEntry {
    /// The schema, as JSON.
    pub schema: String,
    /// Its number in the registry.
    pub id: Option<u32>,
    /// Its GUID in the registry.
    pub guid: Option<Uuid>,
}

/// What the framing of a record names a schema by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reference {
    Fingerprint([u8; 8]),
    Registry(SchemaId),
    Only,
}

/// The schemas of a source.
#[derive(Debug)]
pub struct AvroTable {
    framing: Framing,
    schemas: Vec<Known>,
    by_reference: HashMap<Reference, usize>,
}

/// A schema, and what its data means.
#[derive(Debug)]
struct Known {
    schema: ForeignSchema,
    plan: Plan,
}

impl AvroTable {
    /// The schemas of a source, or what is wrong with one of them: its position and why.
    pub fn new(framing: Framing, entries: &[SchemaEntry]) -> Result<Self, (usize, String)> {
        let mut table = Self { framing, schemas: Vec::new(), by_reference: HashMap::new() };
        for (position, entry) in entries.iter().enumerate() {
            table.add(entry).map_err(|why| (position, why))?;
        }
        if framing == Framing::Bare && entries.len() > 1 {
            return Err((1, "records that do not say their schema can have only one".to_owned()));
        }
        Ok(table)
    }

    fn add(&mut self, entry: &SchemaEntry) -> Result<(), String> {
        let schema = ForeignSchema::parse(&entry.schema).map_err(|error| error.to_string())?;
        let plan = Plan::of(schema.schema())?;
        let references = match self.framing {
            Framing::Bare => vec![Reference::Only],
            Framing::SingleObject => {
                let by_library: Option<[u8; 8]> =
                    schema.schema().fingerprint::<Rabin>().bytes.try_into().ok();
                let json = serde_json::from_str(&entry.schema).map_err(|error| error.to_string())?;
                let both = [Some(fingerprint(&json)), by_library];
                both.into_iter().flatten().map(Reference::Fingerprint).collect()
            }
            Framing::Confluent => {
                let named = [entry.id.map(SchemaId::Number), entry.guid.map(SchemaId::Guid)];
                named.into_iter().flatten().map(Reference::Registry).collect()
            }
        };
        if references.is_empty() {
            return Err("the registry's `id` or `guid` of this schema is not given".to_owned());
        }
        let position = self.schemas.len();
        for reference in references {
            if self.by_reference.insert(reference, position).is_some_and(|other| other != position) {
                return Err("another schema of this source is called the same".to_owned());
            }
        }
        self.schemas.push(Known { schema, plan });
        Ok(())
    }

    /// The row that a value is; `header` is what the record's header says of its schema.
    pub(super) fn row(&self, value: &[u8], header: Option<&[u8]>) -> Result<Row, Rejection> {
        match self.read(value, header)? {
            Value::Record(row) => Ok(row),
            _ => Err(Rejection::new(Code::DataInvalid, "the schema is not one of a record")),
        }
    }

    /// The value of a key, if its framing names a schema of the table.
    pub(super) fn key(&self, key: &[u8], header: Option<&[u8]>) -> Option<Value> {
        // Without framing there is one schema, that of the values.
        if self.framing == Framing::Bare { None } else { self.read(key, header).ok() }
    }

    fn read(&self, bytes: &[u8], header: Option<&[u8]>) -> Result<Value, Rejection> {
        let (reference, datum) = match self.framing {
            Framing::Bare => (Reference::Only, bytes),
            Framing::SingleObject => {
                let (fingerprint, datum) = split(bytes)?;
                (Reference::Fingerprint(fingerprint), datum)
            }
            Framing::Confluent => {
                let (id, datum) = framed(header, bytes)?.ok_or_else(|| {
                    let detail = "not in Confluent's framing, which starts with 00 and a schema's number";
                    Rejection::new(Code::AvroInvalid, detail)
                })?;
                (Reference::Registry(id), datum)
            }
        };
        let Some(known) = self.by_reference.get(&reference).map(|position| &self.schemas[*position]) else {
            let code = match reference {
                Reference::Registry(_) => Code::SchemaIdUnknown,
                Reference::Fingerprint(_) | Reference::Only => Code::SchemaUnknown,
            };
            let detail = format!("the source names no schema {reference}; add it under `avro: schemas:`");
            return Err(Rejection::new(code, detail));
        };
        known.plan.value(known.schema.read(datum)?).ok_or_else(truncated)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(bytes) => write!(f, "with the fingerprint {:016x}", u64::from_le_bytes(*bytes)),
            Self::Registry(id) => write!(f, "with the id {id}"),
            Self::Only => f.write_str("at all"),
        }
    }
}
