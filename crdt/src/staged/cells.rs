//! The cells that a transaction has touched, in key order.
//!
//! Most transactions touch one cell. It lies in place: a tree would allocate room for eleven, and give it
//! back, with every commit.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use crate::cell::Cell;

/// A cell as a transaction leaves it.
#[derive(Debug)]
pub(crate) struct StagedCell<V> {
    pub(crate) cell: Cell<V>,
    /// Whether `cell` is all of it. Otherwise nobody has looked at the stored one: what is here supersedes its
    /// values and tombstones, and whatever else it holds stays.
    pub(crate) is_whole: bool,
}

/// A map of staged cells.
#[derive(Debug)]
pub(crate) struct StagedCells<K, V> {
    /// The only cell, while there is one.
    only: Option<(K, StagedCell<V>)>,
    /// All cells, once there are several.
    many: BTreeMap<K, StagedCell<V>>,
}

impl<K, V> Default for StagedCells<K, V> {
    fn default() -> Self {
        Self { only: None, many: BTreeMap::new() }
    }
}

impl<K, V> StagedCells<K, V> {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.only.is_some()) + self.many.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &StagedCell<V>)> {
        self.only.iter().map(|(key, cell)| (key, cell)).chain(&self.many)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (K, StagedCell<V>)> {
        self.only.into_iter().chain(self.many)
    }
}

impl<K: Ord, V> StagedCells<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&StagedCell<V>> {
        match &self.only {
            Some((only, cell)) => (only == key).then_some(cell),
            None => self.many.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut StagedCell<V>> {
        match &mut self.only {
            Some((only, cell)) => (only == key).then_some(cell),
            None => self.many.get_mut(key),
        }
    }

    /// The cells between two bounds, of which the first is not after the second.
    pub(crate) fn range<'a>(
        &'a self,
        start: Bound<&K>,
        end: Bound<&K>,
    ) -> impl Iterator<Item = (&'a K, &'a StagedCell<V>)> + use<'a, K, V> {
        let only = self.only.as_ref().filter(|(key, _)| (start, end).contains(key));
        let only = only.map(|(key, cell)| (key, cell));
        only.into_iter().chain(self.many.range((start, end)))
    }

    /// The cell of `key`, as `make` makes it if it was not touched before.
    pub(crate) fn entry(
        &mut self,
        key: K,
        make: impl FnOnce() -> StagedCell<V>,
    ) -> &mut StagedCell<V> {
        if self.only.as_ref().is_some_and(|(only, _)| *only != key) {
            self.many.extend(self.only.take());
        }
        if self.many.is_empty() {
            return &mut self.only.get_or_insert_with(|| (key, make())).1;
        }
        self.many.entry(key).or_insert_with(make)
    }
}
