//! What the router tells Prometheus. Everything is counted after the commit, never before.

use std::collections::{BTreeMap, HashMap};

use hinge_domain::Policy;
use hinge_schema::Sources;
use hinge_stream::TopicPartition;
use jiff::{SignedDuration, Timestamp};
use prometheus::local::LocalHistogram;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::ROLE;
use crate::audience_metrics::AudienceMetrics;
use crate::held_metrics::HeldMetrics;
use crate::lag::GroupLagBoard;
use crate::outcome::{Outcome, Tally, Told};
use crate::stops::StopReason;
use crate::worker_metrics::WorkerMetrics;

/// The hops of a notification that the router sees, from the instant in the first half of the name to
/// that in the second.
const HOPS: [&str; 3] = ["occurred-recorded", "recorded-decided", "decided-published"];

/// From a millisecond to four weeks: a hop may be a function call or a shop that reports once a month.
const LAG_BUCKETS: &[f64] = &[
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3600.0,
    14_400.0,
    86_400.0,
    604_800.0,
    2_419_200.0,
];

/// The router's metrics.
#[derive(Clone)]
pub struct Metrics {
    records: IntCounterVec,
    lag: HistogramVec,
    lag_clamped: IntCounterVec,
    lag_left_out: IntCounterVec,
    rule_unknown: IntCounterVec,
    unrendered: IntCounter,
    pub(crate) workers: WorkerMetrics,
    held: HeldMetrics,
    audiences: AudienceMetrics,
    source_events: IntCounterVec,
    source_unread: IntCounterVec,
    source_fell_back: IntCounterVec,
    pub(crate) group_lag: GroupLagBoard,
}

impl Metrics {
    /// Registers the metrics; series whose labels are known beforehand start at 0.
    pub fn register(
        registry: &Registry,
        policy: &Policy,
        topics: &[String],
    ) -> Result<Self, prometheus::Error> {
        let counters =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            records: counters(
                "hinge_records_total",
                "Records consumed, by the one outcome that each ended in.",
                &["role", "topic", "outcome", "reason"],
            )?,
            lag: HistogramVec::new(
                HistogramOpts::new(
                    "hinge_communication_lag_seconds",
                    "How long each hop of a notification took; live events only.",
                )
                .buckets(LAG_BUCKETS.to_vec()),
                &["hop", "department", "event_type", "chain_step"],
            )?,
            lag_clamped: counters(
                "hinge_communication_lag_clamped_total",
                "Hops that came out negative, because clocks disagree, and were observed as 0.",
                &["hop"],
            )?,
            lag_left_out: counters(
                "hinge_communication_lag_left_out_total",
                "Notifications whose lag was not observed, by reason.",
                &["reason"],
            )?,
            rule_unknown: counters(
                "hinge_router_rule_unknown_total",
                "Times a rule could not tell whether it matches, because the event lacks what it reads.",
                &["rule"],
            )?,
            unrendered: IntCounter::new(
                "hinge_router_texts_unrendered_total",
                "Notifications that went out with a plain text, because their template failed.",
            )?,
            workers: WorkerMetrics::register(registry)?,
            held: HeldMetrics::register(registry)?,
            audiences: AudienceMetrics::register(registry)?,
            source_events: counters(
                "hinge_source_events_total",
                "Events that the records of other systems said, by the policy's source.",
                &["source"],
            )?,
            source_unread: counters(
                "hinge_source_fields_unread_total",
                "Fields of other systems' records that the source's mapping never reads and does not list as ignored.",
                &["source"],
            )?,
            source_fell_back: counters(
                "hinge_source_words_unknown_total",
                "Words in other systems' records that a fact does not have, so that its fallback was told instead.",
                &["source"],
            )?,
            group_lag: GroupLagBoard::new()?,
        };
        for collector in [
            Box::new(metrics.records.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(metrics.lag.clone()),
            Box::new(metrics.lag_clamped.clone()),
            Box::new(metrics.lag_left_out.clone()),
            Box::new(metrics.rule_unknown.clone()),
            Box::new(metrics.unrendered.clone()),
            Box::new(metrics.source_events.clone()),
            Box::new(metrics.source_unread.clone()),
            Box::new(metrics.source_fell_back.clone()),
            Box::new(metrics.group_lag.clone()),
        ] {
            registry.register(collector)?;
        }
        metrics.start_at_zero(policy, topics);
        Ok(metrics)
    }

    fn start_at_zero(&self, policy: &Policy, topics: &[String]) {
        for topic in topics {
            for outcome in Outcome::all() {
                self.records.with_label_values(&[ROLE, topic, outcome.name(), outcome.reason()]);
            }
        }
        self.held.start_at_zero(topics);
        for hop in HOPS {
            self.lag_clamped.with_label_values(&[hop]);
        }
        self.lag_left_out.with_label_values(&["history"]);
        self.audiences.start_at_zero(policy);
        for rule in &policy.rules {
            self.rule_unknown.with_label_values(&[rule.id.as_ref()]);
        }
    }

    /// A partition is ours: it goes on, whatever was before.
    pub(crate) fn taken_up(&self, place: &TopicPartition) {
        self.held.stopped(place, None);
    }

    /// A partition is somebody else's.
    pub(crate) fn let_go(&self, place: &TopicPartition) {
        self.held.let_go(place);
    }

    /// A partition stands still for this reason, or (`None`) goes on.
    pub(crate) fn stopped(&self, place: &TopicPartition, reason: Option<StopReason>) {
        self.held.stopped(place, reason);
    }

    /// So many keys and records are held, by topic; in all other topics none.
    pub(crate) fn held(&self, by_topic: &BTreeMap<&str, (usize, usize)>) {
        self.held.held(by_topic);
    }

    pub(crate) fn audiences_published(&self, count: usize) {
        self.audiences.published(count);
    }

    /// Starts the series of these sources at 0.
    pub(crate) fn expect(&self, sources: &Sources) {
        for name in sources.names() {
            self.source_events.with_label_values(&[name.as_ref()]);
            self.source_unread.with_label_values(&[name.as_ref()]);
            self.source_fell_back.with_label_values(&[name.as_ref()]);
        }
    }

    /// The same metrics for the worker with this number among those of the process.
    pub fn at_seat(&self, seat: usize) -> Self {
        Self {
            workers: self.workers.at_seat(seat),
            held: self.held.at_seat(seat),
            group_lag: self.group_lag.at_seat(seat),
            ..self.clone()
        }
    }

    /// A worker is started again.
    pub fn restarted(&self) {
        self.workers.restarts.inc();
    }

    pub(crate) fn made_certain(&self, transactions: u64) {
        self.workers.uncertain.inc_by(transactions);
    }

    pub(crate) fn rolled_back(&self) {
        self.workers.rollbacks.inc();
    }

    /// Counts what a committed transaction did; `published` is the instant at which it was committed.
    pub(crate) fn publish(&self, tally: &Tally, published: Timestamp) {
        for ((topic, outcome), count) in &tally.outcomes {
            self.records.with_label_values(&[ROLE, topic, outcome.name(), outcome.reason()]).inc_by(*count);
        }
        for (rule, count) in &tally.unknown {
            self.rule_unknown.with_label_values(&[rule.as_ref()]).inc_by(*count);
        }
        self.audiences.for_nobody(&tally.for_nobody);
        self.unrendered.inc_by(tally.unrendered);
        self.held.released(&tally.released);
        for (source, mapped) in &tally.sources {
            self.source_events.with_label_values(&[source.as_ref()]).inc_by(mapped.events);
            self.source_unread.with_label_values(&[source.as_ref()]).inc_by(mapped.unread);
            self.source_fell_back.with_label_values(&[source.as_ref()]).inc_by(mapped.fell_back);
        }
        let mut lags = Lags { metrics: self, known: HashMap::new() };
        for told in &tally.told {
            if told.history {
                self.lag_left_out.with_label_values(&["history"]).inc();
            } else {
                lags.observe(told, published);
            }
        }
    }
}

/// The lag of what one transaction told: each series is looked up once, and added to once, when this goes.
struct Lags<'a> {
    metrics: &'a Metrics,
    /// By the addresses of the labels, which all tellings of one kind share.
    known: HashMap<[*const u8; 3], [LocalHistogram; 3]>,
}

impl Lags<'_> {
    fn observe(&mut self, told: &Told, published: Timestamp) {
        let labels = [&told.department, &told.event_type, &told.chain_step];
        let series = self.known.entry(labels.map(|label| label.as_ptr())).or_insert_with(|| {
            let [department, event_type, chain_step] = labels;
            let series = |hop: &str| {
                let labels: [&str; 4] = [hop, department, event_type, chain_step];
                self.metrics.lag.with_label_values(&labels).local()
            };
            HOPS.map(series)
        });
        let hops = [told.to_recorded, told.to_decided, published.duration_since(told.decided)];
        for ((series, hop), took) in series.iter().zip(HOPS).zip(hops) {
            if took < SignedDuration::ZERO {
                self.metrics.lag_clamped.with_label_values(&[hop]).inc();
            }
            series.observe(took.as_secs_f64().max(0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use hinge_domain::Parts;

    use super::*;
    use crate::outcome::Mapped;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn told(to_recorded: i64, history: bool) -> Told {
        Told {
            department: "quality".into(),
            event_type: "order.placed".into(),
            chain_step: "operations".into(),
            to_recorded: SignedDuration::from_millis(to_recorded),
            to_decided: SignedDuration::from_millis(200),
            decided: at(1_000),
            history,
        }
    }

    #[test]
    fn each_hop_is_observed_in_seconds_history_left_out_and_negative_ones_clamped_and_counted() {
        let policy = Policy::new(Parts::default());
        let metrics = Metrics::register(&Registry::new(), &policy, &[]).unwrap();
        let told = vec![told(5_000, false), told(-3_000, false), told(86_400_000, true)];
        metrics.publish(&Tally { told, ..Tally::default() }, at(1_500));
        for (hop, seconds) in HOPS.into_iter().zip([5.0, 0.4, 1.0]) {
            let histogram = metrics.lag.with_label_values(&[hop, "quality", "order.placed", "operations"]);
            let close = (histogram.get_sample_sum() - seconds).abs() < 1e-9;
            assert!(close && histogram.get_sample_count() == 2, "{hop}: {}", histogram.get_sample_sum());
        }
        let count = |counters: &IntCounterVec, label: &str| counters.with_label_values(&[label]).get();
        assert_eq!(HOPS.map(|hop| count(&metrics.lag_clamped, hop)), [1, 0, 0]);
        assert_eq!(count(&metrics.lag_left_out, "history"), 1);
    }

    #[test]
    fn what_sources_said_and_what_nobody_read_of_it_is_counted_by_source() {
        let policy = Policy::new(Parts::default());
        let metrics = Metrics::register(&Registry::new(), &policy, &[]).unwrap();
        let mut tally = Tally::default();
        for (events, unread, fell_back) in [(2, 3, 0), (0, 1, 5)] {
            tally.mapped(&"orders".into(), Mapped { events, unread, fell_back });
        }
        metrics.publish(&tally, at(0));
        let count = |counters: &IntCounterVec| counters.with_label_values(&["orders"]).get();
        assert_eq!((count(&metrics.source_events), count(&metrics.source_unread)), (2, 4));
        assert_eq!(count(&metrics.source_fell_back), 5);
    }
}
