//! What one order costs without a log: decoded, met, decided, encoded, counted, on one thread.
//!
//! All that the router does between a poll and the next, on records that lie in memory and with outputs that
//! are counted and dropped.

use std::time::Duration;

use hinge_domain::Format;
use hinge_schema::Encoding;
use hinge_tests::measured::{allocations_per_order, batches, orders, policy, run};

const ORDERS: usize = 100_000;
const BATCH: usize = 500;

/// What was measured of one order; times in microseconds.
pub(crate) struct OneOrder {
    /// In the fastest batch: what the work costs where nobody disturbs it.
    pub(crate) fastest: f64,
    pub(crate) median: f64,
    pub(crate) allocations: f64,
    /// Records left for each order.
    pub(crate) outputs: f64,
    /// Bytes read for each order.
    pub(crate) bytes: usize,
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn measure(encoding: Encoding, format: Format) -> OneOrder {
    let policy = policy(format);
    let records = orders(ORDERS, encoding);
    let size = |record: &hinge_stream::Record| {
        let headers = record.headers.iter();
        let headers = headers.map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len));
        headers.sum::<usize>() + record.value.as_ref().map_or(0, Vec::len)
    };
    let bytes = records.iter().map(size).sum::<usize>() / ORDERS;
    let seen = run(&policy, batches(records, BATCH));
    let mut took = seen.took;
    took.sort_unstable();
    // A poll that brought nothing is no batch.
    let took = &took[took.len().saturating_sub(ORDERS / BATCH)..];
    let each = |batch: Duration| batch.as_secs_f64() * 1e6 / BATCH as f64;
    OneOrder {
        fastest: each(took[0]),
        median: each(took[took.len() / 2]),
        allocations: allocations_per_order(&policy, encoding),
        outputs: seen.records as f64 / ORDERS as f64,
        bytes,
    }
}
