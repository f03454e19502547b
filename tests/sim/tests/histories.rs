//! Thousands of seeded histories without a difference to the oracle.

use rejoin_sim::{Lane, Shape};

use crate::run_all;

#[test]
fn small_histories_agree_with_the_oracle_after_every_step() {
    run_all(Lane::Deltas, Shape::SMALL);
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
    run_all(Lane::Sessions, Shape::SMALL);
}

#[test]
fn sessions_bring_larger_networks_to_the_state_of_the_oracle() {
    run_all(Lane::Sessions, Shape::MEDIUM);
}
