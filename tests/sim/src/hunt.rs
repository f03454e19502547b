//! Hunting planted bugs: how many histories pass before one is noticed.
//!
//! A simulator that cannot fail proves nothing. Each hunt is a lane, and the bugs that must show there within
//! so many small histories. Bugs that show only elsewhere (damage, bytes on the wire, clocks, resolvers) are
//! hunted by the tests of the crates that they are in.

use std::fmt;

use rejoin_crdt::planted::{Bug, plant};

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
    pub bugs: Vec<Bug>,
}

/// A bug that was noticed.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub bug: Bug,
    /// So many histories had passed before.
    pub history: u64,
    /// How it showed.
    pub what: String,
}

impl Hunt {
    /// The hunt of a lane.
    pub fn of(lane: Lane) -> Self {
        let bugs: Vec<Bug> = match lane {
            Lane::Deltas => Bug::ALL.to_vec(),
            Lane::Sessions => {
                // A session checks the base itself before it hands a delta on, and never sends partial ranges
                // out of order, so the bugs in those checks cannot show here.
                let masked = [Bug::GapAccepted, Bug::BaseUnchecked];
                let shown = Bug::ALL.into_iter().filter(|bug| !masked.contains(bug));
                shown.chain(Bug::KEYS).collect()
            }
            Lane::Collecting => Bug::COLLECTION.to_vec(),
            Lane::Faults => Bug::REPLICA.into_iter().chain(Bug::STORAGE).collect(),
        };
        Self { lane, bugs }
    }

    /// Every bug that a lane has to notice.
    pub fn all() -> impl Iterator<Item = Bug> {
        let lanes = [Lane::Deltas, Lane::Collecting, Lane::Faults];
        lanes.into_iter().flat_map(|lane| Self::of(lane).bugs).chain(Bug::KEYS)
    }

    /// Looks for each bug.
    ///
    /// # Errors
    /// The bugs that were not noticed within the budget.
    pub fn run(&self) -> Result<Vec<Found>, Vec<Bug>> {
        let (mut found, mut missed) = (Vec::new(), Vec::new());
        for &bug in &self.bugs {
            match self.find(bug) {
                Some(one) => found.push(one),
                None => missed.push(bug),
            }
        }
        if missed.is_empty() { Ok(found) } else { Err(missed) }
    }

    fn find(&self, bug: Bug) -> Option<Found> {
        plant(Some(bug));
        let run = |seed| Replay::new(self.lane, seed, &Shape::SMALL).run();
        let found = (0..BUDGET).find_map(|seed| Some((seed, run(seed).err()?)));
        plant(None);
        let (history, failure) = found?;
        // Without the bug the same history is in order: it is the bug that shows, and nothing else.
        run(history).ok()?;
        Some(Found { bug, history, what: failure.what })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<40} {:>6}   {}", format!("{:?}", self.bug), self.history, self.what)
    }
}
