//! Whole replicas under everything that can break.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Figure, Lane, Mark, Shape, Tally};

/// Runs the histories of a size. One in `seldom` has a clone, a lost disk, a liar, and one in `often`
/// somebody who was away for longer than others remembered what was removed.
fn run_all(shape: Shape, seldom: u64, often: u64) -> Tally {
    let tally = Figure::of(Lane::Faults, &shape).run().unwrap_or_else(|what| panic!("{what}"));
    println!("{shape:?}\n{tally:#?}");
    assert_eq!(tally.uneventful, 0, "histories in which too little happened");
    let rarest = tally.cloned.min(tally.lost).min(tally.lied);
    assert!(rarest * seldom >= tally.histories, "too few histories with something that is rare");
    assert!(tally.overtaken * often >= tally.histories, "too few absences that were too long");
    tally
}

#[test]
fn nothing_durable_is_lost_whatever_breaks() {
    let tally = run_all(Shape::SMALL, 10, 10);
    for &mark in Mark::ALL {
        let reached = tally.marks.of(mark);
        assert!(reached >= 100, "{mark:?} was reached {reached} times");
    }
    // Each of them was noticed or did no harm: otherwise it had failed.
    assert!(tally.cloned >= 2_000, "{} histories with clones", tally.cloned);
    assert!(tally.lost >= 2_000, "{} histories with lost disks", tally.lost);
}

#[test]
fn nothing_durable_is_lost_in_larger_networks() {
    run_all(Shape::MEDIUM, 10, 5);
}

#[test]
fn nothing_durable_is_lost_in_large_networks_over_a_long_time() {
    run_all(Shape::LARGE, 4, 2);
}
