//! The log on real brokers: what both backends have in common, and what only Kafka has.
//!
//! The brokers' address is read from `HINGE_TEST_BROKERS`; without it the tests say so and pass,
//! except in CI.

mod backends;
mod contract;
mod kafka_only;
mod wire;
