//! Sound Avro data read straight into facts, without the library's values in between.
//!
//! It reads what is sound and gives up on everything else: then the library reads the same bytes, and says what
//! is wrong with them ([`crate::avro`]). How a fact is written follows from its kind alone; other ways are
//! refused when a schema is read ([`crate::schema_fields`]).

use std::sync::Arc;

use hinge_domain::{Field, Kind, Value};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::fact_rules::{MAX_ITEMS, days, finite, is_optional, millis};
use crate::schema_fields::DECIMAL_PRECISION;

/// The values of a record; `None` where anything is not as it should be.
pub(crate) fn read(datum: &[u8], fields: &[Field]) -> Option<Vec<Value>> {
    let mut datum = Datum(datum);
    let values = datum.record(fields)?;
    datum.0.is_empty().then_some(values)
}

/// What is left of the data.
struct Datum<'a>(&'a [u8]);

impl<'a> Datum<'a> {
    fn record(&mut self, fields: &[Field]) -> Option<Vec<Value>> {
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            values.push(self.field(field)?);
        }
        Some(values)
    }

    fn field(&mut self, field: &Field) -> Option<Value> {
        if is_optional(field) {
            match self.long()? {
                0 => return Some(Value::Absent),
                1 => {}
                _ => return None,
            }
        }
        self.value(&field.kind)
    }

    fn value(&mut self, kind: &Kind) -> Option<Value> {
        Some(match kind {
            Kind::Bool => match self.bytes(1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return None,
            },
            Kind::Int => Value::Int(self.long()?),
            Kind::Float => finite(f64::from_le_bytes(self.bytes(8)?.try_into().ok()?)).ok()?,
            Kind::Decimal { scale } => Value::Decimal(exact_number(self.sized()?, *scale)?),
            Kind::Text => Value::text(self.text()?),
            Kind::Uuid => Value::text(
                self.text()?.parse::<Uuid>().ok()?.hyphenated().encode_lower(&mut Uuid::encode_buffer())
                    as &str,
            ),
            Kind::Symbol { symbols, .. } => {
                Value::Text(Arc::clone(symbols.get(usize::try_from(self.long()?).ok()?)?))
            }
            Kind::Instant => millis(self.long()?).ok()?,
            Kind::Date => days(self.long()?.try_into().ok()?).ok()?,
            Kind::List(item) => Value::List(self.list(item)?),
            Kind::Record(fields) => {
                let mut members = Vec::with_capacity(fields.len());
                for field in fields {
                    members.push((Arc::clone(&field.name), self.field(field)?));
                }
                Value::Record(members)
            }
        })
    }

    fn list(&mut self, item: &Kind) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            let mut end = None;
            let count = match self.long()? {
                0 => return Some(values),
                count if count < 0 => {
                    // A negative count is followed by the size of its block.
                    let size = usize::try_from(self.long()?).ok()?;
                    end = Some(self.0.len().checked_sub(size)?);
                    count.checked_neg()?
                }
                count => count,
            };
            let count = usize::try_from(count).ok()?;
            if values.len().checked_add(count)? > MAX_ITEMS {
                return None;
            }
            values.reserve_exact(count.min(self.0.len()));
            for _ in 0..count {
                values.push(self.value(item)?);
            }
            if end.is_some_and(|end| end != self.0.len()) {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.sized()?).ok()
    }

    /// Bytes after their length.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.long()?).ok()?;
        self.bytes(length)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A whole number: seven bits a byte, the lowest first, the sign in the lowest bit.
    fn long(&mut self) -> Option<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if shift == 63 && *byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        None
    }
}

/// An exact number from its unscaled big-endian bytes.
fn exact_number(bytes: &[u8], scale: u32) -> Option<Decimal> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xFF };
    let mut wide = [sign; 16];
    wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    let unscaled = i128::from_be_bytes(wide);
    if unscaled.unsigned_abs() >= 10_u128.pow(DECIMAL_PRECISION) {
        return None;
    }
    Decimal::try_from_i128_with_scale(unscaled, scale).ok()
}
