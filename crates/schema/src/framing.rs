//! How Confluent's serializers say with which schema a value was written: a prefix of the value, or a header
//! beside it. Which schema an id stands for, and what the data means, is not known here.
//!
//! Source: Confluent Platform, "Wire format", and the class `SchemaId` of its clients since 8.0: the byte 0 and
//! a number of 4 bytes, or the byte 1 and a GUID of 16 bytes, both big-endian. A header is looked at first; then
//! the value is nothing but data.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::{Code, Rejection};

/// The header that names the schema of a record's value.
pub const VALUE_SCHEMA_ID: &str = "__value_schema_id";

/// What a schema registry calls a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// A number, unique in one registry.
    Number(u32),
    /// A GUID, the same in every registry.
    Guid(Uuid),
}

impl SchemaId {
    /// The id at the beginning of `bytes`, and what follows it; `None` where there is none.
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match bytes.split_first()? {
            (0, rest) => {
                let (number, rest) = rest.split_first_chunk()?;
                Some((Self::Number(u32::from_be_bytes(*number)), rest))
            }
            (1, rest) => {
                let (guid, rest) = rest.split_first_chunk()?;
                Some((Self::Guid(Uuid::from_bytes(*guid)), rest))
            }
            (_, _) => None,
        }
    }

    /// The bytes that stand before the data, or in the header.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Number(number) => [&[0][..], &number.to_be_bytes()].concat(),
            Self::Guid(guid) => [&[1][..], guid.as_bytes()].concat(),
        }
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Guid(guid) => guid.fmt(f),
        }
    }
}

/// Text that is no schema id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a number such as 17 nor a GUID such as 6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10")]
pub struct NoSchemaId;

impl FromStr for SchemaId {
    type Err = NoSchemaId;

    /// A number without leading zeros, or a GUID with hyphens: each id has one text.
    fn from_str(text: &str) -> Result<Self, NoSchemaId> {
        let number = text.parse().ok().map(Self::Number);
        let guid = || Uuid::try_parse(text).ok().map(Self::Guid);
        let id = number.or_else(guid).ok_or(NoSchemaId)?;
        if id.to_string().eq_ignore_ascii_case(text) { Ok(id) } else { Err(NoSchemaId) }
    }
}

/// Whether a value without any word about its format may be framed by a prefix.
pub(crate) fn looks_framed(value: &[u8]) -> bool {
    matches!(value, [0 | 1, ..])
}

/// The id of the writer's schema and the data of a value, by the header [`VALUE_SCHEMA_ID`] if there is one, else
/// by the value's prefix; `None`: the value is not framed.
///
/// # Errors
/// `avro-truncated` where a prefix ends early, `avro-invalid` where the header is no id.
pub fn framed<'a>(header: Option<&[u8]>, value: &'a [u8]) -> Result<Option<(SchemaId, &'a [u8])>, Rejection> {
    if let Some(header) = header {
        let Some((id, [])) = SchemaId::split(header) else {
            let detail = format!(
                "header `{VALUE_SCHEMA_ID}`: neither 0 and a number of 4 bytes nor 1 and a GUID of 16"
            );
            return Err(Rejection::new(Code::AvroInvalid, detail));
        };
        return Ok(Some((id, value)));
    }
    if !looks_framed(value) {
        return Ok(None);
    }
    let split = SchemaId::split(value)
        .ok_or_else(|| Rejection::new(Code::AvroTruncated, "the value ends within the id of its schema"));
    split.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10";

    #[test]
    fn an_id_is_read_from_the_prefix_or_from_the_header() {
        let guid: SchemaId = GUID.parse().unwrap();
        let number = SchemaId::Number(17);
        assert_eq!(number.to_bytes(), [0, 0, 0, 0, 17]);
        assert_eq!(guid.to_bytes()[..3], [1, 0x6f, 0x1c]);
        for id in [number, guid] {
            let prefixed = [id.to_bytes(), b"data".to_vec()].concat();
            assert_eq!(framed(None, &prefixed), Ok(Some((id, b"data".as_slice()))));
            assert_eq!(framed(Some(&id.to_bytes()), &prefixed), Ok(Some((id, prefixed.as_slice()))));
        }
        assert_eq!(framed(None, b"\xC3\x01data"), Ok(None));
        assert_eq!(framed(None, b""), Ok(None));
    }

    #[test]
    fn what_is_cut_or_too_long_is_no_id() {
        for length in 1..5 {
            assert_eq!(framed(None, &[0; 5][..length]).unwrap_err().code, Code::AvroTruncated, "{length}");
        }
        for length in 1..17 {
            assert_eq!(framed(None, &[1; 17][..length]).unwrap_err().code, Code::AvroTruncated, "{length}");
        }
        for header in [&[][..], &[0, 0, 0, 17], &[0, 0, 0, 0, 17, 2], &[1; 16], &[1; 18], &[2; 17], b"17"] {
            assert_eq!(framed(Some(header), b"x").unwrap_err().code, Code::AvroInvalid, "{header:?}");
        }
    }

    #[test]
    fn an_id_has_one_text() {
        for text in ["17", "0", "4294967295", GUID] {
            assert_eq!(text.parse::<SchemaId>().unwrap().to_string(), text);
        }
        assert_eq!(GUID.to_uppercase().parse::<SchemaId>().unwrap().to_string(), GUID);
        for text in ["", "017", "+17", "-1", "4294967296", "orders", "{6f1c3c4e-0b1d-5c52-9f3e-2f6a4f9b7c10}"]
        {
            assert_eq!(text.parse::<SchemaId>(), Err(NoSchemaId), "{text}");
        }
    }
}
