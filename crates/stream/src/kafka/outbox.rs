//! Records that wait to be handed to librdkafka together.
//!
//! It ships what it is given after a moment, in one request for each partition. Given one record now and then, as
//! deciding goes, it makes many small requests of them, and a request costs a broker nearly the same whatever its
//! size. So they are gathered here and given in bursts.

use std::ops::Range;

use rdkafka::producer::BaseRecord;

use super::bounds::BURST;
use super::headers;
use crate::{HeaderList, Headers, Outgoing};

/// A larger record is not gathered: whether a broker takes it has to be known at once.
const LARGE: usize = 64 * 1024;

#[derive(Debug)]
struct Waiting {
    /// Its place among the topics.
    topic: usize,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    /// Their places among the headers.
    headers: Range<usize>,
    timestamp: Option<i64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    topics: Vec<String>,
    bytes: Vec<u8>,
    headers: HeaderList,
    waiting: Vec<Waiting>,
    /// Keys, values and headers.
    size: usize,
}

impl Outbox {
    /// Whether a record of so many bytes may be gathered.
    pub(super) fn has_room_for(record: &Outgoing<'_>, size: usize) -> bool {
        // The size of headers that nobody can read is not known.
        size <= LARGE && !matches!(record.carried, Some(Headers::Unreadable(_)))
    }

    /// Gathers a record; whether there are enough for a burst.
    pub(super) fn put(&mut self, record: &Outgoing<'_>, size: usize) -> bool {
        let known = self.topics.iter().position(|topic| topic == record.topic);
        let topic = known.unwrap_or_else(|| {
            self.topics.push(record.topic.to_owned());
            self.topics.len() - 1
        });
        let first = self.headers.len();
        record
            .carried
            .into_iter()
            .flat_map(Headers::iter)
            .for_each(|header| self.headers.push(header.name, header.value));
        record.headers.iter().for_each(|(name, value)| self.headers.push(name, Some(value)));
        let waiting = Waiting {
            topic,
            key: record.key.map(|key| self.keep(key)),
            value: record.value.map(|value| self.keep(value)),
            headers: first..self.headers.len(),
            timestamp: record.timestamp,
        };
        self.waiting.push(waiting);
        self.size += size;
        self.size >= BURST
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Hands everything over, in order, until that fails.
    pub(super) fn empty<E>(
        &mut self,
        mut hand_over: impl FnMut(BaseRecord<'_, [u8], [u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let handed = self.waiting.iter().try_for_each(|waiting| {
            hand_over(BaseRecord {
                key: waiting.key.clone().map(|range| &self.bytes[range]),
                payload: waiting.value.clone().map(|range| &self.bytes[range]),
                timestamp: waiting.timestamp,
                headers: headers::gathered(self.headers.range(waiting.headers.clone())),
                ..BaseRecord::to(&self.topics[waiting.topic])
            })
        });
        self.clear();
        handed
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.headers.truncate(0);
        self.bytes.clear();
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Outbox};
    use crate::Outgoing;

    #[test]
    fn what_was_gathered_is_handed_over_in_order_and_only_once() {
        let mut outbox = Outbox::default();
        let own: &[(&str, &[u8])] = &[("name", b"value")];
        let record = |topic, value| Outgoing {
            topic,
            key: Some(b"key"),
            value: Some(value),
            headers: own,
            carried: None,
            timestamp: Some(7),
        };
        assert!(!outbox.put(&record("a", b"first"), 5));
        assert!(!outbox.put(&record("b", b"second"), 5));
        assert!(outbox.put(&record("a", b"third"), BURST));
        let mut handed = Vec::new();
        let mut take = |outbox: &mut Outbox, most: usize| {
            outbox.empty(|record| {
                handed.push((record.topic.to_owned(), record.payload.map(<[u8]>::to_vec)));
                if handed.len() < most { Ok(()) } else { Err(()) }
            })
        };
        assert_eq!(take(&mut outbox, 10), Ok(()));
        assert_eq!(take(&mut outbox, 10), Ok(()), "there is nothing left");
        outbox.put(&record("a", b"fourth"), 5);
        outbox.put(&record("a", b"never"), 5);
        assert_eq!(take(&mut outbox, 4), Err(()));
        assert_eq!(
            take(&mut outbox, 10),
            Ok(()),
            "what follows a failure is not sent as if nothing were missing"
        );
        let value = |text: &str| Some(text.as_bytes().to_vec());
        let expected = [("a", "first"), ("b", "second"), ("a", "third"), ("a", "fourth")];
        assert_eq!(handed, expected.map(|(topic, text)| (topic.to_owned(), value(text))));
    }
}
