//! Thousands of seeded histories without a difference to the oracle.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Figure, Lane, Shape, Tally};

fn run_all(lane: Lane, shape: Shape) -> Tally {
    let tally = Figure::of(lane, &shape).run().unwrap_or_else(|what| panic!("{what}"));
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn small_histories_agree_with_the_oracle_after_every_step() {
    let tally = run_all(Lane::Deltas, Shape::SMALL);
    assert!(tally.changes * 100 >= tally.operations * 60, "too many operations change nothing");
    assert!(tally.concurrent * 100 >= tally.operations * 20, "too few operations are concurrent");
    for reached in [
        tally.gaps,
        tally.segmented,
        tally.segmented_deletions,
        tally.audits,
        tally.resolutions,
        tally.late_resolutions,
    ] {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn medium_histories_agree_with_the_oracle_after_every_step() {
    run_all(Lane::Deltas, Shape::MEDIUM);
}

#[test]
fn large_histories_agree_with_the_oracle_after_every_step() {
    run_all(Lane::Deltas, Shape::LARGE);
}

#[test]
fn sessions_bring_every_network_to_the_state_of_the_oracle() {
    let tally = run_all(Lane::Sessions, Shape::SMALL);
    for reached in [tally.applied, tally.segmented, tally.partitions, tally.reloads] {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn sessions_bring_larger_networks_to_the_state_of_the_oracle() {
    run_all(Lane::Sessions, Shape::MEDIUM);
}
