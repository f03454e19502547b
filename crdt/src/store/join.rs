//! Joining a delta: checked as a whole, then applied as a whole, part by part.
//!
//! What must always hold: a delta that builds on something that is not here changes nothing; a context grows
//! on the ranges of the delta only, and only after everything that it then claims is in the cells; and a
//! dot that the context has seen is never inserted again.
//!
//! Source: the join of causal CRDTs after Almeida, Shoker, Baquero, *Delta State Replicated Data Types*, 2018,
//! section 7, by ranges of keys.

use std::hint::black_box;
use std::sync::Arc;

use smallvec::SmallVec;
use thiserror::Error;

use crate::cell::{Cell, CellRef};
use crate::context::Context;
use crate::coverage::Coverage;
use crate::delta::{AuthorisedDelta, Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::{Dot, Seq};
use crate::dot_set::DotSet;
use crate::ordered_map::{ABREAST, Guess};
use crate::planted::{Bug, any_planted, planted};
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::ReplicaId;
use crate::store::{Commit, IndexUpdate, Store};
use crate::view::{CellKey, CellValue};

/// Of a delta of fewer cells each dot is looked up in the index. Of others a walk along the index takes less.
const WALKED_CELLS: usize = 1_024;

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
    /// The delta uses a dot for another cell than the one that holds it here (invariant I1): somebody
    /// lies, or two copies write under one id.
    #[error("the delta uses change {seq} of {replica} for another cell than the one that holds it")]
    RepeatedDot {
        /// Whose change it is.
        replica: ReplicaId,
        /// Which.
        seq: Seq,
    },
    /// This replica would have incorporated something else on far too many ranges of keys. Let catch-ups
    /// that are under way come to their end first.
    #[error("the delta would cut the keys into {segments} ranges of different contexts")]
    Fragmented {
        /// The ranges that there would be.
        segments: usize,
    },
}

impl<K: CellKey, V: CellValue> Store<K, V> {
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
        let is_news = self.check_join(&delta, own)?;
        Ok(if is_news { self.join_checked(delta) } else { Commit::default() })
    }

    /// Joins what was in this store before. Its records may cut the keys finer on the way than the state was
    /// in the end.
    pub(crate) fn restore(&mut self, delta: AuthorisedDelta<K, V>) -> Result<Commit<K>, JoinError> {
        let delta = delta.into_delta();
        self.check_parts(&delta, None)?;
        Ok(self.join_checked(delta))
    }

    pub(crate) fn join_checked(&mut self, delta: Delta<K, V>) -> Commit<K> {
        let before = self.debug_context();
        let ranges: Vec<_> = delta.parts.iter().map(|part| part.range.clone()).collect();
        let mut commit = Commit::default();
        let mut index = IndexUpdate::default();
        if delta.parts.iter().any(|part| part.coverage != Coverage::Difference) {
            self.lapses += 1;
        }
        for part in delta.parts {
            // No further than what is claimed to have been seen from now on: a horizon beyond that would
            // say nothing about this store, and cost everybody a listing.
            if !planted(Bug::HorizonNotInherited) {
                self.horizon.join(&delta.horizon.meet(&part.upto));
            }
            self.join_part(part, &mut index, &mut commit);
        }
        self.finish(index, &commit);
        self.assert_monotone(before.as_ref(), Some(&ranges));
        commit
    }

    /// Whether a delta can be joined as the store is now, and would change anything.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub fn check_join(
        &self,
        delta: &Delta<K, V>,
        own: Option<ReplicaId>,
    ) -> Result<bool, JoinError> {
        self.check_parts(delta, own)?;
        self.check_fragments(delta)?;
        Ok(delta.parts.iter().any(|part| !self.view.context.covers(&part.range, &part.upto)))
    }

    fn check_parts(&self, delta: &Delta<K, V>, own: Option<ReplicaId>) -> Result<(), JoinError> {
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
        self.check_dots(delta)
    }

    /// What makes a fragmented context less so is welcome: catch-ups that are under way come to their end.
    fn check_fragments(&self, delta: &Delta<K, V>) -> Result<(), JoinError> {
        let context = &self.view.context;
        let is_whole = |part: &Part<K, V>| part.range == KeyRange::full();
        if context.uniform().is_some() && delta.parts.iter().all(is_whole) {
            return Ok(());
        }
        let after = context.joined(&delta.reach());
        let segments = after.segment_count();
        if context.may_grow_to(&after) { Ok(()) } else { Err(JoinError::Fragmented { segments }) }
    }

    /// Invariant I1 across deltas. A dot under the context of its key is never inserted again, so only
    /// while contexts differ can a dot that is alive under one key be claimed for another.
    fn check_dots(&self, delta: &Delta<K, V>) -> Result<(), JoinError> {
        if self.view.context.uniform().is_some() {
            return Ok(());
        }
        let pieces = delta.parts.iter().flat_map(|part| &part.range_tombstones);
        if let Some(piece) = pieces.into_iter().find(|p| self.range_tombstones.contradicts(p)) {
            let Dot { replica, seq } = piece.dot;
            return Err(JoinError::RepeatedDot { replica, seq });
        }
        if delta.cell_count() >= WALKED_CELLS && !self.names_any(delta) {
            return Ok(());
        }
        match delta.fresh().find(|(key, dot, entry)| self.is_elsewhere(key, *dot, entry)) {
            Some((_, Dot { replica, seq }, _)) => Err(JoinError::RepeatedDot { replica, seq }),
            None => Ok(()),
        }
    }

    /// Whether the index has a row for any fresh dot: one walk along its runs of those numbers.
    fn names_any(&self, delta: &Delta<K, V>) -> bool {
        let spans: Vec<_> =
            delta.parts.iter().flat_map(|part| part.upto.ahead_of(&part.base)).collect();
        let mut fresh = DotSet::for_dots(delta.cell_count(), spans.iter().copied());
        delta.fresh().for_each(|(_, dot, _)| {
            fresh.insert(dot);
        });
        spans.into_iter().any(|ahead| {
            let mut words = self.index.words_of(ahead);
            words.any(|(first, bits)| fresh.contains_any(ahead.replica, first, bits))
        })
    }

    pub(super) fn holds(&self, key: &K, dot: Dot) -> bool {
        let lives = &self.view.lives;
        let cell = self.view.cells.get(key);
        cell.is_some_and(|cell| cell.locals().any(|local| local.resolve(lives) == dot))
    }

    /// The order matters: the listed cells join under the *old* own context, then the range
    /// tombstones apply, and only then does the context grow.
    fn join_part(
        &mut self,
        mut part: Part<K, V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        if self.view.context.covers(&part.range, &part.upto) {
            return;
        }
        self.intern_authors(&part);
        if planted(Bug::ContextGrowsFirst) {
            self.view.context.join(&part.range, &part.upto);
        }
        // By the index as it is now: cells that are joined get their rows at the end.
        let mut gained = self.gained_unlisted(&part);
        let mut listed = std::mem::take(&mut part.cells);
        commit.cells.reserve(listed.len());
        index.born.reserve(listed.len());
        for block in listed.chunks_mut(ABREAST) {
            let mut guesses = self.guess_cells(block).into_iter();
            for cell in block {
                self.join_cell(cell, guesses.next().flatten(), &part, index, commit);
            }
        }
        for cell in &mut gained {
            self.join_cell(cell, None, &part, index, commit);
        }
        part.cells = listed;
        if part.coverage == Coverage::Complete {
            self.join_absent(&part, index, commit);
        }
        for tombstone in std::mem::take(&mut part.range_tombstones) {
            if !self.has_buried(&tombstone) {
                self.bury_range(&tombstone, index, commit);
                commit.ranges.push(tombstone.range.clone());
                self.range_tombstones.insert(tombstone);
            }
        }
        if planted(Bug::PartialDeltaAdvancesWholeContext) {
            self.view.context.join(&KeyRange::full(), &part.upto);
        }
        if planted(Bug::ContextReplaced) && part.range == KeyRange::full() {
            self.view.context = Context::from(part.upto);
            return;
        }
        self.view.context.join(&part.range, &part.upto);
    }

    /// Where the cells are that a delta lists, and a first look at each.
    fn guess_cells(&self, listed: &[DeltaCell<K, V>]) -> Vec<Option<Guess>> {
        let keys: Vec<&K> = listed.iter().map(|cell| &cell.key).collect();
        self.view.cells.guess_abreast(&keys, |cell| {
            black_box(cell.len());
        })
    }

    fn join_cell(
        &mut self,
        sent: &mut DeltaCell<K, V>,
        guess: Option<Guess>,
        Part { upto, coverage, .. }: &Part<K, V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        let (own, is_difference) =
            (self.view.context.at(&sent.key), *coverage == Coverage::Difference);
        let is_known = sent.fresh.iter().all(|(dot, _)| own.contains(*dot));
        if is_difference && is_known && !planted(Bug::KnownDotsReplaced) {
            return;
        }
        let (cell, place) = self.view.cells.entry_or_insert_with(&sent.key, guess, Cell::default);
        let held = cell.holds_removal();
        let turnover = cell.join(sent, own, upto, *coverage, &self.view.lives);
        debug_assert!(
            !is_difference
                || any_planted()
                || turnover.died.is_empty()
                || !turnover.born.is_empty(),
            "invariant I4: a dot was removed, and nothing came that dominates it"
        );
        let dots = cell.len();
        self.removals.note(&sent.key, held, cell.holds_removal());
        if cell.is_empty() {
            self.view.cells.remove(&sent.key);
        }
        self.note(&sent.key, dots, place, turnover, index, commit);
    }

    /// The cells with a dot beyond the base of a part of differing cells that it does not list. Its sender
    /// compared them as they were before; of what came since, it holds nothing that it has seen.
    fn gained_unlisted(&self, part: &Part<K, V>) -> Vec<DeltaCell<K, V>> {
        if part.coverage != Coverage::Differing {
            return Vec::new();
        }
        let is_listed = |key: &K| part.cells.binary_search_by(|cell| cell.key.cmp(key)).is_ok();
        let segments = self.view.context.segments_in(&part.range);
        let gained = segments.flat_map(|(range, own)| self.changed_since(&part.base, own, &range));
        let as_before = |key: K| {
            let dots = self.view.cell(&key).into_iter().flat_map(CellRef::entries);
            let kept = dots.map(|(dot, _)| dot).filter(|dot| part.base.contains(*dot)).collect();
            DeltaCell { key, fresh: SmallVec::new(), kept }
        };
        gained.filter(|key| !is_listed(key)).map(as_before).collect()
    }

    /// The cells that a complete part does not list are empty at its sender.
    fn join_absent(
        &mut self,
        part: &Part<K, V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        let (start, end) = part.range.bounds();
        let is_listed = |key: &K| part.cells.binary_search_by(|cell| cell.key.cmp(key)).is_ok();
        let own = self.view.cells.range(start, end).map(|(key, _)| key);
        let absent: Vec<K> = own.filter(|key| !is_listed(key)).cloned().collect();
        for key in absent {
            let mut nothing = DeltaCell { key, fresh: SmallVec::new(), kept: Vec::new() };
            self.join_cell(&mut nothing, None, part, index, commit);
        }
    }

    /// Fresh dots lie between base and upto, so their replicas are among those that differ there.
    pub(super) fn intern_authors(&mut self, part: &Part<K, V>) {
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
}
