//! Deltas in which removals travel without their keys.
//!
//! A removal is little more than two dots: its own and that of what it removed. What was removed is alive at
//! a reader who has not heard of the removal, and the dot index of its store says in which cell. So within a
//! session the key may be left out, which is most of what a removal takes on the wire.
//!
//! What must always hold: such a delta is nothing that can be validated or joined. It becomes one by
//! [`KeylessDelta::find_keys`], as a whole or not at all, and then it is the very delta that its sender had:
//! a dot that is alive in one cell names that cell, and a check over all keys says that both sides mean the
//! same ones. A reader who has removed or overwritten the same thing meanwhile cannot tell the key, and has
//! to ask for it.
//!
//! What was weighed: `docs/decisions/0016-removals-without-keys.md`.

use std::collections::BTreeMap;

use smallvec::smallvec;
use thiserror::Error;

use super::decoded_bytes;
use super::extract::is_taken;
use super::removals::{KeyCheck, Removal, Removals};
use super::varint::wide;
use super::weight::{CELL_BYTES, OVER_DOT_BYTES, TOMBSTONE_BYTES};
use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::Dot;
use crate::entry::{Entry, Tombstone};
use crate::limits::Limits;
use crate::path::Key;
use crate::planted::{Bug, planted};
use crate::store::Store;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// A decoded delta of which some removals may lack their keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeylessDelta<V = Value> {
    /// Everything else.
    pub(super) rest: Delta<Key, V>,
    /// By the position of their part; never empty ones.
    pub(super) removals: BTreeMap<usize, Removals>,
}

/// Why the keys of removals were not found. Nothing was changed; ask for a delta with keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum UnknownKey {
    /// What was removed is not here any more, and neither is the removal.
    #[error("dot {removed:?}, which was removed, is in no cell, or in several")]
    NotHere {
        /// What was removed.
        removed: Dot,
    },
    /// The dots are here, and stand for other cells than at the sender.
    #[error("removed dots stand for other keys here than at the sender")]
    OtherKeys,
    /// With the keys the delta is larger than a delta may be.
    #[error("with its keys the delta is larger than the limits allow")]
    TooLarge,
}

impl<V> From<Delta<Key, V>> for KeylessDelta<V> {
    /// All keys stay.
    fn from(rest: Delta<Key, V>) -> Self {
        Self { rest, removals: BTreeMap::new() }
    }
}

impl<V> KeylessDelta<V> {
    /// Leaves the keys out where a part has at least `least` removals that can do without.
    #[must_use]
    pub fn omit_keys(mut self, least: usize) -> Self {
        for (at, part) in self.rest.parts.iter_mut().enumerate() {
            // A reader of nothing has no dots, so a first sync is not looked through.
            let may_omit = part.coverage == Coverage::Difference && !part.base.is_empty();
            let removals = || part.cells.iter().filter_map(|cell| removal_of(cell, &part.base));
            if may_omit && removals().count() >= least.max(1) && !self.removals.contains_key(&at) {
                self.removals.insert(at, take_removals(part));
            }
        }
        self
    }

    /// The delta itself, if it has all its keys.
    ///
    /// # Errors
    /// Gives it back if keys have to be [found](Self::find_keys).
    pub fn into_delta(self) -> Result<Delta<Key, V>, Box<Self>> {
        if self.is_keyless() { Err(Box::new(self)) } else { Ok(self.rest) }
    }

    /// Whether keys are missing.
    pub fn is_keyless(&self) -> bool {
        !self.removals.is_empty()
    }

    /// The number of cells in all parts, those without keys included.
    pub fn cell_count(&self) -> usize {
        self.rest.cell_count() + self.keyless_count()
    }

    /// The number of cells whose keys are missing.
    pub fn keyless_count(&self) -> usize {
        self.removals.values().map(|removals| removals.list.len()).sum()
    }
}

impl KeylessDelta {
    /// The memory that a receiver accounts for the delta, without its bytes on the wire and the keys that are
    /// missing.
    pub fn decoded_bytes(&self) -> u64 {
        let each_bytes = CELL_BYTES + TOMBSTONE_BYTES + OVER_DOT_BYTES;
        decoded_bytes(&self.rest) + wide(self.keyless_count()) * each_bytes
    }

    /// The delta but for the removals without keys. Its ranges and version vectors are those of the whole.
    pub const fn rest(&self) -> &Delta<Key, Value> {
        &self.rest
    }

    /// The delta with the keys that `store` has for its removals. The store must cover the base of every part,
    /// else what was removed may be still to come.
    ///
    /// # Errors
    /// When a key is not known, or the delta would be larger than `limits` allow.
    pub fn find_keys(
        self,
        store: &Store<Key, Value>,
        limits: &Limits,
    ) -> Result<Delta<Key, Value>, UnknownKey> {
        let Self { rest: mut delta, removals } = self;
        for (at, Removals { list, check }) in removals {
            let mut found: Vec<(&Key, Removal)> = Vec::with_capacity(list.len());
            for removal in list {
                match key_of(store, &removal) {
                    Some(key) => found.push((key, removal)),
                    None if planted(Bug::UnknownRemovalSkipped) => {}
                    None => return Err(UnknownKey::NotHere { removed: removal.over }),
                }
            }
            let is_meant = KeyCheck::of(found.iter().map(|(key, _)| *key)) == check;
            if !is_meant && !planted(Bug::UnknownRemovalSkipped) {
                return Err(UnknownKey::OtherKeys);
            }
            found.sort_unstable_by_key(|(key, _)| *key);
            if let Some(part) = delta.parts.get_mut(at) {
                part.cells.extend(found.into_iter().map(|(key, removal)| cell_of(key, &removal)));
                // Two runs, which this merges.
                part.cells.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
        if is_taken(&delta, limits) { Ok(delta) } else { Err(UnknownKey::TooLarge) }
    }
}

/// The key of the cell that is meant: of what was removed, or of the removal, if that is here already.
fn key_of<'s>(store: &'s Store<Key, Value>, removal: &Removal) -> Option<&'s Key> {
    store.key_of(removal.over).or_else(|| store.key_of(removal.dot))
}

/// The cell as a removal, if it is nothing else: one tombstone over one dot that the reader has.
fn removal_of<V>(cell: &DeltaCell<Key, V>, base: &VersionVector) -> Option<Removal> {
    match (cell.fresh.as_slice(), cell.kept.as_slice()) {
        ([(dot, Entry::Tombstone(tombstone))], []) => match tombstone.over.as_slice() {
            [over] if over.seq > 0 && base.contains(*over) => {
                Some(Removal { dot: *dot, hlc: tombstone.hlc, over: *over })
            }
            _ => None,
        },
        _ => None,
    }
}

fn cell_of(key: &Key, removal: &Removal) -> DeltaCell<Key, Value> {
    let tombstone = Tombstone { hlc: removal.hlc, over: smallvec![removal.over] };
    let fresh = smallvec![(removal.dot, Entry::Tombstone(Box::new(tombstone)))];
    DeltaCell { key: key.clone(), fresh, kept: Vec::new() }
}

/// Takes the removals out of a part.
fn take_removals<V>(part: &mut Part<Key, V>) -> Removals {
    let (mut taken, mut kept) = (Vec::new(), Vec::new());
    for cell in std::mem::take(&mut part.cells) {
        match removal_of(&cell, &part.base) {
            Some(removal) => taken.push((removal, cell.key)),
            None => kept.push(cell),
        }
    }
    part.cells = kept;
    taken.sort_unstable_by_key(|(removal, _)| removal.dot);
    let check = KeyCheck::of(taken.iter().map(|(_, key)| key));
    Removals { list: taken.into_iter().map(|(removal, _)| removal).collect(), check }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests;
