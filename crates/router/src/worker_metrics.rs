//! Metrics of how the workers themselves fare.

use prometheus::{IntCounter, Registry};

/// See the module.
#[derive(Clone)]
pub(crate) struct WorkerMetrics {
    pub(crate) rollbacks: IntCounter,
    pub(crate) uncertain: IntCounter,
    pub(crate) restarts: IntCounter,
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
        };
        for counter in [&metrics.rollbacks, &metrics.uncertain, &metrics.restarts] {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(metrics)
    }
}
