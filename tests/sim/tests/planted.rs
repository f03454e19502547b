//! The simulator can fail: every tempting simplification is noticed, in every lane that can show it.

#![allow(clippy::panic, reason = "a test stops at what it does not expect")]

use rejoin_sim::{Hunt, Lane};

fn hunt(lane: Lane) {
    match Hunt::of(lane).run() {
        Ok(found) => found.iter().for_each(|one| println!("{one}")),
        Err(missed) => panic!("not noticed: {missed:?}"),
    }
}

#[test]
fn every_planted_bug_is_found() {
    hunt(Lane::Deltas);
}

#[test]
fn bugs_that_the_protocol_does_not_mask_are_found_through_sessions_too() {
    hunt(Lane::Sessions);
}

#[test]
fn every_planted_bug_of_collection_is_found() {
    hunt(Lane::Collecting);
}

#[test]
fn every_planted_bug_of_storage_and_membership_is_found() {
    hunt(Lane::Faults);
}
