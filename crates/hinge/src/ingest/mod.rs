//! `hinge ingest`: any company's CSV or JSON lines become Hinge's events, by a mapping.
//!
//! ```text
//! files ─► lines ─► csv_rows, json_rows ─► the mapping ─► outlet ─► the log
//!                      │  joined (looked up)    │           └─ sorter: by time, in memory and temporary files
//!                      └────────── rejects ◄────┘
//! ```
//!
//! Every row ends in one of two ways: all its events are written, or it is in the rejects file with its line
//! and the reason. Reading the same files again gives the same ids and the same content, so that the router
//! filters what it has seen. Rows are read as a stream; joined files are held in memory.
//!
//! How a row becomes events is the business of `hinge-domain`, the YAML that of `hinge-policy`.

mod csv_rows;
mod inputs;
mod joined;
mod json_rows;
mod lines;
mod outlet;
mod packed;
mod rejects;
mod report;
mod rows;
mod sorter;
mod trial;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, ValueEnum};
use hinge_domain::{Event, Mapping, ROW, Row, Stream};
use hinge_router::LARGEST_RECORD;
use hinge_schema::{Catalogue, Encoding};
use hinge_stream::Log;
use indicatif::ProgressBar;
use jiff::Timestamp;

use crate::arguments::Format;
use crate::exit::Coded;
use inputs::Inputs;
use joined::Joined;
pub(crate) use lines::Lines;
use outlet::{Outlet, Writing};
use packed::Packed;
use rejects::Rejects;
pub(crate) use report::{EventCount, JoinCount, Summary};
use rows::{BadRow, Rows};
pub(crate) use trial::{Tried, try_rows};

/// What to bring in, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct IngestArgs {
    /// The mapping (YAML): which rows become which events
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: PathBuf,

    /// The folder in which the files are that the mapping names
    #[arg(long, value_name = "DIR", conflicts_with = "files", required_unless_present = "files")]
    pub(crate) from: Option<PathBuf>,

    /// The files: CSV or JSON lines, also with gzip; those that the mapping looks up are known by their names
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Write events in the order of the rows; else they are sorted by time first, beyond 256 MiB in temporary files
    #[arg(long)]
    pub(crate) unsorted: bool,

    /// These events are not history, however old: departments are told as of something that just happened
    #[arg(long)]
    pub(crate) live: bool,

    /// How events are written
    #[arg(long, value_enum, default_value_t = EncodingName::Json)]
    pub(crate) encoding: EncodingName,

    /// Where rows go that cannot be mapped, replacing those of an earlier run [default: ./NAME.rejects.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,

    /// Map every row and count, but write no event
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How events are written: as CloudEvents in binary mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodingName {
    /// Facts as JSON
    Json,
    /// Facts in Avro's single-object encoding
    Avro,
}

/// One ingest.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// What was asked for.
    pub(crate) args: &'a IngestArgs,
    /// The input topic of each stream; `<stream>.events` where it has none here.
    pub(crate) topics: BTreeMap<Stream, String>,
    /// When the events are recorded.
    pub(crate) now: Timestamp,
    /// How the summary is written.
    pub(crate) format: Format,
}

/// Reads the files, writes their events and says what it has done.
///
/// # Errors
/// Files that cannot be read or lack a column, a log
/// that does not take the events (`hinge_stream::Error`). Rows that cannot be mapped are no error.
pub(crate) fn run(
    options: &Options<'_>,
    mapping: &Mapping,
    log: &dyn Log,
    catalogue: &Catalogue,
    out: &mut dyn Write,
) -> Result<Summary> {
    let inputs = match &options.args.from {
        Some(folder) => Inputs::in_folder(mapping, folder),
        None => Inputs::among(mapping, &options.args.files),
    };
    let inputs = inputs.map_err(|why| unusable(&why))?;
    for path in &inputs.rows {
        let rows =
            Rows::open(path, mapping.delimiter, &ProgressBar::hidden()).map_err(|why| unusable(&why))?;
        if !rows.is_empty() {
            rows.check_columns(&mapping.columns_of(ROW)).map_err(|why| unusable(&why))?;
        }
    }
    let rejects = options.args.rejects.clone().unwrap_or_else(|| default_rejects(&inputs));
    rejects::check(&rejects, inputs.rows.iter().chain(&inputs.joins).chain([&options.args.mapping]))?;
    let mut ingest = Ingest::new(options, mapping, catalogue, (&inputs, Rejects::new(rejects)));
    if !options.args.dry_run {
        ingest.check_topics(log)?;
    }
    let writing = Writing {
        sorted: (!options.args.unsorted).then_some(sorter::MEMORY_BYTES),
        dry_run: options.args.dry_run,
    };
    let mut outlet = Outlet::open(log, &writing)?;
    ingest.join(&inputs)?;
    for path in &inputs.rows {
        ingest.read(path, &mut outlet)?;
    }
    ingest.progress.finish_and_clear();
    outlet.finish()?;
    let summary = ingest.summary()?;
    summary.write(options.format, out)?;
    Ok(summary)
}

/// A file that is refused as a whole, before anything is written.
pub(crate) fn unusable(why: &anyhow::Error) -> anyhow::Error {
    Coded::new("input-unusable", 1, format!("{why:#}")).into()
}

/// One ingest under way.
struct Ingest<'a> {
    options: &'a Options<'a>,
    mapping: &'a Mapping,
    catalogue: &'a Catalogue,
    progress: ProgressBar,
    rejects: Rejects,
    /// The rows of the joined files, in the mapping's order.
    joined: Vec<Joined>,
    /// How many rows were read.
    rows: u64,
    /// How often a word of a row was none of a fact's, by fact.
    unknown_words: BTreeMap<Arc<str>, u64>,
    /// Events, by the position of their kind in the mapping's order of event types.
    counts: Vec<EventCount>,
    /// For how many rows each join found something.
    found: Vec<Cell<u64>>,
    /// A packed file that ended too early, if there was one.
    broken_off: Option<PathBuf>,
}

impl<'a> Ingest<'a> {
    fn new(
        options: &'a Options<'a>,
        mapping: &'a Mapping,
        catalogue: &'a Catalogue,
        (inputs, rejects): (&Inputs, Rejects),
    ) -> Self {
        let mut counts: Vec<EventCount> = Vec::new();
        for event in &mapping.events {
            if !counts.iter().any(|count| count.event_type == event.shape.event_type) {
                let stream = event.shape.stream;
                let topic =
                    options.topics.get(&stream).cloned().unwrap_or_else(|| format!("{stream}.events"));
                counts.push(EventCount { event_type: event.shape.event_type.clone(), topic, count: 0 });
            }
        }
        Self {
            options,
            mapping,
            catalogue,
            progress: progress_over(inputs),
            rejects,
            joined: Vec::new(),
            broken_off: None,
            rows: 0,
            unknown_words: BTreeMap::new(),
            counts,
            found: vec![Cell::new(0); mapping.joins.len()],
        }
    }

    /// Refuses to begin where a topic is missing: nobody wants to hear of it after an hour.
    fn check_topics(&self, log: &dyn Log) -> Result<()> {
        let present: BTreeSet<String> = log.topics()?.list()?.into_iter().map(|topic| topic.name).collect();
        match self.counts.iter().find(|count| !present.contains(&count.topic)) {
            None => Ok(()),
            Some(EventCount { event_type, topic, .. }) => {
                let missing = hinge_stream::Error::TopicMissing { topic: topic.clone() };
                Err(anyhow::Error::from(missing).context(format!(
                    "events of type `{event_type}` have nowhere to go (`hinge topics apply --inputs` makes the \
                     input topics, [inputs] in the settings names them)"
                )))
            }
        }
    }

    fn join(&mut self, inputs: &Inputs) -> Result<()> {
        for (join, path) in self.mapping.joins.iter().zip(&inputs.joins) {
            let joined = Joined::read((self.mapping, join), path, &self.progress, &mut self.rejects)?;
            self.joined.push(joined);
        }
        Ok(())
    }

    fn read(&mut self, path: &Path, outlet: &mut Outlet) -> Result<()> {
        let mut rows = Rows::open(path, self.mapping.delimiter, &self.progress)?;
        if rows.is_empty() {
            self.rejects.unreadable(path, 1, BadRow::new("the file is empty", &[]))?;
        }
        while let Some(numbered) = rows.next() {
            self.rows += 1;
            match numbered.row {
                Ok(row) => match self.records(&row) {
                    Ok(records) => records.into_iter().try_for_each(|record| self.write(record, outlet))?,
                    Err(reason) => self.rejects.row(path, numbered.line, &reason, &row)?,
                },
                Err(bad) => {
                    if bad.cut_off {
                        self.broken_off = Some(path.to_owned());
                    }
                    self.rejects.unreadable(path, numbered.line, bad)?;
                }
            }
        }
        Ok(())
    }

    /// The records of a row, with the position of each one's event type; all of them or none.
    fn records(&mut self, row: &Row) -> Result<Vec<(usize, Packed)>, String> {
        let lookup = |position: usize, key: &str| {
            let rows = self.joined[position].get(key);
            if !rows.is_empty() {
                self.found[position].update(|found| found + 1);
            }
            rows
        };
        let said = self.mapping.map(&row.clone().into(), &lookup).map_err(|why| why.to_string())?;
        let records = said.events.into_iter().map(|event| self.record(event)).collect::<Result<_, _>>()?;
        for fact in said.fell_back {
            *self.unknown_words.entry(fact).or_default() += 1;
        }
        Ok(records)
    }

    /// The record of an event. It is read back as the router will read it, so that nothing is written that
    /// would end in the dead letters.
    fn record(&self, mut event: Event) -> Result<(usize, Packed), String> {
        if self.options.args.live {
            event.history = Some(false);
        }
        let encoding = match self.options.args.encoding {
            EncodingName::Json => Encoding::JsonBinary,
            EncodingName::Avro => Encoding::Avro,
        };
        let encoded = self.catalogue.encode_event(&event, Some(self.options.now), encoding);
        let refused = |why: hinge_schema::Rejection| format!("`{}`: {}", event.event_type(), why.detail);
        let encoded = encoded.map_err(refused)?;
        let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
        self.catalogue.decode(headers, Some(&encoded.value)).map_err(refused)?;
        let size = encoded.size() + event.correlation_id.len();
        if size > LARGEST_RECORD {
            return Err(format!(
                "`{}`: it makes a record of {size} bytes; at most {LARGEST_RECORD} can be written",
                event.event_type()
            ));
        }
        let position = self.counts.iter().position(|count| count.event_type == *event.event_type());
        let position = position.ok_or("the mapping has no such event type")?;
        let topic = &self.counts[position].topic;
        Ok((position, Packed::new(event.occurred, topic, &event.correlation_id, &encoded)))
    }

    fn write(&mut self, (position, record): (usize, Packed), outlet: &mut Outlet) -> Result<()> {
        outlet.add(record)?;
        self.counts[position].count += 1;
        Ok(())
    }

    fn summary(mut self) -> Result<Summary> {
        let joins = self.mapping.joins.iter().zip(&self.joined).zip(&self.found);
        let joins = joins.map(|((join, joined), found)| JoinCount {
            name: join.name.clone(),
            rows: joined.rows,
            found: found.get(),
        });
        Ok(Summary {
            joins: joins.collect(),
            rows: self.rows,
            rejected: self.rejects.count(),
            rejects: self.rejects.finish()?.map(Path::to_owned),
            first_reject: self.rejects.first().map(str::to_owned),
            events: self.counts,
            unknown_words: self.unknown_words,
            dry_run: self.options.args.dry_run,
            broken_off: self.broken_off,
        })
    }
}

/// In the working directory, called after the first file: `orders.rejects.jsonl`.
fn default_rejects(inputs: &Inputs) -> PathBuf {
    let name = inputs.rows.first().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let name = name.as_deref().and_then(|name| name.split('.').next()).filter(|name| !name.is_empty());
    PathBuf::from(format!("{}.rejects.jsonl", name.unwrap_or("rows")))
}

/// A bar over the bytes of all files, drawn on a terminal only.
fn progress_over(inputs: &Inputs) -> ProgressBar {
    let bytes = inputs.rows.iter().chain(&inputs.joins).filter_map(|path| path.metadata().ok());
    let progress = ProgressBar::new(bytes.map(|file| file.len()).sum());
    progress.set_style(outlet::style("reading {bytes} of {total_bytes} {wide_bar} {eta}"));
    progress
}

#[cfg(test)]
mod tests;
