//! Everything that is tested across crates or on real parts; one binary, a module for each subject.

mod broker;
mod house;
