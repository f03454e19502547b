//! Scrubbing: finding cells that have changed by themselves, and setting them apart.
//!
//! Nothing but a commit changes a cell, and a commit forgets the sums over it. So where the content of cells
//! is not what was summed, memory was damaged, or there is a bug. An audit would find that too, but only
//! against a peer, and could not say which side is wrong. Here it is known to be this one. What must hold
//! until the range is whole again:
//!
//! - nothing of it is sent, told to an audit, written to a checkpoint, or written over: a later write would
//!   have seen, and superseded, something that was never there. A delta for somebody who lacks something of it
//!   is cut around it: its context stays there as it is, and it hears of it from somebody else, or later;
//! - everything that does not touch it goes on;
//! - an audit with a peer of the same context brings back what the peer holds, also in the place of what
//!   stands here under the same dot.
//!
//! The store is suspect meanwhile, and the quarantine ends with the suspicion: when an audit has found it
//! equal to another one, which has told all it holds in the damaged ranges.
//!
//! A leaf of the ordered map is the grain, some forty cells. What this cannot find is damage from before the
//! first sum or before a write to the same leaf, in what a tombstone or a reset says beside its dot, in a range
//! tombstone, in a version vector, or in the order of keys.
//!
//! What was weighed: `docs/decisions/0012-damage.md`.

use crate::context::Context;
use crate::coverage::Coverage;
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::store::Store;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

/// Each range that is withheld makes two segments at whoever is told the rest. Where there are more, they are
/// withheld with all that lies between them.
const MOST_WITHHELD: usize = 16;

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
        let found = view.cells.remeasure(from, most, &|cells| view.measure(cells));
        let differing = if planted(Bug::DamageTrusted) { Vec::new() } else { found.differing };
        let ranges = differing.into_iter().map(|(first, next)| KeyRange::new(Some(first), next));
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
        self.damages += 1;
        if !self.quarantine.contains(range) {
            self.quarantine.push(range.clone());
        }
    }

    /// The damaged ranges. What is in them is not to be trusted, sent or written over.
    pub fn quarantine(&self) -> &[KeyRange<K>] {
        &self.quarantine
    }

    /// How often a damaged range was found since this store was made. What somebody told of a range before the last
    /// time may not mend it.
    pub const fn damages(&self) -> u64 {
        self.damages
    }

    /// Whether `key` lies in a damaged range.
    pub fn is_quarantined(&self, key: &K) -> bool {
        self.quarantine.iter().any(|range| range.contains(key))
    }

    /// Whether somebody with the context `base` lacks something in a damaged range: it is not told all.
    pub fn withholds(&self, base: &Context<K>) -> bool {
        let full = KeyRange::full();
        !self.quarantine.is_empty()
            && self.intervals(base, &full).iter().any(|(range, base, upto)| {
                !self.withheld(range, base, upto, self.by_horizon(base)).is_empty()
            })
    }

    /// The pieces of `range` of which can be told what lies between `base` and `upto`.
    pub(super) fn tellable(
        &self,
        range: KeyRange<K>,
        base: &VersionVector,
        upto: &VersionVector,
        coverage: Coverage,
    ) -> Vec<KeyRange<K>> {
        if self.quarantine.is_empty() || planted(Bug::QuarantineTold) {
            return vec![range];
        }
        let withheld = self.withheld(&range, base, upto, coverage);
        withheld.iter().fold(vec![range], |pieces, withheld| {
            pieces.iter().flat_map(|piece| piece.without(withheld)).collect()
        })
    }

    /// The damaged ranges that meet `range` and hold something between `base` and `upto`, by the index or by
    /// their cells: either may be what is damaged. A listing says something of every cell.
    fn withheld(
        &self,
        range: &KeyRange<K>,
        base: &VersionVector,
        upto: &VersionVector,
        coverage: Coverage,
    ) -> Vec<KeyRange<K>> {
        let named = upto.ahead_of(base).flat_map(|ahead| self.index.keys_of(ahead));
        let named: Vec<&K> = named.filter(|key| self.is_quarantined(key)).collect();
        let has_news = |damaged: &KeyRange<K>| {
            coverage != Coverage::Difference
                || named.iter().any(|key| damaged.contains(key))
                || self
                    .view
                    .range(damaged)
                    .any(|(_, cell)| cell.entries().any(|(dot, _)| !base.contains(dot)))
        };
        let meeting = self.quarantine.iter().filter_map(|damaged| damaged.intersect(range));
        let withheld: Vec<_> = meeting.filter(has_news).collect();
        if withheld.len() <= MOST_WITHHELD {
            return withheld;
        }
        let start = withheld.iter().map(|damaged| &damaged.start).min().cloned().flatten();
        let is_open = withheld.iter().any(|damaged| damaged.end.is_none());
        let end = withheld.iter().map(|damaged| &damaged.end).max().cloned().flatten();
        vec![KeyRange::new(start, end.filter(|_| !is_open))]
    }

    /// Changes the entries of a cell as failing memory would, for tests.
    #[cfg(feature = "planted")]
    pub fn damage(&mut self, key: &K, change: impl Fn(&mut crate::Entry<V>)) -> bool {
        let cell = self.view.cells.cell_behind_the_back(key);
        cell.map(|cell| cell.damage(change)).is_some()
    }

    /// Changes the numbers of the dots in a cell as failing memory would, for tests.
    #[cfg(feature = "planted")]
    pub fn damage_dots(&mut self, key: &K, change: impl Fn(u64) -> u64) -> bool {
        let cell = self.view.cells.cell_behind_the_back(key);
        cell.map(|cell| cell.damage_dots(change)).is_some()
    }
}
