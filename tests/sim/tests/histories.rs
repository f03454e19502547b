//! Thousands of seeded histories without a difference to the oracle.

use rejoin_sim::{Shape, Tally, run};

fn run_all(seeds: std::ops::Range<u64>, shape: Shape) -> Tally {
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
    let tally = run_all(0..4_000, Shape::SMALL);
    assert!(tally.changes * 100 >= tally.operations * 60, "too many operations change nothing");
    assert!(tally.concurrent * 100 >= tally.operations * 20, "too few operations are concurrent");
    for reached in [tally.gaps, tally.segmented, tally.segmented_deletions, tally.audits] {
        assert!(reached >= 100, "a rare branch was hardly reached");
    }
}

#[test]
fn medium_histories_agree_with_the_oracle_after_every_step() {
    run_all(1_000_000..1_000_300, Shape::MEDIUM);
}

#[test]
fn large_histories_agree_with_the_oracle_after_every_step() {
    run_all(2_000_000..2_000_010, Shape::LARGE);
}
