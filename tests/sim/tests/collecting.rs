//! Collection in thousands of seeded histories.

use rejoin_sim::{Lane, Shape};

use crate::run_all;

#[test]
fn small_histories_agree_with_the_oracle_whenever_something_is_collected() {
    let tally = run_all(Lane::Collecting, Shape::SMALL);
    assert!(tally.collected_tombstones >= 10_000 && tally.audits >= 10_000);
}

#[test]
fn medium_histories_agree_with_the_oracle_whenever_something_is_collected() {
    run_all(Lane::Collecting, Shape::MEDIUM);
}
