//! The stage of a history: its replicas, the oracle, and the generator of the step that is under way.
//!
//! Every world has one. What a world adds is what its replicas talk through, and what goes wrong there.

use fastrand::Rng;

use crate::judge::{Judge, audit};
use crate::replay::{HEALING, PLACES, Replay, generator};
use crate::report::{Difference, Failure, Tally};
use crate::site::{Site, Turn, sites};
use crate::workload::universe;

/// Replicas, and the oracle that knows what each of them must show.
pub(crate) struct Stage {
    pub(crate) replay: Replay,
    /// Each step has its own.
    pub(crate) rng: Rng,
    pub(crate) step: u64,
    pub(crate) sites: Vec<Site>,
    pub(crate) judge: Judge,
    pub(crate) tally: Tally,
}

impl Stage {
    pub(crate) fn of(replay: &Replay) -> Self {
        let Replay { seed, shape, .. } = *replay;
        let mut rng = generator(seed, PLACES);
        let places = universe(&mut rng, shape.groups, shape.places_per_group);
        Self {
            rng,
            step: 0,
            sites: sites(replay),
            judge: Judge::new(shape.sites, places),
            tally: Tally { histories: 1, ..Tally::default() },
            replay: replay.clone(),
        }
    }

    /// Lets the time of a step pass.
    pub(crate) const fn skip(&mut self) {
        self.step += 1;
    }

    /// Begins the next step.
    pub(crate) fn advance(&mut self) {
        self.step += 1;
        self.rng = generator(self.replay.seed, self.step);
    }

    /// Begins what comes after the last step.
    pub(crate) fn heal(&mut self) {
        self.rng = generator(self.replay.seed, HEALING);
    }

    /// Anybody.
    pub(crate) fn one(&mut self) -> usize {
        self.rng.usize(..self.sites.len())
    }

    /// Anybody, and somebody else.
    pub(crate) fn two(&mut self) -> (usize, usize) {
        let from = self.one();
        (from, (from + self.rng.usize(1..self.sites.len())) % self.sites.len())
    }

    /// Runs a random transaction at a replica.
    pub(crate) fn write(&mut self, at: usize, now_ms: u64) -> Result<(), Failure> {
        self.change(at, now_ms, Site::write)
    }

    /// Deletes a random subtree at a replica.
    pub(crate) fn delete_subtree(&mut self, at: usize, now_ms: u64) -> Result<(), Failure> {
        self.change(at, now_ms, Site::delete_subtree)
    }

    fn change(
        &mut self,
        at: usize,
        now_ms: u64,
        change: fn(&mut Site, Turn<'_>) -> Result<(), Difference>,
    ) -> Result<(), Failure> {
        let (rng, judge, tally) = (&mut self.rng, &mut self.judge, &mut self.tally);
        let changed = change(&mut self.sites[at], Turn { rng, now_ms, at, judge, tally });
        changed.or_else(|what| self.fail(at, what))?;
        self.compare(at)
    }

    /// Compares a replica with the oracle.
    pub(crate) fn compare(&self, at: usize) -> Result<(), Failure> {
        self.judge.compare(at, &self.sites[at]).or_else(|what| self.fail(at, what))
    }

    /// Compares two replicas with each other, if they have the same context.
    pub(crate) fn audit(&mut self, a: usize, b: usize) -> Result<(), Failure> {
        let compared = audit(&self.sites[a], &self.sites[b]);
        let is_equal = compared.or_else(|what| self.fail(b, what))?;
        self.tally.audits += u64::from(is_equal && a != b);
        Ok(())
    }

    pub(crate) fn fail<T>(&self, site: usize, what: Difference) -> Result<T, Failure> {
        Err(Failure::new(self.replay.seed, self.step, site, what))
    }

    pub(crate) fn into_tally(mut self) -> Tally {
        self.tally.concurrent = self.judge.history.concurrent_count() as u64;
        self.tally
    }
}
