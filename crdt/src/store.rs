//! The store: an ordered map of cells under one causal context.
//!
//! Three things happen to a store. Local transactions are [committed](Store::commit), deltas of other
//! replicas are [joined](Store::join), and deltas for other replicas are
//! [extracted](Store::delta_since). Each becomes visible as a whole or not at all (invariant I9).

mod audit;
mod collection;
mod difference;
mod fork;
mod join;
mod repair;
mod scrub;
mod verify;
mod write_off;

use smallvec::SmallVec;
use thiserror::Error;

pub use collection::Collected;
pub use fork::Fork;
pub use join::JoinError;
pub use repair::{RepairError, Repaired, Testimony};
pub use scrub::Scrubbed;
pub use verify::Violation;

use crate::cell::{Cell, Turnover};
use crate::context::Context;
use crate::dot::{Dot, LocalDot, Seq};
use crate::entry::Entry;
use crate::index::Index;
use crate::ordered_map::Place;
use crate::planted::{Bug, any_planted, planted};
use crate::range::KeyRange;
use crate::range_tombstone::{RangeTombstone, RangeTombstones};
use crate::replica::{Lives, ReplicaId};
use crate::staged::{Origin, Staged, StagedCell};
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue, Types, View};

use collection::Removals;
use fork::Forks;

/// Of so many entries the memory is looked at before they are freed: it fits the nearest caches.
const FREED_AT_ONCE: usize = 128;

/// The state of one replica.
#[derive(Clone, Debug)]
pub struct Store<K, V> {
    view: View<K, V>,
    index: Index<K>,
    range_tombstones: RangeTombstones<K>,
    removals: Removals<K>,
    /// Every tombstone that was collected, here or at a replica whose state was joined here.
    horizon: VersionVector,
    /// Counts commits, so that a transaction on an older state is noticed.
    revision: u64,
    /// Counts the changes that removed something without a dot that says so.
    lapses: u64,
    forks: Forks<K, V>,
    /// Whether an audit found something that no later one has cleared up.
    is_suspect: bool,
    /// Ranges whose cells have changed by themselves.
    quarantine: Vec<KeyRange<K>>,
    /// How often such a range was found.
    damages: u64,
    origin: Origin,
}

impl<K: CellKey, V: CellValue> Default for Store<K, V> {
    fn default() -> Self {
        Self {
            view: View::default(),
            index: Index::default(),
            range_tombstones: RangeTombstones::default(),
            removals: Removals::default(),
            horizon: VersionVector::new(),
            revision: 0,
            lapses: 0,
            forks: Forks::default(),
            is_suspect: false,
            quarantine: Vec::new(),
            damages: 0,
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
    /// New keys, each with a neighbour that the types of keys say is at odds with it.
    pub(crate) at_odds: Vec<[K; 2]>,
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

impl<K> ChangedCell<K> {
    /// A change of a cell that was there before.
    pub(crate) const fn of_old(key: K, dots: usize) -> Self {
        Self { key, is_new: false, dots }
    }
}

impl<K> Default for Commit<K> {
    fn default() -> Self {
        Self { cells: Vec::new(), ranges: Vec::new(), at_odds: Vec::new() }
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

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// An empty store of keys and values of which this is known.
    pub(crate) fn of_types(types: Types<K, V>) -> Self {
        let mut store = Self::default();
        store.view.types = types;
        store
    }

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

    /// How often something changed here without a new dot that says so: because it was collected, because
    /// a listing of somebody who had collected it did not name it, because damage was repaired, or because it was
    /// written off. While this number stays, what
    /// has changed can be told from the dots.
    pub const fn lapses(&self) -> u64 {
        self.lapses
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
        self.view.context.seq(replica)
    }

    /// The key of the cell that holds `dot`, if there is exactly one.
    pub(crate) fn key_of(&self, dot: Dot) -> Option<&K> {
        let mut keys = self.index.keys_at(dot);
        keys.next().filter(|_| keys.next().is_none())
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
        commit.cells.reserve(staged.cells.len());
        index.born.reserve(staged.cells.len());
        for (key, StagedCell { cell, is_whole }) in staged.cells.into_iter() {
            match is_whole {
                true => self.replace_cell(key, cell, &mut index, &mut commit),
                false => self.overwrite_cell(key, cell, &mut index, &mut commit),
            }
        }
        if planted(Bug::CommitInOneSegment)
            && let Some(range) = commit.cells.first().and_then(|c| self.segment_of(&c.key))
        {
            let own = [(staged.replica, staged.seq)].into_iter().collect();
            self.view.context.join(&range, &own);
        } else {
            self.view.context.advance(staged.replica, staged.seq);
        }
        debug_assert!(
            any_planted()
                || self
                    .view
                    .context
                    .segments_in(&KeyRange::full())
                    .all(|(_, seen)| seen.seq(staged.replica) == staged.seq),
            "invariant I6: the own component differs between segments"
        );
        self.finish(index, &commit);
        self.assert_monotone(before.as_ref(), None);
        Ok(commit)
    }

    /// Takes over that somebody has collected what lies under `horizon`, as far as it was seen here.
    pub fn inherit_horizon(&mut self, horizon: &VersionVector) {
        self.horizon.join(&horizon.meet(&self.view.context.floor()));
    }

    /// The keys around `key` that have one context.
    fn segment_of(&self, key: &K) -> Option<KeyRange<K>> {
        let full = KeyRange::full();
        let mut segments = self.view.context.segments_in(&full).map(|(range, _)| range);
        segments.find(|range| range.contains(key))
    }

    fn bury_range(
        &mut self,
        tombstone: &RangeTombstone<K>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        let (start, end) = tombstone.range.bounds();
        // What nothing is taken from is not touched, so that views and sums stay as they are.
        let lives = &self.view.lives;
        let cells = self.view.cells.range(start, end);
        let buried = cells.filter(|(_, cell)| cell.is_buried_by(&tombstone.seen, lives));
        let keys: Vec<K> = buried.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let Some(cell) = self.view.cells.get_mut(&key) else { continue };
            let held = cell.holds_removal();
            let turnover = cell.bury(&tombstone.seen, &self.view.lives);
            let dots = cell.len();
            self.removals.note(&key, held, cell.holds_removal());
            if cell.is_empty() {
                self.view.cells.remove(&key);
            }
            self.note(&key, dots, None, turnover, index, commit);
        }
    }

    /// Puts the cell that a transaction has prepared in the place of the old one.
    fn replace_cell(
        &mut self,
        key: K,
        cell: Cell<V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        let fresh: SmallVec<[_; 2]> = cell.locals().collect();
        let (is_empty, holds) = (cell.is_empty(), cell.holds_removal());
        let (old, place) = if is_empty {
            (self.view.cells.remove(&key), None)
        } else {
            let (stored, place) = self.view.cells.entry_or_insert_with(&key, None, Cell::default);
            (Some(std::mem::replace(stored, cell)), place)
        };
        self.removals.note(&key, old.as_ref().is_some_and(Cell::holds_removal), holds);
        let dots: SmallVec<[_; 2]> = old.iter().flat_map(Cell::locals).collect();
        let turnover = Turnover {
            born: fresh.iter().filter(|dot| !dots.contains(dot)).copied().collect(),
            died: dots.iter().filter(|dot| !fresh.contains(dot)).copied().collect(),
            gone: old.into_iter().flat_map(Cell::into_entries).collect(),
        };
        debug_assert!(
            any_planted()
                || turnover.died.is_empty()
                || !turnover.born.is_empty()
                || commit.ranges.iter().any(|range| range.contains(&key)),
            "invariant I5: something left {key:?} without a dot that removes it"
        );
        self.note(&key, fresh.len(), place, turnover, index, commit);
    }

    /// Puts what a transaction has prepared over a cell that it has not looked at.
    fn overwrite_cell(
        &mut self,
        key: K,
        prepared: Cell<V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        let (cell, place) = self.view.cells.entry_or_insert_with(&key, None, Cell::default);
        let held = cell.holds_removal();
        let turnover = cell.overwrite(prepared, &self.view.lives);
        let dots = cell.len();
        self.removals.note(&key, held, cell.holds_removal());
        self.note(&key, dots, place, turnover, index, commit);
    }

    /// Notes for the index and for observers that a cell has changed, if it has.
    fn note(
        &mut self,
        key: &K,
        dots: usize,
        place: Option<Place>,
        turnover: Turnover<V>,
        index: &mut IndexUpdate<K, V>,
        commit: &mut Commit<K>,
    ) {
        if turnover.is_empty() {
            return;
        }
        index.take(key, turnover, &self.view.lives);
        // A cell that went again has no place any more.
        if let Some(place) = place.as_ref().filter(|_| dots > 0) {
            self.note_neighbours(key, place, commit);
        }
        commit.cells.push(ChangedCell { key: key.clone(), is_new: place.is_some(), dots });
    }

    /// Looks at the neighbours of a new key at once, while the way to its place is in the processor's caches. A
    /// key that goes needs no such look: what lay between two keys that are at odds was at odds with one of
    /// them.
    fn note_neighbours(&self, key: &K, place: &Place, commit: &mut Commit<K>) {
        let (below, above) = self.view.cells.around(place);
        let neighbours = [below, above].into_iter().flatten();
        let at_odds = neighbours.filter(|other| (self.view.types.are_at_odds)(key, other));
        commit.at_odds.extend(at_odds.map(|other| [key.clone(), other.clone()]));
    }

    fn finish(&mut self, update: IndexUpdate<K, V>, commit: &Commit<K>) {
        self.revision += 1;
        // What one part of a delta brought, a later one may have removed.
        self.index.add(update.born);
        self.index.remove(&update.died);
        self.free(update.gone);
        debug_assert!(
            any_planted()
                || commit.cells.iter().all(|changed| self.contains_its_dots(&changed.key)),
            "invariant I2: a cell holds a dot that is not in the context of its key"
        );
        debug_assert!(
            any_planted() || commit.cells.iter().all(|changed| self.is_closed(&changed.key)),
            "invariant I3: a cell holds a dot whose removal is in the context of its key"
        );
    }

    /// Frees what has left its cells, some at a time: each lies elsewhere in memory, and counting references lets
    /// nothing overtake it, so the processor would wait for one after another
    /// (`docs/decisions/0019-waiting-for-memory.md`).
    fn free(&self, mut gone: SmallVec<[Entry<V>; 1]>) {
        while !gone.is_empty() {
            let kept = gone.len().saturating_sub(FREED_AT_ONCE);
            let block = gone.iter().skip(kept).filter_map(Entry::value);
            block.for_each(self.view.types.read_ahead);
            gone.truncate(kept);
        }
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

    /// Invariant I3 for one cell, as far as removals leave a record: what a tombstone or a range
    /// tombstone has seen is gone.
    fn is_closed(&self, key: &K) -> bool {
        let Some(cell) = self.view.cell(key) else { return true };
        let over = cell.entries().filter_map(|(_, entry)| match entry {
            Entry::Tombstone(tombstone) => Some(&tombstone.over),
            _ => None,
        });
        // A tombstone supersedes no slot, whatever a liar writes into its list.
        let removable = || cell.entries().filter(|(_, entry)| !entry.is_single_writer());
        let is_alive = |dot: &Dot| removable().any(|(live, _)| live == *dot);
        let mut superseded = over.flatten();
        let is_outlived = |(dot, entry): (Dot, &Entry<V>)| {
            entry.yields_to_range_tombstone() && self.is_buried(key, dot)
        };
        !superseded.any(is_alive) && !cell.entries().any(is_outlived)
    }

    /// Invariant I2 for one cell.
    fn contains_its_dots(&self, key: &K) -> bool {
        let context = self.view.context.at(key);
        let mut dots = self.view.cell(key).into_iter().flat_map(|cell| cell.entries());
        dots.all(|(dot, _)| context.contains(dot))
    }
}

/// The index rows that a commit adds and takes, and what it has taken out of cells.
#[derive(Debug)]
struct IndexUpdate<K, V> {
    born: SmallVec<[(Dot, K); 1]>,
    died: Vec<(Dot, K)>,
    gone: SmallVec<[Entry<V>; 1]>,
}

impl<K, V> Default for IndexUpdate<K, V> {
    fn default() -> Self {
        Self { born: SmallVec::new(), died: Vec::new(), gone: SmallVec::new() }
    }
}

impl<K: Clone, V> IndexUpdate<K, V> {
    fn take(&mut self, key: &K, turnover: Turnover<V>, lives: &Lives) {
        let row = |dot: &LocalDot| (dot.resolve(lives), key.clone());
        turnover.born.iter().for_each(|dot| self.born.push(row(dot)));
        turnover.died.iter().for_each(|dot| self.died.push(row(dot)));
        turnover.gone.into_iter().for_each(|entry| self.gone.push(entry));
    }
}
