//! A JSON object taken apart without interpreting its values: they stay text until somebody knows what they
//! should be, so that numbers keep their digits and nothing is parsed that nobody asked for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::path::Path;
use crate::{Code, Rejection};

/// What kind of JSON a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

impl JsonKind {
    /// The kind of a valid JSON text, told by its first character.
    pub(crate) fn of(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool,
            Some(b'"') => Self::Text,
            Some(b'[') => Self::List,
            Some(b'{') => Self::Object,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Object => "an object",
        })
    }
}

/// The members of an object, in their order; a name may occur twice.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The text of a JSON document.
pub(crate) fn document(bytes: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(bytes).map_err(|error| {
        Rejection::new(Code::JsonInvalid, format!("not UTF-8 after byte {}", error.valid_up_to()))
    })
}

/// Takes an object apart. The first call on a document is also its syntax check.
pub(crate) fn members<'a>(text: &'a str, path: Path<'_>) -> Result<Members<'a>, Rejection> {
    // serde_json's own message may repeat a value.
    serde_json::from_str(text).map_err(|error| not_json(path, "not a JSON object", &error))
}

/// Takes an object apart, member by member, without gathering them. Nothing that was handed over counts if this fails.
pub(crate) fn each_member<'a>(
    text: &'a str,
    path: Path<'_>,
    each: impl FnMut(&str, &'a RawValue),
) -> Result<(), Rejection> {
    let mut json = serde_json::Deserializer::from_str(text);
    let taken = Each(each).deserialize(&mut json).and_then(|()| json.end());
    taken.map_err(|error| not_json(path, "not a JSON object", &error))
}

struct Each<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> DeserializeSeed<'de> for Each<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            (self.0)(&name, value);
        }
        Ok(())
    }
}

/// Takes a list apart.
pub(crate) fn items<'a>(raw: &'a RawValue, path: Path<'_>) -> Result<Vec<&'a RawValue>, Rejection> {
    serde_json::from_str(raw.get()).map_err(|error| not_json(path, "not a JSON list", &error))
}

/// Takes a list apart, item by item. Nothing that was handed over counts if this fails.
pub(crate) fn each_item<'a>(
    raw: &'a RawValue,
    path: Path<'_>,
    each: impl FnMut(&'a RawValue),
) -> Result<(), Rejection> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let taken = EachItem(each).deserialize(&mut json).and_then(|()| json.end());
    taken.map_err(|error| not_json(path, "not a JSON list", &error))
}

struct EachItem<F>(F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for EachItem<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for EachItem<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            (self.0)(item);
        }
        Ok(())
    }
}

/// The content of a JSON text, borrowed where it has no escapes.
pub(crate) fn text<'a>(raw: &'a RawValue, path: Path<'_>) -> Result<Cow<'a, str>, Rejection> {
    let quoted = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(plain) = quoted.filter(|content| !content.contains('\\')) {
        return Ok(Cow::Borrowed(plain));
    }
    let parsed: Result<Name<'a>, _> = serde_json::from_str(raw.get());
    parsed.map(|name| name.0).map_err(|error| not_json(path, "not valid JSON text", &error))
}

fn not_json(path: Path<'_>, problem: &str, error: &serde_json::Error) -> Rejection {
    let detail = format!("`{path}`: {problem}, at line {} column {}", error.line(), error.column());
    Rejection::new(Code::JsonInvalid, detail)
}
