//! Hunting planted bugs: how many histories pass before one is noticed.
//!
//! A simulator that cannot fail proves nothing. Each hunt is a lane, and the bugs that must show there within
//! so many small histories. Bugs that show only elsewhere (damage, bytes on the wire, clocks, resolvers) are
//! hunted by the tests of the crates that they are in.

use std::fmt;

use rejoin_crdt::planted as engine;
use rejoin_storage::planted as storage;

use crate::replay::{Lane, Replay};
use crate::world::Shape;

/// More histories than any bug needs.
const BUDGET: u64 = 40_000;

/// Planted bugs that one lane has to notice.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// Where they show.
    pub lane: Lane,
    /// The bugs.
    pub bugs: Vec<Planted>,
}

/// A planted bug of any crate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// One of the engine.
    Engine(engine::Bug),
    /// One of the storage.
    Storage(storage::Bug),
}

/// A bug that was noticed.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub bug: Planted,
    /// So many histories had passed before.
    pub history: u64,
    /// How it showed.
    pub what: String,
}

impl Hunt {
    /// The hunt of a lane.
    pub fn of(lane: Lane) -> Self {
        let engine = |bugs: &[engine::Bug]| bugs.iter().copied().map(Planted::Engine).collect();
        let bugs: Vec<Planted> = match lane {
            Lane::Deltas => engine(&engine::Bug::ALL),
            Lane::Sessions => {
                // A session checks the base itself before it hands a delta on, and never sends partial ranges
                // out of order, so the bugs in those checks cannot show here.
                let masked = [engine::Bug::GapAccepted, engine::Bug::BaseUnchecked];
                let all = engine::Bug::ALL.into_iter();
                engine(&all.filter(|bug| !masked.contains(bug)).collect::<Vec<_>>())
            }
            Lane::Collecting => engine(&engine::Bug::COLLECTION),
            Lane::Faults => {
                let mut bugs: Vec<Planted> = engine(&engine::Bug::REPLICA);
                bugs.extend(storage::Bug::ALL.map(Planted::Storage));
                bugs
            }
        };
        Self { lane, bugs }
    }

    /// Looks for each bug.
    ///
    /// # Errors
    /// The bugs that were not noticed within the budget.
    pub fn run(&self) -> Result<Vec<Found>, Vec<Planted>> {
        let (mut found, mut missed) = (Vec::new(), Vec::new());
        for &bug in &self.bugs {
            match self.find(bug) {
                Some(one) => found.push(one),
                None => missed.push(bug),
            }
        }
        if missed.is_empty() { Ok(found) } else { Err(missed) }
    }

    fn find(&self, bug: Planted) -> Option<Found> {
        bug.plant(true);
        let run = |seed| Replay::new(self.lane, seed, &Shape::SMALL).run();
        let found = (0..BUDGET).find_map(|seed| Some((seed, run(seed).err()?)));
        bug.plant(false);
        let (history, failure) = found?;
        // Without the bug the same history is in order: it is the bug that shows, and nothing else.
        run(history).ok()?;
        Some(Found { bug, history, what: failure.what })
    }
}

impl Planted {
    /// Every bug that a lane has to notice.
    pub fn all() -> impl Iterator<Item = Self> {
        let lanes = [Lane::Deltas, Lane::Collecting, Lane::Faults];
        lanes.into_iter().flat_map(|lane| Hunt::of(lane).bugs)
    }

    /// Switches the bug on for this thread, or off.
    pub fn plant(self, is_on: bool) {
        match self {
            Self::Engine(bug) => engine::plant(is_on.then_some(bug)),
            Self::Storage(bug) => storage::plant(is_on.then_some(bug)),
        }
    }
}

impl fmt::Debug for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(bug) => bug.fmt(f),
            Self::Storage(bug) => bug.fmt(f),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<40} {:>6}   {}", format!("{:?}", self.bug), self.history, self.what)
    }
}
