//! How often deciding one order asks for memory: every time costs, and a careless change shows here first.

use hinge_domain::Format;
use hinge_schema::Encoding;
use hinge_tests::measured::{allocations_per_order, policy};

#[test]
fn an_order_with_twelve_rules_asks_for_memory_at_most_forty_times() {
    for (encoding, format) in [(Encoding::JsonBinary, Format::Json), (Encoding::Avro, Format::Avro)] {
        let allocations = allocations_per_order(&policy(format), encoding);
        assert!(allocations <= 40.0, "{encoding:?}: {allocations:.1} for each order");
    }
}
