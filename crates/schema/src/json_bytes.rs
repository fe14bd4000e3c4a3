//! JSON as `serde_json` writes it, for what is written for every event. Most text has nothing that needs escaping:
//! it is looked at as a whole and copied as a whole. Whatever is not that simple is left to `serde_json`.
//!
//! That both write the same is held by a test.

use std::fmt::Display;
use std::io::Write as _;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};
use serde_json::Error;

/// Appends `value` to `target`.
///
/// # Errors
/// Where `value` has no form in JSON, or is of a kind that no record of Hinge's has: bytes, tuples, variants with
/// content.
pub fn write_json(value: &impl Serialize, target: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Json(target))
}

struct Json<'a>(&'a mut Vec<u8>);

impl<'a> Json<'a> {
    fn text(self, text: &str) -> Result<(), Error> {
        if !is_plain(text.as_bytes()) {
            return self.left(&text);
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    fn left(self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(self.0, value)
    }

    fn open(self, [first, last]: [u8; 2]) -> Open<'a> {
        Open { target: self.0, next: first, first, last }
    }
}

/// Whether nothing of it is written in another way (RFC 8259, section 7).
fn is_plain(text: &[u8]) -> bool {
    // Counting has no way out in the middle, so it is done for many bytes at a time.
    text.iter().filter(|byte| **byte < 0x20 || **byte == b'"' || **byte == b'\\').count() == 0
}

/// A list or an object that is being written.
struct Open<'a> {
    target: &'a mut Vec<u8>,
    /// What comes before the next member.
    next: u8,
    first: u8,
    last: u8,
}

impl Open<'_> {
    fn member(&mut self) -> Json<'_> {
        self.target.push(self.next);
        self.next = b',';
        Json(self.target)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.target.push(b':');
        value.serialize(Json(self.target))
    }

    fn close(self) {
        if self.next == self.first {
            self.target.push(self.first);
        }
        self.target.push(self.last);
    }
}

macro_rules! left {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        $(fn $name(self, value: $kind) -> Result<(), Error> {
            self.left(&value)
        })+
    };
}

fn refused<T>() -> Result<T, Error> {
    Err(Error::custom("a value of a kind that is not written"))
}

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    left! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char,
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.text(text)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        let start = self.0.len();
        self.0.push(b'"');
        write!(self.0, "{value}").map_err(Error::io)?;
        if is_plain(&self.0[start + 1..]) {
            self.0.push(b'"');
            return Ok(());
        }
        self.0.truncate(start);
        self.text(&value.to_string())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.left(&())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(*b"[]"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(*b"{}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(*b"{}"))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        refused()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        refused()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        refused()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        refused()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        refused()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        refused()
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(self.member())
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let start = self.target.len() + 1;
        key.serialize(self.member())?;
        if self.target.get(start) == Some(&b'"') { Ok(()) } else { refused() }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.member().text(name)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Map, Number, Value};

    use super::write_json;

    #[derive(Serialize)]
    struct Everything<'a> {
        text: &'a str,
        shown: Shown<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        null: Option<u8>,
        given: Option<i64>,
        flag: bool,
        float: f64,
        unit: (),
        letter: char,
        symbol: Symbol,
        value: &'a Value,
        #[serde(rename = "needs \"escaping\"\n")]
        none: Vec<Value>,
    }

    #[derive(Serialize)]
    enum Symbol {
        #[serde(rename = "a name")]
        Named,
    }

    struct Shown<'a>(&'a str);

    impl Serialize for Shown<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self.0)
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z ]{0,40}", any::<String>(), "[\u{0}-\u{20}\"\\\\a\u{7f}\u{80}ä€😀]{0,20}"]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Number(number.into())),
            any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
            any_text().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any_text(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_written_as_serde_json_writes_it(text in any_text(), value in any_json(), float in any::<f64>()) {
            let everything = Everything {
                text: &text,
                shown: Shown(&text),
                left_out: None,
                null: None,
                given: Some(i64::MIN),
                flag: true,
                float,
                unit: (),
                letter: '"',
                symbol: Symbol::Named,
                value: &value,
                none: Vec::new(),
            };
            let mut written = b"before".to_vec();
            write_json(&everything, &mut written).unwrap();
            let expected = serde_json::to_string(&everything).unwrap();
            prop_assert_eq!(std::str::from_utf8(&written[6..]).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_written_is_an_error() {
        let mut target = Vec::new();
        assert!(write_json(&std::collections::HashMap::from([(1, 2)]), &mut target).is_err());
        assert!(write_json(&(1, 2), &mut target).is_err());
    }
}
