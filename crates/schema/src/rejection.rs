//! Why a record is not taken: one closed list of codes for the whole pipeline. What becomes of such a
//! record (dead letters, limits) belongs to the router.

use std::fmt;

/// Why a record was rejected. The text of a code is stable: it is a metric label and a dead letter's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The record has no value, or a structured event has no `data`.
    BodyMissing,
    /// The value is larger than [`crate::MAX_BODY_BYTES`].
    BodyTooLarge,
    /// The headers could not be read; given by the router.
    HeadersUnreadable,
    /// A content type or encoding that is not known.
    FormatUnsupported,
    /// Not JSON, or an object that says something twice.
    JsonInvalid,
    /// A CloudEvents attribute that every event needs is not there.
    AttributeMissing,
    /// A CloudEvents attribute has a value that it may not have.
    AttributeInvalid,
    /// The catalogue has no such event type.
    TypeUnknown,
    /// No schema of the catalogue has this fingerprint.
    SchemaUnknown,
    /// A value framed for a schema registry names a schema that is not configured.
    SchemaIdUnknown,
    /// The data was written with the schema of another event type.
    SchemaMismatch,
    /// The data breaks the rules of Avro.
    AvroInvalid,
    /// The data ends too early.
    AvroTruncated,
    /// More bytes follow the data.
    AvroTrailing,
    /// A fact is missing or has a value that it may not have.
    DataInvalid,
    /// The source's mapping cannot make events of the record.
    MappingFailed,
    /// The source's mapping asks what a change was before, and the change record does not say it.
    BeforeMissing,
    /// The same identity told something else before; given by the router.
    Conflict,
    /// What the event would leave behind is larger than a record may be; given by the router.
    OutputTooLarge,
    /// Deciding on the record failed by a defect of Hinge; given by the router.
    Panic,
    /// It was held behind a rejected record, and an operator discarded it; given by the router.
    Discarded,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::BodyMissing,
        Self::BodyTooLarge,
        Self::HeadersUnreadable,
        Self::FormatUnsupported,
        Self::JsonInvalid,
        Self::AttributeMissing,
        Self::AttributeInvalid,
        Self::TypeUnknown,
        Self::SchemaUnknown,
        Self::SchemaIdUnknown,
        Self::SchemaMismatch,
        Self::AvroInvalid,
        Self::AvroTruncated,
        Self::AvroTrailing,
        Self::DataInvalid,
        Self::MappingFailed,
        Self::BeforeMissing,
        Self::Conflict,
        Self::OutputTooLarge,
        Self::Panic,
        Self::Discarded,
    ];

    /// The stable text, such as `avro-truncated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BodyMissing => "body-missing",
            Self::BodyTooLarge => "body-too-large",
            Self::HeadersUnreadable => "headers-unreadable",
            Self::FormatUnsupported => "format-unsupported",
            Self::JsonInvalid => "json-invalid",
            Self::AttributeMissing => "attribute-missing",
            Self::AttributeInvalid => "attribute-invalid",
            Self::TypeUnknown => "type-unknown",
            Self::SchemaUnknown => "schema-unknown",
            Self::SchemaIdUnknown => "schema-id-unknown",
            Self::SchemaMismatch => "schema-mismatch",
            Self::AvroInvalid => "avro-invalid",
            Self::AvroTruncated => "avro-truncated",
            Self::AvroTrailing => "avro-trailing",
            Self::DataInvalid => "data-invalid",
            Self::MappingFailed => "mapping-failed",
            Self::BeforeMissing => "before-missing",
            Self::Conflict => "conflict",
            Self::OutputTooLarge => "output-too-large",
            Self::Panic => "panic",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejection {
    /// The kind of reason.
    pub code: Code,
    /// What is wrong and where, for the producer's people. Names paths and kinds, never the value of a
    /// fact: it is stored and shown where personal data must not be.
    pub detail: String,
}

impl Rejection {
    /// A rejection; `detail` must not repeat values of facts.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
