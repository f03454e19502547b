//! Collection in thousands of seeded histories, and proof that they would notice what goes wrong.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Figure, Lane, Shape, Tally, run_collecting};

/// More histories than any planted bug needs.
const BUDGET: u64 = 40_000;

fn run_all(shape: Shape) -> Tally {
    let tally = Figure::of(Lane::Collecting, &shape).run().unwrap_or_else(|what| panic!("{what}"));
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn small_histories_agree_with_the_oracle_whenever_something_is_collected() {
    let tally = run_all(Shape::SMALL);
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
    run_all(Shape::MEDIUM);
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
