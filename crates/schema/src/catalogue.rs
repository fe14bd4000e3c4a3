//! The event catalogue: which event types there are, of what facts, in which versions. Read once from the
//! schemas that are compiled in. How bytes become events is in [`crate::decode`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use hinge_domain::{Field, Shape, Stream};

use crate::avro::Writer;
use crate::confluent::Registered;
use crate::files::{EVENT_SCHEMAS, SchemaFile};
use crate::foreign_schema::full_name;
use crate::schema_fields::SchemaError;

/// The version of the catalogue, which a policy pins. It rises with every event type that is added.
pub const CATALOGUE_VERSION: u32 = 2;

/// The event types that Hinge knows. Cheap to clone: all clones share one copy.
#[derive(Clone, Debug)]
pub struct Catalogue {
    entries: Arc<Entries>,
    pub(crate) registered: Arc<Registered>,
}

#[derive(Debug)]
struct Entries {
    version: u32,
    /// In the order of the files: by stream, then along the life of an order.
    types: Vec<EventType>,
    by_name: HashMap<Arc<str>, usize>,
    by_fingerprint: HashMap<[u8; 8], (usize, Arc<Writer>)>,
    by_full_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct EventType {
    shape: Arc<Shape>,
    since: u32,
    /// Each version, from 1; never empty.
    versions: Vec<Published>,
}

/// One version of a schema that Hinge publishes.
#[derive(Debug)]
pub(crate) struct Published {
    /// The schema as JSON.
    pub(crate) text: &'static str,
    pub(crate) writer: Arc<Writer>,
}

impl Catalogue {
    /// The catalogue that is compiled in; parsed at the first call.
    pub fn builtin() -> Self {
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
            Catalogue::parse(EVENT_SCHEMAS).expect("the compiled-in schemas are checked by a test")
        });
        BUILTIN.clone()
    }

    /// Reads schema files, in which the versions of a type follow one another from 1.
    fn parse(files: &[SchemaFile]) -> Result<Self, SchemaError> {
        let mut entries = Entries {
            version: CATALOGUE_VERSION,
            types: Vec::new(),
            by_name: HashMap::new(),
            by_fingerprint: HashMap::new(),
            by_full_name: HashMap::new(),
        };
        for file in files {
            let name = || format!("{}.v{}", file.event_type, file.version);
            entries.add(file).map_err(|problem| problem.of(name()))?;
        }
        Ok(Self { entries: Arc::new(entries), registered: Arc::default() })
    }

    /// What an event type consists of, in its newest version.
    pub fn shape(&self, event_type: &str) -> Option<&Arc<Shape>> {
        self.position(event_type).map(|position| &self.entries.types[position].shape)
    }

    /// All event types, by stream and in the order of their life.
    pub fn shapes(&self) -> impl Iterator<Item = &Arc<Shape>> {
        self.entries.types.iter().map(|entry| &entry.shape)
    }

    /// The version of the catalogue, which policies pin.
    pub fn version(&self) -> u32 {
        self.entries.version
    }

    /// The version of the catalogue that an event type came with: a policy that pins an older one could not
    /// know of it.
    pub fn since(&self, event_type: &str) -> Option<u32> {
        self.position(event_type).map(|position| self.entries.types[position].since)
    }

    /// The event type whose schemas have this full name, such as `hinge.order.OrderPlaced`.
    pub(crate) fn shape_of_record(&self, full_name: &str) -> Option<&Arc<Shape>> {
        self.entries.by_full_name.get(full_name).map(|position| &self.entries.types[*position].shape)
    }

    /// The versions of an event type, from 1.
    pub(crate) fn versions(&self, event_type: &str) -> Option<&[Published]> {
        self.position(event_type).map(|position| self.entries.types[position].versions.as_slice())
    }

    fn position(&self, event_type: &str) -> Option<usize> {
        self.entries.by_name.get(event_type).copied()
    }

    /// The schema with this fingerprint, and the newest shape of its event type.
    pub(crate) fn writer(&self, fingerprint: [u8; 8]) -> Option<(&Arc<Shape>, &Writer)> {
        let (position, writer) = self.entries.by_fingerprint.get(&fingerprint)?;
        Some((&self.entries.types[*position].shape, writer))
    }

    /// The newest schema of an event type, with its fingerprint.
    pub(crate) fn newest_writer(&self, event_type: &str) -> Option<([u8; 8], &Writer)> {
        let newest = &self.versions(event_type)?.last()?.writer;
        Some((newest.fingerprint(), newest))
    }
}

impl Entries {
    fn add(&mut self, file: &SchemaFile) -> Result<(), SchemaError> {
        let stream = Stream::ALL
            .into_iter()
            .find(|stream| stream.name() == file.folder)
            .ok_or_else(|| SchemaError::new("its folder is not the name of a stream"))?;
        let (doc, writer) = Writer::parse(file.text)?;
        let shape = Arc::new(shape(file, stream, doc, writer.fields().to_vec()));
        let position = match self.by_name.get(file.event_type) {
            Some(position) => *position,
            None => self.types.len(),
        };
        let writer = Arc::new(writer);
        for alias in writer.fingerprints() {
            let known = self.by_fingerprint.insert(alias, (position, Arc::clone(&writer)));
            if known.is_some_and(|(_, known)| !Arc::ptr_eq(&known, &writer)) {
                return Err(SchemaError::new("another schema has the same fingerprint"));
            }
        }
        self.by_full_name.insert(full_name(writer.schema()), position);
        let published = Published { text: file.text, writer };
        match self.types.get_mut(position) {
            Some(older) if older.since != file.since => {
                return Err(SchemaError::new("its versions came with different versions of the catalogue"));
            }
            Some(older) if older.shape.version + 1 == file.version => {
                older.shape = shape;
                older.versions.push(published);
            }
            None if file.version == 1 => {
                self.by_name.insert(Arc::clone(&shape.event_type), position);
                self.types.push(EventType { shape, since: file.since, versions: vec![published] });
            }
            Some(_) | None => return Err(SchemaError::new("versions must follow one another from 1")),
        }
        Ok(())
    }
}

fn shape(file: &SchemaFile, stream: Stream, doc: String, fields: Vec<Field>) -> Shape {
    Shape { event_type: file.event_type.into(), stream, version: file.version, doc, fields }
}
