//! What the tests on real parts stand on: real parts that start by themselves and leave nothing behind.
//!
//! * [`kafka`]: a Kafka broker, one for the whole run or one of a test's own;
//! * [`parts`]: what happens where such a part is not to be had.
//!
//! The tests themselves are in `tests/it`, one binary with a module for each subject. This crate owns
//! no expectations about the product: a check that two tests share lives with the first of them.

pub mod kafka;
pub mod parts;
