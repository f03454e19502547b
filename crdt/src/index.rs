//! The dot index: which cells hold dots that somebody has not seen.
//!
//! The state is its own log. Per replica the index holds rows `(seq, key)` in runs sorted by `seq`, so
//! the dots after a given one are found by binary search, and the cost of a delta follows the
//! difference, not the store. Rows are only appended; a row is *stale* once its cell no longer holds
//! the dot, and when more than half of a replica's rows are stale they are swept out. A cell written a
//! million times therefore has one live row and at most one stale one on average.

use std::collections::BTreeMap;

use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;
use crate::version_vector::Ahead;

/// Deltas of different ranges bring the dots of one replica out of order; each such batch starts a
/// run. Beyond this many runs they are merged, so that a lookup stays a handful of binary searches.
const MAX_RUNS: usize = 8;

/// Sweeping costs a cell lookup per row; below this many rows it is not worth a thought.
const MIN_ROWS_TO_SWEEP: usize = 64;

/// Rows `(seq, key)` of every replica.
#[derive(Clone, Debug)]
pub(crate) struct Index<K> {
    replicas: BTreeMap<ReplicaId, Rows<K>>,
}

#[derive(Clone, Debug)]
struct Rows<K> {
    /// Each sorted by sequence number, none empty. Several rows may share a number: a range
    /// tombstone's resets do.
    runs: Vec<Vec<(Seq, K)>>,
    len: usize,
    stale: usize,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { replicas: BTreeMap::new() }
    }
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { runs: Vec::new(), len: 0, stale: 0 }
    }
}

impl<K: Clone> Index<K> {
    /// Adds the rows of dots that came alive in one commit.
    pub(crate) fn append(&mut self, mut born: Vec<(Dot, K)>) {
        if !born.is_sorted_by_key(|row| row.0) {
            born.sort_by_key(|row| row.0);
        }
        let mut born = born.into_iter().peekable();
        while let Some((first, key)) = born.next() {
            let rows = self.replicas.entry(first.replica).or_default();
            let run = rows.run_for(first.seq);
            run.push((first.seq, key));
            let mut added = 1;
            while let Some((dot, key)) = born.next_if(|row| row.0.replica == first.replica) {
                run.push((dot.seq, key));
                added += 1;
            }
            rows.len += added;
        }
    }

    /// Notes that a dot of `replica` left its cell.
    pub(crate) fn bury(&mut self, replica: ReplicaId) {
        if let Some(rows) = self.replicas.get_mut(&replica) {
            rows.stale += 1;
        }
    }

    /// Sweeps the stale rows of `replica` out if there are more of them than of the others.
    pub(crate) fn sweep(&mut self, replica: ReplicaId, is_alive: impl Fn(Dot, &K) -> bool) {
        let Some(rows) = self.replicas.get_mut(&replica) else { return };
        if rows.len < MIN_ROWS_TO_SWEEP || rows.stale * 2 <= rows.len {
            return;
        }
        rows.merge_runs();
        for run in &mut rows.runs {
            run.retain(|(seq, key)| is_alive(Dot::new(replica, *seq), key));
            run.shrink_to_fit();
        }
        rows.runs.retain(|run| !run.is_empty());
        rows.len = rows.runs.iter().map(Vec::len).sum();
        rows.stale = 0;
    }

    /// The keys of the dots in `ahead`, in no particular order, stale ones included.
    pub(crate) fn keys_of(&self, ahead: Ahead) -> impl Iterator<Item = &K> + '_ {
        let runs = self.replicas.get(&ahead.replica).map_or(&[][..], |rows| rows.runs.as_slice());
        runs.iter().flat_map(move |run| {
            let from = run.partition_point(|(seq, _)| *seq <= ahead.after);
            let rest = run.get(from..).unwrap_or_default();
            rest.iter().take_while(move |(seq, _)| *seq <= ahead.upto).map(|(_, key)| key)
        })
    }

    /// Whether there is a row for `dot` in the cell of `key`.
    pub(crate) fn names(&self, dot: Dot, key: &K) -> bool
    where
        K: PartialEq,
    {
        let ahead = Ahead { replica: dot.replica, after: dot.seq.saturating_sub(1), upto: dot.seq };
        self.keys_of(ahead).any(|indexed| indexed == key)
    }

    /// An upper bound for the number of keys that [`Self::keys_of`] yields.
    pub(crate) fn rows_of(&self, ahead: Ahead) -> usize {
        let runs = self.replicas.get(&ahead.replica).map_or(&[][..], |rows| rows.runs.as_slice());
        runs.iter()
            .map(|run| {
                let from = run.partition_point(|(seq, _)| *seq <= ahead.after);
                run.partition_point(|(seq, _)| *seq <= ahead.upto) - from
            })
            .sum()
    }
}

#[allow(clippy::indexing_slicing, reason = "the list of runs is not empty where it is indexed")]
impl<K> Rows<K> {
    /// The run that a batch starting at `first` can be appended to.
    fn run_for(&mut self, first: Seq) -> &mut Vec<(Seq, K)> {
        let follows =
            self.runs.last().and_then(|run| run.last()).is_some_and(|(last, _)| *last <= first);
        if !follows {
            if self.runs.len() >= MAX_RUNS {
                self.merge_runs();
            }
            self.runs.push(Vec::new());
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    fn merge_runs(&mut self) {
        if self.runs.len() > 1 {
            let mut all: Vec<_> = std::mem::take(&mut self.runs).into_iter().flatten().collect();
            // A stable sort of sorted runs is a merge.
            all.sort_by_key(|(seq, _)| *seq);
            self.runs.push(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);

    fn keys(index: &Index<u64>, replica: ReplicaId, after: Seq, upto: Seq) -> Vec<u64> {
        let ahead = Ahead { replica, after, upto };
        let mut keys: Vec<_> = index.keys_of(ahead).copied().collect();
        assert_eq!(index.rows_of(ahead), keys.len());
        keys.sort_unstable();
        keys
    }

    #[test]
    fn the_keys_after_a_dot_are_found_whatever_the_order_of_arrival() {
        let mut index = Index::default();
        for batch in [&[5_u64, 1, 9][..], &[3, 2], &[8, 4], &[7, 6, 10]] {
            index.append(batch.iter().map(|seq| (Dot::new(A, *seq), seq * 10)).collect());
        }
        index.append(vec![(Dot::new(B, 1), 7)]);
        assert_eq!(keys(&index, A, 3, 8), [40, 50, 60, 70, 80]);
        assert_eq!(keys(&index, B, 0, 1), [7]);
    }

    #[test]
    fn many_runs_are_merged_and_nothing_is_lost() {
        let mut index = Index::default();
        for seq in (1..=100).rev() {
            index.append(vec![(Dot::new(A, seq), seq)]);
        }
        assert_eq!(keys(&index, A, 0, 100), (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn stale_rows_go_when_they_outnumber_the_others() {
        let mut index = Index::default();
        index.append((1..=100).map(|seq| (Dot::new(A, seq), seq)).collect());
        (0..50).for_each(|_| index.bury(A));
        index.sweep(A, |dot, _| dot.seq > 50);
        assert_eq!(keys(&index, A, 0, 100).len(), 100);
        index.bury(A);
        index.sweep(A, |dot, _| dot.seq > 51);
        assert_eq!(keys(&index, A, 0, 100), (52..=100).collect::<Vec<_>>());
    }
}
