//! What apache-avro 0.22 does not look at in the data that it takes: numbers of more than 64 bits, of which it drops
//! the highest; the size of a block, by which other readers skip; how many items a list has, before it makes room for
//! them. One walk over the bytes by the schema that wrote them; what the library itself refuses is left to it.

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, NamesRef, UuidSchema};

use crate::fact_rules::check_items;
use crate::path::Path;
use crate::{Code, Rejection};

/// The bytes of a schema's data, as far as they can be walked over.
pub(crate) struct Walk {
    form: Form,
    /// Whether a list may have no more items than one of facts.
    facts: bool,
}

/// What stands in the bytes.
enum Form {
    /// So many bytes.
    Bytes(usize),
    /// A whole number.
    Number,
    /// A length and so many bytes.
    Sized,
    /// Blocks of items.
    List(Box<Form>),
    /// Blocks of names and values.
    Map(Box<Form>),
    /// A number, and what it stands for.
    Branches(Vec<Form>),
    /// One after the other, by name.
    Fields(Vec<(String, Form)>),
}

impl Walk {
    /// The walk over data of Hinge's own schemas, in which nothing refers to a name.
    pub(crate) fn of_facts(schema: &Schema) -> Self {
        Self { form: Form::of(schema, &NamesRef::new()), facts: true }
    }

    /// The walk over data of any schema that does not contain itself.
    pub(crate) fn of_foreign(schema: &Schema, names: &NamesRef<'_>) -> Self {
        Self { form: Form::of(schema, names), facts: false }
    }

    /// Refuses data that the library would take and should not.
    pub(crate) fn check(&self, datum: &[u8]) -> Result<(), Rejection> {
        match (Bytes { rest: datum, facts: self.facts }).walk(&self.form, Path::Data) {
            Ok(()) | Err(Stop::Unreadable) => Ok(()),
            Err(Stop::Rejected(rejection)) => Err(rejection),
        }
    }
}

impl Form {
    fn of(schema: &Schema, names: &NamesRef<'_>) -> Self {
        match schema {
            Schema::Null => Self::Bytes(0),
            Schema::Boolean => Self::Bytes(1),
            Schema::Float => Self::Bytes(4),
            Schema::Double => Self::Bytes(8),
            Schema::Int
            | Schema::Long
            | Schema::Enum(_)
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Self::Number,
            Schema::Bytes
            | Schema::String
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::String | UuidSchema::Bytes) => Self::Sized,
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Self::Bytes(fixed.size)
            }
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Self::Sized,
                InnerDecimalSchema::Fixed(fixed) => Self::Bytes(fixed.size),
            },
            Schema::Array(array) => Self::List(Box::new(Self::of(&array.items, names))),
            Schema::Map(map) => Self::Map(Box::new(Self::of(&map.types, names))),
            Schema::Union(union) => {
                Self::Branches(union.variants().iter().map(|branch| Self::of(branch, names)).collect())
            }
            Schema::Record(record) => {
                let fields = record.fields.iter();
                Self::Fields(
                    fields.map(|field| (field.name.clone(), Self::of(&field.schema, names))).collect(),
                )
            }
            // A name that is not defined was refused before.
            Schema::Ref { name } => names.get(name).map_or(Self::Bytes(0), |named| Self::of(named, names)),
        }
    }
}

/// Why the walk ends early.
enum Stop {
    /// The library will say what is wrong here.
    Unreadable,
    /// It would not.
    Rejected(Rejection),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// The bytes ahead.
struct Bytes<'a> {
    rest: &'a [u8],
    facts: bool,
}

impl Bytes<'_> {
    fn walk(&mut self, form: &Form, path: Path<'_>) -> Result<(), Stop> {
        match form {
            Form::Bytes(count) => self.skip(*count),
            Form::Number => self.long().map(|_| ()),
            Form::Sized => self.sized(),
            Form::List(item) => {
                self.blocks(path, |bytes, position| bytes.walk(item, Path::Item(&path, position)))
            }
            Form::Map(value) => self.blocks(path, |bytes, position| {
                bytes.sized()?;
                bytes.walk(value, Path::Item(&path, position))
            }),
            Form::Branches(branches) => {
                let branch = usize::try_from(self.long()?).ok().and_then(|branch| branches.get(branch));
                self.walk(branch.ok_or(Stop::Unreadable)?, path)
            }
            Form::Fields(fields) => {
                fields.iter().try_for_each(|(name, form)| self.walk(form, Path::Member(&path, name)))
            }
        }
    }

    fn blocks(
        &mut self,
        path: Path<'_>,
        item: impl Fn(&mut Self, usize) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut count = 0_usize;
        loop {
            let given = self.long()?;
            if given == 0 {
                return if self.facts { Ok(check_items(count, path)?) } else { Ok(()) };
            }
            let size = if given < 0 { Some(self.long()?) } else { None };
            let before = self.rest.len();
            for _ in 0..given.unsigned_abs() {
                item(self, count)?;
                count += 1;
            }
            let walked = before - self.rest.len();
            if size.is_some_and(|size| usize::try_from(size) != Ok(walked)) {
                return Err(invalid("a block of a list that is not as long as it says").into());
            }
        }
    }

    fn sized(&mut self) -> Result<(), Stop> {
        let length = self.long()?;
        self.skip(usize::try_from(length).map_err(|_| Stop::Unreadable)?)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Stop> {
        self.rest = self.rest.get(bytes..).ok_or(Stop::Unreadable)?;
        Ok(())
    }

    /// A whole number: zig-zag, seven bits a byte, the lowest first; more bytes than needed are allowed, more bits
    /// than 64 are not.
    fn long(&mut self) -> Result<i64, Stop> {
        let mut number = 0_u64;
        for (place, byte) in self.rest.iter().enumerate() {
            if place == 9 && *byte > 1 {
                return Err(invalid("a number too large for its kind").into());
            }
            number |= u64::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(Stop::Unreadable)
    }
}

fn invalid(what: &str) -> Rejection {
    Rejection::new(Code::AvroInvalid, what)
}
