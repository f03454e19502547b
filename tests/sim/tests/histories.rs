//! Thousands of seeded histories without a difference to the oracle.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Lane, Replay, Shape, Tally, report};

fn run_all(lane: Lane, seeds: std::ops::Range<u64>, shape: Shape) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = Replay::new(lane, seed, &shape);
        match history.run() {
            Ok(one) => tally += one,
            Err(failure) => panic!("{}", report(&history, &failure)),
        }
    }
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn small_histories_agree_with_the_oracle_after_every_step() {
    let tally = run_all(Lane::Deltas, 0..4_000, Shape::SMALL);
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
    run_all(Lane::Deltas, 1_000_000..1_000_300, Shape::MEDIUM);
}

#[test]
fn large_histories_agree_with_the_oracle_after_every_step() {
    run_all(Lane::Deltas, 2_000_000..2_000_010, Shape::LARGE);
}

#[test]
fn sessions_bring_every_network_to_the_state_of_the_oracle() {
    let tally = run_all(Lane::Sessions, 3_000_000..3_001_000, Shape::SMALL);
    for reached in [tally.applied, tally.segmented, tally.partitions, tally.reloads] {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn sessions_bring_larger_networks_to_the_state_of_the_oracle() {
    run_all(Lane::Sessions, 4_000_000..4_000_060, Shape::MEDIUM);
}
