//! Looking for a batch that cannot be read, where the brokers do not let us look.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::Settings;
use super::refused_tests::worker_of;
use super::session::KafkaSession;
use super::unreadable::Suspicion;
use crate::{Limits, Polled, Session as _, TopicPartition};

const AWHILE: Duration = Duration::from_secs(30);

/// More requests than are made here.
const MANY: usize = 10_000;

#[test]
fn a_partition_that_nobody_leads_is_not_called_unreadable_and_ends_nobody() {
    let brokers = MockCluster::new(1).unwrap();
    brokers.create_topic("in", 1, 1).unwrap();
    let options = worker_of(&["in"]);
    let mut session = KafkaSession::open(&Settings::new(brokers.bootstrap_servers()), &options).unwrap();
    let limits = Limits { records: 1, bytes: 1, wait: Duration::from_millis(100) };
    let began = Instant::now();
    let given = loop {
        match session.poll(&limits).unwrap() {
            Polled::Given(given) => break given,
            _ => assert!(began.elapsed() < AWHILE, "the group gives us nothing"),
        }
    };
    let place = TopicPartition::new("in", 0);
    assert!(given.contains_key(&place), "{given:?}");

    // Without a leader at all, the invented broker falls over.
    let nobody = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; MANY];
    brokers.request_errors(RDKafkaApiKey::ListOffsets, &nobody);
    for suspicion in [Suspicion::Standing(place), Suspicion::Error] {
        session.suspicion = Some(suspicion);
        let found = session.look_into_suspicion().unwrap();
        assert!(found.is_none(), "{found:?}");
    }
    assert!(session.assignment.standing().is_empty());
}
