//! What two replicas of equal context compare (invariant I11), and what they say when it differs.
//!
//! The comparison is over what readers find. Dots that are known to have [forked](Fork) are left out:
//! both sides hold both entries then, and there is nothing left to be done about it but by an operator.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::{Fork, Store, Testimony};
use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::Dot;
use crate::fingerprint::{CellHasher, Fingerprint, HASH_KEY, HashSum, short};
use crate::range::KeyRange;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Whether an audit has found something that no later audit has cleared up. A suspect store collects
    /// nothing, and nobody shall take its silence about a dot for a removal.
    pub const fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Notes what an audit has found: a difference to a replica of the same context, or none. None ends the
    /// [quarantine](Self::quarantine), too.
    pub fn set_suspect(&mut self, is_suspect: bool) {
        self.is_suspect = is_suspect;
        if !is_suspect {
            self.quarantine.clear();
        }
    }

    /// What others hold under dots that stand for something else here, as far as audits have found it;
    /// oldest first.
    pub fn forks(&self) -> impl Iterator<Item = &Fork<K, V>> + '_ {
        self.forks.iter()
    }

    /// The number of cells in which a reader finds anything, and a fingerprint of that, which replicas of
    /// equal context have in common: [`View::fingerprint`](crate::View::fingerprint), but for dots that
    /// are known to have forked.
    pub fn audited(&self, range: &KeyRange<K>) -> (u64, Fingerprint) {
        let mut sum = self.view.sum(range).live;
        let (left_out, mut hasher) = (self.forked_dots(), CellHasher::default());
        for key in self.keys_of_dots(&left_out).iter().filter(|key| range.contains(key)) {
            let Some(cell) = self.view.cell(key) else { continue };
            let wins = (self.view.types.removal_wins)(key);
            let mut hash =
                |left_out| hasher.live(HASH_KEY, key, cell, left_out, wins).map(HashSum::of);
            sum.subtract(&hash(&[]).unwrap_or_default());
            sum.add(&hash(&left_out).unwrap_or_default());
        }
        (sum.count, sum.fingerprint())
    }

    /// A hash of each cell of a range in which a reader finds anything, under a key of the caller's
    /// choice, of the same content as [`Self::audited`].
    pub fn audited_hashes<'a>(
        &'a self,
        range: &KeyRange<K>,
        hash_key: &'a [u8; 32],
    ) -> impl Iterator<Item = (&'a K, [u8; 16])> + use<'a, K, V> {
        let (left_out, mut hasher) = (self.forked_dots(), CellHasher::default());
        self.view.range(range).filter_map(move |(key, cell)| {
            let wins = (self.view.types.removal_wins)(key);
            Some((key, short(&hasher.live(hash_key, key, cell, &left_out, wins)?)))
        })
    }

    /// Everything that this store knows of the cells of `keys`, sorted: their dots with their entries,
    /// the range tombstones over them, and forks. Of cells in [quarantine](Self::quarantine) it knows
    /// nothing.
    pub fn testimony(&self, keys: &[K]) -> Testimony<K, V> {
        let full = KeyRange::full();
        let part = |(range, upto): (KeyRange<K>, &VersionVector)| {
            let keys: Vec<&K> = keys.iter().filter(|key| range.contains(key)).collect();
            let cells = keys.iter().map(|key| self.whole_cell(key)).collect();
            let pieces = self.range_tombstones.iter().filter_map(|tombstone| {
                let is_over = keys.iter().any(|key| tombstone.range.contains(key));
                is_over.then(|| tombstone.cut_to(&range)).flatten()
            });
            let mut range_tombstones: Vec<_> = pieces.collect();
            range_tombstones.sort_by(|a, b| (a.dot, &a.range.start).cmp(&(b.dot, &b.range.start)));
            let (base, coverage) = (VersionVector::new(), Coverage::Differing);
            Part { range, base, upto: upto.clone(), coverage, cells, range_tombstones }
        };
        let parts = self.view.context.segments_in(&full).map(part).collect();
        let cells = Delta { parts, horizon: VersionVector::new(), fingerprint: None };
        let forks = self.forks_beside(&cells);
        Testimony { cells, forks }
    }

    /// The forks of the dots that are listed, and those that others have in the listed cells; one of each
    /// dot, since no delta has two entries of one.
    fn forks_beside(&self, listed: &Delta<K, V>) -> Delta<K, V> {
        let cells = || listed.parts.iter().flat_map(|part| &part.cells);
        let dots: BTreeSet<Dot> =
            cells().flat_map(|cell| &cell.fresh).map(|(dot, _)| *dot).collect();
        let is_listed = |key: &K| cells().any(|cell| cell.key == *key);
        let mut forks: Vec<&Fork<K, V>> = self.forks.iter().collect();
        forks.retain(|fork| dots.contains(&fork.dot) || is_listed(&fork.key));
        let mut told = BTreeSet::new();
        forks.retain(|fork| told.insert(fork.dot));
        forks.sort_by(|a, b| (&a.key, a.dot).cmp(&(&b.key, b.dot)));
        let parts = listed.parts.iter().map(|part| {
            let mut cells: Vec<DeltaCell<K, V>> = Vec::new();
            for fork in forks.iter().filter(|fork| part.range.contains(&fork.key)) {
                let (key, fresh) = (fork.key.clone(), (fork.dot, fork.entry.clone()));
                match cells.last_mut() {
                    Some(last) if last.key == key => last.fresh.push(fresh),
                    _ => cells.push(DeltaCell { key, fresh: [fresh].into(), kept: Vec::new() }),
                }
            }
            Part { cells, range_tombstones: Vec::new(), ..part.clone() }
        });
        Delta { parts: parts.collect(), horizon: VersionVector::new(), fingerprint: None }
    }

    fn whole_cell(&self, key: &K) -> DeltaCell<K, V> {
        let known = self.view.cell(key).filter(|_| !self.is_quarantined(key));
        let entries = known.into_iter().flat_map(|cell| cell.entries());
        let fresh: SmallVec<_> = entries.map(|(dot, entry)| (dot, entry.clone())).collect();
        DeltaCell { key: key.clone(), fresh, kept: Vec::new() }
    }

    fn forked_dots(&self) -> Vec<Dot> {
        self.forks.iter().map(|fork| fork.dot).collect()
    }

    /// The keys of the cells that may hold some of `dots`.
    fn keys_of_dots(&self, dots: &[Dot]) -> BTreeSet<K> {
        let rows = dots.iter().flat_map(|dot| self.index.keys_at(*dot));
        rows.cloned().collect()
    }
}
