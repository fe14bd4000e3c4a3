//! A record on its way to the log, packed into one piece of memory, so that many of them can wait to be
//! sorted, in memory or in a temporary file.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use hinge_schema::Encoded;
use jiff::Timestamp;

/// A record with the instant by which it is sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// When its event happened.
    pub(super) time: Timestamp,
    /// Topic, key, value, then names and values of headers, each behind its length.
    parts: Box<[u8]>,
}

/// A packed record, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked<'a> {
    /// The topic.
    pub(super) topic: &'a str,
    /// The key.
    pub(super) key: &'a [u8],
    /// The value.
    pub(super) value: &'a [u8],
    /// Names and values, in order.
    pub(super) headers: Vec<(&'a str, &'a [u8])>,
}

impl Packed {
    pub(super) fn new(time: Timestamp, topic: &str, key: &str, encoded: &Encoded) -> Self {
        let mut parts = Vec::new();
        let mut add = |part: &[u8]| {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            parts.extend_from_slice(&length.to_le_bytes());
            parts.extend_from_slice(part);
        };
        add(topic.as_bytes());
        add(key.as_bytes());
        add(&encoded.value);
        for (name, value) in &encoded.headers {
            add(Cow::as_ref(name).as_bytes());
            add(value);
        }
        Self { time, parts: parts.into() }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.parts.len() + size_of::<Self>()
    }

    /// Its parts; an error only where a temporary file was damaged.
    pub(super) fn unpack(&self) -> io::Result<Unpacked<'_>> {
        let mut rest = &self.parts[..];
        let topic = text(take(&mut rest)?)?;
        let (key, value) = (take(&mut rest)?, take(&mut rest)?);
        let mut headers = Vec::with_capacity(16);
        while !rest.is_empty() {
            headers.push((text(take(&mut rest)?)?, take(&mut rest)?));
        }
        Ok(Unpacked { topic, key, value, headers })
    }

    /// Writes it to a temporary file.
    pub(super) fn write(&self, file: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.parts.len()).map_err(|_| damaged())?;
        file.write_all(&self.time.as_second().to_le_bytes())?;
        file.write_all(&self.time.subsec_nanosecond().to_le_bytes())?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&self.parts)
    }

    /// Reads the next one from a temporary file; `None` at its end.
    pub(super) fn read(file: &mut impl io::BufRead) -> io::Result<Option<Self>> {
        if file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let (mut second, mut nanosecond, mut length) = ([0; 8], [0; 4], [0; 4]);
        file.read_exact(&mut second)?;
        file.read_exact(&mut nanosecond)?;
        file.read_exact(&mut length)?;
        let time = Timestamp::new(i64::from_le_bytes(second), i32::from_le_bytes(nanosecond));
        let length = u64::from(u32::from_le_bytes(length));
        let mut parts = Vec::new();
        if file.take(length).read_to_end(&mut parts)? as u64 != length {
            return Err(damaged());
        }
        Ok(Some(Self { time: time.map_err(|_| damaged())?, parts: parts.into() }))
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (part, after) = after.split_at_checked(length).ok_or_else(damaged)?;
    *rest = after;
    Ok(part)
}

fn text(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| damaged())
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file is damaged")
}
