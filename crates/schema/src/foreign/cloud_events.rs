//! CloudEvents of types that are not Hinge's: their attributes for expressions, their data as the row.
//!
//! Unlike events on Hinge's own topics they need not say more than what the mapping reads.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hinge_domain::{Given, Row, Value};

use super::avro::{self, AvroTable};
use super::{ForeignRecord, json_row};
use crate::attributes::invalid;
use crate::path::shown;
use crate::{Code, Rejection};

/// What an event says, in binary or structured mode.
pub(super) fn given(record: &ForeignRecord<'_>, avro: Option<&AvroTable>) -> Result<Given, Rejection> {
    let content_type = record.header("content-type").and_then(|it| std::str::from_utf8(it).ok());
    let content_type = content_type.unwrap_or_default().trim().to_ascii_lowercase();
    let in_headers = record.headers.iter().any(|(name, _)| *name == "ce_specversion" || *name == "ce_type");
    if let Some(format) = content_type.strip_prefix("application/cloudevents") {
        return match format.split(';').next().unwrap_or_default().trim_end() {
            "+json" => structured(record.value.unwrap_or_default(), avro),
            _ => Err(Rejection::new(
                Code::FormatUnsupported,
                "CloudEvents in batches or in another format than JSON",
            )),
        };
    }
    if !in_headers {
        return structured(record.value.unwrap_or_default(), avro);
    }
    let attributes = record.headers.iter().filter_map(|(name, value)| {
        let text = std::str::from_utf8((*value)?).ok()?;
        Some((Arc::from(name.strip_prefix("ce_")?), Value::text(text)))
    });
    let attributes: Row = attributes.collect();
    let mut names: Vec<&str> = attributes.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(invalid(shown(twice[0]), "given twice"));
    }
    let row = match record.value.filter(|value| !value.is_empty()) {
        Some(value) => data(value, &content_type, avro, record.header(avro::VALUE_SCHEMA_HEADER))?,
        None => Vec::new(),
    };
    Ok(Given { row, beside: vec![("ce", Value::Record(attributes))] })
}

/// Attributes and data in one JSON object.
fn structured(body: &[u8], avro: Option<&AvroTable>) -> Result<Given, Rejection> {
    let mut attributes = if body.is_empty() { Vec::new() } else { json_row(body)? };
    if !attributes.iter().any(|(name, _)| **name == *"specversion") {
        let detail = "no CloudEvent: neither `ce_` headers nor a JSON object with `specversion`";
        return Err(Rejection::new(Code::AttributeMissing, detail));
    }
    let mut take = |name: &str| {
        let position = attributes.iter().position(|(known, _)| **known == *name)?;
        Some(attributes.remove(position).1).filter(|value| !value.is_absent())
    };
    let (inline, encoded) = (take("data"), take("data_base64"));
    let row = match (inline, encoded) {
        (None, None) => Vec::new(),
        (Some(Value::Record(row)), None) => row,
        (None, Some(Value::Text(text))) => {
            let bytes = STANDARD.decode(text.as_bytes());
            let bytes =
                bytes.map_err(|_| Rejection::new(Code::JsonInvalid, "`data_base64` is not base64"))?;
            let content_type = attributes.iter().find(|(name, _)| **name == *"datacontenttype");
            let content_type = match content_type {
                Some((_, Value::Text(text))) => text.trim().to_ascii_lowercase(),
                _ => String::new(),
            };
            data(&bytes, &content_type, avro, None)?
        }
        (Some(_), Some(_)) => {
            return Err(Rejection::new(Code::JsonInvalid, "both `data` and `data_base64`"));
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(Rejection::new(Code::DataInvalid, "`data` is not an object"));
        }
    };
    Ok(Given { row, beside: vec![("ce", Value::Record(attributes))] })
}

/// Data in bytes: Avro where the content type says so, or where it says nothing and the source has schemas.
fn data(
    bytes: &[u8],
    content_type: &str,
    avro: Option<&AvroTable>,
    schema: Option<&[u8]>,
) -> Result<Row, Rejection> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim_end();
    let says_avro = matches!(media_type, "application/avro" | "avro/binary" | "application/vnd.apache.avro");
    match avro {
        Some(avro) if says_avro || media_type.is_empty() => avro.row(bytes, schema),
        None if says_avro => {
            let detail = "Avro, and the source names no schemas; give them under `avro:`";
            Err(Rejection::new(Code::FormatUnsupported, detail))
        }
        _ if media_type.is_empty() || media_type == "application/json" || media_type.ends_with("+json") => {
            json_row(bytes)
        }
        _ => Err(Rejection::new(Code::FormatUnsupported, "the content type is neither JSON nor Avro")),
    }
}
