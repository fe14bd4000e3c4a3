//! A mapping in YAML and CEL becomes a validated [`Mapping`], or everything that is wrong with it.
//!
//! ```yaml
//! source: urn:example:shop          # who says so: part of every event's identity
//! zone: Europe/Zurich               # stamps that name no zone are on the clocks of this one
//! rows: orders                      # orders.csv, .csv.gz, .jsonl, .jsonl.gz
//! subject: row.number               # each row is called `row`; what it says are CEL expressions
//! events:
//!   - type: order.placed
//!     id: row.number + '/placed'
//!     time: row.placed_at
//!     facts: {value: row.total, currency: "'CHF'"}
//! ```
//!
//! More: `delimiter: ";"`; `join:` names rows of other files that belong to a row (`customer: {file:
//! customers, key: customer_id}`, with `is:` an expression where the row's column has another name, and
//! `many: true` for a list); `when:` at the top for rows that say nothing; `correlationid:` beside `subject:`; at the top `facts:` for every event that has
//! them; for each event `when:`, and a `subject:` and `correlationid:` of its own.
//!
//! What a mapping means is in `hinge-domain`; reading the rows is for whoever runs it.

mod facts;
pub(crate) mod file;
pub(crate) mod keys;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hinge_domain::{EventMapping, Expression, Join, Mapping, Origin, ROW, Read, Shape, SharedFact, ZONE};
use hinge_schema::{Catalogue, is_uri_reference};
use jiff::tz::TimeZone;
use serde_saphyr::Spanned;

use crate::diagnostic::{Page, Problems};
use crate::names::known_event_type;
use crate::place::Place;
use file::{EventEntry, JoinEntry, MappingFile, Of};

/// Reads and checks the mapping in the file `path`.
pub fn load_mapping(path: &Path, catalogue: &Catalogue) -> Result<Mapping, Problems> {
    match fs::read_to_string(path) {
        Ok(text) => parse_mapping(path, &text, catalogue),
        Err(error) => {
            let mut problems = Vec::new();
            let help = "give the path of a mapping in YAML that this user may read";
            let mut page = Page { path, text: "", problems: &mut problems };
            page.note("file-unreadable", Place::FILE, format!("the file cannot be read: {error}"), help);
            Err(Problems(problems))
        }
    }
}

/// Checks the mapping whose text this is; `path` is for the messages.
pub fn parse_mapping(path: &Path, text: &str, catalogue: &Catalogue) -> Result<Mapping, Problems> {
    let mut problems = Vec::new();
    let mut reader = Reader::new(Page { path, text, problems: &mut problems }, catalogue);
    let mapping =
        MappingFile::read(&mut reader.page, Of::Files).and_then(|file| reader.mapping_for_files(file));
    match mapping {
        Some(mapping) if problems.is_empty() => Ok(mapping),
        Some(_) | None => Err(Problems(problems)),
    }
}

/// A mapping being read. What it makes of something wrong does not matter once that is noted.
pub(crate) struct Reader<'a> {
    pub(crate) page: Page<'a>,
    catalogue: &'a Catalogue,
    /// What expressions may read, so far.
    names: Vec<String>,
    /// The zone of stamps without one; UTC until it is read.
    zone: TimeZone,
    /// Whether records have a source of their own (`ce.source`) that the mapping does not take over.
    hides_source: bool,
}

/// What expressions read the attributes of a `CloudEvent` by.
const ATTRIBUTES: &str = "ce";

/// The source that a `CloudEvent` has itself.
const OWN_SOURCE: &str = "ce.source";

/// What expressions read that does not tell one row from another.
const SAME_FOR_ALL: [&str; 3] = [ZONE, "topic", "op"];

/// What events have unless they say otherwise.
struct Shared {
    subject: Option<Arc<Expression>>,
    /// Whether a subject is said, be it wrongly.
    has_subject: bool,
    correlation_id: Option<Arc<Expression>>,
    facts: Vec<SharedFact>,
    /// The names of the facts, also of those whose expression is wrong.
    given: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(page: Page<'a>, catalogue: &'a Catalogue) -> Self {
        Self {
            page,
            catalogue,
            names: vec![ROW.to_owned(), ZONE.to_owned()],
            zone: TimeZone::UTC,
            hides_source: false,
        }
    }

    /// A mapping for files, which has nothing to say of topics.
    pub(crate) fn mapping_for_files(&mut self, file: MappingFile) -> Option<Mapping> {
        for (name, place) in file.misplaced.iter().copied() {
            let message = format!("`{name}` is for topics, and files are brought in here");
            let help = "a mapping with `topics:` is a source: put it into `sources/` of the policy, and \
                        `hinge run` reads the topics; `hinge map test` tries it";
            self.page.note("mapping-invalid", place, message, help);
        }
        self.mapping(file, &[])
    }

    /// The mapping itself; `beside` are names that expressions can read beside the row and the zone.
    pub(crate) fn mapping(&mut self, file: MappingFile, beside: &[&str]) -> Option<Mapping> {
        self.names.extend(beside.iter().map(|name| (*name).to_owned()));
        let zone = file.zone.as_ref().and_then(|zone| self.zone(zone));
        self.zone = zone.clone().unwrap_or(TimeZone::UTC);
        let delimiter = file.delimiter.as_ref().map_or(Some(b','), |delimiter| self.delimiter(delimiter));
        let source = self.source(&file);
        let has_subject = !file.lacks("subject");
        let joins = file.join.into_iter().filter_map(|(name, entry)| self.join(name, entry)).collect();
        let when = file.when.map(|when| self.expression(&when));
        self.hides_source = matches!(source, Some(Origin::Fixed(_)))
            && self.names.iter().any(|name| name == ATTRIBUTES)
            && !when.as_ref().and_then(Option::as_ref).is_some_and(reads_source);

        let facts = file.facts.iter().filter_map(|(name, value)| {
            Some(SharedFact { name: name.value.as_str().into(), value: self.expression(value.as_ref()?)? })
        });
        let shared = Shared {
            facts: facts.collect(),
            given: file.facts.iter().map(|(name, _)| name.value.clone()).collect(),
            has_subject,
            subject: file.subject.and_then(|subject| self.expression(&subject)).map(Arc::new),
            correlation_id: file.correlationid.and_then(|id| self.expression(&id)).map(Arc::new),
        };
        if let Some(events) = file.events.as_ref().filter(|events| events.value.is_empty()) {
            let help = "write at least one, such as `- type: order.placed` with `id`, `time` and `facts`";
            self.page.note("mapping-invalid", events, "there is no event".into(), help);
        }
        let entries = file.events.map(|events| events.value).unwrap_or_default();
        let (shapes, events): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|entry| self.event(entry, &shared)).unzip();
        self.shared_facts(&file.facts, &shared.facts, &shapes);
        Some(Mapping {
            source: source?,
            zone: zone?,
            rows: file.rows.map(|rows| rows.value.into()),
            delimiter: delimiter?,
            joins,
            when: when.map_or(Some(None), |when| when.map(Some))?,
            shared: shared.facts,
            events: events.into_iter().flatten().collect(),
        })
    }

    fn zone(&mut self, zone: &Spanned<String>) -> Option<TimeZone> {
        let found = TimeZone::get(&zone.value).ok().filter(|found| found.iana_name().is_some());
        if found.is_none() {
            let message = format!("`{}` is not a time zone", zone.value);
            let help = "name the zone of the file's clocks as IANA does, such as `Europe/Zurich` or `UTC`";
            self.page.note("mapping-invalid", zone, message, help);
        }
        found
    }

    fn delimiter(&mut self, delimiter: &Spanned<String>) -> Option<u8> {
        let byte = match delimiter.value.as_bytes() {
            b"tab" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
            _ => None,
        };
        if byte.is_none() {
            let message = format!("`{}` cannot stand between cells", delimiter.value);
            self.page.note(
                "mapping-invalid",
                delimiter,
                message,
                "give one character, such as `\";\"`, or `tab`",
            );
        }
        byte
    }

    /// Who says so: of `CloudEvents` their own source, unless the mapping names one for all of them.
    fn source(&mut self, file: &MappingFile) -> Option<Origin> {
        const HELP: &str =
            "name the system that says so by a URI, such as `urn:example:shop`; it must never change";
        let has_own = self.names.iter().any(|name| name == ATTRIBUTES);
        let source = file.source.as_ref();
        let Some(source) = source.filter(|source| !has_own || source.value != OWN_SOURCE) else {
            if has_own {
                return Expression::parse(OWN_SOURCE).ok().map(Origin::Read);
            }
            if file.lacks("source") {
                let message = "it does not say whose events these are".to_owned();
                self.page.note("key-missing", Place::FILE, message, HELP);
            }
            return None;
        };
        if source.value.is_empty() || !is_uri_reference(&source.value) {
            let message = format!("`{}` cannot be the source of events", source.value);
            self.page.note("mapping-invalid", source, message, HELP);
        }
        Some(Origin::Fixed(source.value.as_str().into()))
    }

    fn join(&mut self, name: Spanned<String>, entry: JoinEntry) -> Option<Join> {
        if !is_identifier(&name.value) {
            let message = format!("`{}` cannot be read in an expression", name.value);
            let help = "use letters, digits and underscores, such as `customer`";
            self.page.note("name-invalid", &name, message, help);
            return None;
        }
        if self.names.contains(&name.value) {
            let message = format!("`{}` already means something else", name.value);
            self.page.note("name-duplicate", &name, message, "give these rows a name of their own");
            return None;
        }
        let key = entry.key.map(|key| key.value);
        let is = match (&entry.is, &key) {
            (Some(is), _) => self.expression(is),
            (None, Some(key)) => Expression::parse(&same_column(key)).ok(),
            (None, None) => None,
        };
        self.names.push(name.value.clone());
        let file = entry.file.map_or_else(|| name.value.clone(), |file| file.value);
        Some(Join { name: name.value.into(), file: file.into(), key: key?.into(), is: is?, many: entry.many })
    }

    /// An event, and its shape even if something about it is wrong.
    fn event(&mut self, entry: EventEntry, shared: &Shared) -> (Option<Arc<Shape>>, Option<EventMapping>) {
        let event_type = entry.event_type.as_ref();
        let known = event_type.filter(|name| known_event_type(&mut self.page, self.catalogue, name));
        let shape = known.and_then(|name| self.catalogue.shape(&name.value)).map(Arc::clone);
        let subject = match &entry.subject {
            Some(subject) => self.expression(subject).map(Arc::new),
            None => shared.subject.clone(),
        };
        if let Some(event_type) = event_type
            && !entry.has_subject
            && !shared.has_subject
        {
            let message = format!("`{}` has no subject", event_type.value);
            let help =
                "say what it is about, such as `subject: row.order_id`, here or at the top of the file";
            self.page.note("mapping-invalid", event_type, message, help);
        }
        let correlation_id = match &entry.correlationid {
            Some(correlation_id) => self.expression(correlation_id).map(Arc::new),
            None => shared.correlation_id.clone(),
        };
        let id = entry.id.as_ref().and_then(|id| self.expression(id));
        let time = entry.time.as_ref().and_then(|time| self.expression(time));
        let when = entry.when.as_ref().map(|when| self.expression(when));
        if let (Some(written), Some(id)) = (&entry.id, &id) {
            self.identity(written, id, when.as_ref().and_then(Option::as_ref));
        }
        let facts = if let Some((event_type, shape)) = known.zip(shape.as_deref()) {
            self.facts(event_type, shape, entry.facts, shared)
        } else {
            // Which facts there are is unknown; the expressions can still be looked at.
            for value in entry.facts.iter().filter_map(|(_, value)| value.as_ref()) {
                self.expression(value);
            }
            Vec::new()
        };
        let event = || {
            Some(EventMapping {
                shape: shape.clone()?,
                when: when.map_or(Some(None), |when| when.map(Some))?,
                id: id?,
                subject: subject?,
                correlation_id,
                time: time?,
                facts,
            })
        };
        let event = event();
        (shape, event)
    }

    /// Notes an id by which events of different rows, or producers, would be taken for one.
    fn identity(&mut self, written: &Spanned<String>, id: &Expression, when: Option<&Expression>) {
        if !id.reads().iter().any(|read| !SAME_FOR_ALL.contains(&read.variable.as_str())) {
            let message = "every row would have the same id, and only the first event would count".to_owned();
            let help = "build the id from what makes the row unique, such as `row.order_id + '/placed'`";
            self.page.note("mapping-invalid", written, message, help);
        }
        if self.hides_source
            && id.reads().iter().any(|read| is(read, "id"))
            && !reads_source(id)
            && !when.is_some_and(reads_source)
        {
            let message =
                "two producers may give the same id, and `source:` is the same for all of them".to_owned();
            let help = "the identity of a CloudEvent is its source and its id: leave `source:` out, and the events keep \
                        their own, or put `ce.source` into the id or the condition";
            self.page.warn("mapping-invalid", written, message, help);
        }
    }
}

fn is(read: &Read, attribute: &str) -> bool {
    read.variable == ATTRIBUTES && (read.field == attribute || read.field.is_empty())
}

fn reads_source(expression: &Expression) -> bool {
    expression.reads().iter().any(|read| is(read, "source"))
}

/// The row's column of the same name as a joined file's key.
fn same_column(key: &str) -> String {
    if is_identifier(key) { format!("{ROW}.{key}") } else { format!("{ROW}[{}]", quoted(key)) }
}

/// A text as CEL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
