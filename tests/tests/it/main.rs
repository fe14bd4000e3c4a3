//! Everything that is tested across crates or on real parts; one binary, a module for each subject.

mod bad_records;
mod broker;
mod command_line;
mod house;
mod kill;
mod readme;
mod repetition;
mod scenarios;
