//! Avro's binary form of a value whose members are in the order of its schema, written without looking at the
//! schema: whole numbers, texts, flags, symbols of an enum, lists, records, and unions of null and one of these.
//!
//! That the schema asks for exactly these bytes is held by a test against the library.

use std::fmt::Display;
use std::io::Write as _;

use serde::ser::{Error as _, Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer, StdError};

/// Appends `value` to `target`.
pub(crate) fn write(value: &impl Serialize, target: &mut Vec<u8>) -> Result<(), Unwritable> {
    value.serialize(&mut Bytes(target))
}

/// A value that is of no kind that is written here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwritable;

impl Display for Unwritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value of a kind that is not written")
    }
}

impl StdError for Unwritable {}

impl serde::ser::Error for Unwritable {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl Bytes<'_> {
    fn long(&mut self, number: i64) {
        let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
        while rest > 0x7F {
            self.0.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.0.push(rest.to_le_bytes()[0]);
    }

    fn length(&mut self, length: usize) -> Result<(), Unwritable> {
        self.long(i64::try_from(length).map_err(|_| Unwritable)?);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Unwritable> {
        self.length(text.len())?;
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

macro_rules! refused {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        $(fn $name(self, _: $kind) -> Result<(), Unwritable> {
            Err(Unwritable)
        })+
    };
}

impl<'a, 'b> Serializer for &'b mut Bytes<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = &'b mut Bytes<'a>;
    type SerializeTuple = Impossible<(), Unwritable>;
    type SerializeTupleStruct = Impossible<(), Unwritable>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeMap = Impossible<(), Unwritable>;
    type SerializeStruct = &'b mut Bytes<'a>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    refused! {
        serialize_i8: i8, serialize_i16: i16, serialize_u8: u8, serialize_u16: u16, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.0.push(value.into());
        Ok(())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unwritable> {
        self.long(value.into());
        Ok(())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unwritable> {
        self.long(value.into());
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unwritable> {
        self.long(value);
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Unwritable> {
        self.text(text)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        // Its length stands before it, and is known only after it.
        let start = self.0.len();
        write!(self.0, "{value}").map_err(Unwritable::custom)?;
        let end = self.0.len();
        self.length(end - start)?;
        let length = self.0.len() - end;
        self.0[start..].rotate_right(length);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.long(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.long(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        Err(Unwritable)
    }

    fn serialize_unit_variant(self, _: &'static str, place: u32, _: &'static str) -> Result<(), Unwritable> {
        self.long(place.into());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        Err(Unwritable)
    }

    /// A list is one block: how many there are, they themselves, and a zero.
    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, Unwritable> {
        let length = length.ok_or(Unwritable)?;
        if length > 0 {
            self.length(length)?;
        }
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        Err(Unwritable)
    }
}

impl SerializeSeq for &mut Bytes<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.long(0);
        Ok(())
    }
}

impl SerializeStruct for &mut Bytes<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(&mut **self)
    }

    /// What JSON leaves out is the null of its union.
    fn skip_field(&mut self, _: &'static str) -> Result<(), Unwritable> {
        self.long(0);
        Ok(())
    }

    fn end(self) -> Result<(), Unwritable> {
        Ok(())
    }
}
