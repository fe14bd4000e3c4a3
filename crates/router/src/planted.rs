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
    let later = |first: usize| {
        let is_like = |other: &Record| other.place == batch[first].place && other.key == batch[first].key;
        batch[first + 1..].iter().position(is_like).map(|distance| first + 1 + distance)
    };
    let mut batch = batch.to_vec();
    if let Some((first, second)) = (0..batch.len()).find_map(|first| Some((first, later(first)?))) {
        batch.swap(first, second);
    }
    Cow::Owned(batch)
}

/// The topic of a notification, or that of another department.
pub(crate) fn department<'a>(topic: &'a str, mut all: impl Iterator<Item = &'a Arc<str>>) -> &'a str {
    let is_notification = topic.starts_with("hinge.notifications.");
    if is_notification && faults::planted("plant-wrong-department") {
        return all.find(|other| ***other != *topic).map_or(topic, |other| &**other);
    }
    topic
}

/// What decoding gives once a cut value is filled up with zeros, if it gives anything.
pub(crate) fn filled_up<T>(value: Option<&[u8]>, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let value = value.filter(|_| faults::planted("plant-truncated-avro"))?;
    (1..2_000).find_map(|more| decode(&[value, &vec![0; more]].concat()))
}
