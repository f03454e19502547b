//! An ordered map whose clone is a snapshot and whose ranges have a cached sum.
//!
//! A B+ tree (Bayer & McCreight 1972; Comer, *The Ubiquitous B-Tree*, 1979, section 3: all entries
//! in the leaves) whose nodes are shared and copied on write (Rodeh, *B-trees, Shadowing, and
//! Clones*, 2008). Cloning the map copies one pointer. A write copies the nodes on its path that a
//! clone still shares and changes all others in place, so a map without clones pays nothing.
//!
//! `std::collections::BTreeMap` has neither of the two things a replica needs: a reader's snapshot
//! that costs nothing to take, and the sum of a range without visiting the range. The rejected
//! alternatives are weighed in `docs/decisions/0002-copy-on-write-tree.md`.
//!
//! What always holds:
//!
//! - keys ascend strictly through the leaves, and all leaves lie at one depth;
//! - a node's cached sum, where there is one, is the sum of the entries below it: a node can only
//!   be changed through `Node::touch`, which forgets the sum;
//! - no node but an empty root is empty, and away from the right edge of the tree no node but the
//!   root is less than a quarter full. The right edge is exempt because an append starts a new
//!   node instead of halving a full one.

mod abreast;
mod leaf;
mod node;
mod range;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Bound;
use triomphe::Arc;

pub(crate) use abreast::{ABREAST, Guess};
pub(crate) use leaf::Entries;
use node::{Node, Path, Spot};
pub(crate) use range::Range;

/// The most entries in a leaf and the most children of an inner node.
///
/// Measured in a map of 1 M entries with 24-byte keys and 64-byte cells (they take 40 by now), in ns per operation, for
/// 16 / 32 / 64: random insert 862 / 742 / 719, sorted insert 147 / 127 / 129, insert while a
/// snapshot is held 2563 / 2254 / 2787. The last also clones a leaf's cells, and a write makes the
/// next sum measure a whole leaf; what 64 saves in memory is worth more
/// (`docs/decisions/0014-memory-of-a-record.md`).
const FANOUT: usize = 64;

/// A commutative sum over entries, cached per subtree of an [`OrderedMap`].
///
/// `Default` is the sum of no entries, and [`add`](Self::add) must be associative and commutative.
pub(crate) trait Aggregate: Clone + Default {
    /// Adds the sum of other entries to this one.
    fn add(&mut self, other: &Self);
}

/// An ordered map with O(1) snapshots (`clone`) and cached range sums of type `S`.
///
/// `S` is only computed when [`aggregate`](Self::aggregate) asks, so a map that never asks leaves
/// it at `()`. `FANOUT` is a parameter for the tests, which want deep trees of few entries.
pub(crate) struct OrderedMap<K, C, S = (), const FANOUT: usize = { self::FANOUT }> {
    root: Arc<Node<K, C, S>>,
    len: usize,
}

impl<K, C, S, const FANOUT: usize> OrderedMap<K, C, S, FANOUT> {
    /// Makes an empty map.
    pub(crate) fn new() -> Self {
        const { assert!(FANOUT >= 4, "both halves of a split node need two children") };
        const { assert!(FANOUT < u8::MAX as usize, "a path has a byte for each level") };
        Self { root: Arc::new(Node::default()), len: 0 }
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether the map has no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries in key order.
    pub(crate) fn iter(&self) -> Range<'_, K, C, S> {
        Range::whole(&self.root)
    }

    /// The entries from the first key on for which `before` is false, in key order.
    ///
    /// `before` must be true for a prefix of the key order and false after it; it is asked
    /// O(log n) times. This is how a range is found whose start is not a key of type `K`.
    pub(crate) fn iter_from(&self, before: impl Fn(&K) -> bool) -> Range<'_, K, C, S> {
        Range::between(&self.root, Some(before), None::<fn(&K) -> bool>)
    }
}

impl<K: Ord, C, S, const FANOUT: usize> OrderedMap<K, C, S, FANOUT> {
    /// The cell at `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&C> {
        self.root.get(key)
    }

    /// The cell of each of some keys in order, [`ABREAST`] of them at the best.
    pub(crate) fn get_abreast(&self, keys: &[&K]) -> Vec<Option<&C>> {
        self.root.get_abreast(keys)
    }

    /// Guesses for [`Self::entry_or_insert_with`], for keys in order, [`ABREAST`] of them at the best; fewer guesses
    /// than keys where it would not help. The cells that are there are shown to `read`.
    pub(crate) fn guess_abreast(&self, keys: &[&K], read: impl Fn(&C)) -> Vec<Option<Guess>> {
        let is_behind_all = |key: &&K| self.root.last_key().is_none_or(|last| last < *key);
        match keys.first() {
            Some(first) if !is_behind_all(first) => self.root.guess_abreast(keys, read),
            _ => Vec::new(),
        }
    }

    /// The nearest key below `key` and the nearest above it, whether or not `key` is present.
    pub(crate) fn neighbours(&self, key: &K) -> (Option<&K>, Option<&K>) {
        let Spot { path, index, .. } = self.root.locate(key);
        let places = index.map_or_else(|at| at..at, |at| at..at + 1);
        self.root.around(&path, places)
    }

    /// The same for a key that was inserted at `place`, without a search; nothing may have changed since.
    pub(crate) fn around(&self, place: &Place) -> (Option<&K>, Option<&K>) {
        self.root.around(&place.path, place.at..place.at + 1)
    }

    /// The entries between two bounds, in key order; none if the bounds are the wrong way round.
    pub(crate) fn range(&self, start: Bound<&K>, end: Bound<&K>) -> Range<'_, K, C, S> {
        let before = match start {
            Bound::Unbounded => None,
            _ => Some(|key: &K| match start {
                Bound::Included(start) => key < start,
                Bound::Excluded(start) => key <= start,
                Bound::Unbounded => false,
            }),
        };
        let within = match end {
            Bound::Unbounded => None,
            _ => Some(|key: &K| match end {
                Bound::Included(end) => key <= end,
                Bound::Excluded(end) => key < end,
                Bound::Unbounded => true,
            }),
        };
        Range::between(&self.root, before, within)
    }

    /// At most `most` positions strictly between two bounds that cut what lies there into pieces of
    /// comparable size: bounds of nodes, or keys where there are few.
    pub(crate) fn separators(&self, start: Bound<&K>, end: Bound<&K>, most: usize) -> Vec<K>
    where
        K: Clone,
    {
        let mut found = Vec::new();
        // Most nodes have many children, so the last level costs the most.
        for depth in 0..=self.root.height() {
            found.clear();
            self.root.separators((start, end), depth, &mut found);
            found.dedup();
            if found.len() >= most {
                break;
            }
        }
        let len = found.len();
        let cut = |at: usize| found.get(((at + 1) * len / (most + 1)).min(len.saturating_sub(1)));
        match len <= most {
            true => found.into_iter().cloned().collect(),
            false => (0..most).filter_map(cut).map(|key| (*key).clone()).collect(),
        }
    }

    /// The sum of the entries between two bounds.
    ///
    /// It visits O(log n) nodes besides those written since they were last summed. The entries of
    /// a leaf that a bound cuts in two are measured anew each time, at most two leaves per call.
    ///
    /// `measure` is the sum of a few entries, a leaf at the most. It must be the same function in every call: sums are kept,
    /// and shared by clones.
    pub(crate) fn aggregate(
        &self,
        start: Bound<&K>,
        end: Bound<&K>,
        measure: &impl Fn(Entries<'_, K, C>) -> S,
    ) -> S
    where
        S: Aggregate,
    {
        match (start, end) {
            (Bound::Unbounded, Bound::Unbounded) => self.root.sum(measure).clone(),
            _ => self.range(start, end).sum(measure),
        }
    }
}

/// Where a key was inserted.
#[derive(Debug)]
pub(crate) struct Place {
    path: Path,
    at: usize,
}

/// What measuring leaves again has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remeasured<K> {
    /// Leaves whose entries are not what was summed: the first key of each, and that of the next one.
    pub(crate) differing: Vec<(K, Option<K>)>,
    /// How many entries were measured.
    pub(crate) entries: usize,
    /// Where the first leaf begins that was not looked at; `None` at the end.
    pub(crate) next: Option<K>,
}

impl<K: Ord + Clone, C: Clone, S, const FANOUT: usize> OrderedMap<K, C, S, FANOUT> {
    /// Measures about `most` entries again, from `from` on, and compares them with the sums that are kept.
    /// A leaf without a sum gets one, to be compared with the next time. Only memory that has changed by
    /// itself, or a bug, can make a difference.
    pub(crate) fn remeasure(
        &self,
        from: Option<&K>,
        most: usize,
        measure: &impl Fn(Entries<'_, K, C>) -> S,
    ) -> Remeasured<K>
    where
        S: Aggregate + PartialEq,
    {
        let mut found = Remeasured { differing: Vec::new(), entries: 0, next: None };
        let mut is_open = false;
        self.root.leaves_from(from, &mut |node, leaf| {
            let Some(first) = leaf.keys().first() else { return true };
            if std::mem::take(&mut is_open)
                && let Some((_, next)) = found.differing.last_mut()
            {
                *next = Some(first.clone());
            }
            if found.entries >= most {
                found.next = Some(first.clone());
                return false;
            }
            found.entries += leaf.len();
            let Some(kept) = node.kept_sum() else {
                node.sum(measure);
                return true;
            };
            if measure(leaf.iter()) != *kept {
                found.differing.push((first.clone(), None));
                is_open = true;
            }
            true
        });
        found
    }

    /// Changes a cell and lets the sums above it stand, as damage does.
    #[cfg(any(test, feature = "planted"))]
    pub(crate) fn cell_behind_the_back(&mut self, key: &K) -> Option<&mut C> {
        let Spot { path, index, .. } = self.root.locate(key);
        Some(Node::cell_behind_the_back(&mut self.root, &path, index.ok()?))
    }

    /// The cell at `key`, to be changed; the sums above it are forgotten. An absent key copies
    /// and forgets nothing.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut C> {
        let Spot { path, index, .. } = self.root.locate(key);
        Some(Node::cell_mut(&mut self.root, &path, index.ok()?))
    }

    /// Puts `cell` at `key` and returns the cell it replaces.
    pub(crate) fn insert(&mut self, key: K, cell: C) -> Option<C> {
        let Spot { path, index, at_the_end, .. } = self.locate_with_room(&key);
        match index {
            Ok(at) => Some(std::mem::replace(Node::cell_mut(&mut self.root, &path, at), cell)),
            Err(at) => {
                Node::insert(&mut self.root, &path, at, (key, cell), (FANOUT, at_the_end));
                self.len += 1;
                None
            }
        }
    }

    /// The cell at `key`, made and inserted if absent, and where it was inserted. The tree is
    /// searched once, or not at all where the guess is right, and the key is cloned only to insert it.
    pub(crate) fn entry_or_insert_with(
        &mut self,
        key: &K,
        guess: Option<Guess>,
        make: impl FnOnce() -> C,
    ) -> (&mut C, Option<Place>) {
        if let Some(Guess { path, at }) = guess.filter(|guess| self.root.is_right(guess, key)) {
            return (Node::cell_mut(&mut self.root, &path, at), None);
        }
        let Spot { path, index, at_the_end, .. } = self.locate_with_room(key);
        match index {
            Ok(at) => (Node::cell_mut(&mut self.root, &path, at), None),
            Err(at) => {
                let entry = (key.clone(), make());
                self.len += 1;
                let growth = (FANOUT, at_the_end);
                let cell = Node::insert(&mut self.root, &path, at, entry, growth);
                (cell, Some(Place { path, at }))
            }
        }
    }

    /// Removes `key` and returns its cell. An absent key copies and forgets nothing.
    pub(crate) fn remove(&mut self, key: &K) -> Option<C> {
        let Spot { path, index, .. } = self.root.locate(key);
        let cell = Node::remove(&mut self.root, &path, index.ok()?, FANOUT);
        self.len -= 1;
        while let Some(root) = self.root.superseding_root() {
            self.root = root;
        }
        Some(cell)
    }

    /// Finds `key`, or the place for it in a leaf that has room for one more entry.
    fn locate_with_room(&mut self, key: &K) -> Spot {
        let spot = self.root.locate(key);
        if spot.index.is_ok() || spot.leaf_len < FANOUT {
            return spot;
        }
        let left = &mut self.root;
        if let Some(right) = Node::split(left, &spot.path, FANOUT, spot.at_the_end) {
            self.root = Arc::new(Node::above(Arc::clone(left), right));
        }
        self.root.locate(key)
    }
}

impl<K, C, S, const FANOUT: usize> Clone for OrderedMap<K, C, S, FANOUT> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root), len: self.len }
    }
}

impl<K, C, S, const FANOUT: usize> Default for OrderedMap<K, C, S, FANOUT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, C: fmt::Debug, S, const FANOUT: usize> fmt::Debug
    for OrderedMap<K, C, S, FANOUT>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
