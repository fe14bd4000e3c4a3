//! Metrics of how the workers themselves fare.

use hinge_domain::Memory;
use prometheus::{IntCounter, IntGaugeVec, Opts, Registry};

/// See the module.
#[derive(Clone)]
pub(crate) struct WorkerMetrics {
    pub(crate) rollbacks: IntCounter,
    pub(crate) uncertain: IntCounter,
    pub(crate) restarts: IntCounter,
    identities: IntGaugeVec,
    identity_bytes: IntGaugeVec,
    seat: usize,
}

impl WorkerMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            rollbacks: IntCounter::new(
                "hinge_router_transactions_rolled_back_total",
                "Transactions that were rolled back; their records were decided again.",
            )?,
            uncertain: IntCounter::new(
                "hinge_router_transactions_uncertain_total",
                "Transactions whose end was not certain, so that a new producer had to make it so.",
            )?,
            restarts: IntCounter::new(
                "hinge_router_worker_restarts_total",
                "Workers that were started again, because they could not reach the brokers.",
            )?,
            identities: IntGaugeVec::new(
                Opts::new(
                    "hinge_router_identities",
                    "Events that are remembered, so that they are known when they are told again.",
                ),
                &["worker"],
            )?,
            identity_bytes: IntGaugeVec::new(
                Opts::new("hinge_router_identity_bytes", "The memory that remembering them takes."),
                &["worker"],
            )?,
            seat: 0,
        };
        for counter in [&metrics.rollbacks, &metrics.uncertain, &metrics.restarts] {
            registry.register(Box::new(counter.clone()))?;
        }
        for gauges in [&metrics.identities, &metrics.identity_bytes] {
            registry.register(Box::new(gauges.clone()))?;
        }
        Ok(metrics)
    }

    /// The same metrics, for the worker with this number.
    pub(crate) fn at_seat(&self, seat: usize) -> Self {
        Self { seat, ..self.clone() }
    }

    /// What this worker remembers.
    pub(crate) fn remembered<'a>(&self, memories: impl Iterator<Item = &'a Memory> + Clone) {
        let seat = self.seat.to_string();
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let labels = [seat.as_str()];
        self.identities.with_label_values(&labels).set(number(memories.clone().map(Memory::len).sum()));
        self.identity_bytes.with_label_values(&labels).set(number(memories.map(Memory::bytes).sum()));
    }
}
