//! Avro's binary encoding and its single-object framing, read strictly: data ends exactly where its schema does.

use std::sync::Arc;

use crate::fact::{Fact, Field, Kind, MOST_ITEMS, named, symbol};
use crate::instant;

/// The first bytes of the single-object encoding.
pub const MARKER: [u8; 2] = [0xC3, 0x01];

/// The fingerprint and the data of a single-object encoding.
pub fn split(value: &[u8]) -> Option<([u8; 8], &[u8])> {
    let (fingerprint, datum) = value.strip_prefix(&MARKER)?.split_first_chunk()?;
    Some((*fingerprint, datum))
}

/// The facts of one record, which has to fill all the bytes; `None` where anything is wrong with them.
pub fn record(datum: &[u8], fields: &[Field]) -> Option<Vec<Fact>> {
    let mut input = Input(datum);
    let facts = input.fields(fields)?;
    input.0.is_empty().then_some(facts)
}

/// What is left of the bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in zigzag form, seven bits to a byte, and no bits beyond the 64th.
    fn long(&mut self) -> Option<i64> {
        let mut raw = 0_u64;
        for place in 0..10 {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return None;
            }
            raw |= bits << (7 * place);
            if byte & 0x80 == 0 {
                let half = i64::try_from(raw >> 1).ok()?;
                return Some(if raw & 1 == 1 { !half } else { half });
            }
        }
        None
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.long()?).ok()?;
        self.take(length)
    }

    fn fields(&mut self, fields: &[Field]) -> Option<Vec<Fact>> {
        let mut facts = Vec::with_capacity(fields.len());
        for field in fields {
            let given = !field.optional
                || match self.long()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
            facts.push(if given { self.value(&field.kind)? } else { Fact::Absent });
        }
        Some(facts)
    }

    fn value(&mut self, kind: &Kind) -> Option<Fact> {
        Some(match kind {
            Kind::Bool => match self.take(1)? {
                [0] => Fact::Bool(false),
                [1] => Fact::Bool(true),
                _ => return None,
            },
            Kind::Long => Fact::Long(self.long()?),
            Kind::Double => {
                let number = f64::from_le_bytes(self.take(8)?.try_into().ok()?);
                Fact::Double(Some(number).filter(|number| number.is_finite())?)
            }
            Kind::Exact(scale) => Fact::Exact(unscaled(self.sized()?)?, *scale),
            Kind::Text => Fact::Text(Arc::from(std::str::from_utf8(self.sized()?).ok()?)),
            Kind::Symbol(words, fallback) => {
                let place = usize::try_from(self.long()?).ok()?;
                symbol(words.get(place)?, words, fallback)
            }
            Kind::Instant => {
                let millis = self.long()?;
                instant::from_millis(millis)?;
                Fact::Instant(millis)
            }
            Kind::Date => {
                let days = i32::try_from(self.long()?).ok()?;
                // The years 1 to 9999.
                Fact::Date(Some(days).filter(|days| (-719_162..=2_932_896).contains(days))?)
            }
            Kind::List(item) => Fact::List(self.list(item)?),
            Kind::Record(fields) => {
                let values = self.fields(fields)?;
                named(fields, values)
            }
        })
    }

    /// Blocks of items; a negative count is followed by the block's size, which has to be right.
    fn list(&mut self, item: &Kind) -> Option<Vec<Fact>> {
        let mut items = Vec::new();
        loop {
            let count = self.long()?;
            if count == 0 {
                return Some(items);
            }
            let size = if count < 0 { Some(usize::try_from(self.long()?).ok()?) } else { None };
            let count = usize::try_from(count.unsigned_abs()).ok()?;
            if items.len() + count > MOST_ITEMS {
                return None;
            }
            let before = self.0.len();
            for _ in 0..count {
                items.push(self.value(item)?);
            }
            if size.is_some_and(|size| size != before - self.0.len()) {
                return None;
            }
        }
    }
}

/// A number of at most 18 digits from its big-endian bytes in two's complement.
fn unscaled(bytes: &[u8]) -> Option<i64> {
    let fill: u8 = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let needless = bytes.len().saturating_sub(8);
    if bytes[..needless].iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut wide = [fill; 8];
    wide[8 - (bytes.len() - needless)..].copy_from_slice(&bytes[needless..]);
    let number = i64::from_be_bytes(wide);
    let fits = (number < 0) == (fill == 0xff) && number.unsigned_abs() < 10_u64.pow(18);
    fits.then_some(number)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::fact::from_json;
    use crate::schemas::Schemas;

    fn schemas() -> (std::path::PathBuf, Schemas) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let schemas = Schemas::read(&folder).unwrap();
        (folder, schemas)
    }

    #[test]
    fn every_sample_says_what_its_json_says_and_no_part_of_it_says_anything() {
        let (folder, schemas) = schemas();
        let mut samples = 0;
        for stream in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("samples")) {
            let Ok(files) = fs::read_dir(stream) else { continue };
            for path in files.map(|entry| entry.unwrap().path()) {
                if path.extension().is_none_or(|extension| extension != "avro") {
                    continue;
                }
                let bytes = fs::read(&path).unwrap();
                let (fingerprint, datum) = split(&bytes).unwrap();
                let (place, version) =
                    schemas.written(fingerprint).unwrap_or_else(|| panic!("{}: fingerprint", path.display()));
                let facts = record(datum, &version.fields);
                assert!(facts.is_some(), "{}", path.display());
                if place != schemas.notification() {
                    let json = fs::read_to_string(path.with_extension("json")).unwrap();
                    assert_eq!(facts, from_json(&json, &version.fields), "{}", path.display());
                }
                for length in 0..bytes.len() {
                    let cut = split(&bytes[..length]).and_then(|(_, datum)| record(datum, &version.fields));
                    assert_eq!(cut, None, "{} cut to {length} bytes", path.display());
                }
                assert_eq!(record(&[datum, &[0]].concat(), &version.fields), None, "{}", path.display());
                samples += 1;
            }
        }
        assert!(samples > 30, "{samples} samples");
    }

    #[test]
    fn numbers_blocks_and_branches_are_read_strictly() {
        let long = |bytes: &[u8]| Input(bytes).long();
        assert_eq!([long(&[0]), long(&[1]), long(&[2]), long(&[0x80, 1])], [0, -1, 1, 64].map(Some));
        let largest = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(long(&largest), Some(i64::MAX));
        assert_eq!(long(&[&largest[..9], &[2]].concat()), None);
        assert_eq!(long(&[0x80]), None);

        let list = |bytes: &[u8]| Input(bytes).list(&Kind::Bool).map(|items| items.len());
        assert_eq!(list(&[4, 0, 1, 0]), Some(2));
        assert_eq!(list(&[3, 4, 0, 1, 0]), Some(2));
        assert_eq!(list(&[3, 6, 0, 1, 0]), None);
        assert_eq!(list(&[4, 0, 2, 0]), None);
        assert_eq!(list(&[0x80, 0x80, 0x80, 0x80, 0x10, 0]), None);

        assert_eq!(unscaled(&[0x3a, 0x84]), Some(14_980));
        assert_eq!(unscaled(&[0xff, 0xff, 0xfe, 0xd4]), Some(-300));
        assert_eq!(unscaled(&[]), None);
        assert_eq!(unscaled(&[0x7f; 9]), None);
    }
}
