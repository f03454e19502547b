//! Scrubbing: finding cells that have changed by themselves, and setting them apart.
//!
//! Nothing but a commit changes a cell, and a commit forgets the sums over it. So where the content of cells
//! is not what was summed, memory was damaged, or there is a bug. An audit would find that too, but only
//! against a peer, and could not say which side is wrong. Here it is known to be this one. What must hold
//! until the range is whole again:
//!
//! - nothing of it is sent, told to an audit, written to a checkpoint, or written over: a later write would
//!   have seen, and superseded, something that was never there. A pull that would bring any of it waits;
//! - everything that does not touch it goes on;
//! - an audit with a peer of the same context brings back what the peer holds, also in the place of what
//!   stands here under the same dot.
//!
//! The store is suspect meanwhile, and the quarantine ends with the suspicion: when an audit has found it
//! equal to another one.
//!
//! A leaf of the ordered map is the grain, some forty cells. What this cannot find is damage from before the
//! first sum or before a write to the same leaf, in what a tombstone or a reset says beside its dot, in a range
//! tombstone, in a version vector, or in the order of keys.

use crate::delta::Delta;
use crate::range::KeyRange;
use crate::store::Store;
use crate::view::{CellKey, CellValue};

/// What one step of scrubbing has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scrubbed<K> {
    /// How many cells were looked at.
    pub cells: usize,
    /// The ranges that are damaged, and in quarantine from now on.
    pub damaged: Vec<KeyRange<K>>,
    /// Where the next step goes on; `None` if this one has reached the end.
    pub next: Option<K>,
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Compares about `most` cells, from `from` on, with what was summed when they last changed. A range that
    /// differs goes into quarantine, and the store becomes [suspect](Self::is_suspect).
    pub fn scrub(&mut self, from: Option<&K>, most: usize) -> Scrubbed<K> {
        let view = &self.view;
        let found = view.cells.remeasure(from, most, &|key, cell| view.measure(key, cell));
        let ranges =
            found.differing.into_iter().map(|(first, next)| KeyRange::new(Some(first), next));
        let damaged: Vec<_> = ranges.collect();
        for range in &damaged {
            self.set_apart(range);
        }
        Scrubbed { cells: found.entries, damaged, next: found.next }
    }

    fn set_apart(&mut self, range: &KeyRange<K>) {
        // From now on fingerprints say what is here.
        if let Some(first) = &range.start {
            self.view.cells.get_mut(first);
        }
        self.is_suspect = true;
        if !self.quarantine.contains(range) {
            self.quarantine.push(range.clone());
        }
    }

    /// The damaged ranges. What is in them is not to be trusted, sent or written over.
    pub fn quarantine(&self) -> &[KeyRange<K>] {
        &self.quarantine
    }

    /// Whether `key` lies in a damaged range.
    pub fn is_quarantined(&self, key: &K) -> bool {
        self.quarantine.iter().any(|range| range.contains(key))
    }

    /// Whether a delta tells of a cell in a damaged range.
    pub fn tells_quarantined(&self, delta: &Delta<K, V>) -> bool {
        let mut cells = delta.parts.iter().flat_map(|part| &part.cells);
        !self.quarantine.is_empty() && cells.any(|cell| self.is_quarantined(&cell.key))
    }

    /// Changes the entries of a cell as failing memory would, for tests.
    #[cfg(feature = "planted")]
    pub fn damage(&mut self, key: &K, change: impl Fn(&mut crate::Entry<V>)) -> bool {
        let cell = self.view.cells.cell_behind_the_back(key);
        cell.map(|cell| cell.damage(change)).is_some()
    }
}
