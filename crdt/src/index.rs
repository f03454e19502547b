//! The dot index: which cells hold dots that somebody has not seen.
//!
//! The state is its own log. Per replica the index holds the keys of its live dots by sequence number,
//! so the dots after a given one are found by one descent, and the cost of a delta follows the
//! difference, not the store.
//!
//! What must always hold: there is a row for every live dot and no other. A row goes in the commit in
//! which its dot leaves its cell, so no commit has to clear up after others, and readers never wait
//! for that.

use std::collections::BTreeMap;

use crate::dot::{Dot, Seq};
use crate::ordered_map::OrderedMap;
use crate::replica::ReplicaId;
use crate::version_vector::Ahead;

/// The live dots of every replica.
#[derive(Clone, Debug)]
pub(crate) struct Index<K> {
    replicas: BTreeMap<ReplicaId, Rows<K>>,
}

/// Rows are mostly appended and seldom cloned, so their leaves are larger than those of cells. Several
/// cells may share a number: the resets of a range tombstone do.
type Rows<K> = OrderedMap<(Seq, K), (), (), 64>;

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { replicas: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Index<K> {
    /// Adds the rows of dots that came alive in one commit.
    pub(crate) fn add(&mut self, mut born: Vec<(Dot, K)>) {
        // In order, each finds its place beside the one before.
        born.sort_unstable_by_key(|row| row.0);
        for (dot, key) in born {
            self.replicas.entry(dot.replica).or_default().insert((dot.seq, key), ());
        }
    }

    /// Takes the rows of dots that left their cells in one commit.
    pub(crate) fn remove(&mut self, died: Vec<(Dot, K)>) {
        for (dot, key) in died {
            let Some(rows) = self.replicas.get_mut(&dot.replica) else { continue };
            rows.remove(&(dot.seq, key));
            if rows.is_empty() {
                self.replicas.remove(&dot.replica);
            }
        }
    }

    /// The keys of the dots in `ahead`, in the order of the dots.
    pub(crate) fn keys_of(&self, ahead: Ahead) -> impl Iterator<Item = &K> + '_ {
        let Ahead { replica, after, upto } = ahead;
        let rows = self.replicas.get(&replica).into_iter();
        let rows = rows.flat_map(move |rows| rows.iter_from(move |row| row.0 <= after));
        rows.take_while(move |(row, ())| row.0 <= upto).map(|(row, ())| &row.1)
    }

    /// Whether there is a row for `dot` in the cell of `key`.
    pub(crate) fn names(&self, dot: Dot, key: &K) -> bool {
        let rows = self.replicas.get(&dot.replica);
        rows.is_some_and(|rows| rows.get(&(dot.seq, key.clone())).is_some())
    }

    /// The rows of these cells. Costs a walk over all rows.
    pub(crate) fn rows_of<'a>(
        &'a self,
        is_meant: impl Fn(&K) -> bool + 'a,
    ) -> impl Iterator<Item = (Dot, &'a K)> + 'a {
        let rows = self.replicas.iter().flat_map(|(replica, rows)| {
            rows.iter().map(|((seq, key), ())| (Dot::new(*replica, *seq), key))
        });
        rows.filter(move |(_, key)| is_meant(key))
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> usize {
        self.replicas.values().map(OrderedMap::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);

    fn keys(index: &Index<u64>, replica: ReplicaId, after: Seq, upto: Seq) -> Vec<u64> {
        let mut keys: Vec<_> = index.keys_of(Ahead { replica, after, upto }).copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn the_keys_after_a_dot_are_found_whatever_the_order_of_arrival() {
        let mut index = Index::default();
        for batch in [&[5_u64, 1, 9][..], &[3, 2], &[8, 4], &[7, 6, 10]] {
            index.add(batch.iter().map(|seq| (Dot::new(A, *seq), seq * 10)).collect());
        }
        index.add(vec![(Dot::new(B, 1), 7)]);
        assert_eq!(keys(&index, A, 3, 8), [40, 50, 60, 70, 80]);
        assert_eq!(keys(&index, B, 0, 1), [7]);
    }

    #[test]
    fn a_dot_that_several_cells_share_leaves_them_one_by_one() {
        let mut index = Index::default();
        let dot = Dot::new(A, 3);
        index.add(vec![(dot, 1), (dot, 2), (dot, 3)]);
        index.remove(vec![(dot, 2)]);
        assert_eq!(keys(&index, A, 2, 3), [1, 3]);
        assert!(index.names(dot, &1) && !index.names(dot, &2));
        index.remove(vec![(dot, 1), (dot, 3)]);
        assert_eq!((index.count(), index.replicas.len()), (0, 0));
    }

    /// A commit: dots that are born and dots that die, each with its cell.
    type Step = (Vec<(u8, u8)>, Vec<(u8, u8)>);

    fn finds_what_a_plain_set_holds(steps: Vec<Step>, after: u8, upto: u8) -> bool {
        let row = |(dot, key): (u8, u8)| {
            let replica = if dot % 2 == 0 { A } else { B };
            (Dot::new(replica, u64::from(dot / 2)), u64::from(key % 4))
        };
        let (mut index, mut model) = (Index::default(), BTreeSet::new());
        for (born, died) in steps {
            let born: BTreeSet<_> = born.into_iter().map(row).collect();
            let born: Vec<_> = born.difference(&model).copied().collect();
            let died: Vec<_> = died.into_iter().map(row).collect();
            model.extend(born.iter().copied());
            index.add(born);
            model.retain(|row| !died.contains(row));
            index.remove(died);
        }
        let (after, upto) = (u64::from(after), u64::from(upto));
        let found = |replica: ReplicaId| {
            let meant = |dot: Dot| dot.replica == replica && after < dot.seq && dot.seq <= upto;
            let rows = model.iter().filter(|(dot, _)| meant(*dot));
            let mut expected: Vec<_> = rows.map(|(_, key)| *key).collect();
            expected.sort_unstable();
            keys(&index, replica, after, upto) == expected
        };
        found(A) && found(B) && index.count() == model.len()
    }

    #[test]
    fn random_commits_leave_what_a_plain_set_holds() {
        let property = finds_what_a_plain_set_holds as fn(Vec<Step>, u8, u8) -> bool;
        quickcheck::QuickCheck::new().tests(2_000).quickcheck(property);
    }
}
