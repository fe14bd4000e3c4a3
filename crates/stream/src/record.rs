//! What lies in a log: records with their place, key, headers and bytes.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a partition. Ordered; gaps are normal, since transaction markers take offsets too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of every partition.
    pub const ZERO: Self = Self(0);

    /// The place after this record: the only value that is ever committed for it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of one topic; written `topic/partition`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// When a record was written, in milliseconds since 1970-01-01 UTC, and on whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// The log's own clock at the moment of appending (Kafka: `LogAppendTime`).
    Append(i64),
    /// The producer's word (Kafka: `CreateTime`).
    Create(i64),
    /// The log does not know.
    Unknown,
}

impl Timestamp {
    /// The milliseconds, whoever gave them.
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::Append(millis) | Self::Create(millis) => Some(millis),
            Self::Unknown => None,
        }
    }
}

/// One header: a name and bytes, or a name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name; names may repeat.
    pub name: &'a str,
    /// The value; `None` is Kafka's null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// Headers whose names are text, in the order of writing: in few pieces of memory, since every record has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderList {
    names: String,
    values: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a header's name and value end; they begin where those before it end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    name: usize,
    value: usize,
    is_null: bool,
}

impl HeaderList {
    /// Adds one at the end.
    pub fn push(&mut self, name: &str, value: Option<&[u8]>) {
        self.names.push_str(name);
        self.values.extend_from_slice(value.unwrap_or_default());
        let (name, value, is_null) = (self.names.len(), self.values.len(), value.is_none());
        self.spans.push(Span { name, value, is_null });
    }

    /// Makes room for so many more, of so many bytes.
    pub fn reserve(&mut self, headers: usize, names: usize, values: usize) {
        self.spans.reserve(headers);
        self.names.reserve(names);
        self.values.reserve(values);
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, count: usize) {
        self.spans.truncate(count);
        let (name, value) = self.spans.last().map_or((0, 0), |span| (span.name, span.value));
        self.names.truncate(name);
        self.values.truncate(value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Header<'_>> + ExactSizeIterator + Clone {
        self.range(0..self.spans.len())
    }

    /// Those at these places among them.
    pub(crate) fn range(
        &self,
        places: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = Header<'_>> + ExactSizeIterator + Clone {
        places.map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> Header<'_> {
        let before =
            index.checked_sub(1).map_or((0, 0), |before| (self.spans[before].name, self.spans[before].value));
        let span = &self.spans[index];
        let value = &self.values[before.1..span.value];
        Header { name: &self.names[before.0..span.name], value: (!span.is_null).then_some(value) }
    }
}

impl<'a> FromIterator<Header<'a>> for HeaderList {
    fn from_iter<I: IntoIterator<Item = Header<'a>>>(headers: I) -> Self {
        let mut list = Self::default();
        headers.into_iter().for_each(|header| list.push(header.name, header.value));
        list
    }
}

/// The headers of a record, in the order of writing.
#[derive(Clone, Debug)]
pub enum Headers {
    /// Names that are text, as they should be.
    Readable(HeaderList),
    /// At least one name is not UTF-8: nothing can be read from them, but they can be carried
    /// unchanged to another topic ([`Outgoing::carried`]).
    Unreadable(crate::kafka::OpaqueHeaders),
}

impl Headers {
    /// None.
    pub fn none() -> Self {
        Self::Readable(HeaderList::default())
    }

    /// The value of the first header called `name`, if there is one and it is not null.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|header| header.name == name).and_then(|header| header.value)
    }

    /// The readable headers; none when they are [`Headers::Unreadable`].
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Header<'_>> + Clone {
        let readable = match self {
            Self::Readable(headers) => Some(headers),
            Self::Unreadable(_) => None,
        };
        readable.into_iter().flat_map(HeaderList::iter)
    }
}

/// One record as it came from a log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies.
    pub place: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// When it was written.
    pub timestamp: Timestamp,
    /// Its key, if any.
    pub key: Option<Vec<u8>>,
    /// Its bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
}

impl Record {
    /// The bytes of key and value.
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// One record to be written. Borrowed: the backend copies what it keeps.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The topic, which must exist.
    pub topic: &'a str,
    /// The key, which decides the partition as Kafka's Java client does (murmur2).
    pub key: Option<&'a [u8]>,
    /// The bytes.
    pub value: Option<&'a [u8]>,
    /// Our headers: name and value.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Headers of a consumed record that go first, byte for byte as they came (dead letters).
    pub carried: Option<&'a Headers>,
    /// The producer's instant, in milliseconds since 1970-01-01 UTC; `None` is now. A topic with
    /// append time does not look at it.
    pub timestamp: Option<i64>,
}
