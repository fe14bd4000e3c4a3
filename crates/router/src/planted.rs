//! Bugs that tests plant, so that the checker can prove that it would find them. None is there in a release build:
//! see `hinge_stream::faults`.

use std::borrow::Cow;
use std::sync::Arc;

use hinge_stream::{Record, faults};

/// So many pairs of a batch change places. Not all of a key are told to the same department, where it would show.
const PAIRS: usize = 8;

/// The batch as it came, or with records of one key in the wrong order.
pub(crate) fn in_order(batch: &[Record]) -> Cow<'_, [Record]> {
    if !faults::planted("plant-swap") {
        return Cow::Borrowed(batch);
    }
    // Not the last one of its partition: the position after the batch stays what it was.
    let is_last = |at: usize| !batch[at + 1..].iter().any(|other| other.place == batch[at].place);
    let later = |first: usize| {
        let this = &batch[first];
        let is_next = |other: &Record| other.place == this.place && other.key == this.key;
        let second = first + 1 + batch[first + 1..].iter().position(is_next)?;
        // The same once more would be the same in any order.
        (batch[second].value != this.value && !is_last(second)).then_some(second)
    };
    let mut swapped = batch.to_vec();
    let mut moved = vec![false; batch.len()];
    let pairs = (0..batch.len()).filter_map(|first| Some((first, later(first)?)));
    let free = pairs.filter(|(first, second)| {
        let are_free = !moved[*first] && !moved[*second];
        moved[*first] |= are_free;
        moved[*second] |= are_free;
        are_free
    });
    for (first, second) in free.take(PAIRS) {
        swapped.swap(first, second);
    }
    Cow::Owned(swapped)
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
