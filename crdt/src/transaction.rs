//! Local changes: staged beside the store, committed as one, or dropped without a trace.
//!
//! A transaction reads through its own changes to the store, and costs what it touches. Every change
//! takes a dot of its own; every removal too (invariant I5).

use std::ops::Bound;
use std::sync::Arc;

use smallvec::SmallVec;
use thiserror::Error;

use crate::cell::{Cell, CellRef};
use crate::dot::{Dot, LocalDot};
use crate::entry::{Entry, Reset, Row, Slot, Tombstone};
use crate::hlc::Hlc;
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::{Lives, ReplicaId};
use crate::staged::{Staged, StagedCell, StagedCells};
use crate::store::Store;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

/// Changes of one replica that have not been committed yet.
#[derive(Debug)]
pub struct Transaction<'a, K, V> {
    store: &'a Store<K, V>,
    staged: Staged<K, V>,
    hlc: Hlc,
}

/// The running total of a counter would pass 2^64. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the totals of one replica in a counter are limited to 2^64 - 1")]
pub struct CounterOverflow;

impl<'a, K: CellKey, V: CellValue> Transaction<'a, K, V> {
    /// A transaction of `replica` on `store`, all of whose writes carry the stamp `hlc`.
    pub fn new(store: &'a Store<K, V>, replica: ReplicaId, hlc: Hlc) -> Self {
        let mut lives = store.view().lives.clone();
        let life = match lives.life(replica) {
            Some(life) => life,
            None => Arc::make_mut(&mut lives).intern(replica),
        };
        let began = store.last_seq(replica);
        let staged = Staged {
            replica,
            life,
            lives,
            origin: store.origin(),
            revision: store.revision(),
            began,
            seq: began,
            cells: StagedCells::default(),
            range_tombstones: Vec::new(),
        };
        Self { store, staged, hlc }
    }

    /// The changes, ready to be committed.
    pub fn finish(self) -> Staged<K, V> {
        self.staged
    }

    /// The replica that writes.
    pub const fn replica(&self) -> ReplicaId {
        self.staged.replica
    }

    /// The store as it was when the transaction began.
    pub const fn store(&self) -> &'a Store<K, V> {
        self.store
    }

    /// The stamp of every write of this transaction.
    pub const fn hlc(&self) -> Hlc {
        self.hlc
    }

    /// The cell of `key` as this transaction sees it.
    pub fn cell(&self, key: &K) -> Option<CellRef<'_, V>> {
        match self.staged.cells.get(key) {
            Some(StagedCell { cell, .. }) => {
                (!cell.is_empty()).then_some(CellRef { cell, lives: &self.staged.lives })
            }
            None => self.store.view().cell(key),
        }
    }

    /// The cells of a range as this transaction sees them, in key order.
    pub fn range<'b>(
        &'b self,
        range: &KeyRange<K>,
    ) -> impl Iterator<Item = (&'b K, CellRef<'b, V>)> + use<'a, 'b, K, V> {
        let (start, end) = range.bounds();
        // A map of the standard library panics at a range that ends before it starts.
        let staged = (!range.is_empty()).then(|| self.staged.cells.range(start, end));
        self.overlaid(self.store.view().range(range), staged.into_iter().flatten())
    }

    /// The cells from the first key for which `is_before` is false, as this transaction sees them; it
    /// must be true for a prefix of the keys and false for the rest.
    pub fn range_from<'b>(
        &'b self,
        is_before: impl Fn(&K) -> bool,
    ) -> impl Iterator<Item = (&'b K, CellRef<'b, V>)> + 'b {
        let first = self.staged.cells.iter().map(|(key, _)| key).find(|key| !is_before(key));
        let after = |first| self.staged.cells.range(Bound::Included(first), Bound::Unbounded);
        let staged = first.into_iter().flat_map(after);
        self.overlaid(self.store.view().range_from(is_before), staged)
    }

    /// The cells of the store, with those that the transaction has touched in their place.
    fn overlaid<'b, S, T>(
        &'b self,
        stored: S,
        staged: T,
    ) -> impl Iterator<Item = (&'b K, CellRef<'b, V>)> + use<'a, 'b, K, V, S, T>
    where
        S: Iterator<Item = (&'b K, CellRef<'b, V>)> + 'b,
        T: Iterator<Item = (&'b K, &'b StagedCell<V>)> + 'b,
    {
        let (mut stored, mut staged) = (stored.peekable(), staged.peekable());
        std::iter::from_fn(move || {
            loop {
                let key = match (stored.peek(), staged.peek()) {
                    (Some((a, _)), Some((b, _))) => (*a).min(*b),
                    (Some((key, _)), None) => key,
                    (None, Some((key, _))) => *key,
                    (None, None) => return None,
                };
                let old = stored.next_if(|(stored, _)| *stored == key);
                match staged.next_if(|(staged, _)| *staged == key) {
                    Some((_, staged)) if staged.cell.is_empty() => {}
                    Some((key, StagedCell { cell, .. })) => {
                        return Some((key, CellRef { cell, lives: &self.staged.lives }));
                    }
                    None => return old,
                }
            }
        })
    }

    /// Writes `value`, superseding every value and tombstone of the cell. Always takes a dot, also
    /// when the value is already there: a re-assertion must survive a concurrent removal.
    pub fn write(&mut self, key: &K, value: V) -> Dot {
        if planted(Bug::EqualWriteSkipped)
            && let Some(same) = self.sole_value(key, &value)
        {
            return same;
        }
        let entry = Entry::Value { hlc: self.hlc, value };
        self.supersede(key, entry)
    }

    /// As [`Self::write`], for a cell that by its type holds values and tombstones: it is not looked at before
    /// the commit.
    pub(crate) fn overwrite(&mut self, key: K, value: V) -> Dot {
        if planted(Bug::EqualWriteSkipped) {
            return self.write(&key, value);
        }
        let (dot, entry) = (self.next_dot(), Entry::Value { hlc: self.hlc, value });
        let unseen = || StagedCell { cell: Cell::default(), is_whole: false };
        let staged = self.staged.cells.entry(key, unseen);
        staged.cell.supersede(dot, entry, &self.staged.lives);
        dot.resolve(&self.staged.lives)
    }

    /// Writes `value` over exactly the siblings in `seen`: the resolution of a conflict. A sibling
    /// that arrived from elsewhere after somebody looked stays beside it. `None` if the conflict is no
    /// longer there: nothing that was seen is left, or this replica has written since.
    pub fn write_over(&mut self, key: &K, seen: &[Dot], value: V) -> Option<Dot> {
        let cell = self.cell(key)?;
        let live = || cell.values().map(|sibling| sibling.dot);
        let own = self.staged.replica;
        let is_outdated = live().any(|dot| dot.replica == own && !seen.contains(&dot));
        if is_outdated || !live().any(|dot| seen.contains(&dot)) {
            return None;
        }
        let entry = Entry::Value { hlc: self.hlc, value };
        let dot = self.next_dot();
        let (cell, lives) = self.stage(key);
        if planted(Bug::ResolutionSupersedesEverything) {
            cell.supersede(dot, entry, lives);
        } else {
            cell.supersede_only(seen, dot, entry, lives);
        }
        Some(dot.resolve(&self.staged.lives))
    }

    /// Writes `value` unless it is the only live value already; returns the dot if it wrote.
    ///
    /// That gives something up: an equal value is not re-asserted, so a removal that happens
    /// concurrently elsewhere takes it away.
    pub fn ensure(&mut self, key: &K, value: V) -> Option<Dot> {
        match self.sole_value(key, &value) {
            Some(_) => None,
            None => Some(self.write(key, value)),
        }
    }

    /// Removes every value that is seen in the cell; does nothing if there is none.
    pub fn remove(&mut self, key: &K) -> Option<Dot> {
        self.cell(key).is_some_and(CellRef::has_value).then(|| self.tombstone(key))
    }

    /// Writes a tombstone even where no value is seen: for types in which a removal beats a
    /// concurrent write.
    pub fn tombstone(&mut self, key: &K) -> Dot {
        let seen = self.cell(key).into_iter().flat_map(CellRef::entries);
        let over = seen.filter(|(_, e)| e.is_value() || e.is_tombstone()).map(|(dot, _)| dot);
        let tombstone = Tombstone { hlc: self.hlc, over: over.collect() };
        self.supersede(key, Entry::Tombstone(Box::new(tombstone)))
    }

    /// Adds to the own slot of a counter.
    ///
    /// # Errors
    /// When the own totals would overflow; nothing was changed.
    pub fn count(&mut self, key: &K, inc: u64, dec: u64) -> Result<Dot, CounterOverflow> {
        if let Some(counted) = self.count_on(key, inc, dec) {
            return counted;
        }
        let (replica, seq) = (self.staged.replica, self.staged.seq + 1);
        let own = self.cell(key).and_then(|cell| match cell.entry_of(replica) {
            Some((dot, Entry::Slot(slot))) => Some((dot.seq, **slot, cell.cell.merged_reset())),
            _ => None,
        });
        let slot = match own {
            Some((_, slot, _)) if !planted(Bug::RemainderIntoNewEpoch) => slot,
            Some((old, slot, reset)) if reset.of(replica).is_some() => {
                let (inc, dec) = slot.remainder(old, reset.of(replica));
                Slot { epoch: seq, inc, dec }
            }
            Some((_, slot, _)) => slot,
            None => Slot { epoch: seq, inc: 0, dec: 0 },
        };
        let slot = Slot {
            epoch: slot.epoch,
            inc: slot.inc.checked_add(inc).ok_or(CounterOverflow)?,
            dec: slot.dec.checked_add(dec).ok_or(CounterOverflow)?,
        };
        Ok(self.replace_own(key, Entry::Slot(Box::new(slot))))
    }

    /// Adds to the slot that this transaction has written before, where that is all the cell holds.
    fn count_on(&mut self, key: &K, inc: u64, dec: u64) -> Option<Result<Dot, CounterOverflow>> {
        let (life, began) = (self.staged.life, self.staged.began);
        let next = self.following_dot();
        let (dot, slot) = self.staged.cells.get_mut(key)?.cell.only_slot_mut()?;
        if dot.life != life || dot.seq <= began {
            return None;
        }
        let totals = slot.inc.checked_add(inc).zip(slot.dec.checked_add(dec));
        let Some(totals) = totals else { return Some(Err(CounterOverflow)) };
        ((slot.inc, slot.dec), *dot) = (totals, next);
        self.staged.seq = next.seq;
        Some(Ok(next.resolve(&self.staged.lives)))
    }

    /// Cancels every increment that is seen in a counter; does nothing if nothing is left of it.
    pub fn reset(&mut self, key: &K) -> Option<Dot> {
        let reset = self.cell(key).and_then(CellRef::reset_of_everything_seen)?;
        let dot = self.next_dot();
        let (cell, lives) = self.stage(key);
        cell.reset(dot, reset, lives);
        Some(dot.resolve(&self.staged.lives))
    }

    /// Replaces the own row of a bounded counter.
    pub(crate) fn write_row(&mut self, key: &K, row: Row) -> Dot {
        self.replace_own(key, Entry::Row(Box::new(row)))
    }

    /// Removes everything that is seen in a range, with one range tombstone for each segment of the
    /// context that meets it and has anything to remove. Returns the number of cells it changed.
    pub fn remove_range(&mut self, range: &KeyRange<K>) -> usize {
        let context = self.store.view().context();
        let segments: Vec<_> = match planted_span(context.segments_in(range)) {
            Some(seen) => vec![(range.clone(), seen)],
            None => context.segments_in(range).map(|(r, seen)| (r, seen.clone())).collect(),
        };
        segments.into_iter().map(|(range, seen)| self.remove_segment(range, seen)).sum()
    }

    fn remove_segment(&mut self, range: KeyRange<K>, mut seen: VersionVector) -> usize {
        let live: Vec<K> = self
            .range(&range)
            .filter(|(_, c)| c.is_removable())
            .map(|(key, _)| key.clone())
            .collect();
        if live.is_empty() {
            return 0;
        }
        // The transaction's own changes so far were seen too; the removal itself comes after them.
        seen.advance(self.staged.replica, self.staged.seq);
        let local = self.next_dot();
        // Tombstones that are alone in their cell go as well: the range tombstone dominates them.
        let keys: Vec<K> = self.range(&range).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            let reset = self.cell(key).and_then(CellRef::reset_of_everything_seen);
            let (cell, lives) = self.stage(key);
            if let Some(reset) = reset
                && !planted(Bug::RangeTombstoneWithoutResets)
            {
                cell.reset(local, reset, lives);
            }
            cell.bury(&seen, lives);
        }
        if planted(Bug::RangeTombstoneSeesLiveReplicasOnly) {
            seen = self.seen_of_live_replicas(&keys, &seen);
        }
        let dot = local.resolve(&self.staged.lives);
        self.staged.range_tombstones.push(RangeTombstone { dot, range, seen });
        live.len()
    }

    fn seen_of_live_replicas(&self, keys: &[K], seen: &VersionVector) -> VersionVector {
        let cells = keys.iter().filter_map(|key| self.store.view().cell(key));
        let replicas = cells.flat_map(CellRef::entries).map(|(dot, _)| dot.replica);
        replicas.map(|replica| (replica, seen.seq(replica))).collect()
    }

    pub(crate) fn sole_value(&self, key: &K, value: &V) -> Option<Dot> {
        let mut entries = self.cell(key)?.entries();
        match (entries.next()?, entries.next()) {
            ((dot, entry), None) if entry.value() == Some(value) => Some(dot),
            _ => None,
        }
    }

    fn supersede(&mut self, key: &K, entry: Entry<V>) -> Dot {
        let dot = self.next_dot();
        let (cell, lives) = self.stage(key);
        cell.supersede(dot, entry, lives);
        dot.resolve(&self.staged.lives)
    }

    fn replace_own(&mut self, key: &K, entry: Entry<V>) -> Dot {
        let dot = self.next_dot();
        let (cell, lives) = self.stage(key);
        cell.replace_own(dot, entry, lives);
        dot.resolve(&self.staged.lives)
    }

    fn next_dot(&mut self) -> LocalDot {
        let dot = self.following_dot();
        self.staged.seq = dot.seq;
        dot
    }

    /// The dot that would be taken next.
    fn following_dot(&self) -> LocalDot {
        let Staged { life, seq, began, .. } = self.staged;
        let is_shared = planted(Bug::OneDotPerTransaction) && seq > began;
        LocalDot { life, seq: seq + u64::from(!is_shared) }
    }

    /// The cell of `key`, to be changed.
    fn stage(&mut self, key: &K) -> (&mut Cell<V>, &Lives) {
        let Staged { cells, lives, .. } = &mut self.staged;
        let stored = || self.store.view().cells.get(key).cloned().unwrap_or_default();
        let whole = || StagedCell { cell: stored(), is_whole: true };
        let StagedCell { cell, is_whole } = cells.entry(key.clone(), whole);
        if !std::mem::replace(is_whole, true) {
            let prepared = std::mem::replace(cell, stored());
            cell.overwrite(prepared, lives);
        }
        (cell, lives)
    }
}

/// The single context of the planted bugs that write one range tombstone over several segments.
fn planted_span<'a, K>(
    segments: impl Iterator<Item = (KeyRange<K>, &'a VersionVector)>,
) -> Option<VersionVector> {
    let vectors = segments.map(|(_, vector)| vector.clone());
    if planted(Bug::RangeTombstoneSpansSegmentsByMaximum) {
        return vectors.reduce(|mut a, b| {
            a.join(&b);
            a
        });
    }
    if planted(Bug::RangeTombstoneSpansSegmentsByMinimum) {
        return vectors.reduce(|a, b| a.meet(&b));
    }
    None
}

impl<V> CellRef<'_, V> {
    /// The own slot or row of `replica`.
    pub(crate) fn entry_of(&self, replica: ReplicaId) -> Option<(Dot, &Entry<V>)> {
        self.entries().find(|(dot, entry)| dot.replica == replica && entry.is_single_writer())
    }

    /// Whether a range tombstone would take anything from a reader.
    fn is_removable(self) -> bool {
        self.cell.entries().any(|e| e.is_value() || matches!(e, Entry::Slot(_)))
    }

    /// A reset of every slot in this cell. It carries on what earlier resets saw of writers that have
    /// no slot here, since it supersedes those resets. `None` if there is no slot to reset.
    fn reset_of_everything_seen(self) -> Option<Reset> {
        let slots: SmallVec<[(Dot, &Slot); 4]> = self
            .entries()
            .filter_map(|(dot, entry)| match entry {
                Entry::Slot(slot) => Some((dot, slot.as_ref())),
                _ => None,
            })
            .collect();
        if slots.is_empty() {
            return None;
        }
        let older = self.cell.merged_reset();
        let mut reset = older.clone();
        if planted(Bug::ResetForgetsOlderRecords) {
            reset = Reset::default();
        }
        for (dot, slot) in slots {
            if planted(Bug::ResetSlotsKept) {
                reset.records.retain(|(owner, _)| *owner != dot.replica);
                if slot.remainder(dot.seq, older.of(dot.replica)) == (0, 0) {
                    continue;
                }
            }
            reset.record(dot.replica, slot.record(dot.seq));
        }
        Some(reset)
    }
}
