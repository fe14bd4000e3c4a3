//! A record on its way out.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::BaseRecord;

use super::{config, headers};
use crate::{Error, Header, Headers, Outgoing};

/// The record as librdkafka takes it.
pub(super) fn record<'a>(record: &Outgoing<'a>) -> BaseRecord<'a, [u8], [u8]> {
    BaseRecord {
        key: record.key,
        payload: record.value,
        timestamp: record.timestamp,
        headers: headers::write(record),
        ..BaseRecord::to(record.topic)
    }
}

/// What a refusal to take a record says about this record; `Err` when it is not about the record.
pub(super) fn refused(record: &Outgoing<'_>, error: KafkaError) -> Result<Error, KafkaError> {
    let topic = record.topic.to_owned();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            let reason = format!("the most is {} bytes with everything", config::RECORD_BYTES_MOST);
            Ok(Error::Unwritable { topic, bytes: bytes(record), reason })
        }
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition,
        ) => Ok(Error::TopicMissing { topic }),
        _ => Err(error),
    }
}

/// Its size: key, value and the headers that can be read.
pub(super) fn bytes(record: &Outgoing<'_>) -> usize {
    let carried = record.carried.into_iter().flat_map(Headers::iter);
    let carried = carried.map(|Header { name, value }| name.len() + value.map_or(0, <[u8]>::len));
    let own = record.headers.iter().map(|(name, value)| name.len() + value.len());
    let body = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
    carried.chain(own).sum::<usize>() + body
}
