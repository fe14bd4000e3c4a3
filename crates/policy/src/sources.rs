//! Sources: which topics of other systems are read, what their records are, and by which mapping they become
//! events.
//!
//! ```yaml
//! topics: [shop.public.orders]      # each topic belongs to one source
//! format: debezium                  # json, debezium, cloudevents or avro
//! source: urn:example:shop          # from here on as in a mapping for files; CloudEvents keep their own without it
//! zone: Europe/Zurich
//! subject: row.id
//! events:
//!   - type: order.placed
//!     when: op in ['c', 'r']
//!     id: row.id + '/placed'
//!     time: timestamp_micros(row.created_at)
//!     facts: {value: "decimal_base64(row.total, 2)", currency: "'CHF'"}
//! ```
//!
//! Beside `row` and `zone` expressions read `key`, `headers` and `topic`; of a change record also `before`, `op`,
//! `source` and `ts_ms`; of an event by CloudEvents its attributes, such as `ce.type`. `ignored: [a, b]` are fields that are
//! left out on purpose, so that they do not count as unread. Where records are in Avro, `avro:` says their `framing:`
//! (`single-object`, `confluent` or `bare`) and `schemas:`, each with `file: x.avsc` beside the source or `schema: |` in
//! it, and the registry's `id:` or `guid:` where the framing names that.
//!
//! CloudEvents have a source of their own, which with the id is their identity: where `source:` is left out, or says
//! `ce.source`, events keep it. Where it names one for all, ids of two producers must not meet.
//!
//! How bytes become rows is the business of `hinge-schema`, what a mapping means that of `hinge-domain`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hinge_domain::{Mapping, nearest};
use hinge_schema::{AvroTable, Catalogue, Format, Framing, SchemaEntry, Source, SourceParts, Sources};
use serde_saphyr::Spanned;

use crate::diagnostic::{Diagnostic, Page, Problems, Severity};
use crate::directory::Directory;
use crate::mapping::Reader;
use crate::mapping::file::{AvroEntry, MappingFile, Of, SchemaSource};
use crate::place::Place;

/// The longest name that a topic can have.
const LONGEST_TOPIC: usize = 249;

/// What a file with a mapping is for.
#[derive(Debug)]
pub enum Mapped {
    /// Files that are brought in.
    Files(Box<Mapping>),
    /// Topics that are read.
    Topics(Box<Source>),
}

/// Reads and checks a file with a mapping, whichever of the two it is for; schemas lie beside it.
pub fn load_mapped(path: &Path, catalogue: &Catalogue) -> Result<Mapped, Problems> {
    let mut problems = Vec::new();
    let mapped = match fs::read_to_string(path) {
        Ok(text) => {
            let mut reader = Reader::new(Page { path, text: &text, problems: &mut problems }, catalogue);
            let beside = |name: &str| {
                let file = path.with_file_name(name);
                fs::read_to_string(&file).map_err(|error| error.to_string())
            };
            MappingFile::read(&mut reader.page, Of::Either).and_then(|file| match file.of {
                Of::Topics => source(&mut reader, file, &beside).map(|it| Mapped::Topics(Box::new(it))),
                Of::Files | Of::Either => {
                    reader.mapping_for_files(file).map(|mapping| Mapped::Files(Box::new(mapping)))
                }
            })
        }
        Err(error) => {
            let help = "give the path of a mapping in YAML that this user may read";
            let mut page = Page { path, text: "", problems: &mut problems };
            page.note("file-unreadable", Place::FILE, format!("cannot be read: {error}"), help);
            None
        }
    };
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    mapped.filter(|_| !failed).ok_or(Problems(problems))
}

/// The sources of a policy.
pub(crate) fn sources(
    directory: &Directory,
    catalogue: &Catalogue,
    problems: &mut Vec<Diagnostic>,
) -> Sources {
    let mut read_by: BTreeMap<Arc<str>, String> = BTreeMap::new();
    let mut sources = Vec::new();
    for file in directory.below("sources").filter(|file| file.path.extension().is_some_and(|it| it == "yaml"))
    {
        let beside = |name: &str| {
            let found = directory.file(&format!("sources/{name}"));
            found
                .map(|file| file.text.clone())
                .ok_or_else(|| "there is no such file in `sources/`".to_owned())
        };
        let mut reader = Reader::new(file.page(problems), catalogue);
        let Some(written) = MappingFile::read(&mut reader.page, Of::Topics) else { continue };
        let topics: Vec<Spanned<String>> = written.topics.iter().flat_map(|it| it.value.clone()).collect();
        for topic in &topics {
            if let Some(other) = read_by.insert(topic.value.as_str().into(), file.name.clone()) {
                if other == file.name {
                    let message = format!("`{}` stands twice under `topics`", topic.value);
                    reader.page.note("name-duplicate", topic, message, "keep one of the two");
                    continue;
                }
                let message = format!("`{}` is already read by `{other}`", topic.value);
                let help =
                    "a topic belongs to one source; put the events of both into one file, each with `when:`";
                reader.page.note("name-duplicate", topic, message, help);
            }
        }
        sources.extend(source(&mut reader, written, &beside));
    }
    Sources::new(sources)
}

/// The source that a file describes; `beside` reads a file that lies beside it.
fn source(
    reader: &mut Reader<'_>,
    file: MappingFile,
    beside: &dyn Fn(&str) -> Result<String, String>,
) -> Option<Source> {
    let name =
        reader.page.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let topics = topics(&mut reader.page, &file);
    let format = format(&mut reader.page, &file);
    only_for_files(&mut reader.page, &file);
    let avro = file.avro.as_ref().map(|avro| table(&mut reader.page, avro, beside));
    match (format, &file.avro) {
        (Some(Format::Avro), None) if file.lacks("avro") => {
            let help = "name the schemas: `avro: {framing: confluent, schemas: [{file: order.avsc, id: 7}]}`";
            let message = "records in Avro cannot be read without their schemas".to_owned();
            let place = file.format.as_ref().map_or(Place::FILE, Place::from);
            reader.page.note("source-invalid", place, message, help);
        }
        (Some(Format::Json), Some(avro)) => {
            let message = "`format: json` has no schemas".to_owned();
            reader.page.note("source-invalid", avro, message, "write `format: avro`, or leave `avro:` out");
        }
        _ => {}
    }
    let ignored = file.ignored.clone();
    // Where the format is wrong, expressions may read what any format has.
    let variables = format.map_or_else(
        || Format::ALL.iter().flat_map(|format| format.variables()).copied().collect(),
        |format| format.variables().to_vec(),
    );
    let mapping = reader.mapping(file, &variables);
    Some(Source::new(SourceParts {
        name: name.into(),
        topics: topics?,
        format: format?,
        avro: avro.map_or(Some(None), |avro| avro.map(Some))?,
        mapping: mapping?,
        ignored,
    }))
}

fn topics(page: &mut Page<'_>, file: &MappingFile) -> Option<Vec<Arc<str>>> {
    const HELP: &str = "name the topics of the other system, such as `topics: [shop.public.orders]`";
    let said = file.topics.as_ref();
    let Some(topics) = said.filter(|topics| !topics.value.is_empty()) else {
        if said.is_some() || file.lacks("topics") {
            let place = said.map_or(Place::FILE, Place::from);
            page.note("source-invalid", place, "a source reads at least one topic".to_owned(), HELP);
        }
        return None;
    };
    let mut sound = true;
    for topic in &topics.value {
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = topic.value.as_str();
        if name.starts_with("hinge.") {
            let message = format!("`{name}` is a topic that Hinge writes itself");
            page.note("source-invalid", topic, message, HELP);
        } else if name.is_empty() || name.len() > LONGEST_TOPIC || !name.chars().all(usual) {
            let message = format!("`{name}` cannot be the name of a topic");
            page.note("source-invalid", topic, message, HELP);
        } else {
            continue;
        }
        sound = false;
    }
    sound.then(|| topics.value.iter().map(|topic| topic.value.as_str().into()).collect())
}

fn format(page: &mut Page<'_>, file: &MappingFile) -> Option<Format> {
    let names = Format::ALL.map(Format::name).join(", ");
    let Some(said) = &file.format else {
        if file.lacks("format") {
            let message = "it does not say what its records are".to_owned();
            page.note("source-invalid", Place::FILE, message, &format!("write `format:` and one of {names}"));
        }
        return None;
    };
    let found = Format::ALL.into_iter().find(|format| format.name() == said.value);
    if found.is_none() {
        let message = format!("`{}` is not a format", said.value);
        let meant = nearest(&said.value, Format::ALL.map(Format::name)).map(str::to_owned);
        page.note("name-unknown", said, message, &format!("the formats are {names}")).suggestion = meant;
    }
    found
}

fn only_for_files(page: &mut Page<'_>, file: &MappingFile) {
    for (name, place) in file.misplaced.iter().copied() {
        let message = format!("`{name}` is for files, and topics are read here");
        let help = "a topic has no other files beside it: let the records bring along what belongs to them";
        page.note("source-invalid", place, message, help);
    }
}

fn table(
    page: &mut Page<'_>,
    avro: &Spanned<AvroEntry>,
    beside: &dyn Fn(&str) -> Result<String, String>,
) -> Option<AvroTable> {
    let AvroEntry { framing, schemas } = &avro.value;
    let names = Framing::ALL.map(Framing::name).join(", ");
    let found = framing.as_ref().and_then(|framing| {
        let found = Framing::ALL.into_iter().find(|known| known.name() == framing.value);
        if found.is_none() {
            let message = format!("`{}` is not a framing", framing.value);
            let meant = nearest(&framing.value, Framing::ALL.map(Framing::name)).map(str::to_owned);
            page.note("name-unknown", framing, message, &format!("the framings are {names}")).suggestion =
                meant;
        }
        found
    });
    let schemas = schemas.as_ref()?;
    if schemas.is_empty() {
        let help = "add `{file: order.avsc}` with the `id:` or `guid:` of the registry";
        page.note("source-invalid", avro, "there is no schema".to_owned(), help);
        return None;
    }
    let entries: Vec<Option<SchemaEntry>> =
        schemas.iter().map(|schema| entry(page, schema, beside)).collect();
    let entries = entries.into_iter().collect::<Option<Vec<_>>>()?;
    match AvroTable::new(found?, &entries) {
        Ok(table) => Some(table),
        Err((position, why)) => {
            let help = "give each schema as Avro's JSON, once, with the name by which records call it";
            page.note(
                "source-invalid",
                &schemas[position],
                format!("this schema cannot be used: {why}"),
                help,
            );
            None
        }
    }
}

fn entry(
    page: &mut Page<'_>,
    schema: &Spanned<SchemaSource>,
    beside: &dyn Fn(&str) -> Result<String, String>,
) -> Option<SchemaEntry> {
    let text = match (&schema.value.file, &schema.value.schema) {
        (None, Some(text)) => text.value.clone(),
        (Some(file), None) => match beside(&file.value) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("`{}` cannot be read: {why}", file.value);
                page.note(
                    "source-invalid",
                    file,
                    message,
                    "put the schema beside this file, with the ending .avsc",
                );
                return None;
            }
        },
        // Which of the two is wrong is noted already.
        (None, None) if schema.value.once => return None,
        (Some(_), Some(_)) | (None, None) => {
            let none = schema.value.file.is_none() && schema.value.schema.is_none();
            let message = if none { "there is no schema here" } else { "a schema is given once" }.to_owned();
            page.note("source-invalid", schema, message, "write either `file: x.avsc` or `schema: |`");
            return None;
        }
    };
    let guid = match &schema.value.guid {
        None => None,
        Some(guid) => {
            let Ok(parsed) = guid.value.parse() else {
                let message = format!("`{}` is not a GUID", guid.value);
                page.note("source-invalid", guid, message, "copy it from the registry");
                return None;
            };
            Some(parsed)
        }
    };
    Some(SchemaEntry { schema: text, id: schema.value.id, guid })
}

#[cfg(test)]
mod tests;
