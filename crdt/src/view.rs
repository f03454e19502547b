//! A consistent view of a store: everything that can be read.
//!
//! Cloning a view shares the cells and copies the context, one entry per writer. The clone never
//! changes: that is how readers go on while a large delta is applied.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cell::{Cell, CellRef};
use crate::context::Context;
use crate::fingerprint::{CellSum, Fingerprint, held_hash, short};
use crate::ordered_map::OrderedMap;
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::replica::Lives;

/// What can be the key of a cell: ordered, cheap to clone, with canonical bytes (its MessagePack form).
pub trait CellKey: Ord + Clone + Debug + Serialize + DeserializeOwned {}

impl<K: Ord + Clone + Debug + Serialize + DeserializeOwned> CellKey for K {}

/// What can be a value in a cell: comparable, cheap to clone, with canonical bytes.
pub trait CellValue: Clone + PartialEq + Debug + Serialize + DeserializeOwned {}

impl<V: Clone + PartialEq + Debug + Serialize + DeserializeOwned> CellValue for V {}

/// The cells of a store under their causal context, at one moment.
#[derive(Clone, Debug)]
pub struct View<K, V> {
    pub(crate) cells: OrderedMap<K, Cell<V>, CellSum>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) context: Context<K>,
    /// Of which keys the data type lets a removal win against a concurrent write.
    pub(crate) removal_wins: fn(&K) -> bool,
}

impl<K: CellKey, V: CellValue> Default for View<K, V> {
    fn default() -> Self {
        Self {
            cells: OrderedMap::new(),
            lives: Arc::new(Lives::default()),
            context: Context::default(),
            removal_wins: |_| false,
        }
    }
}

impl<K: CellKey, V: CellValue> View<K, V> {
    /// The cell of `key`; `None` if it never had one or nothing of it is left.
    pub fn cell(&self, key: &K) -> Option<CellRef<'_, V>> {
        self.cells.get(key).map(|cell| self.reader(cell))
    }

    /// The cells of a range in key order, those that hold only tombstones included.
    pub fn range<'a>(
        &'a self,
        range: &KeyRange<K>,
    ) -> impl DoubleEndedIterator<Item = (&'a K, CellRef<'a, V>)> + use<'a, K, V> {
        let (start, end) = range.bounds();
        self.cells.range(start, end).map(|(key, cell)| (key, self.reader(cell)))
    }

    /// The cells from the first key for which `is_before` is false; it must be true for a prefix of
    /// the keys and false for the rest.
    pub fn range_from<'a>(
        &'a self,
        is_before: impl Fn(&K) -> bool,
    ) -> impl Iterator<Item = (&'a K, CellRef<'a, V>)> + 'a {
        self.cells.iter_from(is_before).map(|(key, cell)| (key, self.reader(cell)))
    }

    /// The nearest keys below and above `key` that have a cell.
    pub fn neighbours(&self, key: &K) -> (Option<&K>, Option<&K>) {
        self.cells.neighbours(key)
    }

    /// The neighbours of a key that has just come.
    pub(crate) fn neighbours_if(&self, is_new: bool, key: &K) -> [Option<K>; 2] {
        let (below, above) = if is_new { self.neighbours(key) } else { (None, None) };
        [below.cloned(), above.cloned()]
    }

    /// The number of cells, those that hold only tombstones included.
    pub fn cell_count(&self) -> usize {
        self.cells.len()
    }

    /// What has been incorporated, for every key.
    pub const fn context(&self) -> &Context<K> {
        &self.context
    }

    /// Whether some keys have incorporated more than others, so that a part of a transaction may be
    /// visible.
    pub fn is_hydrating(&self) -> bool {
        self.context.uniform().is_none() && !planted(Bug::HydratingJudgedByOwnPass)
    }

    /// The fingerprint of a range. Costs the logarithm of the store, and a hash for every cell that
    /// changed since the last question.
    pub fn fingerprint(&self, range: &KeyRange<K>) -> Fingerprint {
        self.sum(range).live.fingerprint()
    }

    /// The number of cells of a range in which a reader finds anything; costs as much as the
    /// fingerprint.
    pub fn live_count(&self, range: &KeyRange<K>) -> u64 {
        self.sum(range).live.count
    }

    /// Everything that is held in a range, tombstones included: the number of cells, and a fingerprint
    /// that two views have in common when they hold the same dots there. Costs as much as
    /// [`Self::fingerprint`].
    pub fn holding(&self, range: &KeyRange<K>) -> (u64, Fingerprint) {
        let sum = self.sum(range).held;
        (sum.count, sum.fingerprint())
    }

    /// Cuts a range into at most `pieces` parts with about as many cells each. Looks at a few nodes of
    /// the tree for each piece.
    pub fn split(&self, range: &KeyRange<K>, pieces: usize) -> Vec<KeyRange<K>> {
        let (start, end) = range.bounds();
        let cuts = self.cells.separators(start, end, pieces.saturating_sub(1));
        let starts = std::iter::once(range.start.clone()).chain(cuts.iter().cloned().map(Some));
        let ends = cuts.iter().cloned().map(Some).chain([range.end.clone()]);
        starts.zip(ends).map(|(start, end)| KeyRange::new(start, end)).collect()
    }

    /// A hash of the dots in each cell of a range, under a key of the caller's choice.
    pub fn hashes<'a>(
        &'a self,
        range: &KeyRange<K>,
        hash_key: &'a [u8; 32],
    ) -> impl Iterator<Item = (&'a K, [u8; 16])> + use<'a, K, V> {
        self.range(range).map(|(key, cell)| (key, short(&held_hash(hash_key, key, cell))))
    }

    pub(crate) fn sum(&self, range: &KeyRange<K>) -> CellSum {
        let (start, end) = range.bounds();
        self.cells.aggregate(start, end, &|key, cell| self.measure(key, cell))
    }

    /// The sums of one cell.
    pub(crate) fn measure(&self, key: &K, cell: &Cell<V>) -> CellSum {
        CellSum::of(key, self.reader(cell), (self.removal_wins)(key))
    }

    pub(crate) fn reader<'a>(&'a self, cell: &'a Cell<V>) -> CellRef<'a, V> {
        CellRef { cell, lives: &self.lives }
    }
}
