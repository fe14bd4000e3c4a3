//! The log on real brokers: what both backends have in common, and what only Kafka has.
//!
//! The brokers' address is read from `HINGE_TEST_BROKERS`; without it the tests say so and pass,
//! except in CI.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod contract;
mod kafka_only;
mod pausing;
mod wire;
