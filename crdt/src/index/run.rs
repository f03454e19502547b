//! A run: the rows of 256 neighbouring numbers.

use std::collections::BTreeSet;

/// Rows in no order; several keys may share a number.
///
/// What comes goes to the end and what goes is replaced by the last one, so that nothing else moves: a first sync
/// brings a few rows to each of many runs, again and again. To look through the lower parts of 256 numbers takes
/// as long as to search among them.
///
/// Two vectors, so that a row costs a byte beside its key. Only the resets of a subtree share a number, but there may
/// be any number of them.
#[derive(Clone, Debug)]
pub(super) struct Run<K> {
    /// The lower parts of the numbers that have one key.
    lows: Vec<u8>,
    keys: Vec<K>,
    /// A bit for each of these numbers.
    named: [u64; 4],
    /// The numbers that several keys share, or have shared.
    shared: Vec<(u8, BTreeSet<K>)>,
}

impl<K> Default for Run<K> {
    fn default() -> Self {
        Self { lows: Vec::new(), keys: Vec::new(), named: [0; 4], shared: Vec::new() }
    }
}

impl<K> Run<K> {
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.shared.iter().map(|(_, keys)| keys.len()).sum::<usize>()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.shared.is_empty()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (u8, &K)> {
        let shared = self.shared.iter().flat_map(|(low, keys)| keys.iter().map(|key| (*low, key)));
        self.lows.iter().copied().zip(&self.keys).chain(shared)
    }

    /// The keys of the numbers from `from` to `to`, both included.
    pub(super) fn keys(&self, from: u8, to: u8) -> impl Iterator<Item = &K> {
        self.rows().filter(move |(low, _)| (from..=to).contains(low)).map(|(_, key)| key)
    }

    /// How many keys the numbers from `from` to `to` have.
    pub(super) fn count(&self, from: u8, to: u8) -> usize {
        if (from, to) == (0, u8::MAX) { self.len() } else { self.keys(from, to).count() }
    }

    /// The keys of one number.
    pub(super) fn at(&self, low: u8) -> impl Iterator<Item = &K> {
        let shared = self.shared.iter().filter(move |(other, _)| *other == low);
        let only = self.place(low).and_then(|at| self.keys.get(at));
        only.into_iter().chain(shared.flat_map(|(_, keys)| keys))
    }

    /// A bit for each number that has a row.
    pub(super) fn words(&self) -> [u64; 4] {
        let mut words = self.named;
        for (low, _) in &self.shared {
            if let Some(word) = words.get_mut(usize::from(low / 64)) {
                *word |= 1 << (low % 64);
            }
        }
        words
    }

    /// Where the row of a number is that has one.
    fn place(&self, low: u8) -> Option<usize> {
        let word = self.named.get(usize::from(low / 64))?;
        if word >> (low % 64) & 1 == 0 { None } else { memchr::memchr(low, &self.lows) }
    }

    fn push(&mut self, low: u8, key: K) {
        self.lows.push(low);
        self.keys.push(key);
        self.flip(low);
    }

    fn take(&mut self, at: usize) -> K {
        let low = self.lows.swap_remove(at);
        self.flip(low);
        self.keys.swap_remove(at)
    }

    /// Notes that a number has a row from now on, or has none any more.
    fn flip(&mut self, low: u8) {
        if let Some(word) = self.named.get_mut(usize::from(low / 64)) {
            *word ^= 1 << (low % 64);
        }
    }
}

impl<K: Ord> Run<K> {
    /// Adds a row, if it is not there.
    pub(super) fn insert(&mut self, low: u8, key: K) {
        if let Some((_, keys)) = self.shared.iter_mut().find(|(other, _)| *other == low) {
            keys.insert(key);
            return;
        }
        match self.place(low) {
            None => self.push(low, key),
            Some(at) if self.keys.get(at) == Some(&key) => {}
            Some(at) => {
                let other = self.take(at);
                self.shared.push((low, [other, key].into()));
            }
        }
    }

    pub(super) fn remove(&mut self, low: u8, key: &K) {
        if let Some(at) = self.place(low) {
            if self.keys.get(at) == Some(key) {
                self.take(at);
            }
        } else if let Some((_, keys)) = self.shared.iter_mut().find(|(other, _)| *other == low) {
            keys.remove(key);
            self.shared.retain(|(_, keys)| !keys.is_empty());
        }
        // What is written over again and again leaves few rows in each of many runs.
        if self.keys.len() < self.keys.capacity() / 4 * 3 {
            self.lows.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }
}
