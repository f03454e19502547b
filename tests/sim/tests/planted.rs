//! The simulator can fail: every tempting simplification is found.

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Shape, run};

/// More histories than any of them needs.
const BUDGET: u64 = 20_000;

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    println!("{:<40} found at history", "planted bug");
    for bug in Bug::ALL {
        plant(Some(bug));
        let found = (0..BUDGET).find_map(|seed| Some((seed, run(seed, &Shape::SMALL).err()?)));
        plant(None);
        match found {
            Some((seed, failure)) => {
                println!("{:<40} {seed:>6}   {}", format!("{bug:?}"), failure.what)
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found within {BUDGET} histories: {missed:?}");
}
