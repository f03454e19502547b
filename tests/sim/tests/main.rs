//! The simulator's histories and states, all in one program, so that they run beside each other.

#![cfg(test)]
#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Figure, Lane, Seeds, Shape, Tally};

mod collecting;
mod corpus;
mod exhaustive;
mod faults;
mod histories;
mod laws;
mod lives;
mod planted;
mod scrub;
mod shrinking;
mod write_off;

/// Runs the histories of a lane and a size, and checks that enough happened in them.
fn run_all(lane: Lane, shape: Shape) -> Tally {
    let figure = Figure::of(lane, &shape);
    let seeds = Seeds::of_head();
    let tally = figure.run(seeds).unwrap_or_else(|what| panic!("{what}"));
    println!("{shape:?}, {seeds}\n{tally:#?}");
    figure.check(&tally).unwrap_or_else(|what| panic!("{what}"));
    tally
}
