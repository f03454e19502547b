//! Collection in thousands of seeded histories, and proof that they would notice what goes wrong.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Lane, Replay, Shape, Tally, report, run_collecting};

/// More histories than any planted bug needs.
const BUDGET: u64 = 40_000;

fn run_all(seeds: std::ops::Range<u64>, shape: Shape) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = Replay::new(Lane::Collecting, seed, &shape);
        match history.run() {
            Ok(one) => tally += one,
            Err(failure) => panic!("{}", report(&history, &failure)),
        }
    }
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn small_histories_agree_with_the_oracle_whenever_something_is_collected() {
    let tally = run_all(0..12_000, Shape::SMALL);
    let reached = [
        tally.collected_winners,
        tally.collected_resets,
        tally.collected_range_tombstones,
        tally.idle_collections,
        tally.below_horizon,
        tally.segmented,
        tally.gaps,
        tally.retired,
    ];
    assert!(reached.into_iter().all(|count| count >= 1_000), "a rare branch was hardly reached");
    assert!(tally.collected_tombstones >= 10_000 && tally.audits >= 10_000);
}

#[test]
fn medium_histories_agree_with_the_oracle_whenever_something_is_collected() {
    run_all(1_000_000..1_000_300, Shape::MEDIUM);
}

#[test]
fn every_planted_bug_of_collection_is_found() {
    let mut missed = Vec::new();
    for bug in Bug::COLLECTION {
        plant(Some(bug));
        let found = (0..BUDGET).find_map(|seed| run_collecting(seed, &Shape::SMALL).err());
        plant(None);
        match found {
            Some(failure) => println!("{bug:?}: {failure}"),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found within {BUDGET} histories: {missed:?}");
}
