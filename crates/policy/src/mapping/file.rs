//! A mapping's YAML as it is written: names, places, nothing checked yet.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// The whole file: of a mapping for files, or of a source for topics.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingFile {
    pub(super) source: Option<Spanned<String>>,
    pub(super) zone: Spanned<String>,
    pub(crate) rows: Option<Spanned<String>>,
    pub(crate) delimiter: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) join: Entries<JoinEntry>,
    pub(crate) topics: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) format: Option<Spanned<String>>,
    pub(crate) avro: Option<Spanned<AvroEntry>>,
    pub(crate) ignored: Option<Spanned<Vec<String>>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) subject: Option<Spanned<String>>,
    pub(super) correlationid: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) facts: Entries<Spanned<String>>,
    pub(super) events: Spanned<Vec<EventEntry>>,
}

/// What stands under `avro:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AvroEntry {
    pub(crate) framing: Spanned<String>,
    pub(crate) schemas: Vec<Spanned<SchemaSource>>,
}

/// One of `schemas:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaSource {
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) schema: Option<Spanned<String>>,
    pub(crate) id: Option<u32>,
    pub(crate) guid: Option<Spanned<String>>,
}

/// What stands under a name in `join:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinEntry {
    pub(super) file: Option<Spanned<String>>,
    pub(super) key: Spanned<String>,
    pub(super) is: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) many: bool,
}

/// What stands under `events:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventEntry {
    #[serde(rename = "type")]
    pub(super) event_type: Spanned<String>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) id: Spanned<String>,
    pub(super) subject: Option<Spanned<String>>,
    pub(super) correlationid: Option<Spanned<String>>,
    pub(super) time: Spanned<String>,
    #[serde(default)]
    pub(super) facts: Entries<Spanned<String>>,
}

/// The entries of a YAML mapping in the order of the file, each with the place of its name.
pub(crate) struct Entries<T>(pub(crate) Vec<(Spanned<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, each with what it stands for")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
