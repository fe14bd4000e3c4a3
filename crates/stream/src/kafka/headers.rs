//! Headers in and out, also those whose names are no text.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use rdkafka::message::{BorrowedHeaders, Header as KafkaHeader, Headers as _, OwnedHeaders};

use crate::{Header, HeaderList, Headers, Outgoing};

/// What a name and a value have at most, mostly: less memory is asked for twice.
const NAME: usize = 20;
const VALUE: usize = 40;

/// Headers of which at least one name is not UTF-8, kept as librdkafka has them.
#[derive(Clone, Debug)]
pub struct OpaqueHeaders(OwnedHeaders);

impl OpaqueHeaders {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.count()
    }
}

/// Reads the headers of a record.
pub(super) fn read(headers: Option<&BorrowedHeaders>) -> Headers {
    let Some(headers) = headers else { return Headers::none() };
    // rdkafka 0.39 panics on a name that is not UTF-8 and has no other way to ask.
    let readable = quietly(|| {
        let mut list = HeaderList::default();
        list.reserve(headers.count(), NAME * headers.count(), VALUE * headers.count());
        headers.iter().for_each(|header| list.push(header.key, header.value));
        list
    });
    readable.map_or_else(|| Headers::Unreadable(OpaqueHeaders(headers.detach())), Headers::Readable)
}

/// The headers of a record to be written: those carried first, then ours.
pub(super) fn write(record: &Outgoing<'_>) -> Option<OwnedHeaders> {
    let own = record.headers.iter().map(|(name, value)| Header { name, value: Some(value) });
    match record.carried {
        Some(Headers::Unreadable(opaque)) => Some(own.fold(opaque.0.clone(), insert)),
        Some(Headers::Readable(carried)) => {
            let room = OwnedHeaders::new_with_capacity(carried.len() + own.len());
            Some(own.fold(carried.iter().fold(room, insert), insert))
        }
        None => gathered(own),
    }
}

/// The headers as librdkafka has them, if there are any.
pub(super) fn gathered<'a>(headers: impl ExactSizeIterator<Item = Header<'a>>) -> Option<OwnedHeaders> {
    let room = (headers.len() > 0).then(|| OwnedHeaders::new_with_capacity(headers.len()))?;
    Some(headers.fold(room, insert))
}

fn insert(headers: OwnedHeaders, header: Header<'_>) -> OwnedHeaders {
    headers.insert(KafkaHeader { key: header.name, value: header.value })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `read` and returns `None` if it panics, without the report that a panic usually makes.
fn quietly<T>(read: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                usual(panic);
            }
        }));
    });
    QUIET.set(true);
    // Nothing outlives the panic: what was read so far is dropped, and reading changes nothing.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    QUIET.set(false);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::{KafkaHeader, OwnedHeaders, quietly, read, write};
    use crate::{Headers, Outgoing};

    #[test]
    fn headers_are_written_carried_ones_first_and_read_as_they_were() {
        let came = OwnedHeaders::new()
            .insert(KafkaHeader { key: "null", value: None::<&[u8]> })
            .insert(KafkaHeader { key: "empty", value: Some(&b""[..]) });
        let came = read(Some(came.as_borrowed()));
        let own: &[(&str, &[u8])] = &[("own", b"\xff")];
        let outgoing = Outgoing {
            topic: "t",
            key: None,
            value: None,
            headers: own,
            carried: Some(&came),
            timestamp: None,
        };
        let Headers::Readable(headers) = read(Some(write(&outgoing).unwrap().as_borrowed())) else {
            panic!("these names are text")
        };
        let read: Vec<_> = headers.iter().map(|header| (header.name, header.value)).collect();
        assert_eq!(read, [("null", None), ("empty", Some(&b""[..])), ("own", Some(b"\xff"))]);
        assert!(write(&Outgoing { headers: &[], carried: None, ..outgoing }).is_none());
    }

    #[test]
    fn a_panic_of_the_client_is_an_answer_and_not_the_end() {
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| -> i32 { panic!("as rdkafka does on a name that is not UTF-8") }), None);
        assert_eq!(quietly(|| 2), Some(2));
    }
}
