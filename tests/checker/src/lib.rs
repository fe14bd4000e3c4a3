//! Recounts from the log what Hinge has promised, and says where it was not kept.
//!
//! It shares no code with the product, so that the two cannot be wrong together: formats, policy, conditions and
//! identities are read here once more, from `schemas/README.md` and the schema files. What it does not know it
//! refuses; it never checks half of something.
//!
//! * [`log`]: topics, read to their end under `read_committed`, and committed positions;
//! * [`schemas`], [`fingerprint`], [`avro`], [`json`], [`fact`], [`instant`], [`cloud_events`]: records to events;
//! * [`policy`] and [`condition`]: who has to be told of an event; [`identifier`]: under which id;
//! * [`expectation`]: what all the input calls for;
//! * [`notification`], [`outputs`], [`counters`]: what is there, held against it;
//! * [`seen`] and [`watch`]: what was visible while faults happened;
//! * [`check`]: all of it together, to a [`verdict`].

pub mod avro;
pub mod check;
pub mod cloud_events;
pub mod condition;
pub mod counters;
pub mod digest;
pub mod expectation;
pub mod fact;
pub mod fingerprint;
pub mod identifier;
pub mod instant;
pub mod json;
pub mod log;
pub mod notification;
pub mod outputs;
pub mod policy;
pub mod schemas;
pub mod seen;
pub mod verdict;
pub mod watch;
