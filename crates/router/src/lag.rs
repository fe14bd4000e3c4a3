//! How far the group is behind, told at the moment somebody asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hinge_stream::GroupLag;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntGaugeVec, Opts};

use crate::ROLE;
use crate::clock::wall;

/// The last known lag of each partition, as a collector: the seconds go on while a worker stands still.
#[derive(Clone)]
pub struct GroupLagBoard {
    /// By the worker's seat.
    shown: Arc<Mutex<BTreeMap<usize, Vec<GroupLag>>>>,
    seat: usize,
    seconds: GaugeVec,
    records: IntGaugeVec,
}

impl GroupLagBoard {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let labels = ["role", "topic", "partition"];
        let seconds = Opts::new(
            "hinge_group_lag_seconds",
            "Age of the oldest record that is not committed yet; 0 at the end, absent while it is not known.",
        );
        let records = Opts::new(
            "hinge_group_lag_records",
            "Records from the committed position to the end; Kafka's transaction markers count too.",
        );
        Ok(Self {
            shown: Arc::default(),
            seat: 0,
            seconds: GaugeVec::new(seconds, &labels)?,
            records: IntGaugeVec::new(records, &labels)?,
        })
    }

    /// The same board, for the worker with this number.
    pub(crate) fn at_seat(&self, seat: usize) -> Self {
        Self { seat, ..self.clone() }
    }

    pub(crate) fn show(&self, lag: Vec<GroupLag>) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(self.seat, lag);
    }
}

impl Collector for GroupLagBoard {
    fn desc(&self) -> Vec<&Desc> {
        [self.seconds.desc(), self.records.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = wall().as_millisecond();
        self.seconds.reset();
        self.records.reset();
        for lag in self.shown.lock().unwrap_or_else(PoisonError::into_inner).values().flatten() {
            let partition = lag.place.partition.to_string();
            let labels = [ROLE, lag.place.topic.as_ref(), partition.as_str()];
            if let Some(seconds) = seconds_behind(lag, now) {
                self.seconds.with_label_values(&labels).set(seconds);
            }
            if let Some(records) = lag.records {
                self.records.with_label_values(&labels).set(records);
            }
        }
        [self.seconds.collect(), self.records.collect()].concat()
    }
}

/// Now minus the timestamp of the record at the committed position; 0 at the end, `None` when unknown.
fn seconds_behind(lag: &GroupLag, now_millis: i64) -> Option<f64> {
    if lag.at_end {
        return Some(0.0);
    }
    let behind = now_millis.saturating_sub(lag.head?).max(0);
    Some(std::time::Duration::from_millis(behind.unsigned_abs()).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hinge_stream::TopicPartition;

    #[test]
    fn lag_is_zero_at_the_end_and_absent_when_unknown() {
        let lag = |head, at_end| GroupLag { place: TopicPartition::new("t", 0), records: None, head, at_end };
        assert_eq!(seconds_behind(&lag(None, true), 10_000), Some(0.0));
        assert_eq!(seconds_behind(&lag(None, false), 10_000), None);
        assert_eq!(seconds_behind(&lag(Some(4_000), false), 10_000), Some(6.0));
        assert_eq!(seconds_behind(&lag(Some(11_000), false), 10_000), Some(0.0));
    }
}
