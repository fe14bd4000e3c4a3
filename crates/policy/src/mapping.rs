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

pub(crate) mod file;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hinge_domain::{
    EventMapping, Expression, FactSource, Field, Join, Kind, Mapping, Origin, ROW, Read, Shape, SharedFact,
    Unfit, ZONE, nearest, unfit,
};
use hinge_schema::{Catalogue, is_uri_reference};
use jiff::tz::TimeZone;
use serde_saphyr::Spanned;

use crate::diagnostic::{Page, Problems};
use crate::names::known_event_type;
use crate::place::Place;
use file::{Entries, EventEntry, JoinEntry, MappingFile};

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
    let mapping = reader.page.yaml().and_then(|file| reader.mapping_for_files(file));
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
        let of_topics = [
            file.topics.as_ref().map(|it| ("topics", Place::from(it))),
            file.format.as_ref().map(|it| ("format", it.into())),
            file.avro.as_ref().map(|it| ("avro", it.into())),
            file.ignored.as_ref().map(|it| ("ignored", it.into())),
        ];
        for (name, place) in of_topics.into_iter().flatten() {
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
        let zone = self.zone(&file.zone);
        self.zone = zone.clone().unwrap_or(TimeZone::UTC);
        let delimiter = file.delimiter.map_or(Some(b','), |delimiter| self.delimiter(&delimiter));
        let source = self.source(file.source.as_ref());
        let joins = file.join.0.into_iter().filter_map(|(name, entry)| self.join(name, entry)).collect();
        let when = file.when.map(|when| self.expression(&when));
        self.hides_source = matches!(source, Some(Origin::Fixed(_)))
            && self.names.iter().any(|name| name == ATTRIBUTES)
            && !when.as_ref().and_then(Option::as_ref).is_some_and(reads_source);

        let shared_facts = file.facts.0;
        let facts = shared_facts.iter().filter_map(|(name, value)| {
            Some(SharedFact { name: name.value.as_str().into(), value: self.expression(value)? })
        });
        let shared = Shared {
            facts: facts.collect(),
            given: shared_facts.iter().map(|(name, _)| name.value.clone()).collect(),
            subject: file.subject.and_then(|subject| self.expression(&subject)).map(Arc::new),
            correlation_id: file.correlationid.and_then(|id| self.expression(&id)).map(Arc::new),
        };
        if file.events.value.is_empty() {
            let help = "write at least one, such as `- type: order.placed` with `id`, `time` and `facts`";
            self.page.note("mapping-invalid", &file.events, "there is no event".into(), help);
        }
        let events: Vec<EventMapping> =
            file.events.value.into_iter().filter_map(|entry| self.event(entry, &shared)).collect();
        for (name, value) in &shared_facts {
            let expression =
                shared.facts.iter().find(|fact| *fact.name == name.value).map(|fact| &fact.value);
            let fields = events.iter().find_map(|event| {
                event.shape.position(&name.value).map(|position| event.shape.fields[position].clone())
            });
            if let (Some(expression), Some(field)) = (expression, fields) {
                self.fits(expression, &field, value);
            }
            if !events.is_empty() && events.iter().all(|event| event.shape.position(&name.value).is_none()) {
                let message = format!("none of the events has a fact `{}`", name.value);
                self.page.note("fact-unknown", name, message, &facts_of(&events[0].shape));
            }
        }
        Some(Mapping {
            source: source?,
            zone: zone?,
            rows: file.rows.map(|rows| rows.value.into()),
            delimiter: delimiter?,
            joins,
            when: when.map_or(Some(None), |when| when.map(Some))?,
            shared: shared.facts,
            events,
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
    fn source(&mut self, source: Option<&Spanned<String>>) -> Option<Origin> {
        const HELP: &str =
            "name the system that says so by a URI, such as `urn:example:shop`; it must never change";
        let has_own = self.names.iter().any(|name| name == ATTRIBUTES);
        let Some(source) = source.filter(|source| !has_own || source.value != OWN_SOURCE) else {
            if has_own {
                return Expression::parse(OWN_SOURCE).ok().map(Origin::Read);
            }
            self.page.note("key-missing", Place::FILE, "it does not say whose events these are".into(), HELP);
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
        let key = entry.key.value;
        let is = match &entry.is {
            Some(is) => self.expression(is),
            None => Expression::parse(&same_column(&key)).ok(),
        };
        self.names.push(name.value.clone());
        let file = entry.file.map_or_else(|| name.value.clone(), |file| file.value);
        Some(Join { name: name.value.into(), file: file.into(), key: key.into(), is: is?, many: entry.many })
    }

    fn event(&mut self, entry: EventEntry, shared: &Shared) -> Option<EventMapping> {
        let known = known_event_type(&mut self.page, self.catalogue, &entry.event_type);
        let subject = match &entry.subject {
            Some(subject) => self.expression(subject).map(Arc::new),
            None => shared.subject.clone(),
        };
        if entry.subject.is_none() && shared.subject.is_none() {
            let message = format!("`{}` has no subject", entry.event_type.value);
            let help =
                "say what it is about, such as `subject: row.order_id`, here or at the top of the file";
            self.page.note("mapping-invalid", &entry.event_type, message, help);
        }
        let correlation_id = match &entry.correlationid {
            Some(correlation_id) => self.expression(correlation_id).map(Arc::new),
            None => shared.correlation_id.clone(),
        };
        let id = self.expression(&entry.id);
        if id
            .as_ref()
            .is_some_and(|id| !id.reads().iter().any(|read| !SAME_FOR_ALL.contains(&read.variable.as_str())))
        {
            let message = "every row would have the same id, and only the first event would count".to_owned();
            let help = "build the id from what makes the row unique, such as `row.order_id + '/placed'`";
            self.page.note("mapping-invalid", &entry.id, message, help);
        }
        let time = self.expression(&entry.time);
        let when = entry.when.map(|when| self.expression(&when));
        let asked = [id.as_ref(), when.as_ref().and_then(Option::as_ref)];
        if self.hides_source
            && id.as_ref().is_some_and(|id| id.reads().iter().any(|read| is(read, "id")))
            && !asked.into_iter().flatten().any(reads_source)
        {
            let message =
                "two producers may give the same id, and `source:` is the same for all of them".to_owned();
            let help = "the identity of a CloudEvent is its source and its id: leave `source:` out, and the events keep \
                        their own, or put `ce.source` into the id or the condition";
            self.page.warn("mapping-invalid", &entry.id, message, help);
        }
        let shape = known.then(|| self.catalogue.shape(&entry.event_type.value)).flatten();
        let facts = self.facts(&entry.event_type, shape?, entry.facts, shared);
        Some(EventMapping {
            shape: Arc::clone(shape?),
            when: when.map_or(Some(None), |when| when.map(Some))?,
            id: id?,
            subject: subject?,
            correlation_id,
            time: time?,
            facts,
        })
    }

    /// Where each fact of the shape comes from.
    fn facts(
        &mut self,
        event_type: &Spanned<String>,
        shape: &Shape,
        own: Entries<Spanned<String>>,
        shared: &Shared,
    ) -> Vec<FactSource> {
        let position_of = |name: &str| shared.facts.iter().position(|fact| *fact.name == *name);
        let shared_or_default =
            |name: &str| position_of(name).map_or(FactSource::Default, FactSource::Shared);
        let mut sources: Vec<FactSource> =
            shape.fields.iter().map(|field| shared_or_default(&field.name)).collect();
        // An expression that is wrong is noted already; its fact must not be called missing on top.
        let mut given = shared.given.clone();
        for (name, value) in own.0 {
            let expression = self.expression(&value);
            if let Some(position) = shape.position(&name.value) {
                given.insert(name.value);
                if let Some(expression) = &expression {
                    self.fits(expression, &shape.fields[position], &value);
                }
                sources[position] = expression.map_or(FactSource::Default, FactSource::Own);
            } else {
                let message = format!("`{}` has no fact `{}`", shape.event_type, name.value);
                self.page.note("fact-unknown", &name, message, &facts_of(shape));
            }
        }
        for field in &shape.fields {
            if field.default.is_none() && !given.contains(field.name.as_ref()) {
                let message =
                    format!("`{}` needs the fact `{}`, and nothing gives it", shape.event_type, field.name);
                let help = format!("add `{}:` with an expression under `facts`. {}", field.name, field.doc);
                self.page.note("mapping-invalid", event_type, message, &help);
            }
        }
        sources
    }

    /// Notes what an expression always gives that its fact cannot be.
    fn fits(&mut self, expression: &Expression, field: &Field, written: &Spanned<String>) {
        let zone = self.zone.clone();
        match (unfit(expression, &field.kind, &zone), &field.kind) {
            (None, _) => {}
            (Some(Unfit::Word(word)), Kind::Symbol { symbols, .. }) => {
                let words: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
                let message = format!("`{}` has no `{word}`", field.name);
                let meant = nearest(&word, words.iter().copied()).map(str::to_owned);
                let help = format!("its words are {}", words.join(", "));
                self.page.note("symbol-unknown", written, message, &help).suggestion = meant;
            }
            (Some(Unfit::Word(why) | Unfit::Kind(why)), _) => {
                let message = format!("this can never be the fact `{}`: {why}", field.name);
                let help = format!("`{}`: {}", field.name, field.doc);
                self.page.note("operands-invalid", written, message, &help);
            }
            (Some(Unfit::Failed(why)), _) => {
                let message = format!("this can never be computed: {why}");
                let help = format!("`{}`: {}", field.name, field.doc);
                self.page.note("expression-invalid", written, message, &help);
            }
        }
    }

    /// Parses an expression and checks what it calls and reads.
    fn expression(&mut self, source: &Spanned<String>) -> Option<Expression> {
        const HELP: &str =
            "write a CEL expression, such as `row.order_id + '/placed'`; text stands in quotes";
        let expression = match Expression::parse(&source.value) {
            Ok(expression) => expression,
            Err(error) => {
                let place = self.beginning_of(source).within(error.line, error.column);
                self.page.note("expression-invalid", place, error.message, HELP);
                return None;
            }
        };
        for function in expression.unknown_functions() {
            let message = format!("there is no function `{function}`");
            let help = "beside CEL's own there are local_date, instant, date_of, stamp, decimal, sum, min, max and round, and for \
                        change records timestamp_millis, timestamp_micros, timestamp_nanos, local_millis, local_micros, \
                        local_nanos, date_from_days and decimal_base64";
            self.page.note("expression-invalid", source, message, help);
        }
        let unknown = expression.reads().iter().find(|read| !self.names.contains(&read.variable));
        if let Some(read) = unknown {
            let message = format!("there is nothing called `{}`", read.variable);
            let help = format!(
                "a column is read as `row.{0}`, and the text itself is written \"'{0}'\"; there are {1}",
                read.variable,
                self.names.join(", ")
            );
            self.page.note("name-unknown", source, message, &help);
        }
        Some(expression)
    }

    /// Where a text begins: behind its quote, or on the line after `|` or `>`.
    fn beginning_of(&self, text: &Spanned<String>) -> Place {
        let (line, column) = (text.referenced.line(), text.referenced.column());
        let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else {
            return Place::FILE;
        };
        let mut lines = self.page.text.lines().skip(line.saturating_sub(1));
        match lines.next().and_then(|text| text.chars().nth(column.saturating_sub(1))) {
            Some('"' | '\'') => Place::at(line, column + 1),
            Some('|' | '>') => {
                let indent = lines.next().map_or(0, |text| text.len() - text.trim_start().len());
                Place::at(line + 1, indent + 1)
            }
            _ => Place::at(line, column),
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

fn facts_of(shape: &Shape) -> String {
    let names: Vec<&str> = shape.fields.iter().map(|field| field.name.as_ref()).collect();
    format!("the facts of `{}` are {}", shape.event_type, names.join(", "))
}

#[cfg(test)]
mod tests;
