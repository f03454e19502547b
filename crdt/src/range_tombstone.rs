//! Range tombstones: one dot that removes a whole subtree.
//!
//! A range tombstone `(e, r, k)` removes from every key of the range `r` the dots that `k` has seen,
//! and nothing that `k` has not: a child written concurrently survives. It costs one dot however large
//! the subtree.
//!
//! `k` is the whole context of its range at the time of the removal, not only the replicas whose dots
//! were still alive there: a dot that was superseded by one that the tombstone removed has no other
//! dominator left (see `docs/decisions/0005-range-tombstone-context.md`).

use std::collections::{BTreeMap, btree_map};

use serde::{Deserialize, Serialize};

use crate::dot::{Dot, Seq};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::version_vector::{Ahead, VersionVector};

/// The removal of everything in a key range that its author had seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RangeTombstone<K> {
    /// The name of the removal.
    pub dot: Dot,
    /// Where it removes.
    pub range: KeyRange<K>,
    /// What it removes there: `k`.
    pub seen: VersionVector,
}

impl<K: Ord + Clone> RangeTombstone<K> {
    /// The piece of it that lies in `range`.
    pub(crate) fn cut_to(&self, range: &KeyRange<K>) -> Option<Self> {
        let range = self.range.intersect(range)?;
        Some(Self { range, dot: self.dot, seen: self.seen.clone() })
    }

    /// Whether a key that both cover needs only this one.
    fn dominates(&self, other: &Self) -> bool {
        self.dot != other.dot
            && self.seen.covers(&other.seen)
            && (self.seen != other.seen || self.dot > other.dot)
    }

    /// What is left of this one where `other`, which dominates it, does not make it superfluous.
    fn beside(&self, other: &Self) -> Vec<Self> {
        let rest = self.range.without(&other.range);
        rest.map(|range| Self { range, ..self.clone() }).collect()
    }
}

/// The range tombstones of a store, by dot.
///
/// One dot may have several pieces here: a delta brings the part that lies in its range.
#[derive(Clone, Debug)]
pub(crate) struct RangeTombstones<K> {
    by_dot: BTreeMap<Dot, Vec<RangeTombstone<K>>>,
}

impl<K> Default for RangeTombstones<K> {
    fn default() -> Self {
        Self { by_dot: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> RangeTombstones<K> {
    /// Adds a range tombstone, and leaves out whatever removes nothing more: for each key, what has
    /// seen no more than another one that covers the key. Of two that have seen the same, the one with
    /// the greater dot stays. Deciding key by key makes the result independent of the order in which
    /// the pieces arrive.
    pub(crate) fn insert(&mut self, tombstone: RangeTombstone<K>) {
        let mut rest = vec![tombstone.range.clone()];
        // Ranges are compared first: most tombstones lie apart, and a vector has many components.
        let meets = |other: &&RangeTombstone<K>| tombstone.range.meets(&other.range);
        for other in self.iter().filter(meets).filter(|other| other.dominates(&tombstone)) {
            rest = rest.iter().flat_map(|range| range.without(&other.range)).collect();
        }
        if rest.is_empty() {
            return;
        }
        let outdone = self.iter().filter(meets).filter(|other| tombstone.dominates(other));
        let outdone: Vec<Dot> = outdone.map(|other| other.dot).collect();
        for dot in outdone {
            if let btree_map::Entry::Occupied(mut entry) = self.by_dot.entry(dot) {
                let beside = |piece: &RangeTombstone<K>| piece.beside(&tombstone);
                *entry.get_mut() = entry.get().iter().flat_map(beside).collect();
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
        }
        let pieces = self.by_dot.entry(tombstone.dot).or_default();
        pieces.extend(rest.into_iter().map(|range| RangeTombstone { range, ..tombstone.clone() }));
        join_touching(pieces);
    }

    /// Whether another piece of the same tombstone is here that has seen something else.
    pub(crate) fn contradicts(&self, piece: &RangeTombstone<K>) -> bool {
        let others = self.by_dot.get(&piece.dot);
        others.is_some_and(|others| others.iter().any(|other| other.seen != piece.seen))
    }

    /// Takes the tombstones out whose dot may be forgotten, and names them.
    pub(crate) fn forget(&mut self, may_go: impl Fn(Dot) -> bool) -> Vec<Dot> {
        self.by_dot.extract_if(.., |dot, _| may_go(*dot)).map(|(dot, _)| dot).collect()
    }

    /// The range tombstones named by the dots in `ahead` that meet `range`, cut to it.
    pub(crate) fn in_range<'a>(
        &'a self,
        ahead: Ahead,
        range: &'a KeyRange<K>,
    ) -> impl Iterator<Item = RangeTombstone<K>> + 'a {
        let (after, upto) = (dot_after(ahead.replica, ahead.after), ahead.upto);
        let dots = self.by_dot.range(after..=Dot::new(ahead.replica, upto));
        dots.flat_map(|(_, pieces)| pieces).filter_map(|piece| piece.cut_to(range))
    }

    /// How many deletions there are, each in one piece or more.
    pub(crate) fn count(&self) -> usize {
        self.by_dot.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RangeTombstone<K>> + '_ {
        self.by_dot.values().flatten()
    }
}

/// Pieces of one tombstone that touch become one again.
fn join_touching<K: Ord + Clone>(pieces: &mut Vec<RangeTombstone<K>>) {
    pieces.sort_by(|a, b| a.range.start.cmp(&b.range.start));
    pieces.dedup_by(|next, kept| {
        let touches = match (&kept.range.end, &next.range.start) {
            (Some(end), Some(start)) => start <= end,
            _ => true,
        };
        if touches {
            let ends_later = match (&kept.range.end, &next.range.end) {
                (Some(kept_end), Some(next_end)) => next_end > kept_end,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if ends_later {
                kept.range.end = next.range.end.take();
            }
        }
        touches
    });
}

const fn dot_after(replica: ReplicaId, seq: Seq) -> Dot {
    Dot::new(replica, seq.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);

    fn tombstone(dot: Dot, start: u32, end: u32, seen: Seq) -> RangeTombstone<u32> {
        let range = KeyRange::new(Some(start), Some(end));
        RangeTombstone { dot, range, seen: [(A, seen)].into_iter().collect() }
    }

    #[test]
    fn a_tombstone_that_removes_nothing_more_is_left_out() {
        let mut all = RangeTombstones::default();
        all.insert(tombstone(Dot::new(B, 1), 10, 20, 5));
        all.insert(tombstone(Dot::new(B, 2), 0, 30, 9));
        all.insert(tombstone(Dot::new(B, 3), 5, 6, 7));
        assert_eq!(all.iter().map(|t| t.dot.seq).collect::<Vec<_>>(), [2]);
        all.insert(tombstone(Dot::new(B, 4), 5, 6, 10));
        let places: Vec<_> = all.iter().map(|t| (t.dot.seq, t.range.start, t.range.end)).collect();
        assert_eq!(places, [(2, Some(0), Some(5)), (2, Some(6), Some(30)), (4, Some(5), Some(6))]);
    }

    #[test]
    fn of_two_that_have_seen_the_same_the_greater_dot_stays_whatever_came_first() {
        let (a, b) = (Dot::new(A, 9), Dot::new(B, 1));
        let pieces = [tombstone(a, 0, 20, 5), tombstone(b, 10, 30, 5), tombstone(a, 20, 25, 5)];
        let places = |order: [usize; 3]| {
            let mut all = RangeTombstones::default();
            order.iter().for_each(|at| all.insert(pieces[*at].clone()));
            all.iter().map(|t| (t.dot, t.range.start, t.range.end)).collect::<Vec<_>>()
        };
        let expected = [(a, Some(0), Some(10)), (b, Some(10), Some(30))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            assert_eq!(places(order), expected);
        }
    }

    #[test]
    fn the_pieces_of_a_tombstone_come_together_again() {
        let mut all = RangeTombstones::default();
        let dot = Dot::new(B, 1);
        all.insert(tombstone(dot, 10, 20, 5));
        all.insert(tombstone(dot, 0, 10, 5));
        all.insert(tombstone(dot, 25, 30, 5));
        let ranges: Vec<_> = all.iter().map(|t| (t.range.start, t.range.end)).collect();
        assert_eq!(ranges, [(Some(0), Some(20)), (Some(25), Some(30))]);
    }

    #[test]
    fn a_range_sees_its_part_of_a_tombstone() {
        let mut all = RangeTombstones::default();
        all.insert(tombstone(Dot::new(B, 3), 10, 20, 5));
        let range = KeyRange::new(Some(15), None);
        let cut = |after| {
            let ahead = Ahead { replica: B, after, upto: 9 };
            all.in_range(ahead, &range).map(|t| t.range.start).collect::<Vec<_>>()
        };
        assert_eq!((cut(2), cut(3)), (vec![Some(15)], vec![]));
    }
}
