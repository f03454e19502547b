//! Thousands of seeded histories without a difference to the oracle.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Failure, Shape, Tally, run, run_sessions};

type Run = fn(u64, &Shape) -> Result<Tally, Failure>;

fn run_all(run: Run, seeds: std::ops::Range<u64>, shape: Shape) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        match run(seed, &shape) {
            Ok(history) => tally += history,
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn small_histories_agree_with_the_oracle_after_every_step() {
    let tally = run_all(run, 0..4_000, Shape::SMALL);
    assert!(tally.changes * 100 >= tally.operations * 60, "too many operations change nothing");
    assert!(tally.concurrent * 100 >= tally.operations * 20, "too few operations are concurrent");
    for reached in
        [tally.gaps, tally.segmented, tally.segmented_deletions, tally.audits, tally.resolutions]
    {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn medium_histories_agree_with_the_oracle_after_every_step() {
    run_all(run, 1_000_000..1_000_300, Shape::MEDIUM);
}

#[test]
fn large_histories_agree_with_the_oracle_after_every_step() {
    run_all(run, 2_000_000..2_000_010, Shape::LARGE);
}

#[test]
fn sessions_bring_every_network_to_the_state_of_the_oracle() {
    let tally = run_all(run_sessions, 3_000_000..3_001_000, Shape::SMALL);
    for reached in [tally.applied, tally.segmented, tally.partitions, tally.reloads] {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn sessions_bring_larger_networks_to_the_state_of_the_oracle() {
    run_all(run_sessions, 4_000_000..4_000_060, Shape::MEDIUM);
}
