//! Collection in thousands of seeded histories.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Figure, Lane, Shape, Tally};

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
