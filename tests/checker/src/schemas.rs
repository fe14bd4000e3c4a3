//! The event types, read from the Avro schema files: fields, versions, and the fingerprints that data names.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::fact::{Fact, Field, Kind};
use crate::fingerprint;

/// One version of a schema.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its fields.
    pub fields: Vec<Field>,
}

/// One event type, or what Hinge writes itself.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Its CloudEvents name.
    pub name: Arc<str>,
    /// Its versions, the newest last.
    pub versions: Vec<Version>,
}

impl EventType {
    /// The fields of the newest version.
    pub fn newest(&self) -> &[Field] {
        self.versions.last().map_or(&[], |version| &version.fields)
    }
}

/// All schemas of a folder.
#[derive(Debug, Default)]
pub struct Schemas {
    types: Vec<EventType>,
    by_name: HashMap<Arc<str>, usize>,
    by_fingerprint: HashMap<[u8; 8], (usize, usize)>,
    /// Where among the types notifications are, which are no event type.
    notification: usize,
}

impl Schemas {
    /// Reads `STREAM/TYPE.vN.avsc` below a folder.
    ///
    /// # Errors
    /// A file that cannot be read, or says something that this program does not know.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        for stream in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            files.extend(entries(&stream)?);
        }
        let mut named = Vec::new();
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((event_type, number)) =
                name.strip_suffix(".avsc").and_then(|name| name.rsplit_once(".v"))
            else {
                continue;
            };
            let number: usize = number.parse().map_err(|_| format!("{}: no version", path.display()))?;
            named.push((event_type.to_owned(), number, path));
        }
        named.sort();
        let mut schemas = Self::default();
        for (event_type, number, path) in named {
            let wrong = |why: String| format!("{}: {why}", path.display());
            let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
            schemas.add(&event_type, number, &text).map_err(wrong)?;
        }
        let notification = schemas.by_name.remove("notification");
        schemas.notification =
            notification.ok_or_else(|| format!("{}: no schema of notifications", folder.display()))?;
        Ok(schemas)
    }

    fn add(&mut self, event_type: &str, number: usize, text: &str) -> Result<(), String> {
        let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let place = *self.by_name.entry(event_type.into()).or_insert_with(|| {
            self.types.push(EventType { name: event_type.into(), versions: Vec::new() });
            self.types.len() - 1
        });
        let versions = &mut self.types[place].versions;
        if versions.len() + 1 != number {
            return Err(format!("version {number} follows version {}", versions.len()));
        }
        versions.push(Version { fields: fields(&json)? });
        self.by_fingerprint.insert(fingerprint::of(&json), (place, number - 1));
        Ok(())
    }

    /// An event type by its name, and where it is.
    pub fn event_type(&self, name: &str) -> Option<(usize, &EventType)> {
        let place = *self.by_name.get(name)?;
        Some((place, &self.types[place]))
    }

    /// An event type by its place.
    pub fn at(&self, place: usize) -> &EventType {
        &self.types[place]
    }

    /// The type and the version that a fingerprint names.
    pub fn written(&self, fingerprint: [u8; 8]) -> Option<(usize, &Version)> {
        let (place, version) = *self.by_fingerprint.get(&fingerprint)?;
        Some((place, &self.types[place].versions[version]))
    }

    /// Where notifications are.
    pub fn notification(&self) -> usize {
        self.notification
    }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let found = fs::read_dir(folder).map_err(wrong)?;
    found.map(|entry| entry.map(|entry| entry.path()).map_err(wrong)).collect()
}

fn fields(record: &Json) -> Result<Vec<Field>, String> {
    let fields = record["fields"].as_array().ok_or("a record without fields")?;
    let field = |field: &Json| {
        let name = field["name"].as_str().ok_or("a field without a name")?;
        let described = |why: String| format!("field `{name}`: {why}");
        let (optional, schema) = match &field["type"] {
            Json::Array(branches) => match branches.as_slice() {
                [first, second] if first == "null" => (true, second),
                _ => return Err(described("a union other than of null and one more".to_owned())),
            },
            schema => (false, schema),
        };
        let kind = kind(schema).map_err(described)?;
        let default = match field.get("default") {
            None => None,
            Some(default) => Some(default_of(default, &kind).map_err(described)?),
        };
        Ok(Field { name: name.into(), optional, kind, default })
    };
    fields.iter().map(field).collect()
}

fn kind(schema: &Json) -> Result<Kind, String> {
    let logical = schema["logicalType"].as_str();
    let name = schema.as_str().or_else(|| schema["type"].as_str()).unwrap_or_default();
    Ok(match (name, logical) {
        ("boolean", None) => Kind::Bool,
        ("long", None) => Kind::Long,
        ("double", None) => Kind::Double,
        ("string", None | Some("uuid")) => Kind::Text,
        ("int", Some("date")) => Kind::Date,
        ("long", Some("timestamp-millis")) => Kind::Instant,
        ("bytes", Some("decimal")) => {
            let scale = schema["scale"].as_u64().and_then(|scale| u32::try_from(scale).ok());
            Kind::Exact(scale.ok_or("a decimal without a scale")?)
        }
        ("enum", None) => {
            let words = schema["symbols"].as_array().ok_or("an enum without symbols")?;
            let words: Vec<Arc<str>> = words.iter().filter_map(Json::as_str).map(Arc::from).collect();
            let fallback = schema["default"].as_str().ok_or("an enum without a default")?;
            Kind::Symbol(words, fallback.into())
        }
        ("array", None) => Kind::List(Box::new(kind(&schema["items"])?)),
        ("record", None) => Kind::Record(fields(schema)?),
        (name, logical) => {
            return Err(format!("the type {name} {} is not known here", logical.unwrap_or_default()));
        }
    })
}

fn default_of(default: &Json, kind: &Kind) -> Result<Fact, String> {
    Ok(match (default, kind) {
        (Json::Null, _) => Fact::Absent,
        (Json::Bool(value), Kind::Bool) => Fact::Bool(*value),
        (Json::Number(value), Kind::Long) => Fact::Long(value.as_i64().ok_or("a default beyond 64 bits")?),
        (Json::String(value), Kind::Text | Kind::Symbol(..)) => Fact::Text(value.as_str().into()),
        (Json::Array(items), Kind::List(_)) if items.is_empty() => Fact::List(Vec::new()),
        (_, _) => return Err(format!("the default {default} is not known here")),
    })
}
