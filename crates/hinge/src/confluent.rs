//! The folder of schemas that values in Confluent's framing name by id, as `[schemas] confluent` gives it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use hinge_schema::{Catalogue, ForeignSchema, SchemaId};

use crate::exit::Coded;
use crate::schemas;
use crate::settings::Settings;

/// The event types, with the schemas that the settings name.
pub(crate) fn catalogue(settings: &Settings) -> Result<Catalogue> {
    let folder = &settings.schemas.confluent;
    let catalogue = Catalogue::builtin();
    if folder.as_os_str().is_empty() {
        return Ok(catalogue);
    }
    let schemas = read_folder(folder)?;
    let count = schemas.len();
    let catalogue = catalogue
        .with_confluent(schemas)
        .map_err(|error| unusable(format!("`{}`: {error}", folder.display())))?;
    tracing::info!(folder = %folder.display(), schemas = count, "schemas for framed values read");
    Ok(catalogue)
}

/// Every schema of the folder under its id. Files whose names begin with a dot are passed over.
fn read_folder(folder: &Path) -> Result<Vec<(SchemaId, ForeignSchema)>> {
    let failed = |error: std::io::Error| {
        unusable(format!("`{}` under [schemas] confluent cannot be read: {error}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            files.push(path);
        }
    }
    // In one order, so that of several mistakes the same one is told each time.
    files.sort();
    files.iter().map(|file| Ok((id(file)?, schemas::read(file, 78)?))).collect()
}

/// The id that a file is named by.
fn id(file: &Path) -> Result<SchemaId> {
    let named = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".avsc"));
    let id = named.and_then(|name| name.parse().ok());
    Ok(id.ok_or_else(|| {
        unusable(format!(
            "`{}` is not named by a schema's id; name it such as 17.avsc, or by its GUID, or move it away",
            file.display()
        ))
    })?)
}

fn unusable(message: String) -> Coded {
    Coded::new("schema-unusable", 78, message)
}
