//! The suite can fail: every planted bug turns a behaviour red.

use rejoin_crdt::planted::{Bug, plant};

use crate::crash_at_every_byte::all_images;
use crate::faulty_histories::histories;
use crate::tokens::accepted_copies;

/// What `check` says while the bug is planted.
fn with<T>(bug: Bug, check: impl FnOnce() -> T) -> T {
    plant(Some(bug));
    let outcome = check();
    plant(None);
    outcome
}

#[test]
fn every_planted_bug_of_the_log_is_found_at_some_byte() {
    for bug in Bug::STORAGE.into_iter().filter(|&bug| bug != Bug::CloneAccepted) {
        let failure = with(bug, all_images).expect_err("a failing image");
        println!("{bug:?}: {failure}");
    }
}

#[test]
fn every_planted_bug_is_found_by_histories_with_faults() {
    for bug in Bug::STORAGE {
        let failure = with(bug, || histories(0..2_000)).expect_err("a failing history");
        println!("{bug:?}: {failure}");
    }
}

#[test]
fn an_accepted_clone_is_found() {
    assert_eq!(with(Bug::CloneAccepted, accepted_copies).len(), 4);
}
