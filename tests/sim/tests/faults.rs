//! Whole replicas under everything that can break.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Lane, Mark, Replay, Shape, Tally, report};

fn run_all(seeds: std::ops::Range<u64>, shape: Shape) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = Replay::new(Lane::Faults, seed, &shape);
        match history.run() {
            Ok(one) if seed % 50 == 0 => {
                assert_eq!(history.run().map(|again| again.digest).ok(), Some(one.digest));
                tally += one;
            }
            Ok(one) => tally += one,
            Err(failure) => panic!("{}", report(&history, &failure)),
        }
    }
    println!("{shape:?}\n{tally:#?}");
    tally
}

#[test]
fn nothing_durable_is_lost_whatever_breaks() {
    let tally = run_all(5_000_000..5_002_000, Shape::SMALL);
    for &mark in Mark::ALL {
        assert!(tally.marks.of(mark) >= 100, "{mark:?} was hardly reached");
    }
}

#[test]
fn nothing_durable_is_lost_in_larger_networks() {
    run_all(6_000_000..6_000_040, Shape::MEDIUM);
}
