//! Bytes to events and back.
//!
//! The catalogue ([`Catalogue`]) knows every event type that Hinge understands; its schemas are files of the
//! folder `schemas/`, compiled in. [`Catalogue::decode`] makes one event of one record, whichever of three
//! ways it was encoded in ([`Encoding`]), with its facts brought up to the newest version of its type, or says
//! why not ([`Rejection`]). [`Catalogue::encode_event`] is the inverse. [`encode_notification`] writes what a
//! department reads, [`decode_notification`] reads it back for comparison.
//!
//! A record on its way in: `decode` tells binary from structured mode, `attributes` checks what every event
//! must say, `json_facts` or `avro_facts` reads the facts by the shape of their type, `fact_rules` holds what both
//! must agree on. Values framed for a schema registry come by `framing` and `confluent`, which read them with a
//! [`ForeignSchema`]; `compatibility` says beforehand whether that can be done. Nothing that arrives can make this crate panic, recurse without bound or allocate without
//! bound: a value of [`MAX_BODY_BYTES`] costs some ten times its size at the most.
//!
//! Records of other systems become the same events by a [`Source`] of the policy (`foreign`).
//!
//! Not here: topics, offsets, headers of dead letters (the stream and the router), and what an event means
//! (the domain).

#![forbid(unsafe_code)]

mod attributes;
mod avro;
mod avro_bytes;
mod avro_datum;
mod avro_facts;
mod avro_walk;
mod catalogue;
mod compatibility;
mod confluent;
mod decode;
mod encode;
mod fact_rules;
mod files;
mod fingerprint;
mod foreign;
mod foreign_schema;
mod framing;
mod json_bytes;
mod json_facts;
mod json_members;
mod notification;
mod notification_record;
mod path;
mod published;
mod rejection;
mod resolution;
mod schema_fields;
mod stamp;

pub use attributes::{MAX_ATTRIBUTE_BYTES, MAX_EXTENSION_BYTES, MAX_EXTENSIONS, is_uri_reference};
pub use catalogue::{CATALOGUE_VERSION, Catalogue};
pub use compatibility::Incompatibility;
pub use decode::{Decoded, Encoding, MAX_BODY_BYTES};
pub use encode::Encoded;
pub use foreign::{
    AvroTable, ForeignRecord, Format, Framing, SchemaEntry, Source, SourceParts, Sources, json_row,
};
pub use foreign_schema::ForeignSchema;
pub use framing::{NoSchemaId, SchemaId, VALUE_SCHEMA_ID, framed};
pub use json_bytes::write_json;
pub use json_facts::facts as facts_from_json;
pub use notification::{
    NOTIFICATION_SOURCE, NOTIFICATION_TYPE, encode_notification, notification_headers, write_notification,
};
pub use notification_record::{
    NotificationAudience, NotificationEvent, NotificationReason, NotificationRecord, ReadNotification,
    decode_notification,
};
pub use published::Compared;
pub use rejection::{Code, Rejection};
pub use schema_fields::SchemaError;
pub use stamp::{Stamp, Stamped};

#[cfg(test)]
mod tests;
