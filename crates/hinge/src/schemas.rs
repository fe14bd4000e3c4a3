//! `hinge schemas`: the event types, their schemas, and whether a schema of the operator's fits them. What fits is
//! decided in `hinge-schema`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use comfy_table::{CellAlignment, ContentArrangement};
use hinge_schema::{Catalogue, Compared, ForeignSchema, Incompatibility, NOTIFICATION_TYPE};
use serde_json::{Value as Json, json};

use crate::arguments::Format;
use crate::exit::Coded;
use crate::summary::table;

/// What to do with schemas.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemasAction {
    /// List the event types: their streams, versions, and the catalogue version that each came with
    List,
    #[command(disable_version_flag = true)]
    /// Print the Avro schema of an event type, or of hinge.notification, which departments read
    Show {
        /// The event type, such as order.placed
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// Its version [default: the newest]
        #[arg(long, value_name = "N")]
        version: Option<usize>,
    },
    /// Check whether a schema and Hinge's read what the other one wrote; every place where not (exit code 2)
    CheckCompatibility {
        /// The schema, an Avro record in JSON
        file: PathBuf,
        /// The event type to compare with [default: the one whose record has the same name]
        #[arg(long, value_name = "TYPE")]
        against: Option<String>,
    },
}

/// Lists, prints or compares schemas.
pub(crate) fn schemas(action: &SchemasAction, format: Format, out: &mut dyn Write) -> Result<ExitCode> {
    let catalogue = Catalogue::builtin();
    match action {
        SchemasAction::List => list(&catalogue, format, out)?,
        SchemasAction::Show { event_type, version } => {
            let text = schema(&catalogue, event_type, *version)?;
            match format {
                Format::Text => write!(out, "{text}")?,
                Format::Json => writeln!(out, "{}", serde_json::from_str::<Json>(text)?)?,
            }
        }
        SchemasAction::CheckCompatibility { file, against } => {
            return check(&catalogue, file, against.as_deref(), (format, out));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A schema of the operator's, from its file; `exit` is how the process ends if it is none.
pub(crate) fn read(file: &Path, exit: u8) -> Result<ForeignSchema> {
    let unusable = |problem: &dyn std::fmt::Display| {
        Coded::new("schema-unusable", exit, format!("`{}`: {problem}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| unusable(&error))?;
    Ok(ForeignSchema::parse(&text).map_err(|error| unusable(&error))?)
}

fn list(catalogue: &Catalogue, format: Format, out: &mut dyn Write) -> Result<()> {
    let mut table = table(&["event type", "stream", "versions", "since", "what it tells"]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(words) = table.column_mut(4) {
        words.set_cell_alignment(CellAlignment::Left);
    }
    for shape in catalogue.shapes() {
        let since = catalogue.since(&shape.event_type).unwrap_or_default();
        let versions: Vec<u32> = (1..=shape.version).collect();
        if format == Format::Json {
            let line = json!({"type": shape.event_type.as_ref(), "stream": shape.stream.name(), "versions": versions,
                              "since": since, "doc": shape.doc});
            writeln!(out, "{line}")?;
            continue;
        }
        let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
        let meaning = shape.doc.split('.').next().unwrap_or_default();
        table.add_row([
            shape.event_type.as_ref(),
            shape.stream.name(),
            &versions.join(", "),
            &since.to_string(),
            meaning,
        ]);
    }
    if format == Format::Text {
        writeln!(out, "{table}\n")?;
        writeln!(
            out,
            "This is catalogue version {}; `since` is the version that a type came with, and a policy pins one.",
            catalogue.version()
        )?;
        writeln!(
            out,
            "`hinge schemas show TYPE` prints a schema, {NOTIFICATION_TYPE} is what departments read."
        )?;
    }
    Ok(())
}

/// The text of a schema of ours.
fn schema(catalogue: &Catalogue, event_type: &str, version: Option<usize>) -> Result<&'static str> {
    let texts = catalogue.schema_texts(event_type).ok_or_else(|| unknown(event_type))?;
    let wanted = version.unwrap_or(texts.len());
    let text = wanted.checked_sub(1).and_then(|at| texts.get(at)).copied();
    Ok(text.ok_or_else(|| {
        let message = format!("`{event_type}` has no version {wanted}; the newest is {}", texts.len());
        Coded::new("type-unknown", 2, message)
    })?)
}

fn unknown(event_type: &str) -> Coded {
    let message = format!("the catalogue has no event type `{event_type}`; `hinge schemas list` shows all");
    Coded::new("type-unknown", 2, message)
}

fn check(
    catalogue: &Catalogue,
    file: &Path,
    against: Option<&str>,
    (format, out): (Format, &mut dyn Write),
) -> Result<ExitCode> {
    let schema = read(file, 2)?;
    let name = schema.full_name();
    let Some(event_type) = against.or_else(|| catalogue.type_of_record(&name)) else {
        let message = format!(
            "`{}`: no event type has a record named `{name}`; say with --against which one is meant",
            file.display()
        );
        return Err(Coded::new("type-unknown", 2, message).into());
    };
    let compared = catalogue.compare(&schema, event_type)?.ok_or_else(|| unknown(event_type))?;
    let places: usize = compared.iter().map(|it| it.hinge_reads.len() + it.reads_hinge.len()).sum();
    match format {
        Format::Json => {
            let problems: Vec<Json> = compared.iter().flat_map(problems).collect();
            let line = json!({"file": file, "type": event_type, "compatible": places == 0,
                              "versions": compared.len(), "problems": problems});
            writeln!(out, "{line}")?;
        }
        Format::Text => {
            for it in &compared {
                writeln!(out, "{event_type}, version {}", it.version)?;
                tell("Hinge reads what was written with it", &it.hinge_reads, out)?;
                tell("it reads what Hinge's schema wrote", &it.reads_hinge, out)?;
            }
            match places {
                0 => writeln!(out, "\nfully compatible: either reads all that the other one wrote")?,
                1 => writeln!(out, "\nnot compatible: 1 problem")?,
                _ => writeln!(out, "\nnot compatible: {places} problems")?,
            }
        }
    }
    Ok(ExitCode::from(if places == 0 { 0 } else { 2 }))
}

fn tell(what: &str, problems: &[Incompatibility], out: &mut dyn Write) -> Result<()> {
    let answer = match problems {
        [] => "yes",
        some if some.iter().all(|problem| problem.sometimes) => "mostly",
        _ => "no",
    };
    writeln!(out, "  {what}: {answer}")?;
    for problem in problems {
        writeln!(out, "    {problem}")?;
    }
    Ok(())
}

fn problems(compared: &Compared) -> impl Iterator<Item = Json> {
    let version = compared.version;
    let directions = [("hinge-reads", &compared.hinge_reads), ("reads-hinge", &compared.reads_hinge)];
    directions.into_iter().flat_map(move |(direction, problems)| {
        problems.iter().map(move |it| {
            json!({"version": version, "direction": direction, "path": it.path, "problem": it.problem,
                   "sometimes": it.sometimes})
        })
    })
}
