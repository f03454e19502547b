//! Whole replicas under everything that can break.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Figure, Lane, Mark, Shape, Tally};

fn run_all(shape: Shape) -> Tally {
    let tally = Figure::of(Lane::Faults, &shape).run().unwrap_or_else(|what| panic!("{what}"));
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn nothing_durable_is_lost_whatever_breaks() {
    let tally = run_all(Shape::SMALL);
    for &mark in Mark::ALL {
        assert!(tally.marks.of(mark) >= 100, "{mark:?} was hardly reached");
    }
}

#[test]
fn nothing_durable_is_lost_in_larger_networks() {
    run_all(Shape::MEDIUM);
}
