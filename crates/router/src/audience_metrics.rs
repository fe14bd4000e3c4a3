//! Metrics of whom notifications are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use hinge_domain::Policy;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

/// See the module.
#[derive(Clone)]
pub(crate) struct AudienceMetrics {
    empty: IntCounterVec,
    published: IntCounter,
    people: IntGaugeVec,
}

impl AudienceMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let empty = Opts::new(
            "hinge_router_audience_empty_total",
            "Notifications whose audience chose nobody: the department as such was told.",
        );
        let people = Opts::new("hinge_router_people", "People whom the policy knows.");
        let metrics = Self {
            empty: IntCounterVec::new(empty, &["department"])?,
            published: IntCounter::new(
                "hinge_router_audiences_published_total",
                "Audiences written to hinge.audiences.",
            )?,
            people: IntGaugeVec::new(people, &["department"])?,
        };
        registry.register(Box::new(metrics.empty.clone()))?;
        registry.register(Box::new(metrics.published.clone()))?;
        registry.register(Box::new(metrics.people.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn start_at_zero(&self, policy: &Policy) {
        for (position, department) in policy.departments.iter().enumerate() {
            let labels = [department.name.as_ref()];
            self.empty.with_label_values(&labels);
            let people = i64::try_from(policy.people.of(position).len()).unwrap_or(i64::MAX);
            self.people.with_label_values(&labels).set(people);
        }
    }

    pub(crate) fn published(&self, count: usize) {
        self.published.inc_by(count as u64);
    }

    /// Notifications for nobody in particular, by department.
    pub(crate) fn for_nobody(&self, by_department: &BTreeMap<Arc<str>, u64>) {
        for (department, count) in by_department {
            self.empty.with_label_values(&[department.as_ref()]).inc_by(*count);
        }
    }
}
