//! Everything that is tested across crates or on real parts; one binary, a module for each subject.

#![expect(clippy::unwrap_used, reason = "all of this is tests; clippy knows that of test functions only")]

mod allocations;
mod audiences;
mod bad_records;
mod broker;
mod by_hand;
mod command_line;
mod corpus;
mod examples;
mod faults;
mod foreign;
mod framing;
mod held;
mod house;
mod kill;
mod persons;
mod planted;
mod readme;
mod repetition;
mod replay;
mod scenarios;
mod stops;
mod why;
