//! Repair: two replicas of equal context that hold different things agree again.
//!
//! By their contexts both have incorporated the same changes, so a dot that one holds and the other does
//! not was lost there by damage, or should have gone here. The rule is **presence wins, except against
//! evidence**: the dot is taken back, as the same dot with the same entry, unless one of the two holds
//! something that says it was removed. Evidence against a dot is
//!
//! - a range tombstone over its key that has seen it,
//! - a tombstone that names it as superseded,
//! - a later entry of the same writer in the same cell, since a writer supersedes what it wrote itself:
//!   a slot or row the older slot or row, a reset the older reset, a value or tombstone the older one,
//! - a reset whose record covers a slot.
//!
//! A value does not list what it superseded, so what it superseded of other writers comes back beside
//! it, as a conflict that somebody can see and resolve. Evidence itself is taken like any other dot.
//!
//! What must always hold:
//!
//! - Nothing is removed because the other side does not hold it. One damaged replica would remove it
//!   everywhere.
//! - No new dot is made: a removal that has seen the old one would not be evidence against it.
//! - Both sides judge the same: the outcome is a function of both cells and of the range tombstones, and
//!   which of the two is the own one makes no difference, save for [forks](Fork).
//! - Contexts are equal when it is applied, or else the absence of a dot here may be its regular end, of
//!   which the other side has not heard.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;
use thiserror::Error;

use super::{ChangedCell, Commit, Fork, IndexUpdate, Store};
use crate::cell::Turnover;
use crate::coverage::Coverage;
use crate::delta::{AuthorisedDelta, Delta};
use crate::delta_cell::DeltaCell;
use crate::dot::{Dot, LocalDot};
use crate::entry::{Entry, Reset};
use crate::planted::{Bug, planted};
use crate::range_tombstone::RangeTombstone;
use crate::replica::ReplicaId;
use crate::view::{CellKey, CellValue};

/// What a replica knows of some cells; see [`Store::testimony`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Testimony<K, V> {
    /// The cells as they are, those without anything included, and the range tombstones over them, under
    /// the whole context of the replica.
    pub cells: Delta<K, V>,
    /// What others hold under dots that have forked, in the same form.
    pub forks: Delta<K, V>,
}

/// What a repair has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repaired<K, V> {
    /// The cells that hold something else now.
    pub commit: Commit<K>,
    /// The number of dots that were taken back.
    pub restored: usize,
    /// The number of dots that went because of evidence.
    pub removed: usize,
    /// The forks that were not known before.
    pub forks: Vec<Fork<K, V>>,
}

impl<K, V> Default for Repaired<K, V> {
    fn default() -> Self {
        Self { commit: Commit::default(), restored: 0, removed: 0, forks: Vec::new() }
    }
}

impl<K, V> Repaired<K, V> {
    /// Whether nothing was changed and nothing new was learned.
    pub fn is_empty(&self) -> bool {
        self.commit.is_empty() && self.forks.is_empty()
    }
}

/// Why a testimony cannot be used. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The contexts of both sides are not the same, or not any more.
    #[error("the testimony was given under another context")]
    ContextMoved,
    /// It is no testimony: a part of it builds on something, or does not list whole cells.
    #[error("part {part} does not list whole cells")]
    NotWhole {
        /// The position of the part.
        part: usize,
    },
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Brings the cells that `cells` lists to what both sides hold together, less what either has
    /// evidence against; all at once. `forks` are the forks of the same testimony.
    ///
    /// # Errors
    /// When the own context is not the one under which the testimony was given, or it is none. Nothing
    /// was changed.
    pub fn repair(
        &mut self,
        cells: AuthorisedDelta<K, V>,
        forks: Option<AuthorisedDelta<K, V>>,
    ) -> Result<Repaired<K, V>, RepairError> {
        let (cells, forks) = (cells.into_delta(), forks.map(AuthorisedDelta::into_delta));
        self.check_testimony(&cells)?;
        Ok(self.repair_checked(&cells, forks.as_ref()))
    }

    /// Ends the [quarantine](Self::quarantine), and the suspicion, without anybody else: what stands in the damaged
    /// ranges is taken for true, as far as the index knows of it.
    pub fn release_quarantine(&mut self) -> Repaired<K, V> {
        let cells = self.quarantine.iter().flat_map(|range| self.view.range(range));
        let keys: BTreeSet<K> = cells.map(|(key, _)| key.clone()).collect();
        // Of damaged cells a testimony names no dots, so it is evidence against none.
        let nothing = self.testimony(&Vec::from_iter(keys)).cells;
        let repaired = self.repair_checked(&nothing, None);
        self.set_suspect(false);
        repaired
    }

    fn repair_checked(
        &mut self,
        cells: &Delta<K, V>,
        forks: Option<&Delta<K, V>>,
    ) -> Repaired<K, V> {
        let before = self.debug_context();
        let mut repaired = Repaired::default();
        let mut index = IndexUpdate::default();
        for part in &cells.parts {
            self.intern_authors(part);
            for tombstone in &part.range_tombstones {
                self.take_tombstone(tombstone, &mut index, &mut repaired);
            }
        }
        let lost = self.lost_rows(cells);
        for cell in cells.parts.iter().flat_map(|part| &part.cells) {
            self.repair_cell(cell, &mut index, &mut repaired);
        }
        let was_damaged = !lost.is_empty();
        self.settle_lost(lost, &mut index);
        for cell in forks.iter().flat_map(|forks| &forks.parts).flat_map(|part| &part.cells) {
            self.learn_forks(cell, &mut repaired);
        }
        if was_damaged || !repaired.commit.is_empty() {
            self.lapses += 1;
            self.finish(index, &repaired.commit);
            self.assert_monotone(before.as_ref(), Some(&[]));
        }
        repaired
    }

    fn check_testimony(&self, cells: &Delta<K, V>) -> Result<(), RepairError> {
        let is_whole = |coverage, is_based: bool| coverage == Coverage::Differing && !is_based;
        let mut parts = cells.parts.iter();
        if let Some(part) = parts.position(|p| !is_whole(p.coverage, !p.base.is_empty())) {
            return Err(RepairError::NotWhole { part });
        }
        if cells.reach() != self.view.context && !planted(Bug::RepairAfterContextsMoved) {
            return Err(RepairError::ContextMoved);
        }
        Ok(())
    }

    /// Takes a range tombstone of the other side that is not here, and what it has seen goes.
    fn take_tombstone(
        &mut self,
        tombstone: &RangeTombstone<K>,
        index: &mut IndexUpdate<K, V>,
        repaired: &mut Repaired<K, V>,
    ) {
        if self.range_tombstones.contradicts(tombstone) {
            return;
        }
        let gone = index.died.len();
        self.bury_range(tombstone, index, &mut repaired.commit);
        repaired.removed += index.died.len() - gone;
        self.range_tombstones.insert(tombstone.clone());
    }

    fn repair_cell(
        &mut self,
        theirs: &DeltaCell<K, V>,
        index: &mut IndexUpdate<K, V>,
        repaired: &mut Repaired<K, V>,
    ) {
        let key = &theirs.key;
        let own = self.view.cell(key).into_iter().flat_map(|cell| cell.entries());
        let mut both: BTreeMap<Dot, (Entry<V>, Side)> =
            own.map(|(dot, entry)| (dot, (entry.clone(), Side::Own))).collect();
        let mut gone = self.never_written(theirs, both.keys());
        // They are no evidence against anything, either.
        gone.iter().for_each(|dot| drop(both.remove(dot)));
        let (mut forks, mut replaced) = (Vec::new(), Vec::new());
        for (dot, entry) in &theirs.fresh {
            match both.get_mut(dot) {
                Some((own, side)) if own == entry => *side = Side::Both,
                // It is known which of the two was damaged.
                Some(own) if self.is_quarantined(key) => {
                    *own = (entry.clone(), Side::Both);
                    replaced.push((*dot, entry.clone()));
                }
                Some((_, side)) => {
                    *side = Side::Both;
                    forks.push((*dot, entry));
                }
                None if self.is_elsewhere(key, *dot, entry) => forks.push((*dot, entry)),
                None => drop(both.insert(*dot, (entry.clone(), Side::Theirs))),
            }
        }
        let evidence = Evidence::of(&both);
        let goes = |dot: Dot, entry: &Entry<V>, side: Side| {
            evidence.is_against(dot, entry)
                || (entry.yields_to_range_tombstone() && self.is_buried(key, dot))
                || is_missing(side)
        };
        let mut back = Vec::new();
        for (dot, (entry, side)) in &both {
            match (goes(*dot, entry, *side), side) {
                (true, Side::Own | Side::Both) => gone.push(*dot),
                (false, Side::Theirs) => back.push((*dot, entry.clone())),
                _ => {}
            }
        }
        for (dot, entry) in forks {
            self.record_fork(key, dot, entry, repaired);
        }
        self.replace_entries(key, replaced, repaired);
        self.change_cell(key, &gone, back, index, repaired);
    }

    /// The own dots of a damaged cell that neither the index nor the other side names. The index was made apart
    /// from the cell: what has no row there was never written.
    fn never_written<'a>(
        &self,
        theirs: &DeltaCell<K, V>,
        own: impl Iterator<Item = &'a Dot>,
    ) -> Vec<Dot> {
        if !self.is_quarantined(&theirs.key) {
            return Vec::new();
        }
        let is_theirs = |dot: &Dot| theirs.fresh.iter().any(|(their, _)| their == dot);
        own.filter(|dot| !is_theirs(dot) && !self.index.names(**dot, &theirs.key))
            .copied()
            .collect()
    }

    /// The rows of the index whose dots the damaged ones among these cells have lost.
    fn lost_rows(&self, cells: &Delta<K, V>) -> Vec<(Dot, K)> {
        let listed = cells.parts.iter().flat_map(|part| &part.cells).map(|cell| &cell.key);
        let damaged: BTreeSet<&K> = listed.filter(|key| self.is_quarantined(key)).collect();
        if damaged.is_empty() {
            return Vec::new();
        }
        let rows = self.index.rows_of(|key| damaged.contains(key));
        let lost = rows.filter(|(dot, key)| !self.holds(key, *dot));
        lost.map(|(dot, key)| (dot, key.clone())).collect()
    }

    /// Dots that damage had taken from their cells are back, or are nowhere any more. Of those it cannot be
    /// told what they had removed: as if they had been collected.
    fn settle_lost(&mut self, lost: Vec<(Dot, K)>, index: &mut IndexUpdate<K, V>) {
        for (dot, key) in lost {
            if !self.holds(&key, dot) {
                self.horizon.advance(dot.replica, dot.seq);
                index.died.push((dot, key));
            }
        }
    }

    /// Puts what the other side holds in the place of what was damaged here under the same dots.
    fn replace_entries(
        &mut self,
        key: &K,
        replaced: Vec<(Dot, Entry<V>)>,
        repaired: &mut Repaired<K, V>,
    ) {
        if replaced.is_empty() {
            return;
        }
        let lives = &self.view.lives;
        let Some(cell) = self.view.cells.get_mut(key) else { return };
        let held = cell.holds_removal();
        repaired.restored += replaced.len();
        for (dot, entry) in replaced {
            let Some(life) = lives.life(dot.replica) else { continue };
            cell.replace(LocalDot { life, seq: dot.seq }, entry, lives);
        }
        self.removals.note(key, held, cell.holds_removal());
        let changed = ChangedCell::of_old(key.clone(), cell.len());
        repaired.commit.cells.push(changed);
    }

    fn change_cell(
        &mut self,
        key: &K,
        gone: &[Dot],
        back: Vec<(Dot, Entry<V>)>,
        index: &mut IndexUpdate<K, V>,
        repaired: &mut Repaired<K, V>,
    ) {
        if gone.is_empty() && back.is_empty() {
            return;
        }
        repaired.restored += back.len();
        repaired.removed += gone.len();
        let back = self.rename(back);
        let lives = &self.view.lives;
        let local = |dot: &Dot| Some(LocalDot { life: lives.life(dot.replica)?, seq: dot.seq });
        let gone: SmallVec<[LocalDot; 2]> = gone.iter().filter_map(local).collect();
        let (cell, place) = self.view.cells.entry_or_insert_with(key, None, Default::default);
        let held = cell.holds_removal();
        let Turnover { died, .. } = cell.forget(&gone);
        let mut turnover = Turnover { died, ..Turnover::default() };
        for (dot, entry) in back {
            // Everybody whom the context names has a handle by now.
            let Some(local) = local(&dot) else { continue };
            turnover.born.push(local);
            cell.insert(local, entry, lives);
        }
        let dots = cell.len();
        self.removals.note(key, held, cell.holds_removal());
        if cell.is_empty() {
            self.view.cells.remove(key);
        }
        self.note(key, dots, place, turnover, index, &mut repaired.commit);
    }

    /// Whether another cell holds `dot`. Resets share their dot.
    pub(super) fn is_elsewhere(&self, key: &K, dot: Dot, entry: &Entry<V>) -> bool {
        let mut keys = self.index.keys_at(dot);
        !matches!(entry, Entry::Reset(_))
            && keys.any(|other| other != key && self.holds(other, dot))
    }

    /// What the other side has learned of forks: here they are news if the dot is here, too.
    fn learn_forks(&mut self, cell: &DeltaCell<K, V>, repaired: &mut Repaired<K, V>) {
        for (dot, entry) in &cell.fresh {
            let here = self.view.cell(&cell.key);
            let own = here.and_then(|cell| cell.entries().find(|(own, _)| own == dot));
            let is_fork = match own {
                Some((_, own)) => own != entry,
                None => self.is_elsewhere(&cell.key, *dot, entry),
            };
            if is_fork {
                self.record_fork(&cell.key, *dot, entry, repaired);
            }
        }
    }

    fn record_fork(&mut self, key: &K, dot: Dot, entry: &Entry<V>, repaired: &mut Repaired<K, V>) {
        let fork = Fork { key: key.clone(), dot, entry: entry.clone() };
        if self.forks.record(fork.clone()) {
            repaired.forks.push(fork);
        }
    }

    /// With a planted bug, what comes back gets dots that were not taken yet.
    fn rename(&mut self, mut back: Vec<(Dot, Entry<V>)>) -> Vec<(Dot, Entry<V>)> {
        if planted(Bug::RepairUnderNewDot) {
            for (dot, _) in &mut back {
                dot.seq = self.last_seq(dot.replica) + 1;
                self.view.context.advance(dot.replica, dot.seq);
            }
        }
        back
    }
}

/// Who holds a dot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Own,
    Theirs,
    Both,
}

/// What is only evidence if a bug is planted.
fn is_missing(side: Side) -> bool {
    (planted(Bug::AuditRemovesWhatIsMissing) && side == Side::Own)
        || (planted(Bug::RepairByIntersection) && side != Side::Both)
}

/// What the entries of a cell say about each other.
struct Evidence {
    /// What tombstones name.
    over: Vec<Dot>,
    /// The last dot of each writer among the entries of a kind.
    last: BTreeMap<(ReplicaId, Kind), Dot>,
    resets: Reset,
}

/// The kinds of entries of which a writer has one at most in a cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Written,
    Counted,
    Reset,
}

impl Kind {
    const fn of<V>(entry: &Entry<V>) -> Self {
        match entry {
            Entry::Value { .. } | Entry::Tombstone(_) => Self::Written,
            Entry::Slot(_) | Entry::Row(_) => Self::Counted,
            Entry::Reset(_) => Self::Reset,
        }
    }
}

impl Evidence {
    fn of<V>(both: &BTreeMap<Dot, (Entry<V>, Side)>) -> Self {
        let mut evidence =
            Self { over: Vec::new(), last: BTreeMap::new(), resets: Reset::default() };
        // In the order of dots, so that the last one of each writer stays.
        for (dot, (entry, _)) in both {
            evidence.last.insert((dot.replica, Kind::of(entry)), *dot);
            match entry {
                Entry::Tombstone(tombstone) => evidence.over.extend(&tombstone.over),
                Entry::Reset(reset) => evidence.resets.merge(reset),
                Entry::Value { .. } | Entry::Slot(_) | Entry::Row(_) => {}
            }
        }
        evidence
    }

    fn is_against<V>(&self, dot: Dot, entry: &Entry<V>) -> bool {
        let is_outdone = self.last.get(&(dot.replica, Kind::of(entry))) != Some(&dot);
        let record = self.resets.of(dot.replica);
        let is_reset =
            matches!(entry, Entry::Slot(_)) && record.is_some_and(|record| record.seq >= dot.seq);
        is_outdone || is_reset || self.over.contains(&dot)
    }
}
