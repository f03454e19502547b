//! What a history did, and how it failed.

use std::fmt;
use std::ops::AddAssign;

use crate::faults::{Fewest, Marks, Shares};
use crate::replay::Fault;

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
    /// Conflicts that could not be resolved any more, because the replica had changed them itself.
    pub late_resolutions: u64,
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
    /// Deltas that came without the keys of removals, which were found.
    pub keys_found: u64,
    /// Deltas that came without the keys of removals, which were not found.
    pub keys_unknown: u64,
    /// In how many histories was met what a part of them has to meet.
    pub shares: Shares,
    /// How often each history, or the one with the fewest, met what every history has to meet.
    pub fewest: Fewest,
    /// Faults that were injected, by kind, where everything can break.
    pub injected: Injected,
    /// What else happened there.
    pub marks: Marks,
    /// What was said and what came of it, as one number: two runs of a history have the same.
    pub digest: u64,
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
        self.late_resolutions += other.late_resolutions;
        self.audits += other.audits;
        self.collected_tombstones += other.collected_tombstones;
        self.collected_winners += other.collected_winners;
        self.collected_resets += other.collected_resets;
        self.collected_range_tombstones += other.collected_range_tombstones;
        self.idle_collections += other.idle_collections;
        self.below_horizon += other.below_horizon;
        self.retired += other.retired;
        self.keys_found += other.keys_found;
        self.keys_unknown += other.keys_unknown;
        self.shares += other.shares;
        self.fewest += other.fewest;
        self.injected += other.injected;
        self.marks += other.marks;
        self.digest = self.digest.rotate_left(1) ^ other.digest;
    }
}

/// How many faults of each kind were injected.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected([u64; Fault::ALL.len()]);

impl Injected {
    pub(crate) const fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// The kinds that were injected at all, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl AddAssign for Injected {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

impl fmt::Debug for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
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
    /// In which way it went wrong.
    pub symptom: Symptom,
    /// What differed.
    pub what: String,
}

/// In which way a history can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Symptom {
    /// A reader finds something else than the oracle.
    Value,
    /// A register has other siblings.
    Siblings,
    /// The list of conflicts is not what the siblings say.
    Conflicts,
    /// A part of a transaction is visible.
    Torn,
    /// A store contradicts itself.
    Invariant,
    /// Equal contexts, different states.
    Audit,
    /// A small write was refused.
    WriteRefused,
    /// An honest delta or a saved state was refused.
    DeltaRefused,
    /// An honest session failed.
    SessionFailed,
    /// A member was told everything, although nothing may be collected that it has not acknowledged.
    Horizon,
    /// Replicas did not become equal.
    Diverged,
    /// Something that was durable is gone.
    Lost,
    /// A life goes on that must not, or ended without a reason; or one dot was used twice.
    Identity,
    /// A lie had an effect.
    Lied,
    /// A healthy disk does not open, or does not take a write.
    Storage,
    /// Something is kept beyond its bound.
    Unbounded,
}

/// A difference to the oracle.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) symptom: Symptom,
    pub(crate) what: String,
}

impl Symptom {
    pub(crate) fn says(self, what: impl Into<String>) -> Difference {
        Difference { symptom: self, what: what.into() }
    }
}

impl From<Difference> for String {
    fn from(difference: Difference) -> Self {
        difference.what
    }
}

impl Failure {
    pub(crate) fn new(seed: u64, step: u64, site: usize, difference: Difference) -> Self {
        let Difference { symptom, what } = difference;
        Self { seed, step, site, symptom, what }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, site, what, .. } = self;
        write!(f, "seed {seed}: after step {step}, replica {site}: {what}")
    }
}

impl std::error::Error for Failure {}
