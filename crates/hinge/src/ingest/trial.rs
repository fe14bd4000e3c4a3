//! The first rows of files, mapped for somebody who wants to see what comes out; nothing is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use hinge_domain::{Event, Mapping, ROW};
use hinge_schema::{Catalogue, Encoding};
use indicatif::ProgressBar;

use super::inputs::Inputs;
use super::joined::Joined;
use super::rejects::Rejects;
use super::rows::Rows;
use super::unusable;

/// What one row came to.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Where it stands: file and line.
    pub(crate) at: String,
    /// Its events, or why it cannot be mapped.
    pub(crate) events: Result<Vec<Event>, String>,
    /// Columns of it that the mapping never reads.
    pub(crate) unread: Vec<String>,
    /// Facts for which it has a word that they do not have.
    pub(crate) fell_back: Vec<Arc<str>>,
}

impl Tried {
    /// What came of it; nothing is known of what it has beside.
    pub(crate) fn only(at: String, events: Result<Vec<Event>, String>) -> Self {
        Self { at, events, unread: Vec::new(), fell_back: Vec::new() }
    }
}

/// Maps the first `sample` rows of a folder, or of files of which some are looked up.
pub(crate) fn try_rows(
    mapping: &Mapping,
    from: &[PathBuf],
    sample: usize,
    catalogue: &Catalogue,
) -> Result<Vec<Tried>> {
    let inputs = match from {
        [folder] if folder.is_dir() => Inputs::in_folder(mapping, folder),
        files => Inputs::among(mapping, files),
    };
    let inputs = inputs.map_err(|why| unusable(&why))?;
    let hidden = ProgressBar::hidden();
    let mut rejects = Rejects::nowhere();
    let joins = mapping.joins.iter().zip(&inputs.joins);
    let joined = joins.map(|(join, path)| Joined::read((mapping, join), path, &hidden, &mut rejects));
    let joined: Vec<Joined> = joined.collect::<Result<_>>()?;
    let known = (!mapping.reads_whole(ROW)).then(|| mapping.columns_of(ROW));
    let mut tried = Vec::new();
    for path in &inputs.rows {
        let opened = Rows::open(path, mapping.delimiter, &hidden);
        let mut rows = opened.map_err(|why| unusable(&why))?;
        if rows.is_empty() && tried.len() < sample {
            tried.push(Tried::only(shown(path), Err("the file is empty".to_owned())));
        } else if !rows.is_empty() {
            rows.check_columns(&mapping.columns_of(ROW)).map_err(|why| unusable(&why))?;
        }
        while tried.len() < sample
            && let Some(numbered) = rows.next()
        {
            let at = format!("{}:{}", shown(path), numbered.line);
            let row = match numbered.row {
                Ok(row) => row,
                Err(bad) => {
                    tried.push(Tried::only(at, Err(bad.reason)));
                    continue;
                }
            };
            let given = row.iter().filter(|(_, value)| !value.is_absent()).map(|(name, _)| name);
            let unread = given.filter(|name| known.as_ref().is_some_and(|it| !it.contains(&***name)));
            let unread = unread.map(ToString::to_string).collect();
            let said = mapping.map(&row.into(), &|position, key| joined[position].get(key));
            let (events, fell_back) = match said {
                Ok(said) => (said.events.iter().map(|it| read_back(it, catalogue)).collect(), said.fell_back),
                Err(why) => (Err(why.to_string()), Vec::new()),
            };
            tried.push(Tried { at, events, unread, fell_back });
        }
    }
    Ok(tried)
}

/// The event as the router would read it.
fn read_back(event: &Event, catalogue: &Catalogue) -> Result<Event, String> {
    let refused = |why: hinge_schema::Rejection| format!("`{}`: {}", event.event_type(), why.detail);
    let encoded = catalogue.encode_event(event, None, Encoding::JsonBinary).map_err(refused)?;
    let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
    catalogue.decode(headers, Some(&encoded.value)).map(|decoded| decoded.event).map_err(refused)
}

fn shown(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
