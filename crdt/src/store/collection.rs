//! Collection: forgetting removals that nobody can need any more.
//!
//! A removal has to be remembered as long as somebody may still hold, or send, what it removed. What
//! must always hold:
//!
//! - Whoever has not seen a forgotten removal learns of it: its dot raises the horizon, every delta
//!   carries the horizon, and for a base that does not cover it everything is listed (`delta.rs`).
//! - Readers and fingerprints do not notice: no live value, slot or row ever goes, and no context
//!   changes.
//!
//! Three rules say when, from weak to strong.
//!
//! *Acknowledged* (S1) is enough for range tombstones, and for tombstones of types in which a removal
//! takes only what it has seen. All of that lies in the own context, so it cannot arrive here again;
//! and a peer that still holds some of it has not seen the removal, so it lies below the horizon. This
//! holds whatever is in the list of members. That all of them have acknowledged only makes peers below
//! the horizon rare.
//!
//! A *reset* does more: it also reduces slots that are written later, as long as their writer has not
//! seen it, since a slot repeats the totals of its whole epoch. For each of its records it must be
//! known that no such slot can arrive any more (see `Rules::is_settled`). Entries never change
//! (invariant I1), so records do not go one by one: a reset goes when it has no record left to keep.
//!
//! *Causally stable* (S2) is needed where a removal beats a concurrent write. There a write that has
//! not seen the removal, and is still on its way, would show. Such a cell goes as a whole, or not at
//! all: a value in it has lost to a tombstone, or competes with one, and stays in its company until a
//! later write has seen both.
//!
//! What was weighed: `docs/decisions/0011-what-collection-leaves.md`.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::cell::CellRef;
use crate::dot::{Dot, LocalDot};
use crate::entry::{Entry, Record};
use crate::planted::{Bug, planted};
use crate::replica::ReplicaId;
use crate::stability::Stability;
use crate::store::{ChangedCell, Commit, IndexUpdate, Store};
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

/// What a collection has forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collected<K> {
    /// The cells that hold less now. No reader finds anything else in them than before.
    pub commit: Commit<K>,
    /// The number of tombstones that went.
    pub tombstones: usize,
    /// The number of resets of counters that went.
    pub resets: usize,
    /// The number of range tombstones that went.
    pub range_tombstones: usize,
}

impl<K> Default for Collected<K> {
    fn default() -> Self {
        Self { commit: Commit::default(), tombstones: 0, resets: 0, range_tombstones: 0 }
    }
}

impl<K> Collected<K> {
    /// Whether nothing could be forgotten.
    pub const fn is_empty(&self) -> bool {
        self.tombstones == 0 && self.resets == 0 && self.range_tombstones == 0
    }
}

/// The keys of the cells that hold a tombstone or a reset: where collection looks.
#[derive(Clone, Debug)]
pub(super) struct Removals<K> {
    keys: BTreeSet<K>,
}

impl<K> Default for Removals<K> {
    fn default() -> Self {
        Self { keys: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Removals<K> {
    /// Follows a change of the cell of `key`. A cell without removals before and after costs nothing.
    pub(super) fn note(&mut self, key: &K, held: bool, holds: bool) {
        match (held, holds) {
            (false, true) => {
                self.keys.insert(key.clone());
            }
            (true, false) => {
                self.keys.remove(key);
            }
            _ => {}
        }
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.keys.contains(key)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Forgets the removals that nobody can need any more, all at once. `removal_beats_write` says of
    /// which keys the data type lets a removal win against a concurrent write.
    ///
    /// Costs what there is to look at: the cells that hold removals, and the range tombstones. A store
    /// whose context differs between keys forgets nothing, since it does not have all that its context
    /// speaks of. Neither does a [suspect](Self::is_suspect) one: what it would forget may be the evidence
    /// that a repair needs.
    pub fn collect(
        &mut self,
        stability: &Stability,
        removal_beats_write: impl Fn(&K) -> bool,
    ) -> Collected<K> {
        let mut collected = Collected::default();
        if self.is_suspect || planted(Bug::RemovalsKept) {
            return collected;
        }
        let Some(own) = self.view.context.uniform() else { return collected };
        let is_exhausted = stability.is_exhausted_by(own);
        let rules = Rules { stability, own, is_exhausted };
        let ripe: Vec<(K, Ripe)> = self
            .removals
            .keys
            .iter()
            .filter_map(|key| {
                let cell = self.view.cell(key)?;
                let wins =
                    removal_beats_write(key) && !planted(Bug::TombstoneDroppedWhenAllAcknowledged);
                let ripe = if wins { rules.whole_cell(cell) } else { rules.removals(cell) };
                (!ripe.is_empty()).then(|| (key.clone(), ripe))
            })
            .collect();
        let mut index = IndexUpdate::default();
        for (key, dots) in ripe {
            self.forget(key, &dots, &mut index, &mut collected);
        }
        let ranges = self.range_tombstones.forget(|dot| stability.is_acknowledged(dot));
        collected.range_tombstones = ranges.len();
        ranges.into_iter().for_each(|dot| self.horizon.advance(dot.replica, dot.seq));
        if !collected.is_empty() {
            self.lapses += 1;
            self.finish(index, &collected.commit);
        }
        collected
    }

    /// How many removals are remembered: the cells that hold any, and the range tombstones.
    pub fn removal_count(&self) -> usize {
        self.removals.len() + self.range_tombstones.count()
    }

    /// Takes removals out of a cell, and notes in the horizon that they were here.
    fn forget(
        &mut self,
        key: K,
        dots: &[LocalDot],
        index: &mut IndexUpdate<K, V>,
        collected: &mut Collected<K>,
    ) {
        let Some(cell) = self.view.cells.get_mut(&key) else { return };
        for (local, entry) in cell.items().filter(|(local, _)| dots.contains(local)) {
            let dot = local.resolve(&self.view.lives);
            self.horizon.advance(dot.replica, dot.seq);
            if entry.is_tombstone() {
                collected.tombstones += 1;
            } else {
                collected.resets += 1;
            }
        }
        let turnover = cell.forget(dots);
        let dots = cell.len();
        self.removals.note(&key, true, cell.holds_removal());
        if cell.is_empty() {
            self.view.cells.remove(&key);
        }
        index.take(&key, turnover, &self.view.lives);
        collected.commit.cells.push(ChangedCell::of_old(key, dots));
    }
}

/// The dots of a cell that may go.
type Ripe = SmallVec<[LocalDot; 1]>;

/// When a removal may be forgotten here.
struct Rules<'a> {
    stability: &'a Stability,
    /// The own context.
    own: &'a VersionVector,
    /// Whether nothing can arrive any more that has not seen what is acknowledged.
    is_exhausted: bool,
}

impl Rules<'_> {
    /// The removals of a cell whose type lets a concurrent write survive a removal.
    fn removals<V>(&self, cell: CellRef<'_, V>) -> Ripe {
        let is_ripe = |local: LocalDot, entry: &Entry<V>| {
            let dot = local.resolve(cell.lives);
            let is_over = match entry {
                Entry::Tombstone(_) => true,
                Entry::Reset(reset) => reset
                    .records
                    .iter()
                    .all(|(owner, record)| self.is_settled(cell, dot, *owner, record)),
                Entry::Value { .. } | Entry::Slot(_) | Entry::Row(_) => false,
            };
            is_over && self.stability.is_acknowledged(dot)
        };
        let items = cell.cell.items().filter(|(local, entry)| is_ripe(*local, entry));
        items.map(|(local, _)| local).collect()
    }

    /// Every dot of a cell whose type lets a removal beat a concurrent write, or none.
    fn whole_cell<V>(&self, cell: CellRef<'_, V>) -> Ripe {
        let is_ripe = |(dot, entry): (Dot, &Entry<V>)| {
            entry.is_tombstone() && self.stability.is_acknowledged(dot)
        };
        if self.is_exhausted && cell.entries().all(is_ripe) {
            cell.cell.locals().collect()
        } else {
            Ripe::new()
        }
    }

    /// Whether the cell needs a record of `reset` no more. It cancels totals of one epoch of its
    /// owner. While a slot of that epoch is here, the record says what is left of it. A slot of a
    /// later epoch has taken the place of all earlier ones, whoever may still send them. Without a
    /// slot, it must be certain that the owner has seen the reset, so that it goes on in a new epoch,
    /// and that all it had written before is here.
    fn is_settled<V>(
        &self,
        cell: CellRef<'_, V>,
        reset: Dot,
        owner: ReplicaId,
        record: &Record,
    ) -> bool {
        match cell.entry_of(owner) {
            Some((_, Entry::Slot(slot))) => slot.epoch > record.seq,
            _ if planted(Bug::ResetCollectedWithoutItsOwner) => true,
            _ => self.stability.is_exhausted_for(owner, reset, self.own),
        }
    }
}
