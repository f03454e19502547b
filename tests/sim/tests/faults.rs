//! Whole replicas under everything that can break.

use rejoin_sim::{Lane, Shape};

use crate::run_all;

#[test]
fn nothing_durable_is_lost_whatever_breaks() {
    run_all(Lane::Faults, Shape::SMALL);
}

#[test]
fn nothing_durable_is_lost_in_larger_networks() {
    run_all(Lane::Faults, Shape::MEDIUM);
}

#[test]
fn nothing_durable_is_lost_in_large_networks_over_a_long_time() {
    run_all(Lane::Faults, Shape::LARGE);
}
