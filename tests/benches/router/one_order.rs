//! What one order costs without a log: decoded, met, decided, encoded, counted, on one thread.

use std::time::Duration;

use hinge_domain::Format;
use hinge_schema::Encoding;
use hinge_tests::measured::{batches, orders, policy, run};

const ORDERS: usize = 100_000;
const BATCH: usize = 500;

/// What was measured of one order.
pub(crate) struct OneOrder {
    /// The fastest batch, by order: what the work costs where nobody disturbs it.
    pub(crate) fastest: Duration,
    pub(crate) median: Duration,
    /// Records left for each order.
    pub(crate) outputs: f64,
    /// Bytes read for each order.
    pub(crate) bytes: usize,
}

pub(crate) fn measure(encoding: Encoding, format: Format) -> OneOrder {
    let policy = policy(format);
    let records = orders(ORDERS, encoding);
    let bytes: usize = records
        .iter()
        .map(|record| {
            let headers = record
                .headers
                .iter()
                .map(|header| header.name.len() + header.value.as_ref().map_or(0, Vec::len));
            headers.sum::<usize>() + record.value.as_ref().map_or(0, Vec::len)
        })
        .sum();
    let seen = run(&policy, batches(records, BATCH));
    let mut took = seen.took;
    took.sort_unstable();
    let size = u32::try_from(BATCH).expect("a few hundred");
    // The poll that gave the partition and those that brought nothing are no batches.
    let full = took.len().saturating_sub(ORDERS / BATCH);
    let took = &took[full..];
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    OneOrder {
        fastest: took[0] / size,
        median: took[took.len() / 2] / size,
        outputs: seen.records as f64 / ORDERS as f64,
        bytes: bytes / ORDERS,
    }
}
