//! The lane of faults can fail: what storage and membership protect from is found.

use rejoin_sim::{Failure, Shape, run_faults};

/// More histories than any of them needs.
const BUDGET: u64 = 20_000;

/// The first history that fails.
fn hunt(name: &str) -> Option<u64> {
    let found = |seed| Some((seed, run_faults(seed, &Shape::SMALL).err()?));
    let (seed, Failure { what, .. }) = (0..BUDGET).find_map(found)?;
    println!("{name:<40} {seed:>6}   {what}");
    Some(seed)
}

#[test]
fn every_planted_bug_of_the_storage_is_found() {
    use rejoin_storage::planted::{Bug, plant};
    for bug in Bug::ALL {
        plant(Some(bug));
        let found = hunt(&format!("{bug:?}"));
        plant(None);
        assert!(found.is_some(), "{bug:?} is not found within {BUDGET} histories");
    }
}

#[test]
fn every_planted_bug_of_the_membership_is_found() {
    use rejoin_crdt::planted::{Bug, plant};
    for bug in Bug::MEMBERSHIP {
        plant(Some(bug));
        let found = hunt(&format!("{bug:?}"));
        plant(None);
        assert!(found.is_some(), "{bug:?} is not found within {BUDGET} histories");
    }
}
