//! Avro's single-object encoding: two marker bytes, the fingerprint of the schema that wrote the data, the
//! data. Strict where the library is lenient: apache-avro 0.22 takes data that ends too early for nulls and
//! ignores what follows the data; more of that is in [`crate::avro_walk`]. What the values mean is in
//! [`crate::avro_facts`].

use std::io::{self, ErrorKind, Read};
use std::sync::Once;

use apache_avro::error::Details;
use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, util::max_allocation_bytes};
use hinge_domain::{Field, Value};

use crate::avro_facts::{from_record, to_record};
use crate::avro_walk::Walk;
use crate::fingerprint::fingerprint;
use crate::path::Path;
use crate::schema_fields::{SchemaError, check_limits, fields_of};
use crate::{Code, Rejection, avro_datum};

/// The first bytes of the single-object encoding, version 1.
pub(crate) const MARKER: [u8; 2] = [0xC3, 0x01];
/// The marker and the fingerprint.
const HEADER_BYTES: usize = 10;
/// The most that one length in the data may make the library allocate. A record's body is no larger.
const MAX_ALLOCATION: usize = crate::MAX_BODY_BYTES;

/// A schema that data may have been written with.
pub(crate) struct Writer {
    schema: &'static Schema,
    fingerprint: [u8; 8],
    by_library: [u8; 8],
    decoder: GenericDatumReader<'static>,
    walk: Walk,
    encoder: GenericDatumWriter<'static>,
    /// The facts as this version has them.
    fields: Vec<Field>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Writer {
    /// Prepares a schema for reading and writing; also tells what it means. Schemas live as long as the
    /// process: they are leaked, because the library's reader borrows them and must not be built per record.
    pub(crate) fn parse(text: &str) -> Result<(String, Self), SchemaError> {
        set_allocation_limit();
        let unusable = |error: apache_avro::Error| SchemaError::new(error.to_string());
        let json = check_limits(text)?;
        let schema: &'static Schema = Box::leak(Box::new(Schema::parse(&json).map_err(unusable)?));
        let (doc, fields) = fields_of(schema)?;
        let by_library = schema.fingerprint::<Rabin>().bytes;
        let by_library = by_library.try_into().map_err(|_| SchemaError::new("no fingerprint of 8 bytes"))?;
        let writer = Self {
            schema,
            fingerprint: fingerprint(&json),
            by_library,
            decoder: GenericDatumReader::builder(schema).build().map_err(unusable)?,
            walk: Walk::of_facts(schema),
            // Values are built by the fields of this very schema, so validating them again is left out.
            encoder: GenericDatumWriter::builder(schema).validate(false).build().map_err(unusable)?,
            fields,
        };
        Ok((doc, writer))
    }

    /// The fingerprint of the specification, in the order of the wire.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }

    /// Whatever producers may call this schema by: the specification's fingerprint, and the one that
    /// producers with apache-avro for Rust compute.
    pub(crate) fn fingerprints(&self) -> [[u8; 8]; 2] {
        [self.fingerprint, self.by_library]
    }

    /// The schema itself.
    pub(crate) fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// The facts as this version has them.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Reads data that must end exactly where the schema says.
    pub(crate) fn read(&self, datum: &[u8]) -> Result<Vec<Value>, Rejection> {
        avro_datum::read(datum, &self.fields).map_or_else(|| self.read_by_library(datum), Ok)
    }

    /// The same by the library, which says what is wrong.
    pub(crate) fn read_by_library(&self, datum: &[u8]) -> Result<Vec<Value>, Rejection> {
        let value = read_all(&self.decoder, &self.walk, datum)?;
        let Avro::Record(written) = value else { return Err(truncated()) };
        from_record(written, &self.fields, Path::Data)
    }

    /// Writes facts that are in the order of this schema's fields.
    pub(crate) fn write(&self, values: &[Value], target: &mut Vec<u8>) -> Result<(), Rejection> {
        let record = to_record(values.iter(), &self.fields, Path::Data)?;
        let written = self.encoder.write_value_ref(target, &record);
        written.map_err(|error| Rejection::new(Code::DataInvalid, describe(error.details())))?;
        Ok(())
    }

    /// Writes a value that has the fields of this schema, in their order, as the library does.
    #[cfg(test)]
    pub(crate) fn serialize(
        &self,
        value: &impl serde::Serialize,
        target: &mut Vec<u8>,
    ) -> Result<(), Rejection> {
        let written = self.encoder.write_ser(target, value);
        written.map_err(|error| Rejection::new(Code::DataInvalid, describe(error.details())))?;
        Ok(())
    }
}

/// Sets how much one length in the data may make the library allocate; it is one limit for the process, and can
/// be set once, before anything is decoded.
pub(crate) fn set_allocation_limit() {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| {
        max_allocation_bytes(MAX_ALLOCATION);
    });
}

/// Reads data that must end exactly where the reader's schema says.
pub(crate) fn read_all(
    decoder: &GenericDatumReader<'_>,
    walk: &Walk,
    datum: &[u8],
) -> Result<Avro, Rejection> {
    walk.check(datum)?;
    let mut input = Input { rest: datum, ran_out: false };
    let read = decoder.read_value(&mut input);
    if input.ran_out {
        return Err(truncated());
    }
    let value = read.map_err(|error| Rejection::new(Code::AvroInvalid, describe(error.details())))?;
    if !input.rest.is_empty() {
        let detail = format!("{} bytes follow the data", input.rest.len());
        return Err(Rejection::new(Code::AvroTrailing, detail));
    }
    Ok(value)
}

/// The bytes of a datum. Remembers that more was asked for than there is, because the library turns the end
/// of the input into nulls at three places (text, booleans, unions) without an error.
struct Input<'a> {
    rest: &'a [u8],
    ran_out: bool,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.rest.len());
        self.read_exact(&mut buffer[..count])?;
        self.ran_out |= count == 0 && !buffer.is_empty();
        Ok(count)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let Some((taken, rest)) = self.rest.split_at_checked(buffer.len()) else {
            self.ran_out = true;
            self.rest = &[];
            return Err(ErrorKind::UnexpectedEof.into());
        };
        buffer.copy_from_slice(taken);
        self.rest = rest;
        Ok(())
    }
}

/// Data that ends too early.
pub(crate) fn truncated() -> Rejection {
    Rejection::new(Code::AvroTruncated, "the data ends before its schema does")
}

/// What the library found wrong, without the values that its own messages repeat.
fn describe(details: &Details) -> &'static str {
    match details {
        Details::ConvertToUtf8(_) => "text that is not UTF-8",
        Details::MemoryAllocation { .. } => "a length or count beyond the limit",
        Details::ConvertI64ToUsize(..) | Details::ConvertI32ToUsize(..) => {
            "a negative length, count or index"
        }
        Details::IntegerOverflow | Details::ZagI32(..) => "a number too large for its kind",
        Details::GetUnionVariant { .. } => "a union branch that the schema does not have",
        Details::GetEnumValue { .. } => "an enum symbol that the schema does not have",
        Details::BoolValue(_) => "a boolean that is neither 0 nor 1",
        Details::ConvertStrToUuid(_) => "a UUID that is none",
        Details::Validation => "a value that does not fit its schema",
        _ => "not Avro by the schema of its fingerprint",
    }
}

/// The fingerprint and the datum of a single-object encoding.
pub(crate) fn split(body: &[u8]) -> Result<([u8; 8], &[u8]), Rejection> {
    if !body.starts_with(&MARKER) {
        let problem =
            "neither in Avro's single-object encoding (C3 01) nor framed by a schema registry's id (00)";
        return Err(Rejection::new(Code::AvroInvalid, problem));
    }
    let (header, datum) = body.split_at_checked(HEADER_BYTES).ok_or_else(truncated)?;
    let fingerprint = header[MARKER.len()..].try_into().map_err(|_| truncated())?;
    Ok((fingerprint, datum))
}
