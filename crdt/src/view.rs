//! A consistent view of a store: everything that can be read.
//!
//! Cloning a view shares the cells and the vectors of the context, until either side changes. The clone
//! never changes: that is how readers go on while a large delta is applied.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cell::{Cell, CellRef};
use crate::context::Context;
use crate::entry::Entry;
use crate::fingerprint::{CellHasher, CellSum, Fingerprint, short};
use crate::ordered_map::{Aggregate, Entries, OrderedMap};
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
    pub(crate) types: Types<K, V>,
}

/// What the engine has to know of the keys and values of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Types<K, V> {
    /// Whether the data type of a key lets a removal win against a concurrent write. It must say the same at
    /// every replica: it is a part of the fingerprint.
    pub(crate) removal_wins: fn(&K) -> bool,
    /// Whether two keys that are neighbours say together what a commit reports.
    pub(crate) are_at_odds: fn(&K, &K) -> bool,
    /// Reads a little of a value that lies elsewhere in memory, so that the processor waits for the next ones
    /// at the same time. Does nothing else.
    pub(crate) read_ahead: fn(&V),
}

impl<K: CellKey, V: CellValue> Default for View<K, V> {
    fn default() -> Self {
        Self {
            cells: OrderedMap::new(),
            lives: Arc::new(Lives::default()),
            context: Context::default(),
            types: Types { removal_wins: |_| false, are_at_odds: |_, _| false, read_ahead: |_| () },
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

    /// The fingerprint of a range. Costs the logarithm of the store, and a hash for every cell that lies in one
    /// leaf, of up to 64, with one that changed since the last question, or with a bound of the range.
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
        let mut hasher = CellHasher::default();
        self.range(range).map(move |(key, cell)| (key, short(&hasher.held(hash_key, key, cell))))
    }

    pub(crate) fn sum(&self, range: &KeyRange<K>) -> CellSum {
        let (start, end) = range.bounds();
        self.cells.aggregate(start, end, &|cells| self.measure(cells))
    }

    /// The sums of some cells, whose values are read ahead.
    pub(crate) fn measure(&self, cells: Entries<'_, K, Cell<V>>) -> CellSum {
        let values = cells.clone().flat_map(|(_, cell)| cell.entries()).filter_map(Entry::value);
        values.for_each(self.types.read_ahead);
        let (mut sum, mut hasher) = (CellSum::default(), CellHasher::default());
        for (key, cell) in cells {
            let removal_wins = (self.types.removal_wins)(key);
            sum.add(&hasher.sum(key, self.reader(cell), removal_wins));
        }
        sum
    }

    pub(crate) fn reader<'a>(&'a self, cell: &'a Cell<V>) -> CellRef<'a, V> {
        CellRef { cell, lives: &self.lives }
    }
}
