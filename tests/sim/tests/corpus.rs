//! Histories that failed once, shrunk and kept in `tests/corpus`, again.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Replay, corpus};

/// Every kept history with the middle of its file name, which names the planted bug that it found if
/// it did not find a real one.
fn kept() -> Vec<(String, Replay)> {
    let mut kept = Vec::new();
    for entry in corpus().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let middle = name.strip_prefix("sim.").and_then(|name| name.strip_suffix(".txt"));
        if let Some(middle) = middle {
            let replay = std::fs::read_to_string(&path).unwrap().parse();
            kept.push((
                middle.to_owned(),
                replay.unwrap_or_else(|error| panic!("{name}: {error}")),
            ));
        }
    }
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!kept.is_empty());
    kept
}

#[test]
fn no_kept_history_fails_again() {
    for (name, replay) in kept() {
        if let Err(failure) = replay.run() {
            panic!("{name}: {failure}");
        }
    }
}

#[test]
fn a_history_that_found_a_planted_bug_finds_it_again() {
    let mut found = 0;
    for (name, replay) in kept() {
        let mut bugs = Bug::ALL.into_iter().chain(Bug::COLLECTION);
        let Some(bug) = bugs.find(|bug| format!("{bug:?}") == name) else { continue };
        plant(Some(bug));
        let outcome = replay.run();
        plant(None);
        assert!(
            outcome.is_err(),
            "sim.{name}.txt finds nothing any more, because steps draw something else now: \
            `cargo xtask sim --seed 0 --count 20000 --lane {} --plant {name}` makes another one",
            replay.lane.name()
        );
        found += 1;
    }
    assert!(found >= 10, "too few kept histories have a planted bug to find");
}
