//! Forks: one dot with two entries.
//!
//! A dot names one change (invariant I1), so two entries under one dot mean that two copies have written
//! under one id, or that an entry was damaged. Nobody can tell which entry is the right one, so the one
//! that was here first stays in its cell, and the other one is kept beside the cells, for the operator.
//!
//! What must always hold: the table is bounded; what does not fit is reported again by the next audit.

use crate::dot::Dot;
use crate::entry::Entry;

/// Each may hold a value of the greatest length.
const MOST_FORKS: usize = 256;

/// What somebody else holds under a dot that stands for something else here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fork<K, V> {
    /// The key of the cell in which the other side holds the dot.
    pub key: K,
    /// The dot; its replica is the life that forked.
    pub dot: Dot,
    /// What the other side holds.
    pub entry: Entry<V>,
}

/// The forks that were found, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Forks<K, V> {
    found: Vec<Fork<K, V>>,
}

impl<K, V> Default for Forks<K, V> {
    fn default() -> Self {
        Self { found: Vec::new() }
    }
}

impl<K: PartialEq, V> Forks<K, V> {
    /// Keeps a fork, unless there is one of the same dot and key, or no room.
    pub(super) fn record(&mut self, fork: Fork<K, V>) -> bool {
        let is_known = self.found.iter().any(|f| f.dot == fork.dot && f.key == fork.key);
        let is_new = !is_known && self.found.len() < MOST_FORKS;
        if is_new {
            self.found.push(fork);
        }
        is_new
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Fork<K, V>> + '_ {
        self.found.iter()
    }
}
