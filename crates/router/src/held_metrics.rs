//! Metrics of what does not go on by itself: held keys and stopped partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hinge_stream::TopicPartition;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::outcome::Released;
use crate::stops::StopReason;

/// See the module.
#[derive(Clone)]
pub(crate) struct HeldMetrics {
    released: IntCounterVec,
    keys: IntGaugeVec,
    records: IntGaugeVec,
    stopped: IntGaugeVec,
    /// What each worker holds, by its seat and by topic.
    by_seat: Arc<Mutex<BTreeMap<usize, ByTopic>>>,
    seat: usize,
}

/// Held keys and records by topic.
type ByTopic = BTreeMap<String, (usize, usize)>;

impl HeldMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let released = Opts::new(
            "hinge_router_released_total",
            "Held records that were released or discarded, by what became of them.",
        );
        let metrics = Self {
            released: IntCounterVec::new(released, &["outcome"])?,
            keys: gauges("hinge_router_held_keys", "Keys whose records are held, by topic.", &["topic"])?,
            records: gauges("hinge_router_held_records", "Records that are held, by topic.", &["topic"])?,
            stopped: gauges(
                "hinge_partition_stopped",
                "1 while a partition stands still for this reason, and somebody has to act.",
                &["topic", "partition", "reason"],
            )?,
            by_seat: Arc::default(),
            seat: 0,
        };
        registry.register(Box::new(metrics.released.clone()))?;
        for gauges in [&metrics.keys, &metrics.records, &metrics.stopped] {
            registry.register(Box::new(gauges.clone()))?;
        }
        Ok(metrics)
    }

    pub(crate) fn start_at_zero(&self, topics: &[String]) {
        for outcome in Released::NAMES {
            self.released.with_label_values(&[outcome]);
        }
        for topic in topics {
            self.keys.with_label_values(&[topic]).set(0);
            self.records.with_label_values(&[topic]).set(0);
        }
    }

    pub(crate) fn released(&self, released: &BTreeMap<&'static str, u64>) {
        for (outcome, count) in released {
            self.released.with_label_values(&[outcome]).inc_by(*count);
        }
    }

    /// The same metrics, for the worker with this number.
    pub(crate) fn at_seat(&self, seat: usize) -> Self {
        Self { seat, ..self.clone() }
    }

    /// What this worker holds; the metrics tell the sum over all workers.
    pub(crate) fn held(&self, by_topic: &BTreeMap<&str, (usize, usize)>) {
        let ours = by_topic.iter().map(|(topic, held)| ((*topic).to_owned(), *held)).collect();
        let mut by_seat = self.by_seat.lock().unwrap_or_else(PoisonError::into_inner);
        by_seat.insert(self.seat, ours);
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        // What is held no longer in a topic goes away with its series.
        self.keys.reset();
        self.records.reset();
        for (topic, (keys, records)) in by_seat.values().flatten() {
            self.keys.with_label_values(&[topic]).add(count(*keys));
            self.records.with_label_values(&[topic]).add(count(*records));
        }
    }

    pub(crate) fn stopped(&self, place: &TopicPartition, reason: Option<StopReason>) {
        let partition = place.partition.to_string();
        for known in StopReason::ALL {
            let labels = [place.topic.as_ref(), partition.as_str(), known.name()];
            self.stopped.with_label_values(&labels).set(i64::from(reason == Some(known)));
        }
    }

    pub(crate) fn let_go(&self, place: &TopicPartition) {
        let partition = place.partition.to_string();
        for known in StopReason::ALL {
            // A series that was never there cannot be taken away, and that is well.
            let _ = self.stopped.remove_label_values(&[place.topic.as_ref(), &partition, known.name()]);
        }
    }
}
