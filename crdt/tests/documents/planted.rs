//! The judges can fail: each of these bugs is found by the histories that are about it.

use rejoin_crdt::planted::{Bug, plant};

use crate::{HISTORIES, Run, bytes, clock, resolvers, subtrees};

/// Where each bug must show.
const fn run_of(bug: Bug) -> Run {
    match bug {
        Bug::ClockFollowsAnyStamp => clock::run,
        Bug::SubtreeByBytes => subtrees::run,
        Bug::HashOrderOnWire => bytes::run,
        _ => resolvers::run,
    }
}

#[test]
fn every_planted_bug_of_documents_and_their_bytes_is_found() {
    for bug in Bug::DOCUMENT.into_iter().chain(Bug::WIRE) {
        let run = run_of(bug);
        plant(Some(bug));
        let found = (0..HISTORIES).find_map(|seed| Some((seed, run(seed).err()?)));
        plant(None);
        let (seed, why) = found.expect("the judge notices every planted bug");
        println!("{bug:?}: history {seed}: {why}");
    }
}
