//! Everything that can happen to workers, brokers and the network between them, one fault at a time.
//!
//! [`FAULTS`] is the table. A fault says how its [`Stage`] is to be, what is written, what happens once a fifth of the
//! work is done, and which exits of a worker are right. `trial` does the rest and is the same for all. The program
//! `torture` runs them; a selection is in `make test`.

mod brokers;
mod commits;
mod damage;
mod deaths;
mod disk;
pub mod feed;
mod inputs;
mod judge;
mod membership;
mod network;
mod ordeal;
pub mod relay;
mod stage;
mod table;
mod trial;
mod worker;
mod zombies;

pub use stage::{Plan, Relayed, Stage};
pub use table::FAULTS;
pub use trial::run;

use feed::Records;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// About how many records are written.
    pub events: u32,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Records a second, instead of what suits the fault.
    pub rate: Option<u32>,
    /// Everything as long and as often as it is meant to be, instead of once and shortly.
    pub full: bool,
    /// How often a worker is killed at random, where a fault does so.
    pub kills: u32,
    /// How often the broker is restarted in an ordeal.
    pub restarts: u32,
    /// How often the broker is killed in an ordeal.
    pub broker_kills: u32,
    /// How much the workers say.
    pub log_level: String,
    /// How many seconds the network is cut in an ordeal; 0 is never.
    pub cut: u32,
}

impl Wanted {
    /// A short trial.
    pub fn new(events: u32, seed: u64) -> Self {
        let log_level = "info".to_owned();
        Self {
            events,
            seed,
            rate: None,
            full: false,
            kills: 5,
            restarts: 1,
            broker_kills: 1,
            log_level,
            cut: 5,
        }
    }
}

/// One thing that can happen.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name, such as `F1`.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// How its stage is to be.
    pub plan: fn(&Wanted) -> Plan,
    /// What is written.
    pub records: fn(&Wanted) -> Records,
    /// What happens.
    pub act: fn(&mut Stage, &Wanted),
    /// How workers may end by themselves; they are started again.
    pub exits: &'static [i32],
    /// What kinds of violation must be found, or the trial has no power; and no other kinds may be. None: all must be
    /// well.
    pub must_show: &'static [&'static str],
    /// Why it cannot be done here, if it cannot.
    pub impossible: fn() -> Option<&'static str>,
}

/// The fault of this name.
pub fn named(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name.eq_ignore_ascii_case(name))
}
