//! A directory of YAML and Markdown, the organisation's own words, becomes a validated policy.
//!
//! ```text
//! policy.yaml        name, catalogue version, event types of which nobody wants to be told
//! departments.yaml   who can be told, in which format
//! people.yaml, *.csv who works in the departments; may be missing
//! chain.yaml         the steps of the chain and their event types
//! routes/*.yaml      who is told what, when
//! templates/*.md     the words
//! sources/*.yaml     how the records of other systems become events, with their schemas in *.avsc
//! ```
//!
//! [`load`] reads it and either gives a [`Loaded`] policy or all [`Problems`] at once, each with file,
//! line, column and what to do. A file is read as a tree with places (`yaml`), checked against its form
//! (`form`), and then by what its kind knows (one module for each kind). Conditions are checked against what
//! their events have (`conditions`), templates against the rules that use them, rules against each other
//! (`reachability`), the whole against the catalogue (`coverage`), and at last by its own tests (`rule_tests`). Deciding is the business of `hinge-domain`; publishing and running a
//! policy that of the services.

mod audience;
mod chain;
mod conditions;
mod coverage;
mod departments;
mod diagnostic;
mod directory;
mod editor;
mod form;
mod load;
mod manifest;
mod mapping;
mod names;
mod people;
mod place;
mod reachability;
mod routes;
mod rule_tests;
mod sources;
mod starter;
mod templates;
mod yaml;

pub use diagnostic::{Diagnostic, Problems, Severity};
pub use directory::PolicyFile;
pub use load::{Loaded, load, load_files, load_kept};
pub use mapping::{load_mapping, parse_mapping};
pub use sources::{Mapped, load_mapped};
pub use starter::{StarterError, write_schemas, write_starter};
