//! The deterministic simulator: real engines over a simulated network, judged by the oracle.
//!
//! One seeded generator decides everything, so a seed replays event for event. A history is a run of
//! a small [`World`]: replicas write, messages are dropped, duplicated, delayed, cut to partial ranges
//! and relayed, replicas are saved and loaded, and after *every* step the replica that changed is
//! compared with the oracle on every key. The simulator can fail: [`rejoin_crdt::planted`] switches on
//! the tempting simplifications, and each must be found.

#![allow(
    clippy::indexing_slicing,
    reason = "a position unknown to the world is a mistake of the simulator and must stop it"
)]

mod collecting;
mod judge;
mod laws;
mod network;
mod report;
mod site;
mod workload;
mod world;

pub use collecting::Collecting;
pub use laws::Mix;
pub use network::Network;
pub use report::{Failure, Tally};
pub use world::{Shape, World};

/// Runs one history of deltas that are thrown about by hand, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, at which step.
pub fn run(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    let mut world = World::new(seed, shape);
    let outcome = (0..shape.steps).try_for_each(|_| world.step()).and_then(|()| world.heal());
    outcome.map_err(|failure| failure.replayed_by("deltas", shape))?;
    Ok(world.into_tally())
}

/// Runs one history of sessions, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, or which honest session failed, at which step.
pub fn run_sessions(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    let mut network = Network::new(seed, shape);
    let outcome = (0..shape.steps).try_for_each(|_| network.step()).and_then(|()| network.heal());
    outcome.map_err(|failure| failure.replayed_by("sessions", shape))?;
    Ok(network.into_tally())
}

/// Runs one history in which replicas collect removals, and returns what it did.
///
/// # Errors
/// Says what differed from the oracle, at which step.
pub fn run_collecting(seed: u64, shape: &Shape) -> Result<Tally, Failure> {
    let mut world = Collecting::new(seed, shape);
    let outcome = (0..shape.steps).try_for_each(|_| world.step()).and_then(|()| world.heal());
    outcome.map_err(|failure| failure.replayed_by("collecting", shape))?;
    Ok(world.into_tally())
}
