//! What a history did, and how it failed.

use std::fmt;
use std::ops::AddAssign;

use crate::world::Shape;

/// Counts of what happened, to assert that histories are worth running.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Histories.
    pub histories: u64,
    /// Operations that were issued.
    pub operations: u64,
    /// Operations that changed state.
    pub changes: u64,
    /// Operations with a concurrent one on the same key.
    pub concurrent: u64,
    /// Deltas that were applied.
    pub applied: u64,
    /// Deltas that were refused because their base was not covered.
    pub gaps: u64,
    /// Messages that the network lost.
    pub dropped: u64,
    /// Messages that the network delivered twice.
    pub duplicated: u64,
    /// Deltas of a partial range.
    pub partial: u64,
    /// Deltas that reached a receiver whose context had several segments.
    pub segmented: u64,
    /// Partitions.
    pub partitions: u64,
    /// Saves and loads.
    pub reloads: u64,
    /// Subtree deletions.
    pub subtree_deletions: u64,
    /// Subtree deletions on several segments at once.
    pub segmented_deletions: u64,
    /// Conflicts that were resolved, some time after somebody had looked at them.
    pub resolutions: u64,
    /// Comparisons of two replicas with equal contexts.
    pub audits: u64,
    /// Tombstones that were collected.
    pub collected_tombstones: u64,
    /// The ones among them of types in which a removal beats a concurrent write.
    pub collected_winners: u64,
    /// Resets of counters that were collected.
    pub collected_resets: u64,
    /// Range tombstones that were collected.
    pub collected_range_tombstones: u64,
    /// Collections that found nothing to forget.
    pub idle_collections: u64,
    /// Deltas that could not be made, because the receiver lay below the horizon.
    pub below_horizon: u64,
    /// Members that retired.
    pub retired: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.changes += other.changes;
        self.concurrent += other.concurrent;
        self.applied += other.applied;
        self.gaps += other.gaps;
        self.dropped += other.dropped;
        self.duplicated += other.duplicated;
        self.partial += other.partial;
        self.segmented += other.segmented;
        self.partitions += other.partitions;
        self.reloads += other.reloads;
        self.subtree_deletions += other.subtree_deletions;
        self.segmented_deletions += other.segmented_deletions;
        self.resolutions += other.resolutions;
        self.audits += other.audits;
        self.collected_tombstones += other.collected_tombstones;
        self.collected_winners += other.collected_winners;
        self.collected_resets += other.collected_resets;
        self.collected_range_tombstones += other.collected_range_tombstones;
        self.idle_collections += other.idle_collections;
        self.below_horizon += other.below_horizon;
        self.retired += other.retired;
    }
}

/// A history that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that replays it.
    pub seed: u64,
    /// The step after which the difference showed.
    pub step: u64,
    /// The replica that differed.
    pub site: usize,
    /// What differed.
    pub what: String,
    /// The command that replays it.
    pub replay: String,
}

impl Failure {
    pub(crate) fn new(seed: u64, step: u64, site: usize, what: String) -> Self {
        Self { seed, step, site, what, replay: String::new() }
    }

    /// Says how to see it again.
    pub(crate) fn replayed_by(mut self, lane: &str, shape: &Shape) -> Self {
        self.replay =
            format!("cargo xtask sim --seed {} --lane {lane} --shape {}", self.seed, shape.name());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, site, what, replay } = self;
        write!(f, "seed {seed}: after step {step}, replica {site}: {what}\n{replay}")
    }
}

impl std::error::Error for Failure {}
