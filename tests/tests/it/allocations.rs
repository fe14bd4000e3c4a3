//! How often deciding one order asks for memory: every time costs, and a careless change shows here first.

use hinge_domain::Format;
use hinge_schema::Encoding;
use hinge_tests::measured::{batches, orders, policy, router};

/// Allocations of a router for each order, from the poll to the commit, beside what it needs once.
fn allocations_per_order(encoding: Encoding, format: Format) -> f64 {
    let policy = policy(format);
    let allocations = |count: usize| {
        let (router, _) = router(&policy, batches(orders(count, encoding), 500));
        let mut summary = None;
        let counted = allocation_counter::measure(|| summary = Some(router.run()));
        assert_eq!(summary.unwrap().unwrap().records(), count as u64);
        counted.count_total
    };
    let (less, more) = (allocations(1_000), allocations(3_000));
    let difference = u32::try_from(more - less).unwrap();
    f64::from(difference) / 2_000.0
}

#[test]
fn an_order_with_twelve_rules_asks_for_memory_at_most_forty_times() {
    for (encoding, format) in [(Encoding::JsonBinary, Format::Json), (Encoding::Avro, Format::Avro)] {
        let allocations = allocations_per_order(encoding, format);
        assert!(allocations <= 40.0, "{encoding:?}: {allocations:.1} for each order");
    }
}
