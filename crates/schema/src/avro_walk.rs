//! What apache-avro 0.22 does not look at in the data that it takes: numbers of more than 64 bits, of which it drops
//! the highest; the size of a block, by which other readers skip; how many items a list has, before it makes room for
//! them. One walk over the bytes by the fields of their schema; what the library itself refuses is left to it.

use hinge_domain::{Field, Kind};

use crate::fact_rules::{check_items, is_optional};
use crate::path::Path;
use crate::{Code, Rejection};

/// Refuses data that the library would take and should not.
pub(crate) fn check(datum: &[u8], fields: &[Field]) -> Result<(), Rejection> {
    match (Walk { rest: datum }).record(fields, Path::Data) {
        Ok(()) | Err(Stop::Unreadable) => Ok(()),
        Err(Stop::Rejected(rejection)) => Err(rejection),
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
struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn record(&mut self, fields: &[Field], path: Path<'_>) -> Result<(), Stop> {
        for field in fields {
            let path = Path::Member(&path, &field.name);
            if is_optional(field) {
                match self.long()? {
                    0 => continue,
                    1 => {}
                    _ => return Err(Stop::Unreadable),
                }
            }
            self.value(&field.kind, path)?;
        }
        Ok(())
    }

    fn value(&mut self, kind: &Kind, path: Path<'_>) -> Result<(), Stop> {
        match kind {
            Kind::Bool => self.skip(1),
            Kind::Float => self.skip(8),
            Kind::Int | Kind::Instant | Kind::Date | Kind::Symbol { .. } => self.long().map(|_| ()),
            Kind::Text | Kind::Uuid | Kind::Decimal { .. } => {
                let length = self.long()?;
                self.skip(usize::try_from(length).map_err(|_| Stop::Unreadable)?)
            }
            Kind::List(item) => self.list(item, path),
            Kind::Record(fields) => self.record(fields, path),
        }
    }

    fn list(&mut self, item: &Kind, path: Path<'_>) -> Result<(), Stop> {
        let mut count = 0_usize;
        loop {
            let given = self.long()?;
            if given == 0 {
                return Ok(check_items(count, path)?);
            }
            let size = if given < 0 { Some(self.long()?) } else { None };
            let before = self.rest.len();
            for _ in 0..given.unsigned_abs() {
                self.value(item, Path::Item(&path, count))?;
                count += 1;
            }
            let walked = before - self.rest.len();
            if size.is_some_and(|size| usize::try_from(size) != Ok(walked)) {
                return Err(invalid("a block of a list that is not as long as it says").into());
            }
        }
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
