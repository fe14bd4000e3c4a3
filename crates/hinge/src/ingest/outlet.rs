//! Where events go: into the log at once, or first by time. Or nowhere, when a mapping is only tried out.

use std::io;

use anyhow::{Context, Result};
use hinge_stream::{Appender, Log, Outgoing};
use indicatif::{ProgressBar, ProgressStyle};

use super::packed::Packed;
use super::sorter::Sorter;

/// Takes the records of one run.
pub(super) enum Outlet {
    /// Into the log, in the order of the file.
    Direct(Box<dyn Appender>),
    /// Into the log, by time.
    Sorting {
        /// Where they wait.
        sorter: Sorter,
        /// Where they go.
        appender: Box<dyn Appender>,
    },
    /// Nowhere.
    Nowhere,
}

/// How records are to be written.
pub(super) struct Writing {
    /// By time, and how many bytes of them wait in memory.
    pub(super) sorted: Option<usize>,
    /// Whether nothing is written at all.
    pub(super) dry_run: bool,
}

impl Outlet {
    pub(super) fn open(log: &dyn Log, writing: &Writing) -> Result<Self> {
        if writing.dry_run {
            return Ok(Self::Nowhere);
        }
        let appender = log.appender()?;
        Ok(match writing.sorted {
            Some(memory) => Self::Sorting { sorter: Sorter::new(memory), appender },
            None => Self::Direct(appender),
        })
    }

    /// Takes a record.
    pub(super) fn add(&mut self, record: Packed) -> Result<()> {
        match self {
            Self::Direct(appender) => append(appender.as_mut(), &record),
            Self::Sorting { sorter, .. } => sorter.add(record).context(NO_ROOM),
            Self::Nowhere => Ok(()),
        }
    }

    /// Writes what still waits; once it is back, everything is in the log.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Direct(mut appender) => Ok(appender.flush()?),
            Self::Sorting { sorter, mut appender } => {
                let progress = ProgressBar::new(sorter.count());
                progress.set_style(style("writing {pos} of {len} events by time {wide_bar} {eta}"));
                let mut sorted = sorter.sorted().context(NO_ROOM)?;
                while let Some(record) = sorted.next().context(NO_ROOM)? {
                    append(appender.as_mut(), &record)?;
                    progress.inc(1);
                }
                appender.flush()?;
                progress.finish_and_clear();
                Ok(())
            }
            Self::Nowhere => Ok(()),
        }
    }
}

const NO_ROOM: &str =
    "cannot sort in a temporary file; make room, set TMPDIR, or write in the file's order with `--unsorted`";

fn append(appender: &mut dyn Appender, record: &Packed) -> Result<()> {
    let unpacked = record.unpack().map_err(io::Error::other)?;
    appender.append(&Outgoing {
        topic: unpacked.topic,
        key: Some(unpacked.key),
        value: Some(unpacked.value),
        headers: &unpacked.headers,
        carried: None,
        timestamp: None,
    })?;
    Ok(())
}

/// A progress bar's look; on anything but a terminal it is not drawn at all.
pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
