//! What a transaction has prepared, beside the store: whole cells that take the place of the old, or values that
//! overwrite them unseen.

mod cells;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::cell::CellRef;
use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::{LocalDot, Seq};
use crate::entry::Entry;
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::{Life, Lives, ReplicaId};
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue, View};

pub(crate) use cells::{StagedCell, StagedCells};

/// What a transaction wants to change; see [`Store::commit`](crate::Store::commit).
#[derive(Debug)]
pub struct Staged<K, V> {
    pub(crate) replica: ReplicaId,
    pub(crate) life: Life,
    /// The table of the store, in which the own replica has a handle.
    pub(crate) lives: Arc<Lives>,
    /// The store that was read, and its state.
    pub(crate) origin: Origin,
    pub(crate) revision: u64,
    /// The last dot that was taken before this transaction.
    pub(crate) began: Seq,
    /// The last dot that was taken.
    pub(crate) seq: Seq,
    /// Every cell that was touched.
    pub(crate) cells: StagedCells<K, V>,
    pub(crate) range_tombstones: Vec<RangeTombstone<K>>,
}

impl<K, V> Staged<K, V> {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.range_tombstones.is_empty()
    }

    /// The number of cells that were touched.
    pub fn cell_count(&self) -> usize {
        self.cells.len()
    }

    /// The number of range tombstones that were written.
    pub const fn range_tombstone_count(&self) -> usize {
        self.range_tombstones.len()
    }

    /// The number of dots that were taken.
    pub const fn dot_count(&self) -> u64 {
        self.seq.saturating_sub(self.began)
    }

    /// What committing this changes in the store that was read, as a delta: what a log keeps of a
    /// transaction before it becomes visible.
    pub fn to_delta(&self, stored: &View<K, V>) -> Delta<K, V>
    where
        K: CellKey,
        V: CellValue,
    {
        let full = KeyRange::full();
        let part = |(range, base): (KeyRange<K>, &VersionVector)| {
            let mut upto = base.clone();
            upto.advance(self.replica, self.seq);
            let (start, end) = range.bounds();
            let touched = self.cells.range(start, end);
            let cells =
                touched.filter_map(|(key, cell)| self.to_delta_cell(key, cell, stored)).collect();
            let tombstones = self.range_tombstones.iter();
            let pieces = tombstones.filter_map(|tombstone| tombstone.cut_to(&range));
            let mut range_tombstones: Vec<_> = pieces.collect();
            range_tombstones.sort_by(|a, b| (a.dot, &a.range.start).cmp(&(b.dot, &b.range.start)));
            let (base, coverage) = (base.clone(), Coverage::Difference);
            Part { range, base, upto, coverage, cells, range_tombstones }
        };
        let parts = stored.context().segments_in(&full).map(part).collect();
        Delta { parts, horizon: VersionVector::new(), fingerprint: None }
    }

    fn to_delta_cell(
        &self,
        key: &K,
        staged: &StagedCell<V>,
        stored: &View<K, V>,
    ) -> Option<DeltaCell<K, V>>
    where
        K: CellKey,
        V: CellValue,
    {
        let mut listed = DeltaCell { key: key.clone(), fresh: SmallVec::new(), kept: Vec::new() };
        let unseen = if staged.is_whole { None } else { stored.cell(key) };
        let stays = |entry: &Entry<V>| !entry.is_superseded() && !entry.is_single_writer();
        let unseen = unseen.into_iter().flat_map(CellRef::entries);
        listed.kept.extend(unseen.filter(|(_, entry)| stays(entry)).map(|(dot, _)| dot));
        for (local, entry) in staged.cell.items() {
            let dot = local.resolve(&self.lives);
            if local.life == self.life && local.seq > self.began {
                listed.fresh.push((dot, entry.clone()));
            } else if !entry.is_single_writer() {
                listed.kept.push(dot);
            }
        }
        (!listed.fresh.is_empty()).then_some(listed)
    }

    /// Every cell that was touched, with the entries that this transaction gave it.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&K, impl Iterator<Item = &Entry<V>>)> {
        let is_new = |dot: LocalDot| dot.life == self.life && dot.seq > self.began;
        self.cells.iter().map(move |(key, staged)| {
            (key, staged.cell.items().filter(move |(dot, _)| is_new(*dot)).map(|(_, entry)| entry))
        })
    }
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
    pub(crate) fn share(&self) -> Self {
        Self(self.0.clone())
    }
}
