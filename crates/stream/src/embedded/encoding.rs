//! The headers of a record as one blob: for each header the length of its name, the name, the length
//! of its value plus one (0 is null), the value. Lengths are LEB128.
//!
//! Part of the file's format: a change here needs a new format number in `database.rs`.

use crate::{HeaderList, Headers, Outgoing};

/// Writes the headers of `record` to `blob`, which is emptied first. `None` when they cannot be
/// written here: opaque headers of Kafka, whose names nobody can read.
pub(super) fn encode(record: &Outgoing<'_>, blob: &mut Vec<u8>) -> Option<()> {
    blob.clear();
    match record.carried {
        Some(Headers::Unreadable(_)) => return None,
        Some(Headers::Readable(carried)) => {
            for header in carried.iter() {
                push(blob, header.name, header.value);
            }
        }
        None => {}
    }
    for (name, value) in record.headers {
        push(blob, name, Some(value));
    }
    Some(())
}

/// Reads what [`encode`] wrote; `None` when the blob is damaged.
pub(super) fn decode(mut blob: &[u8]) -> Option<HeaderList> {
    let mut headers = HeaderList::default();
    while !blob.is_empty() {
        let name_length = pull_length(&mut blob)?;
        let name = std::str::from_utf8(blob.split_off(..name_length)?).ok()?;
        let value = match pull_length(&mut blob)? {
            0 => None,
            one_more => Some(blob.split_off(..one_more - 1)?),
        };
        headers.push(name, value);
    }
    Some(headers)
}

fn push(blob: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    push_length(blob, name.len());
    blob.extend_from_slice(name.as_bytes());
    push_length(blob, value.map_or(0, |value| value.len() + 1));
    blob.extend_from_slice(value.unwrap_or_default());
}

fn push_length(blob: &mut Vec<u8>, mut length: usize) {
    loop {
        let [low, ..] = length.to_le_bytes();
        length >>= 7;
        if length == 0 {
            return blob.push(low & 0x7f);
        }
        blob.push(low | 0x80);
    }
}

fn pull_length(blob: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS - 7).step_by(7) {
        let byte = *blob.split_off_first()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::{Header, HeaderList, Headers, Outgoing};

    fn outgoing<'a>(carried: Option<&'a Headers>, headers: &'a [(&'a str, &'a [u8])]) -> Outgoing<'a> {
        Outgoing { topic: "t", key: None, value: None, headers, carried, timestamp: None }
    }

    #[test]
    fn headers_come_back_as_they_were_carried_ones_first() {
        let long = vec![7; 70_000];
        let carried = Headers::Readable(HeaderList::from_iter([
            Header { name: "null", value: None },
            Header { name: "", value: Some(&[]) },
            Header { name: "long", value: Some(&long) },
        ]));
        let mut blob = vec![1, 2, 3];
        encode(&outgoing(Some(&carried), &[("own", b"value")]), &mut blob).unwrap();
        let read = decode(&blob).unwrap();
        let Headers::Readable(mut expected) = carried else { unreachable!() };
        expected.push("own", Some(b"value"));
        assert_eq!(read, expected);
    }

    #[test]
    fn damaged_headers_are_noticed_and_never_panic() {
        let mut blob = Vec::new();
        encode(&outgoing(None, &[("name", b"some value"), ("other", b"")]), &mut blob).unwrap();
        let ends_of_headers = [0, 16];
        for length in 0..blob.len() {
            assert_eq!(decode(&blob[..length]).is_some(), ends_of_headers.contains(&length), "{length}");
        }
        assert!(decode(&[0xff; 20]).is_none());
        assert!(decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_none());
        assert!(decode(&[1, 0xff, 0]).is_none());
    }
}
