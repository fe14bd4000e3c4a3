//! What an operator does by hand, beside the running router: looking at dead letters and held keys, sending
//! them on, letting a stopped partition go on.
//!
//! Everything is done by writing records, and the router that owns the partition acts on them: `hinge held` writes
//! wishes into `hinge.held-keys` ([`wish`]), `hinge resume` and the closing of dead letters go into
//! `hinge.interventions` ([`resume`], [`close`]), a replayed record goes back into its input topic ([`replay`]).

mod held;
mod interventions;
mod letters;

pub(crate) use held::{Part, first_held};
pub use held::{held_keys, held_places, held_records, wish};
pub use interventions::{By, Closed, Closing, close, closings, resume};
pub(crate) use interventions::{interventions_end, resumes};
pub use letters::{Letter, Replay, each_letter, replay};
