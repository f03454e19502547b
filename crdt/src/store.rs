//! The store: an ordered map of cells under one causal context.
//!
//! Three things happen to a store. Local transactions are [committed](Store::commit), deltas of other
//! replicas are [joined](Store::join), and deltas for other replicas are
//! [extracted](Store::delta_since). Each becomes visible as a whole or not at all (invariant I9).

use std::sync::Arc;

use thiserror::Error;

use crate::cell::{Cell, Turnover};
use crate::context::Context;
use crate::delta::{AuthorisedDelta, Delta, DeltaCell, Part};
use crate::dot::{Dot, Seq};
use crate::entry::Entry;
use crate::index::Index;
use crate::planted::{Bug, any_planted, planted};
use crate::range::KeyRange;
use crate::range_tombstone::{RangeTombstone, RangeTombstones};
use crate::replica::{Lives, ReplicaId};
use crate::transaction::Staged;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue, View};

/// The state of one replica.
#[derive(Clone, Debug)]
pub struct Store<K, V> {
    view: View<K, V>,
    index: Index<K>,
    range_tombstones: RangeTombstones<K>,
    /// Every tombstone that was collected, here or at a replica whose state was joined here.
    horizon: VersionVector,
    /// Counts commits, so that a transaction on an older state is noticed.
    revision: u64,
    origin: Origin,
}

/// Tells a store from every other one, its own clones included, so that a transaction prepared on one
/// cannot be committed to another.
#[derive(Debug, Default)]
pub(crate) struct Origin(Arc<()>);

impl Clone for Origin {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Origin {
    /// The same origin once more, for a transaction.
    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: CellKey, V: CellValue> Default for Store<K, V> {
    fn default() -> Self {
        Self {
            view: View::default(),
            index: Index::default(),
            range_tombstones: RangeTombstones::default(),
            horizon: VersionVector::new(),
            revision: 0,
            origin: Origin::default(),
        }
    }
}

/// What a commit changed, for indexes and observers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit<K> {
    /// The cells that changed, in no particular order; a cell may be listed twice.
    pub cells: Vec<ChangedCell<K>>,
    /// The ranges that range tombstones cleared.
    pub ranges: Vec<KeyRange<K>>,
}

/// One cell that a commit changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedCell<K> {
    /// Its key.
    pub key: K,
    /// Whether there was no cell of this key before.
    pub is_new: bool,
    /// The number of its live dots now.
    pub dots: usize,
}

impl<K> Default for Commit<K> {
    fn default() -> Self {
        Self { cells: Vec::new(), ranges: Vec::new() }
    }
}

impl<K> Commit<K> {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.ranges.is_empty()
    }
}

/// A transaction was prepared on a state of the store that is no longer the current one. Nothing was
/// changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the store has changed since the transaction began")]
pub struct StaleTransaction;

/// Why a valid delta cannot be joined now. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The delta builds on something that this replica has not incorporated. Ask for what is missing.
    #[error("the delta builds on change {needed} of {replica}, of whom only {have} are here")]
    Gap {
        /// Whose changes are missing.
        replica: ReplicaId,
        /// The last change that the delta builds on.
        needed: Seq,
        /// The last change that is here, on some key of the range.
        have: Seq,
    },
    /// The delta knows more of this replica's own changes than it made: its id is used elsewhere
    /// too, or it was restored from an older copy (invariant I10).
    #[error("the delta has seen change {claimed} of this replica, which has made {issued}")]
    UnknownOwnDots {
        /// The last own change that the delta has seen.
        claimed: Seq,
        /// The last change that this replica made.
        issued: Seq,
    },
}

/// A delta for somebody with an older context than the horizon would lack removals that are no longer
/// recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("removals that the other side has not seen were already collected here")]
pub struct BelowHorizon;

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that can be read.
    pub const fn view(&self) -> &View<K, V> {
        &self.view
    }

    /// The number of commits and joins that changed this store.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin.share()
    }

    /// Every removal that was collected lies under this version vector.
    pub const fn horizon(&self) -> &VersionVector {
        &self.horizon
    }

    /// The last change that `replica` made, as far as it has been incorporated for every key.
    pub fn last_seq(&self, replica: ReplicaId) -> Seq {
        self.view
            .context
            .segments_in(&KeyRange::full())
            .map(|s| s.1.seq(replica))
            .min()
            .unwrap_or(0)
    }

    /// Makes the changes of a transaction visible, all at once.
    ///
    /// # Errors
    /// When the store changed since the transaction began; nothing was changed.
    pub fn commit(&mut self, staged: Staged<K, V>) -> Result<Commit<K>, StaleTransaction> {
        if staged.origin != self.origin || staged.revision != self.revision {
            return Err(StaleTransaction);
        }
        let mut commit = Commit::default();
        if staged.is_empty() {
            return Ok(commit);
        }
        let before = self.debug_context();
        self.view.lives = staged.lives;
        let mut index = IndexUpdate::default();
        for tombstone in staged.range_tombstones {
            commit.ranges.push(tombstone.range.clone());
            self.range_tombstones.insert(tombstone);
        }
        for (key, cell) in staged.cells {
            self.replace_cell(key, cell, &mut index, &mut commit);
        }
        self.view.context.advance(staged.replica, staged.seq);
        self.finish(index, &commit);
        self.assert_monotone(before.as_ref(), None);
        Ok(commit)
    }

    /// Joins the changes of another replica, all at once. `own` is the id under which this replica
    /// writes, if it has one.
    ///
    /// # Errors
    /// When the delta builds on changes that are not here, or knows own changes that were never made.
    /// Nothing was changed.
    pub fn join(
        &mut self,
        delta: AuthorisedDelta<K, V>,
        own: Option<ReplicaId>,
    ) -> Result<Commit<K>, JoinError> {
        let delta = delta.into_delta();
        self.check_join(&delta, own)?;
        let news = |part: &Part<K, V>| !self.view.context.covers(&part.range, &part.upto);
        if !delta.parts.iter().any(news) {
            return Ok(Commit::default());
        }
        let before = self.debug_context();
        let ranges: Vec<_> = delta.parts.iter().map(|part| part.range.clone()).collect();
        let mut commit = Commit::default();
        let mut index = IndexUpdate::default();
        for part in delta.parts {
            self.join_part(part, &mut index, &mut commit);
        }
        // Every base covers the horizon of its delta, and the own context covers every base: so what is
        // taken over here lies under the own context of these ranges.
        self.horizon.join(&delta.horizon);
        self.finish(index, &commit);
        self.assert_monotone(before.as_ref(), Some(&ranges));
        Ok(commit)
    }

    fn check_join(&self, delta: &Delta<K, V>, own: Option<ReplicaId>) -> Result<(), JoinError> {
        for part in &delta.parts {
            if let Some(own) = own {
                let (claimed, issued) = (part.upto.seq(own), self.last_seq(own));
                if claimed > issued {
                    return Err(JoinError::UnknownOwnDots { claimed, issued });
                }
            }
            if planted(Bug::BaseUnchecked) {
                continue;
            }
            for (_, context) in self.view.context.segments_in(&part.range) {
                let mut missing = part.base.ahead_of(context);
                let forgiven = usize::from(planted(Bug::GapAccepted));
                if let Some(gap) = missing.nth(forgiven) {
                    let (needed, have) = (gap.upto, gap.after);
                    return Err(JoinError::Gap { replica: gap.replica, needed, have });
                }
            }
        }
        Ok(())
    }

    /// The order matters: the listed cells join under the *old* own context, then the range
    /// tombstones apply, and only then does the context grow.
    fn join_part(&mut self, part: Part<K, V>, index: &mut IndexUpdate<K>, commit: &mut Commit<K>) {
        if self.view.context.covers(&part.range, &part.upto) {
            return;
        }
        self.intern_authors(&part);
        for cell in &part.cells {
            self.join_cell(cell, &part.upto, index, commit);
        }
        for tombstone in part.range_tombstones {
            if !self.has_buried(&tombstone) {
                self.bury_range(&tombstone, index, commit);
                commit.ranges.push(tombstone.range.clone());
                self.range_tombstones.insert(tombstone);
            }
        }
        if planted(Bug::PartialDeltaAdvancesWholeContext) {
            self.view.context.join(&KeyRange::full(), &part.upto);
        }
        self.view.context.join(&part.range, &part.upto);
    }

    fn join_cell(
        &mut self,
        sent: &DeltaCell<K, V>,
        upto: &VersionVector,
        index: &mut IndexUpdate<K>,
        commit: &mut Commit<K>,
    ) {
        let own = self.view.context.at(&sent.key);
        if sent.fresh.iter().all(|(dot, _)| own.contains(*dot)) {
            return;
        }
        let (cell, is_new) = self.view.cells.entry_or_insert_with(&sent.key, Cell::default);
        let turnover = cell.join(sent, own, upto, &self.view.lives);
        let dots = cell.len();
        if cell.is_empty() {
            self.view.cells.remove(&sent.key);
        }
        if !turnover.is_empty() {
            index.take(&sent.key, turnover, &self.view.lives);
            commit.cells.push(ChangedCell { key: sent.key.clone(), is_new, dots });
        }
    }

    /// Fresh dots lie between base and upto, so their replicas are among those that differ there.
    fn intern_authors(&mut self, part: &Part<K, V>) {
        for ahead in part.upto.ahead_of(&part.base) {
            if self.view.lives.life(ahead.replica).is_none() {
                Arc::make_mut(&mut self.view.lives).intern(ahead.replica);
            }
        }
    }

    /// Whether the tombstone's dot is in the context of its whole range already.
    fn has_buried(&self, tombstone: &RangeTombstone<K>) -> bool {
        let mut segments = self.view.context.segments_in(&tombstone.range);
        segments.all(|(_, seen)| seen.contains(tombstone.dot))
    }

    fn bury_range(
        &mut self,
        tombstone: &RangeTombstone<K>,
        index: &mut IndexUpdate<K>,
        commit: &mut Commit<K>,
    ) {
        let (start, end) = tombstone.range.bounds();
        let keys: Vec<K> = self.view.cells.range(start, end).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let Some(cell) = self.view.cells.get_mut(&key) else { continue };
            let turnover = cell.bury(&tombstone.seen, &self.view.lives);
            let dots = cell.len();
            if cell.is_empty() {
                self.view.cells.remove(&key);
            }
            if !turnover.is_empty() {
                index.take(&key, turnover, &self.view.lives);
                commit.cells.push(ChangedCell { key, is_new: false, dots });
            }
        }
    }

    /// Puts the cell that a transaction has prepared in the place of the old one.
    fn replace_cell(
        &mut self,
        key: K,
        cell: Cell<V>,
        index: &mut IndexUpdate<K>,
        commit: &mut Commit<K>,
    ) {
        let fresh: Vec<_> = cell.locals().collect();
        let is_empty = cell.is_empty();
        let old = if is_empty {
            self.view.cells.remove(&key)
        } else {
            self.view.cells.insert(key.clone(), cell)
        };
        let is_new = old.is_none();
        let old: Vec<_> = old.iter().flat_map(Cell::locals).collect();
        let turnover = Turnover {
            born: fresh.iter().filter(|dot| !old.contains(dot)).copied().collect(),
            died: old.iter().filter(|dot| !fresh.contains(dot)).copied().collect(),
        };
        debug_assert!(
            turnover.died.is_empty()
                || !turnover.born.is_empty()
                || commit.ranges.iter().any(|range| range.contains(&key)),
            "invariant I5: something left {key:?} without a dot that removes it"
        );
        if !turnover.is_empty() {
            index.take(&key, turnover, &self.view.lives);
            commit.cells.push(ChangedCell { key, is_new, dots: fresh.len() });
        }
    }

    fn finish(&mut self, update: IndexUpdate<K>, commit: &Commit<K>) {
        self.revision += 1;
        self.index.append(update.born);
        let View { cells, lives, .. } = &self.view;
        let is_alive = |dot: Dot, key: &K| {
            cells.get(key).is_some_and(|cell| cell.locals().any(|l| l.resolve(lives) == dot))
        };
        for replica in update.died {
            self.index.bury(replica);
            self.index.sweep(replica, is_alive);
        }
        debug_assert!(
            any_planted()
                || commit.cells.iter().all(|changed| self.contains_its_dots(&changed.key)),
            "invariant I2: a cell holds a dot that is not in the context of its key"
        );
    }

    /// The context before a change, where assertions are on.
    fn debug_context(&self) -> Option<Context<K>> {
        (cfg!(debug_assertions) && !any_planted()).then(|| self.view.context.clone())
    }

    /// Invariants I8 and I7: no context goes back, and a delta changes it on its own ranges only.
    fn assert_monotone(&self, before: Option<&Context<K>>, ranges: Option<&[KeyRange<K>]>) {
        let Some(before) = before else { return };
        for (range, old) in before.segments_in(&KeyRange::full()) {
            for (range, new) in self.view.context.segments_in(&range) {
                debug_assert!(new.covers(old), "invariant I8: the context went back on {range:?}");
                let mut outside = vec![range.clone()];
                for part in ranges.unwrap_or(&[KeyRange::full()]) {
                    outside = outside.iter().flat_map(|range| range.without(part)).collect();
                }
                debug_assert!(
                    new == old || outside.is_empty(),
                    "invariant I7: the context changed outside the delta, on {outside:?}"
                );
            }
        }
    }

    /// Invariant I2 for one cell.
    fn contains_its_dots(&self, key: &K) -> bool {
        let context = self.view.context.at(key);
        let mut dots = self.view.cell(key).into_iter().flat_map(|cell| cell.entries());
        dots.all(|(dot, _)| context.contains(dot))
    }
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Everything that somebody with the context `base` lacks.
    ///
    /// # Errors
    /// When `base` does not cover the horizon: removals are missing that a delta could not name.
    pub fn delta_since(&self, base: &Context<K>) -> Result<Delta<K, V>, BelowHorizon> {
        self.delta_in(base, &KeyRange::full())
    }

    /// Everything in `range` that somebody with the context `base` lacks.
    ///
    /// # Errors
    /// When `base` does not cover the horizon on the range.
    pub fn delta_in(
        &self,
        base: &Context<K>,
        range: &KeyRange<K>,
    ) -> Result<Delta<K, V>, BelowHorizon> {
        let mut parts = Vec::new();
        for (own_range, upto) in self.view.context.segments_in(range) {
            for (range, base) in base.segments_in(&own_range) {
                // What the other side has beyond this store is no part of the interval.
                let base = base.meet(upto);
                if !base.covers(&self.horizon) {
                    return Err(BelowHorizon);
                }
                if base != *upto {
                    parts.push(self.part(range, base, upto.clone()));
                }
            }
        }
        Ok(Delta { parts, horizon: self.horizon.clone(), fingerprint: None })
    }

    /// The keys in `range` with a dot that `base` has not seen, sorted: the changed cells.
    pub fn changed_since(
        &self,
        base: &VersionVector,
        upto: &VersionVector,
        range: &KeyRange<K>,
    ) -> Vec<K> {
        let rows: usize = upto.ahead_of(base).map(|ahead| self.index.rows_of(ahead)).sum();
        let has_fresh = |cell: &Cell<V>| {
            let lives = &self.view.lives;
            cell.locals().any(|local| !base.contains(local.resolve(lives)))
        };
        if rows > self.view.cells.len() {
            let (start, end) = range.bounds();
            let cells = self.view.cells.range(start, end);
            return cells.filter(|(_, cell)| has_fresh(cell)).map(|(key, _)| key.clone()).collect();
        }
        let mut keys: Vec<&K> = upto.ahead_of(base).flat_map(|a| self.index.keys_of(a)).collect();
        keys.retain(|key| range.contains(key));
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| self.view.cells.get(key).is_some_and(has_fresh));
        keys.into_iter().cloned().collect()
    }

    /// The range tombstones in `range` that `base` has not seen, sorted.
    pub fn range_tombstones_since(
        &self,
        base: &VersionVector,
        upto: &VersionVector,
        range: &KeyRange<K>,
    ) -> Vec<RangeTombstone<K>> {
        upto.ahead_of(base).flat_map(|ahead| self.range_tombstones.in_range(ahead, range)).collect()
    }

    fn part(&self, range: KeyRange<K>, base: VersionVector, mut upto: VersionVector) -> Part<K, V> {
        let keys = self.changed_since(&base, &upto, &range);
        let mut cells: Vec<_> =
            keys.into_iter().filter_map(|key| self.delta_cell(key, &base)).collect();
        if planted(Bug::TransactionCutInTwo) {
            upto = upto.ahead_of(&base).map(|a| (a.replica, a.upto - a.upto / 2)).collect();
            upto.join(&base);
            cells.iter_mut().for_each(|cell| cell.fresh.retain(|(dot, _)| upto.contains(*dot)));
            cells.retain(|cell| !cell.fresh.is_empty());
        }
        let clip =
            if planted(Bug::RangeTombstoneUnclipped) { KeyRange::full() } else { range.clone() };
        let range_tombstones = self.range_tombstones_since(&base, &upto, &clip);
        Part { range, base, upto, cells, range_tombstones }
    }

    fn delta_cell(&self, key: K, base: &VersionVector) -> Option<DeltaCell<K, V>> {
        let cell = self.view.cell(&key)?;
        let mut listed = DeltaCell { key, fresh: Default::default(), kept: Vec::new() };
        for (dot, entry) in cell.entries() {
            if !base.contains(dot) {
                listed.fresh.push((dot, entry.clone()));
            } else if !entry.is_single_writer() {
                listed.kept.push(dot);
            }
        }
        Some(listed)
    }
}

/// The index rows that a commit adds, and the replicas whose dots it removed.
#[derive(Debug)]
struct IndexUpdate<K> {
    born: Vec<(Dot, K)>,
    died: Vec<ReplicaId>,
}

impl<K> Default for IndexUpdate<K> {
    fn default() -> Self {
        Self { born: Vec::new(), died: Vec::new() }
    }
}

impl<K: Clone> IndexUpdate<K> {
    fn take(&mut self, key: &K, turnover: Turnover, lives: &Lives) {
        self.born.extend(turnover.born.iter().map(|dot| (dot.resolve(lives), key.clone())));
        self.died.extend(turnover.died.iter().map(|dot| lives.id(dot.life)));
    }
}

/// A rule of the data model that does not hold: a bug, or damage.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Violation<K> {
    /// I1: one dot names two cells.
    #[error("I1: {dot:?} names more than one cell")]
    RepeatedDot {
        /// The dot.
        dot: Dot,
    },
    /// I2: a cell holds a dot that is not in its context.
    #[error("I2: {dot:?} of {key:?} is not in the context")]
    OutsideContext {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// The dots of a cell are out of order, or the cell is empty.
    #[error("the dots of {key:?} are not strictly sorted, or there are none")]
    CellOrder {
        /// The key of the cell.
        key: K,
    },
    /// A live dot has no index row: it would never be sent.
    #[error("{dot:?} of {key:?} is not in the index")]
    Unindexed {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// I4: a range tombstone in the context did not take what it has seen.
    #[error("I4: {dot:?} of {key:?} outlived a range tombstone that has seen it")]
    OutlivedRangeTombstone {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// I6: the own dots are not the same for every key.
    #[error("I6: the own component differs between segments")]
    OwnComponent,
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Checks every invariant that a single store can be asked about. Costs a walk over the store.
    ///
    /// # Errors
    /// Names the first rule that does not hold.
    pub fn verify(&self, own: Option<ReplicaId>) -> Result<(), Violation<K>> {
        let mut dots = Vec::new();
        for (key, cell) in self.view.range(&KeyRange::full()) {
            let context = self.view.context.at(key);
            let names: Vec<Dot> = cell.entries().map(|(dot, _)| dot).collect();
            if names.is_empty() || !names.is_sorted_by(|a, b| a < b) {
                return Err(Violation::CellOrder { key: key.clone() });
            }
            for (dot, entry) in cell.entries() {
                if !context.contains(dot) {
                    return Err(Violation::OutsideContext { dot, key: key.clone() });
                }
                if entry.yields_to_range_tombstone() && self.is_buried(key, dot) {
                    return Err(Violation::OutlivedRangeTombstone { dot, key: key.clone() });
                }
                if !self.index.names(dot, key) {
                    return Err(Violation::Unindexed { dot, key: key.clone() });
                }
                if !matches!(entry, Entry::Reset(_)) {
                    dots.push(dot);
                }
            }
        }
        dots.sort_unstable();
        let mut pairs = dots.iter().zip(dots.iter().skip(1));
        if let Some((dot, _)) = pairs.find(|(a, b)| a == b) {
            return Err(Violation::RepeatedDot { dot: *dot });
        }
        let own_seqs = own.map(|own| {
            self.view
                .context
                .segments_in(&KeyRange::full())
                .map(|s| s.1.seq(own))
                .collect::<Vec<_>>()
        });
        match own_seqs {
            Some(seqs) if seqs.windows(2).any(|pair| pair.first() != pair.last()) => {
                Err(Violation::OwnComponent)
            }
            _ => Ok(()),
        }
    }

    fn is_buried(&self, key: &K, dot: Dot) -> bool {
        self.range_tombstones.iter().any(|t| t.range.contains(key) && t.seen.contains(dot))
    }
}
