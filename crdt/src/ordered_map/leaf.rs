//! A run of entries with ascending keys: what a leaf of an [`OrderedMap`](super::OrderedMap) holds.
//!
//! Keys and cells lie in two parallel vectors, so that a search reads keys only. Both always have
//! the same length.

#![allow(
    clippy::indexing_slicing,
    reason = "every index is the result of a search in the same leaf, unchanged since"
)]

use std::iter::Zip;
use std::ops::Range;
use std::slice;

/// A few entries, in the order of their keys.
pub(crate) type Entries<'a, K, C> = Zip<slice::Iter<'a, K>, slice::Iter<'a, C>>;

pub(super) struct Leaf<K, C> {
    keys: Vec<K>,
    cells: Vec<C>,
}

impl<K, C> Leaf<K, C> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn keys(&self) -> &[K] {
        &self.keys
    }

    pub(super) fn cell(&self, at: usize) -> &C {
        &self.cells[at]
    }

    pub(super) fn cell_mut(&mut self, at: usize) -> &mut C {
        &mut self.cells[at]
    }

    pub(super) fn iter(&self) -> Entries<'_, K, C> {
        self.keys.iter().zip(&self.cells)
    }

    /// The entries at the given positions, none if the range is out of order.
    pub(super) fn slice(&self, range: Range<usize>) -> Entries<'_, K, C> {
        let keys = self.keys.get(range.clone()).unwrap_or_default();
        keys.iter().zip(self.cells.get(range).unwrap_or_default())
    }

    /// Inserts an entry. If there is no room for it, room is made for `more` entries.
    pub(super) fn insert(&mut self, at: usize, (key, cell): (K, C), more: usize) -> &mut C {
        make_room(&mut self.keys, more);
        make_room(&mut self.cells, more);
        self.keys.insert(at, key);
        self.cells.insert_mut(at, cell)
    }

    pub(super) fn remove(&mut self, at: usize) -> C {
        self.keys.remove(at);
        give_room_back(&mut self.keys);
        let cell = self.cells.remove(at);
        give_room_back(&mut self.cells);
        cell
    }

    pub(super) fn extend(&mut self, right: Self) {
        self.keys.reserve_exact(right.len());
        self.cells.reserve_exact(right.len());
        self.keys.extend(right.keys);
        self.cells.extend(right.cells);
    }

    /// Moves the entries from `at` on to a leaf of their own.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        Self { keys: split_off(&mut self.keys, at), cells: split_off(&mut self.cells, at) }
    }
}

impl<K: Ord, C> Leaf<K, C> {
    /// The position of `key`, or the one to insert it at.
    pub(super) fn find(&self, key: &K) -> Result<usize, usize> {
        if self.keys.last().is_none_or(|last| last < key) {
            return Err(self.keys.len());
        }
        let at = partition_point(&self.keys, |k| k < key);
        if self.keys.get(at) == Some(key) { Ok(at) } else { Err(at) }
    }
}

impl<K, C> Default for Leaf<K, C> {
    fn default() -> Self {
        Self { keys: Vec::new(), cells: Vec::new() }
    }
}

impl<K: Clone, C: Clone> Clone for Leaf<K, C> {
    fn clone(&self) -> Self {
        Self { keys: copy(&self.keys), cells: copy(&self.cells) }
    }
}

/// The number of leading items for which `before` is true, given that it is false from there on.
///
/// It looks at the last item of each stride, then into one stride. A node takes about as many
/// comparisons as by halving, but the processor can load the next item before it has compared this
/// one. In trees that outgrow the caches `slice::partition_point` took nearly twice as long.
pub(super) fn partition_point<T>(items: &[T], before: impl Fn(&T) -> bool) -> usize {
    const STRIDE: usize = 6;
    let strides = items.chunks_exact(STRIDE);
    let skipped = strides.take_while(|stride| stride.last().is_some_and(&before)).count() * STRIDE;
    skipped + items[skipped..].iter().take_while(|item| before(item)).count()
}

/// How many items a vector grows by. Leaves hold most of the memory of a map: doubling them would leave a
/// quarter of it empty (measured in `docs/decisions/0014-memory-of-a-record.md`).
pub(super) const STEP: usize = 8;

/// Makes room for `more` items, if there is none for one.
pub(super) fn make_room<T>(items: &mut Vec<T>, more: usize) {
    if items.len() == items.capacity() {
        items.reserve_exact(more);
    }
}

/// Gives back what removals have left empty, in steps as well.
fn give_room_back<T>(items: &mut Vec<T>) {
    if items.capacity() > items.len() + 2 * STEP {
        items.shrink_to(items.len() + STEP);
    }
}

/// `Vec::split_off`, with some room in both parts and no more.
pub(super) fn split_off<T>(items: &mut Vec<T>, at: usize) -> Vec<T> {
    let mut right = Vec::with_capacity(items.len() - at + STEP);
    right.extend(items.drain(at..));
    items.shrink_to(at + STEP);
    right
}

/// A copy with some room, since the next thing to happen to it is a write.
pub(super) fn copy<T: Clone>(items: &[T]) -> Vec<T> {
    let mut copy = Vec::with_capacity(items.len() + STEP);
    copy.extend_from_slice(items);
    copy
}
