//! The first rows of files, mapped for somebody who wants to see what comes out; nothing is written.

use std::path::{Path, PathBuf};

use anyhow::Result;
use hinge_domain::{Event, Mapping, ROW};
use hinge_schema::{Catalogue, Encoding};
use indicatif::ProgressBar;

use super::inputs::Inputs;
use super::joined::Joined;
use super::rejects::Rejects;
use super::rows::Rows;

/// What one row came to.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Where it stands: file and line.
    pub(crate) at: String,
    /// Its events, or why it cannot be mapped.
    pub(crate) events: Result<Vec<Event>, String>,
    /// Columns of it that the mapping never reads.
    pub(crate) unread: Vec<String>,
}

/// Maps the first `sample` rows of a folder, or of files of which some are looked up.
pub(crate) fn try_rows(
    mapping: &Mapping,
    from: &[PathBuf],
    sample: usize,
    catalogue: &Catalogue,
) -> Result<Vec<Tried>> {
    let inputs = match from {
        [folder] if folder.is_dir() => Inputs::in_folder(mapping, folder)?,
        files => Inputs::among(mapping, files)?,
    };
    let hidden = ProgressBar::hidden();
    let mut rejects = Rejects::nowhere();
    let joins = mapping.joins.iter().zip(&inputs.joins);
    let joined = joins.map(|(join, path)| Joined::read((mapping, join), path, &hidden, &mut rejects));
    let joined: Vec<Joined> = joined.collect::<Result<_>>()?;
    let known = (!mapping.reads_whole(ROW)).then(|| mapping.columns_of(ROW));
    let mut tried = Vec::new();
    for path in &inputs.rows {
        let mut rows = Rows::open(path, mapping.delimiter, &hidden)?;
        if !rows.is_empty() {
            rows.check_columns(&mapping.columns_of(ROW))?;
        }
        while tried.len() < sample
            && let Some(numbered) = rows.next()
        {
            let at = format!("{}:{}", shown(path), numbered.line);
            let (events, unread) = match numbered.row {
                Err(bad) => (Err(bad.reason), Vec::new()),
                Ok(row) => {
                    let given = row.iter().filter(|(_, value)| !value.is_absent()).map(|(name, _)| name);
                    let unread = given.filter(|name| known.as_ref().is_some_and(|it| !it.contains(&***name)));
                    let unread = unread.map(ToString::to_string).collect();
                    let events = mapping.events(&row.into(), &|position, key| joined[position].get(key));
                    let events = events.map_err(|why| why.to_string());
                    (
                        events.and_then(|events| events.iter().map(|it| read_back(it, catalogue)).collect()),
                        unread,
                    )
                }
            };
            tried.push(Tried { at, events, unread });
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
