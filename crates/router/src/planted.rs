//! Bugs that tests plant, so that the checker can prove that it would find them. None is there in a release build:
//! see `hinge_stream::faults`.

use std::borrow::Cow;
use std::sync::Arc;

use hinge_stream::{Record, faults};

/// The batch as it came, or with two records of one key in the wrong order.
pub(crate) fn in_order(batch: &[Record]) -> Cow<'_, [Record]> {
    if !faults::planted("plant-swap") {
        return Cow::Borrowed(batch);
    }
    // Not the last one of its partition: the position after the batch stays what it was.
    let is_last = |at: usize| !batch[at + 1..].iter().any(|other| other.place == batch[at].place);
    let later = |first: usize| {
        let is_like = |other: &Record| other.place == batch[first].place && other.key == batch[first].key;
        let second = first + 1 + batch[first + 1..].iter().position(is_like)?;
        (!is_last(second)).then_some(second)
    };
    let pair = (0..batch.len()).find_map(|first| Some((first, later(first)?)));
    let mut batch = batch.to_vec();
    if let Some((first, second)) = pair {
        batch.swap(first, second);
    }
    Cow::Owned(batch)
}

/// The topic of a notification, or that of another department.
pub(crate) fn department<'a>(topic: &'a str, all: impl Iterator<Item = &'a Arc<str>>) -> &'a str {
    let is_notification = topic.starts_with("hinge.notifications.");
    if is_notification && faults::planted("plant-wrong-department") {
        return all.map(|other| &**other).filter(|other| *other != topic).min().unwrap_or(topic);
    }
    topic
}

/// What decoding gives once a cut value is filled up with zeros, if it gives anything.
pub(crate) fn filled_up<T>(value: Option<&[u8]>, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let value = value.filter(|_| faults::planted("plant-truncated-avro"))?;
    (1..2_000).find_map(|more| decode(&[value, &vec![0; more]].concat()))
}
