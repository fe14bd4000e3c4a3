//! Whether what one schema wrote can be read with another: every place where it cannot, not only the first.
//!
//! By the rules of Avro 1.12, "Schema Resolution", and stricter where two schemas share bytes but not their
//! meaning: an instant in microseconds is none in milliseconds, text is no exact number. (The library's own
//! check lets both pass and stops at the first difference.)

use std::fmt;

use apache_avro::Schema;
use apache_avro::schema::{
    Alias, DecimalSchema, EnumSchema, FixedSchema, InnerDecimalSchema, Name, NamesRef, RecordSchema,
    ResolvedSchema, UnionSchema, UuidSchema,
};

use crate::schema_fields::SchemaError;

/// One place where two schemas do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    /// The place in the reader's schema, such as `items[].price`; empty: the record itself.
    pub path: String,
    /// What does not fit, for people.
    pub problem: String,
    /// Whether only some values cannot be read, such as those that are null.
    pub sometimes: bool,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

/// Everything that `reader` cannot read of what `writer` wrote. Neither schema may contain itself.
pub(crate) fn incompatibilities(
    writer: &Schema,
    reader: &Schema,
) -> Result<Vec<Incompatibility>, SchemaError> {
    let unusable = |error: apache_avro::Error| SchemaError::new(error.to_string());
    let (written, read) =
        (ResolvedSchema::new(writer).map_err(unusable)?, ResolvedSchema::new(reader).map_err(unusable)?);
    let comparison = Comparison { written: written.get_names(), read: read.get_names() };
    let mut found = Vec::new();
    comparison.compare(writer, reader, "", &mut found);
    Ok(found)
}

/// The names of both sides.
struct Comparison<'a> {
    written: &'a NamesRef<'a>,
    read: &'a NamesRef<'a>,
}

type Found = Vec<Incompatibility>;

impl Comparison<'_> {
    fn compare(&self, writer: &Schema, reader: &Schema, path: &str, found: &mut Found) {
        let (writer, reader) = (followed(writer, self.written), followed(reader, self.read));
        match (writer, reader) {
            (Schema::Union(writer), reader) => self.each_branch(writer, reader, path, found),
            (writer, Schema::Union(reader)) => self.any_branch(writer, reader, path, found),
            (Schema::Record(writer), Schema::Record(reader)) => self.records(writer, reader, path, found),
            (Schema::Array(writer), Schema::Array(reader)) => {
                self.compare(&writer.items, &reader.items, &format!("{path}[]"), found);
            }
            (Schema::Map(writer), Schema::Map(reader)) => {
                self.compare(&writer.types, &reader.types, &format!("{path}{{}}"), found);
            }
            (Schema::Enum(writer), Schema::Enum(reader)) => enums(writer, reader, path, found),
            (writer, reader) => {
                if let Err(problem) = plain(writer, reader) {
                    note(found, path, problem, false);
                }
            }
        }
    }

    /// Whatever the writer's union held must be readable; null alone is missing only sometimes.
    fn each_branch(&self, writer: &UnionSchema, reader: &Schema, path: &str, found: &mut Found) {
        for branch in writer.variants() {
            let mut problems = Found::new();
            self.compare(branch, reader, path, &mut problems);
            if matches!(branch, Schema::Null) && writer.variants().len() > 1 && !problems.is_empty() {
                let problem = format!("may be null, which {} cannot be", shown(reader));
                note(found, path, problem, true);
            } else {
                found.append(&mut problems);
            }
        }
    }

    /// One of the reader's branches must read it; where none does, the one that comes nearest is told about.
    fn any_branch(&self, writer: &Schema, reader: &UnionSchema, path: &str, found: &mut Found) {
        let tried = reader.variants().iter().map(|branch| {
            let mut problems = Found::new();
            self.compare(writer, branch, path, &mut problems);
            (!same_kind(writer, followed(branch, self.read)), problems)
        });
        let nearest = tried.min_by_key(|(other_kind, problems)| (!problems.is_empty(), *other_kind));
        match nearest {
            Some((false, mut problems)) => found.append(&mut problems),
            Some((true, problems)) if problems.is_empty() => {}
            Some((true, _)) | None => {
                let branches: Vec<String> = reader.variants().iter().map(shown).collect();
                let problem = format!("{} cannot be read as {}", shown(writer), branches.join(" or "));
                note(found, path, problem, false);
            }
        }
    }

    fn records(&self, writer: &RecordSchema, reader: &RecordSchema, path: &str, found: &mut Found) {
        let names = (&writer.name, &reader.name);
        check_name("record", names, reader.aliases.as_deref(), (path, found));
        for field in &reader.fields {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            let mut called = std::iter::once(&field.name).chain(&field.aliases);
            let written = called.find_map(|name| writer.fields.iter().find(|it| it.name == *name));
            match written {
                Some(written) => self.compare(&written.schema, &field.schema, &path, found),
                None if field.default.is_some() => {}
                None => note(
                    found,
                    &path,
                    "must be given, but the other schema does not have it".to_owned(),
                    false,
                ),
            }
        }
    }
}

fn note(found: &mut Found, path: &str, problem: String, sometimes: bool) {
    found.push(Incompatibility { path: path.to_owned(), problem, sometimes });
}

/// The schema behind a name.
fn followed<'a>(schema: &'a Schema, names: &NamesRef<'a>) -> &'a Schema {
    match schema {
        Schema::Ref { name } => names.get(name).copied().unwrap_or(schema),
        schema => schema,
    }
}

/// Whether two schemas are of one kind, so that it is worth telling what exactly differs.
fn same_kind(one: &Schema, other: &Schema) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Records and enums go by their names, without the namespace; the reader may have further ones.
fn check_name(
    what: &str,
    (writer, reader): (&Name, &Name),
    aliases: Option<&[Alias]>,
    (path, found): (&str, &mut Found),
) {
    let (written, read) = (writer.name(), reader.name());
    let further = aliases.unwrap_or_default().iter().any(|alias| alias.name() == written);
    if written != read && !further {
        let problem = format!("the {what} `{written}` cannot be read as `{read}`: Avro goes by the name");
        note(found, path, problem, false);
    }
}

fn enums(writer: &EnumSchema, reader: &EnumSchema, path: &str, found: &mut Found) {
    let names = (&writer.name, &reader.name);
    check_name("enum", names, reader.aliases.as_deref(), (path, found));
    let unknown: Vec<&str> =
        writer.symbols.iter().filter(|symbol| !reader.symbols.contains(symbol)).map(String::as_str).collect();
    if reader.default.is_none() && !unknown.is_empty() {
        let problem =
            format!("may be `{}`, which it does not know, and it has no default", unknown.join("`, `"));
        note(found, path, problem, unknown.len() < writer.symbols.len());
    }
}

/// What kind of bytes a schema without parts has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
}

/// Bytes and their meaning, if they have one beyond their kind.
fn meaning(schema: &Schema) -> Option<(Wire, Option<&'static str>)> {
    Some(match schema {
        Schema::Null => (Wire::Null, None),
        Schema::Boolean => (Wire::Boolean, None),
        Schema::Int => (Wire::Int, None),
        Schema::Long => (Wire::Long, None),
        Schema::Float => (Wire::Float, None),
        Schema::Double => (Wire::Double, None),
        Schema::Bytes => (Wire::Bytes, None),
        Schema::String => (Wire::String, None),
        Schema::Fixed(fixed) => (Wire::Fixed(fixed.size), None),
        Schema::Date => (Wire::Int, Some("date")),
        Schema::TimeMillis => (Wire::Int, Some("time-millis")),
        Schema::TimeMicros => (Wire::Long, Some("time-micros")),
        Schema::TimestampMillis => (Wire::Long, Some("timestamp-millis")),
        Schema::TimestampMicros => (Wire::Long, Some("timestamp-micros")),
        Schema::TimestampNanos => (Wire::Long, Some("timestamp-nanos")),
        Schema::LocalTimestampMillis => (Wire::Long, Some("local-timestamp-millis")),
        Schema::LocalTimestampMicros => (Wire::Long, Some("local-timestamp-micros")),
        Schema::LocalTimestampNanos => (Wire::Long, Some("local-timestamp-nanos")),
        Schema::Uuid(UuidSchema::String) => (Wire::String, Some("uuid")),
        Schema::Uuid(UuidSchema::Bytes) => (Wire::Bytes, Some("uuid")),
        Schema::Uuid(UuidSchema::Fixed(FixedSchema { size, .. })) => (Wire::Fixed(*size), Some("uuid")),
        Schema::Decimal(DecimalSchema { inner, .. }) => match inner {
            InnerDecimalSchema::Bytes => (Wire::Bytes, Some("decimal")),
            InnerDecimalSchema::Fixed(fixed) => (Wire::Fixed(fixed.size), Some("decimal")),
        },
        Schema::BigDecimal => (Wire::Bytes, Some("big-decimal")),
        Schema::Duration(fixed) => (Wire::Fixed(fixed.size), Some("duration")),
        Schema::Array(_)
        | Schema::Map(_)
        | Schema::Union(_)
        | Schema::Record(_)
        | Schema::Enum(_)
        | Schema::Ref { .. } => return None,
    })
}

/// Schemas without parts: promotions of numbers, text and bytes, and the same meaning of both, if both have one.
fn plain(writer: &Schema, reader: &Schema) -> Result<(), String> {
    let unreadable = || format!("{} cannot be read as {}", shown(writer), shown(reader));
    let (Some((written, written_as)), Some((read, read_as))) = (meaning(writer), meaning(reader)) else {
        return Err(unreadable());
    };
    let promoted = match (written, read) {
        (written, read) if written == read => true,
        (Wire::Int, Wire::Long | Wire::Float | Wire::Double)
        | (Wire::Long, Wire::Float | Wire::Double)
        | (Wire::Float, Wire::Double) => true,
        // Text is what it says, and no number in other clothes.
        (Wire::String, Wire::Bytes) | (Wire::Bytes, Wire::String) => {
            written_as.is_none() && read_as.is_none()
        }
        (_, _) => false,
    };
    let same_meaning = written_as.is_none() || read_as.is_none() || written_as == read_as;
    let same_name = match (writer.name(), reader.name()) {
        (Some(writer), Some(reader)) => writer.name() == reader.name(),
        (_, _) => true,
    };
    if !promoted || !same_meaning || !same_name {
        return Err(unreadable());
    }
    match (writer, reader) {
        (Schema::Decimal(writer_digits), Schema::Decimal(reader_digits))
            if (writer_digits.precision, writer_digits.scale)
                != (reader_digits.precision, reader_digits.scale) =>
        {
            Err(unreadable())
        }
        _ => Ok(()),
    }
}

/// A schema in a few words.
fn shown(schema: &Schema) -> String {
    match schema {
        Schema::Record(record) => format!("record `{}`", record.name.name()),
        Schema::Enum(symbols) => format!("enum `{}`", symbols.name.name()),
        Schema::Ref { name } => format!("`{}`", name.name()),
        Schema::Array(_) => "array".to_owned(),
        Schema::Map(_) => "map".to_owned(),
        Schema::Union(union) => union.variants().iter().map(shown).collect::<Vec<_>>().join(" or "),
        Schema::Decimal(digits) => format!("decimal({}, {})", digits.precision, digits.scale),
        other => match meaning(other) {
            Some((_, Some(logical))) => logical.to_owned(),
            Some((bytes, None)) => match bytes {
                Wire::Null => "null".to_owned(),
                Wire::Boolean => "boolean".to_owned(),
                Wire::Int => "int".to_owned(),
                Wire::Long => "long".to_owned(),
                Wire::Float => "float".to_owned(),
                Wire::Double => "double".to_owned(),
                Wire::Bytes => "bytes".to_owned(),
                Wire::String => "string".to_owned(),
                Wire::Fixed(size) => format!("fixed({size})"),
            },
            None => other.to_string(),
        },
    }
}
