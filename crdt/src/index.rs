//! The dot index: which cells hold dots that somebody has not seen.
//!
//! The state is its own log. Per replica the index holds the keys of its live dots by sequence number,
//! so the dots after a given one are found by one descent, and the cost of a delta follows the
//! difference, not the store.
//!
//! What must always hold: there is a row for every live dot and no other. A row goes in the commit in
//! which its dot leaves its cell, so no commit has to clear up after others, and readers never wait
//! for that.
//!
//! Rows lie in runs of neighbouring numbers, so that one costs its key and a byte. What was weighed is in
//! `docs/decisions/0014-memory-of-a-record.md` and `0019-waiting-for-memory.md`.

mod run;

use std::collections::BTreeMap;

use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;
use crate::version_vector::Ahead;

use run::Run;

/// The live dots of every replica.
#[derive(Clone, Debug)]
pub(crate) struct Index<K> {
    replicas: BTreeMap<ReplicaId, Rows<K>>,
}

/// The rows of a replica, by the upper part of their numbers.
type Rows<K> = BTreeMap<u64, Run<K>>;

/// The run of a number, and its place there.
const fn place(seq: Seq) -> (u64, u8) {
    let [low, ..] = seq.to_le_bytes();
    (seq >> u8::BITS, low)
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { replicas: BTreeMap::new() }
    }
}

impl<K: Ord> Index<K> {
    /// Adds the rows of dots that came alive in one commit.
    pub(crate) fn add(&mut self, born: impl IntoIterator<Item = (Dot, K)>) {
        let mut born = born.into_iter().peekable();
        while let Some(&(Dot { replica, .. }, _)) = born.peek() {
            // Of neighbours the replica is looked for once, and so is the run.
            let rows = self.replicas.entry(replica).or_default();
            while let Some(&(dot, _)) = born.peek().filter(|(dot, _)| dot.replica == replica) {
                let number = place(dot.seq).0;
                let is_of_run = |dot: Dot| dot.replica == replica && place(dot.seq).0 == number;
                let run = rows.entry(number).or_default();
                while let Some((dot, key)) = born.next_if(|(dot, _)| is_of_run(*dot)) {
                    run.insert(place(dot.seq).1, key);
                }
            }
        }
    }

    /// Takes the rows of dots that left their cells in one commit.
    pub(crate) fn remove(&mut self, died: &[(Dot, K)]) {
        for (dot, key) in died {
            let Some(rows) = self.replicas.get_mut(&dot.replica) else { continue };
            let (number, low) = place(dot.seq);
            let Some(run) = rows.get_mut(&number) else { continue };
            run.remove(low, key);
            if run.is_empty() {
                rows.remove(&number);
            }
            if rows.is_empty() {
                self.replicas.remove(&dot.replica);
            }
        }
    }

    /// The keys of the dots in `ahead`, in no order.
    pub(crate) fn keys_of(&self, ahead: Ahead) -> impl Iterator<Item = &K> + '_ {
        self.pieces_of(ahead).flat_map(|(run, from, to)| run.keys(from, to))
    }

    /// The number of rows of the dots in `ahead`. Costs a walk over the runs.
    pub(crate) fn count_of(&self, ahead: Ahead) -> usize {
        self.pieces_of(ahead).map(|(run, from, to)| run.count(from, to)).sum()
    }

    /// The runs in which the dots in `ahead` lie, each with the least and the greatest of its numbers.
    fn pieces_of(&self, ahead: Ahead) -> impl Iterator<Item = (&Run<K>, u8, u8)> {
        let Ahead { replica, after, upto } = ahead;
        let (first, last) = (after.saturating_add(1), upto.max(after));
        let rows = self.replicas.get(&replica).filter(|_| first <= last).into_iter();
        let runs = rows.flat_map(move |rows| rows.range(place(first).0..=place(last).0));
        runs.map(move |(number, run)| {
            let from = if *number == place(first).0 { place(first).1 } else { 0 };
            let to = if *number == place(last).0 { place(last).1 } else { u8::MAX };
            (run, from, to)
        })
    }

    /// The numbers that have rows in the runs around `ahead`, 64 at a time: the first of them, and a bit for each.
    pub(crate) fn words_of(&self, ahead: Ahead) -> impl Iterator<Item = (Seq, u64)> + '_ {
        let Ahead { replica, after, upto } = ahead;
        let rows = self.replicas.get(&replica).into_iter();
        let runs = rows.flat_map(move |rows| rows.range(place(after).0..=place(upto.max(after)).0));
        let firsts = |number: u64| [0, 64, 128, 192].map(|first| number << u8::BITS | first);
        runs.flat_map(move |(number, run)| firsts(*number).into_iter().zip(run.words()))
    }

    /// The keys of the cells that hold `dot`.
    pub(crate) fn keys_at(&self, dot: Dot) -> impl Iterator<Item = &K> + '_ {
        let (number, low) = place(dot.seq);
        let run = self.replicas.get(&dot.replica).and_then(|rows| rows.get(&number));
        run.into_iter().flat_map(move |run| run.at(low))
    }

    /// Whether there is a row for `dot` in the cell of `key`.
    pub(crate) fn names(&self, dot: Dot, key: &K) -> bool {
        self.keys_at(dot).any(|other| other == key)
    }

    /// The rows of these cells. Costs a walk over all rows.
    pub(crate) fn rows_of<'a>(
        &'a self,
        is_meant: impl Fn(&K) -> bool + 'a,
    ) -> impl Iterator<Item = (Dot, &'a K)> + 'a {
        let runs = self.replicas.iter().flat_map(|(replica, rows)| {
            rows.iter().map(move |(number, run)| (*replica, number << u8::BITS, run))
        });
        let rows = runs.flat_map(|(replica, first, run)| {
            run.rows().map(move |(low, key)| (Dot::new(replica, first | u64::from(low)), key))
        });
        rows.filter(move |(_, key)| is_meant(key))
    }

    /// The number of rows. Costs a walk over the runs.
    pub(crate) fn count(&self) -> usize {
        self.replicas.values().flat_map(BTreeMap::values).map(Run::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;
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
            index.add(batch.iter().map(|seq| (Dot::new(A, *seq), seq * 10)));
        }
        index.add([(Dot::new(B, 1), 7)]);
        assert_eq!(keys(&index, A, 3, 8), [40, 50, 60, 70, 80]);
        assert_eq!(keys(&index, B, 0, 1), [7]);
    }

    #[test]
    fn a_dot_that_several_cells_share_leaves_them_one_by_one() {
        let mut index = Index::default();
        let dot = Dot::new(A, 3);
        index.add([(dot, 1), (dot, 2), (dot, 3)]);
        index.remove(&[(dot, 2)]);
        assert_eq!(keys(&index, A, 2, 3), [1, 3]);
        assert!(index.names(dot, &1) && !index.names(dot, &2));
        index.remove(&[(dot, 1), (dot, 3)]);
        assert_eq!((index.count(), index.replicas.len()), (0, 0));
    }

    /// A key that counts how often it is compared.
    #[derive(Clone, Debug)]
    struct Counting<'c>(u32, &'c Cell<u64>);

    impl Ord for Counting<'_> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counting<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counting<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Counting<'_> {}

    #[test]
    fn keys_that_share_a_dot_are_not_all_compared_with_each_other() {
        const KEYS: u32 = 10_000;
        let (compared, dot) = (Cell::new(0), Dot::new(A, 7));
        let rows = || (0..KEYS).map(|key| (dot, Counting(key, &compared)));
        let mut index = Index::default();
        index.add(rows());
        assert_eq!((index.count(), index.keys_at(dot).count()), (10_000, 10_000));
        index.remove(&Vec::from_iter(rows()));
        assert_eq!((index.count(), index.replicas.len()), (0, 0));
        // Twice down a tree; each with each would be fifty million.
        assert!(compared.get() < 100 * u64::from(KEYS), "{}", compared.get());
    }

    /// A commit: dots that are born and dots that die, each with its cell.
    type Step = (Vec<(u8, u8)>, Vec<(u8, u8)>);

    fn finds_what_a_plain_set_holds(steps: Vec<Step>, after: u8, upto: u8) -> bool {
        let row = |(dot, key): (u8, u8)| {
            let replica = if dot % 2 == 0 { A } else { B };
            // Close together, so that runs have many rows.
            (Dot::new(replica, 3 * u64::from(dot / 2)), u64::from(key % 4))
        };
        let (mut index, mut model) = (Index::default(), BTreeSet::new());
        for (born, died) in steps {
            let born: BTreeSet<_> = born.into_iter().map(row).collect();
            let born: Vec<_> = born.difference(&model).copied().collect();
            let died: Vec<_> = died.into_iter().map(row).collect();
            model.extend(born.iter().copied());
            index.add(born);
            model.retain(|row| !died.contains(row));
            index.remove(&died);
        }
        let (after, upto) = (2 * u64::from(after), 2 * u64::from(upto));
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
    fn words_say_which_numbers_have_rows_up_to_the_last_one() {
        let mut index = Index::default();
        let seqs = [1, 63, 64, 255, 256, Seq::MAX - 64, Seq::MAX];
        index.add(seqs.map(|seq| (Dot::new(A, seq), seq)));
        for (after, upto) in [(0, 1_000), (Seq::MAX - 100, Seq::MAX)] {
            let words = index.words_of(Ahead { replica: A, after, upto });
            let bits = words.flat_map(|(first, bits)| {
                (0..64).filter_map(move |bit| (bits >> bit & 1 == 1).then_some(first + bit))
            });
            let expected = seqs.into_iter().filter(|seq| (after..=upto).contains(seq));
            assert_eq!(Vec::from_iter(bits), Vec::from_iter(expected));
        }
    }

    #[test]
    fn random_commits_leave_what_a_plain_set_holds() {
        let property = finds_what_a_plain_set_holds as fn(Vec<Step>, u8, u8) -> bool;
        quickcheck::QuickCheck::new().tests(2_000).quickcheck(property);
    }
}
