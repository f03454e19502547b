//! A run: the rows of 256 neighbouring numbers.

use std::slice;

/// Rows in the order of their numbers; several keys may share one.
///
/// Two vectors, so that a row costs a byte beside its key.
#[derive(Clone, Debug)]
pub(super) struct Run<K> {
    /// The lower parts of the numbers.
    lows: Vec<u8>,
    keys: Vec<K>,
}

impl<K> Default for Run<K> {
    fn default() -> Self {
        Self { lows: Vec::new(), keys: Vec::new() }
    }
}

impl<K> Run<K> {
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (u8, &K)> {
        self.lows.iter().copied().zip(&self.keys)
    }

    /// The keys of the numbers from `from` to `to`, both included.
    pub(super) fn keys(&self, from: u8, to: u8) -> slice::Iter<'_, K> {
        if (from, to) == (0, u8::MAX) {
            return self.keys.iter();
        }
        let start = self.lows.partition_point(|low| *low < from);
        let behind = self.lows.get(start..).unwrap_or_default();
        let len = match from == to {
            // Mostly there is one, or none.
            true => behind.iter().take_while(|low| **low == to).count(),
            false => behind.partition_point(|low| *low <= to),
        };
        self.keys.get(start..start + len).unwrap_or_default().iter()
    }
}

impl<K: PartialEq> Run<K> {
    /// Adds a row, if it is not there.
    pub(super) fn insert(&mut self, low: u8, key: K) {
        if self.lows.last().is_none_or(|last| *last < low) {
            self.lows.push(low);
            self.keys.push(key);
            return;
        }
        let at = self.lows.partition_point(|other| *other <= low);
        let is_shared = at.checked_sub(1).and_then(|before| self.lows.get(before)) == Some(&low);
        if !is_shared || !self.keys(low, low).as_slice().contains(&key) {
            self.lows.insert(at, low);
            self.keys.insert(at, key);
        }
    }

    pub(super) fn remove(&mut self, low: u8, key: &K) {
        let start = self.lows.partition_point(|other| *other < low);
        let Some(at) = self.keys(low, low).position(|other| other == key) else { return };
        self.lows.remove(start + at);
        self.keys.remove(start + at);
        // What is written over again and again leaves few rows in each of many runs.
        if self.keys.len() < self.keys.capacity() / 4 * 3 {
            self.lows.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }
}
