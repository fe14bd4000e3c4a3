//! A mapping's file as it is written: names, places, nothing checked yet but its form.

use serde_saphyr::Spanned;

use super::keys::{EVENT, MAPPING, ONLY_FOR_FILES, ONLY_FOR_TOPICS, SCHEMA, SOURCE};
use crate::diagnostic::Page;
use crate::form::{self, Form};
use crate::place::Place;
use crate::yaml::{Node, Yaml, plain_of, text_of};

/// The whole file: of a mapping for files, or of a source for topics. What is missing and must be there is noted,
/// except for what [`MappingFile::lacks`] tells.
pub(crate) struct MappingFile {
    /// Which of the two it is.
    pub(crate) of: Of,
    pub(super) source: Option<Spanned<String>>,
    pub(super) zone: Option<Spanned<String>>,
    pub(super) rows: Option<Spanned<String>>,
    pub(super) delimiter: Option<Spanned<String>>,
    pub(super) join: Vec<(Spanned<String>, JoinEntry)>,
    pub(crate) topics: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) format: Option<Spanned<String>>,
    pub(crate) avro: Option<Spanned<AvroEntry>>,
    pub(crate) ignored: Vec<String>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) subject: Option<Spanned<String>>,
    pub(super) correlationid: Option<Spanned<String>>,
    pub(super) facts: Vec<Fact>,
    pub(super) events: Option<Spanned<Vec<EventEntry>>>,
    /// Keys that only files of the other kind have, with their places.
    pub(crate) misplaced: Vec<(&'static str, Place)>,
    lacks: Vec<&'static str>,
}

/// A fact's name, and the expression that gives it; what is no expression is noted.
pub(super) type Fact = (Spanned<String>, Option<Spanned<String>>);

/// What stands under `avro:`.
pub(crate) struct AvroEntry {
    pub(crate) framing: Option<Spanned<String>>,
    pub(crate) schemas: Option<Vec<Spanned<SchemaSource>>>,
}

/// One of `schemas:`.
pub(crate) struct SchemaSource {
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) schema: Option<Spanned<String>>,
    /// Whether just one of the two is said, be it wrongly.
    pub(crate) once: bool,
    pub(crate) id: Option<u32>,
    pub(crate) guid: Option<Spanned<String>>,
}

/// What stands under a name in `join:`.
pub(super) struct JoinEntry {
    pub(super) file: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) is: Option<Spanned<String>>,
    pub(super) many: bool,
}

/// What stands under `events:`.
pub(super) struct EventEntry {
    pub(super) event_type: Option<Spanned<String>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) id: Option<Spanned<String>>,
    pub(super) subject: Option<Spanned<String>>,
    /// Whether a subject is said, be it wrongly.
    pub(super) has_subject: bool,
    pub(super) correlationid: Option<Spanned<String>>,
    pub(super) time: Option<Spanned<String>>,
    pub(super) facts: Vec<Fact>,
}

/// Which of the two a file is.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// A mapping for files.
    Files,
    /// A source for topics.
    Topics,
    /// What its keys say.
    Either,
}

/// What a file is, its form, and the keys of the other kind.
type Kind = (Of, &'static Form, &'static [&'static str]);

impl MappingFile {
    /// Reads a file and notes everything about its form that is wrong.
    pub(crate) fn read(page: &mut Page<'_>, of: Of) -> Option<Self> {
        let mut kind = (Of::Files, &MAPPING, ONLY_FOR_TOPICS);
        let root = form::read_as(page, |root| {
            let reads_topics = match of {
                Of::Files => false,
                Of::Topics => true,
                Of::Either => form::says(root, &SOURCE, "topics"),
            };
            if reads_topics {
                kind = (Of::Topics, &SOURCE, ONLY_FOR_FILES);
            }
            // What else these must say is told by what reads them.
            let (_, form, others) = kind;
            (form, [others, &["source", "topics", "format"]].concat())
        })?;
        Some(Self::of(page.text, &root, kind))
    }

    fn of(file: &str, root: &Yaml, (kind, form, others): Kind) -> Self {
        let fields = Fields { file, of: root };
        let joins = root.get("join").map(|it| it.value.entries()).unwrap_or_default();
        let spanned = |key: &str| root.get(key).filter(|node| matches!(node.value, Yaml::List(_)));
        let place = |name: &&'static str| {
            let node = root.get(name)?;
            Some((*name, node.value.entries().first().map_or(node.into(), |(first, _)| Place::from(first))))
        };
        Self {
            of: kind,
            source: fields.text("source"),
            zone: fields.text("zone"),
            rows: fields.text("rows"),
            delimiter: fields.text("delimiter"),
            join: joins.iter().filter_map(|(name, node)| join(file, name, node)).collect(),
            topics: spanned("topics").map(|node| at(node, fields.texts("topics"))),
            format: fields.text("format"),
            avro: root
                .get("avro")
                .filter(|node| matches!(node.value, Yaml::Map(_)))
                .map(|node| at(node, avro(file, &node.value))),
            ignored: fields.texts("ignored").into_iter().map(|name| name.value).collect(),
            when: fields.text("when"),
            subject: fields.text("subject"),
            correlationid: fields.text("correlationid"),
            facts: fields.facts(),
            events: spanned("events").and_then(|node| events(file, node)),
            misplaced: others.iter().filter_map(place).collect(),
            lacks: form.keys.iter().map(|key| key.name).filter(|key| !form::says(root, form, key)).collect(),
        }
    }

    /// Whether nothing is said under a key, not even something wrong or under a misspelt name.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        self.lacks.contains(&key)
    }
}

/// The texts of a record.
struct Fields<'a> {
    file: &'a str,
    of: &'a Yaml,
}

impl Fields<'_> {
    fn text(&self, key: &str) -> Option<Spanned<String>> {
        self.of.get(key).and_then(|node| plain_of(self.file, node))
    }

    fn texts(&self, key: &str) -> Vec<Spanned<String>> {
        let items = self.of.get(key).map(|node| node.value.items()).unwrap_or_default();
        items.iter().filter_map(|item| plain_of(self.file, item)).collect()
    }

    fn facts(&self) -> Vec<Fact> {
        let entries = self.of.get("facts").map(|node| node.value.entries()).unwrap_or_default();
        let named = |(name, node): &(Node, Node)| Some((text_of(name)?, plain_of(self.file, node)));
        let mut facts: Vec<Fact> = Vec::new();
        for fact in entries.iter().filter_map(named) {
            // One that is said twice is noted.
            if !facts.iter().any(|(name, _)| name.value == fact.0.value) {
                facts.push(fact);
            }
        }
        facts
    }
}

fn at<T>(node: &Node, value: T) -> Spanned<T> {
    Spanned::new(value, node.referenced, node.defined)
}

fn join(file: &str, name: &Node, node: &Node) -> Option<(Spanned<String>, JoinEntry)> {
    let fields = Fields { file, of: &node.value };
    let entry = JoinEntry {
        file: fields.text("file"),
        key: fields.text("key"),
        is: fields.text("is"),
        many: node.value.flag_at("many").is_some_and(|many| many.value),
    };
    Some((text_of(name)?, entry))
}

fn avro(file: &str, of: &Yaml) -> AvroEntry {
    let schema = |node: &Node| {
        let fields = Fields { file, of: &node.value };
        let said = ["file", "schema"].iter().filter(|key| form::says(&node.value, &SCHEMA, key)).count();
        let source = SchemaSource {
            file: fields.text("file"),
            schema: fields.text("schema"),
            once: said == 1,
            id: node.value.number_at("id").and_then(|id| u32::try_from(id.value).ok()),
            guid: fields.text("guid"),
        };
        at(node, source)
    };
    let schemas = of.get("schemas").filter(|node| matches!(node.value, Yaml::List(_)));
    AvroEntry {
        framing: Fields { file, of }.text("framing"),
        schemas: schemas.map(|node| node.value.items().iter().map(schema).collect()),
    }
}

/// The events of a list; `None` where none of its entries is a record, which is noted.
fn events(file: &str, node: &Node) -> Option<Spanned<Vec<EventEntry>>> {
    let items = node.value.items();
    let records = items.iter().filter(|event| matches!(event.value, Yaml::Map(_)));
    let events: Vec<EventEntry> = records.map(|item| event(file, &item.value)).collect();
    (items.is_empty() || !events.is_empty()).then(|| at(node, events))
}

fn event(file: &str, of: &Yaml) -> EventEntry {
    let fields = Fields { file, of };
    EventEntry {
        event_type: fields.text("type"),
        when: fields.text("when"),
        id: fields.text("id"),
        subject: fields.text("subject"),
        has_subject: form::says(of, &EVENT, "subject"),
        correlationid: fields.text("correlationid"),
        time: fields.text("time"),
        facts: fields.facts(),
    }
}
