//! What every run of the tests simulates: how many histories of which lane and size, and from which [`Seeds`].
//!
//! `cargo xtask sim` without anything else runs the same, and prints what it did as a table.

use crate::faults::{Mark, Needed};
use crate::replay::{Lane, Replay};
use crate::report::Tally;
use crate::seeds::Seeds;
use crate::shrink::report;
use crate::world::Shape;

/// Histories of one lane and one size.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What the replicas talk through.
    pub lane: Lane,
    /// The size.
    pub shape: Shape,
    /// The first of the seeds that are always the same.
    pub first: u64,
    /// How many there are.
    pub count: u64,
}

const fn figure(lane: Lane, shape: Shape, first: u64, count: u64) -> Figure {
    Figure { lane, shape, first, count }
}

/// Every run: more than 20 000 small histories, 1 500 medium and 50 large ones.
pub const EVERY_RUN: [Figure; 10] = [
    figure(Lane::Deltas, Shape::SMALL, 0, 4_000),
    figure(Lane::Deltas, Shape::MEDIUM, 1_000_000, 690),
    figure(Lane::Deltas, Shape::LARGE, 2_000_000, 50),
    figure(Lane::Sessions, Shape::SMALL, 3_000_000, 1_000),
    figure(Lane::Sessions, Shape::MEDIUM, 4_000_000, 100),
    figure(Lane::Collecting, Shape::SMALL, 0, 12_000),
    figure(Lane::Collecting, Shape::MEDIUM, 1_000_000, 560),
    figure(Lane::Faults, Shape::SMALL, 5_000_000, 13_000),
    figure(Lane::Faults, Shape::MEDIUM, 6_000_000, 150),
    figure(Lane::Faults, Shape::LARGE, 7_000_000, 12),
];

impl Figure {
    /// The figure of a lane and a size.
    ///
    /// # Panics
    /// When there is none: a mistake of the test that asks.
    pub fn of(lane: Lane, shape: &Shape) -> Self {
        let same = |figure: &&Self| figure.lane == lane && figure.shape == *shape;
        match EVERY_RUN.iter().find(same) {
            Some(figure) => *figure,
            None => unreachable!("no run has histories of {lane:?} of that size"),
        }
    }

    /// Runs the histories; every fiftieth runs twice and must do the same.
    ///
    /// # Errors
    /// What differed from the oracle, with the command that replays the history, which is shrunk and kept.
    pub fn run(&self, seeds: Seeds) -> Result<Tally, String> {
        self.run_showing(seeds, || {})
    }

    /// The same, and calls `done` after each history.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_showing(&self, seeds: Seeds, mut done: impl FnMut()) -> Result<Tally, String> {
        let mut tally = Tally::default();
        for seed in seeds.of(self.first, self.count) {
            let history = Replay::new(self.lane, seed, &self.shape);
            let once = || history.run().map_err(|failure| report(&history, &failure));
            let one = once()?;
            if seed % 50 == 0 && format!("{:?}", once()?) != format!("{one:?}") {
                return Err(format!("{history} does not repeat itself"));
            }
            tally += one;
            done();
        }
        Ok(tally)
    }

    /// Says what was met too seldom to prove anything. Nobody proves by what does not happen.
    ///
    /// # Errors
    /// What, and how often.
    pub fn check(&self, tally: &Tally) -> Result<(), String> {
        let least = |what: &str, count: u64, least: u64| match count >= least {
            true => Ok(()),
            false => Err(format!("{}: {what}: {count}, at least {least}", self.lane.name())),
        };
        let is_small = self.shape == Shape::SMALL;
        least("operations that change something", tally.changes * 10, tally.operations * 6)?;
        least("operations that meet others", tally.concurrent * 10, tally.operations * 2)?;
        let rare: &[(&str, u64)] = match self.lane {
            Lane::Deltas => &[
                ("gaps", tally.gaps),
                ("receivers of several segments", tally.segmented),
                ("deletions over several segments", tally.segmented_deletions),
                ("audits", tally.audits),
                ("resolutions", tally.resolutions),
                ("late resolutions", tally.late_resolutions),
            ],
            Lane::Sessions => &[
                ("deltas", tally.applied),
                ("receivers of several segments", tally.segmented),
                ("partitions", tally.partitions),
                ("reloads", tally.reloads),
                ("removals whose keys were found", tally.keys_found),
                ("removals whose keys were not found", tally.keys_unknown),
            ],
            Lane::Collecting => &[
                ("removals that win, collected", tally.collected_winners),
                ("resets, collected", tally.collected_resets),
                ("range tombstones, collected", tally.collected_range_tombstones),
                ("collections without effect", tally.idle_collections),
                ("deltas from below the horizon", tally.below_horizon),
                ("receivers of several segments", tally.segmented),
                ("gaps", tally.gaps),
                ("retired members", tally.retired),
            ],
            Lane::Faults => return self.check_faults(tally, least),
        };
        let reach = if self.lane == Lane::Collecting { 1_000 } else { 100 };
        rare.iter().filter(|_| is_small).try_for_each(|(what, count)| least(what, *count, reach))
    }

    /// The faults of each history, and of each size.
    fn check_faults(
        &self,
        tally: &Tally,
        least: impl Fn(&str, u64, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        self.needed(tally).try_for_each(Needed::check)?;
        if self.shape != Shape::SMALL {
            return Ok(());
        }
        let marks = Mark::ALL.iter().map(|mark| (format!("{mark:?}"), tally.marks.of(*mark)));
        let kinds = tally.injected.iter().map(|(fault, count)| (format!("{fault:?}"), count));
        marks.chain(kinds).try_for_each(|(what, count)| least(&what, count, 100))
    }

    fn needed(&self, tally: &Tally) -> impl Iterator<Item = Needed> {
        let shares = tally.shares.needed(tally.histories, &self.shape);
        shares.chain(tally.fewest.needed(&self.shape))
    }

    /// Lines that say how often these histories have met what they have to meet, and how often that is.
    pub fn shares(&self, tally: &Tally) -> Vec<String> {
        self.needed(tally).map(|needed| needed.to_string()).collect()
    }

    /// The first lines of the table of [`Self::row`].
    pub const HEADING: &str = "\
        | histories | of | operations | changed state | met concurrency | lost, doubled | refused | partitions, reloads | collected | equal pairs |\n\
        |---|---|---|---|---|---|---|---|---|---|";

    /// What was done, as a row of a table.
    pub fn row(&self, tally: &Tally) -> String {
        let percent = |part: u64| part * 100 / tally.operations.max(1);
        let collected =
            tally.collected_tombstones + tally.collected_resets + tally.collected_range_tombstones;
        format!(
            "| {} | {}, {} replicas, {} steps | {} | {} % | {} % | {}, {} | {} | {}, {} | {collected} | {} |",
            tally.histories,
            self.lane.name(),
            self.shape.sites,
            self.shape.steps,
            tally.operations,
            percent(tally.changes),
            percent(tally.concurrent),
            tally.dropped,
            tally.duplicated,
            tally.gaps,
            tally.partitions,
            tally.reloads,
            tally.audits,
        )
    }
}
