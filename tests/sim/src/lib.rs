//! The deterministic simulator: real engines over a simulated network, judged by the oracle.
//!
//! A seed decides everything, so it replays event for event. A history is a run of
//! a small [`World`]: replicas write, messages are dropped, duplicated, delayed, cut to partial ranges
//! and relayed, replicas are saved and loaded, and after *every* step the replica that changed is
//! compared with the oracle on every key. The simulator can fail: [`rejoin_crdt::planted`] switches on
//! the tempting simplifications, and each must be found.

#![allow(
    clippy::indexing_slicing,
    reason = "a position unknown to the world is a mistake of the simulator and must stop it"
)]

mod collecting;
mod exhaustive;
mod faults;
mod figures;
mod hunt;
mod judge;
mod laws;
mod network;
mod replay;
mod report;
mod seeds;
mod shrink;
mod site;
mod stage;
mod workload;
mod world;

pub use collecting::Collecting;
pub use exhaustive::{Counterexample, Model, Visited};
pub use faults::{Faults, Fewest, Mark, Marks, Shares};
pub use figures::{EVERY_RUN, Figure};
pub use hunt::{Found, Hunt};
pub use laws::Mix;
pub use network::Network;
pub use replay::{Fault, Lane, ParseReplayError, Replay};
pub use report::{Failure, Injected, Symptom, Tally};
pub use seeds::{NotACommit, Seeds};
pub use shrink::{corpus, report, shrink};
pub use world::{Shape, World};

/// Runs one history of deltas that are thrown about by hand, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, at which step.
pub fn run(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    Replay::new(Lane::Deltas, seed, shape).run()
}

/// Runs one history of sessions, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, or which honest session failed, at which step.
pub fn run_sessions(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    Replay::new(Lane::Sessions, seed, shape).run()
}

/// Runs one history in which replicas collect removals, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, at which step.
pub fn run_collecting(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    Replay::new(Lane::Collecting, seed, shape).run()
}

/// Runs one history of whole replicas to which everything happens, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, was lost, or ended without a reason, at which step.
pub fn run_faults(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    Replay::new(Lane::Faults, seed, shape).run()
}
