//! Where a worker goes on in each partition that it is given: at the committed position, or where the
//! operator said that a new group begins.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

use super::assignment::GivenPartition;
use super::classify::{Signs, is_denial};
use super::deadline::Deadline;
use crate::{Error, Offset, Positions, StartAt, TopicPartition};

/// How long committed positions may stay unknown: a predecessor's transaction can be open for 15 s.
const PATIENCE: Duration = Duration::from_secs(25);
const SLICE: Duration = Duration::from_secs(5);

/// How a group's partitions are begun with.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    pub(super) group: String,
    pub(super) start_at: Option<StartAt>,
}

impl Beginning {
    /// Where to go on in each partition of `list`.
    pub(super) fn find<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        list: &TopicPartitionList,
    ) -> Result<Vec<GivenPartition>, Error> {
        let committed = committed(consumer, &places(list))?;
        places(list)
            .into_iter()
            .map(|place| {
                let (next, is_stored) = match committed.get(&place) {
                    Some(offset) => (*offset, true),
                    None => (self.start(consumer, &place)?, false),
                };
                Ok(GivenPartition { place, next, is_stored })
            })
            .collect()
    }

    fn start<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        place: &TopicPartition,
    ) -> Result<Offset, Error> {
        let missing = || Error::StartMissing { group: self.group.clone(), place: place.clone() };
        let start_at = self.start_at.ok_or_else(missing)?;
        let (oldest, end) = bounds(consumer, place)?;
        match start_at {
            StartAt::Earliest => Ok(oldest),
            StartAt::Latest => Ok(end),
            StartAt::Time(instant) => at_time(consumer, place, instant).map(|found| found.unwrap_or(end)),
        }
    }
}

/// The partitions in a list of librdkafka.
pub(super) fn places(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}

/// What the group has committed in `places`; partitions in which it has not are not in the answer.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    places: &[TopicPartition],
) -> Result<Positions, Error> {
    let mut asked = TopicPartitionList::with_capacity(places.len());
    for place in places {
        asked.add_partition(&place.topic, place.partition);
    }
    let deadline = Deadline::after(PATIENCE);
    let answer = again(deadline, "reading the group's positions", || {
        let answer = consumer.committed_offsets(asked.clone(), deadline.slice(SLICE))?;
        answer
            .elements()
            .iter()
            .try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)?;
        Ok(answer)
    })?;
    let elements = answer.elements();
    let positions = elements.iter().filter_map(|element| match element.offset() {
        rdkafka::Offset::Offset(offset) => {
            Some((TopicPartition::new(element.topic(), element.partition()), Offset(offset)))
        }
        _ => None,
    });
    Ok(positions.collect())
}

/// The offset of the oldest record of a partition and the one after the last readable one.
pub(super) fn bounds<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    place: &TopicPartition,
) -> Result<(Offset, Offset), Error> {
    bounds_by(Deadline::after(PATIENCE), consumer, place)
}

/// The same for somebody who does not wait long.
pub(super) fn bounds_by<C: ConsumerContext>(
    deadline: Deadline,
    consumer: &BaseConsumer<C>,
    place: &TopicPartition,
) -> Result<(Offset, Offset), Error> {
    again(deadline, &format!("asking for the ends of `{place}`"), || {
        consumer.fetch_watermarks(&place.topic, place.partition, deadline.slice(SLICE))
    })
    .map(|(oldest, end)| (Offset(oldest), Offset(end)))
}

fn at_time<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    place: &TopicPartition,
    instant: i64,
) -> Result<Option<Offset>, Error> {
    let deadline = Deadline::after(PATIENCE);
    again(deadline, &format!("asking `{place}` for its first record of an instant"), || {
        let mut asked = TopicPartitionList::with_capacity(1);
        asked.add_partition_offset(&place.topic, place.partition, rdkafka::Offset::Offset(instant))?;
        let answer = consumer.offsets_for_times(asked, deadline.slice(SLICE))?;
        let found = answer.find_partition(&place.topic, place.partition);
        Ok(found.and_then(|element| match element.offset() {
            rdkafka::Offset::Offset(offset) => Some(Offset(offset)),
            _ => None,
        }))
    })
}

/// Asks until there is an answer. Other than inside a transaction everything may be asked again here.
fn again<T>(
    deadline: Deadline,
    doing: &str,
    mut ask: impl FnMut() -> Result<T, KafkaError>,
) -> Result<T, Error> {
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if is_denial(Signs::from(&error).code) => {
                return Err(Error::BrokerDenied { doing: doing.to_owned(), source: error.into() });
            }
            Err(error) if deadline.is_over() => {
                let (doing, waited) = (doing.to_owned(), deadline.patience());
                return Err(Error::TimedOut { doing, waited, source: Some(error.into()) });
            }
            Err(error) => {
                tracing::debug!(%error, doing, "asking again");
                std::thread::sleep(deadline.slice(Duration::from_millis(100)));
            }
        }
    }
}

/// The topics that there are, with their numbers of partitions; internal ones are left out.
pub(super) fn topics<C: ClientContext>(
    client: &rdkafka::client::Client<C>,
    wait: Duration,
) -> Result<std::collections::BTreeMap<String, i32>, KafkaError> {
    // All of them: asking for one that is not there may create it.
    let metadata = client.fetch_metadata(None, wait)?;
    if metadata.brokers().is_empty() {
        return Err(KafkaError::MetadataFetch(rdkafka::error::RDKafkaErrorCode::AllBrokersDown));
    }
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
    let topics = topics.filter(|topic| !topic.name().starts_with("__"));
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    Ok(topics.map(|topic| (topic.name().to_owned(), count(topic.partitions().len()))).collect())
}
