//! Differences: what a store has and somebody else has not.
//!
//! For every replica that is ahead, the dot index names the cells to look at; so a delta costs the
//! difference, not the store. Where the index names too many of the cells, all are walked instead.
//!
//! Whoever is told only what it can take is told nothing of [damaged](super::scrub) ranges either.
//!
//! Somebody whose context does not cover the horizon is told everything: a difference could not name
//! the removals that were collected.

use smallvec::SmallVec;

use crate::cell::CellRef;
use crate::context::Context;
use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::{LocalDot, Seq};
use crate::ordered_map::ABREAST;
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::ReplicaId;
use crate::store::Store;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

/// To look up and sort a cell that the index names takes as long as to walk past so many cells.
const WALKED_PER_NAMED: usize = 8;

/// Room for so many cells is made at once, and then for the others.
const MANY_CELLS: usize = 4_096;

/// As many cells are expected in a large part at the most: records of a hundred bytes that fill a delta.
const EXPECTED_CELLS: usize = 80_000;

/// How many of the next few cells are taken.
type Takes<'t, K, W> = dyn FnMut(&[DeltaCell<K, W>]) -> usize + 't;

/// A few keys in order, each with what is stored there.
type Block<'s, 'i, K, V> = Vec<(&'i K, Option<CellRef<'s, V>>)>;

/// All keys in order, block by block.
type Blocks<'s, 'i, K, V> = Box<dyn Iterator<Item = Block<'s, 'i, K, V>> + 'i>;

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Everything that somebody with the context `base` lacks.
    pub fn delta_since(&self, base: &Context<K>) -> Delta<K, V> {
        self.delta_in(base, &KeyRange::full())
    }

    /// Everything in `range` that somebody with the context `base` lacks.
    pub fn delta_in(&self, base: &Context<K>, range: &KeyRange<K>) -> Delta<K, V> {
        self.parts_in(base, range, |base| self.by_horizon(base), &[], V::clone)
    }

    /// The first part of what somebody with the context `base` lacks: `takes` is asked how many of
    /// the next few cells it takes, and from the first one on that it does not take, nothing is said of any key. Nothing is said
    /// of what is [withheld](Self::withholds), either. Costs what is taken, and the list of the keys where the
    /// index names them; values are not copied.
    pub fn delta_while<'s>(
        &'s self,
        base: &Context<K>,
        mut takes: impl FnMut(&[DeltaCell<K, &'s V>]) -> usize,
    ) -> Delta<K, &'s V> {
        let mut parts = Vec::new();
        for (range, base, upto) in self.intervals(base, &KeyRange::full()) {
            let coverage = self.by_horizon(&base);
            for range in self.tellable(range, &base, upto, coverage) {
                let (base, end) = (base.clone(), range.end.clone());
                let told = (range, base, upto.clone(), coverage);
                let part = self.part(told, &[], &mut takes, |value| value);
                let is_cut = part.range.end != end;
                // The part may begin with the cell that is not taken.
                parts.extend(Some(part).filter(|part| !part.range.is_empty()));
                if is_cut {
                    return self.delta_of(parts);
                }
            }
        }
        self.delta_of(parts)
    }

    pub(super) fn by_horizon(&self, base: &VersionVector) -> Coverage {
        match base.covers(&self.horizon) {
            true => Coverage::Difference,
            false => Coverage::Complete,
        }
    }

    fn parts_in<'a, W>(
        &'a self,
        base: &Context<K>,
        range: &KeyRange<K>,
        coverage: impl Fn(&VersionVector) -> Coverage,
        differing: &[K],
        copy: impl Fn(&'a V) -> W,
    ) -> Delta<K, W> {
        let parts = self.intervals(base, range).into_iter().map(|(range, base, upto)| {
            let coverage = coverage(&base);
            let told = (range, base, upto.clone(), coverage);
            self.part(told, differing, &mut |cells| cells.len(), &copy)
        });
        self.delta_of(parts.collect())
    }

    fn delta_of<W>(&self, parts: Vec<Part<K, W>>) -> Delta<K, W> {
        Delta { parts, horizon: self.horizon.clone(), fingerprint: None }
    }

    /// The pieces of `range` in which somebody with the context `base` lacks something: what it has of what
    /// is here, and what is here.
    pub(super) fn intervals<'a>(
        &'a self,
        base: &Context<K>,
        range: &'a KeyRange<K>,
    ) -> Vec<(KeyRange<K>, VersionVector, &'a VersionVector)> {
        let mut intervals = Vec::new();
        for (own_range, upto) in self.view.context.segments_in(range) {
            for (range, base) in base.segments_in(&own_range) {
                // What the other side has beyond this store is no part of the interval.
                let base = base.meet(upto);
                if base != *upto {
                    intervals.push((range, base, upto));
                }
            }
        }
        intervals
    }

    /// Everything that somebody with the context `base` lacks, who is known to differ at `keys`, sorted,
    /// and to hold the same as this store in all other cells of the ranges where `base` does not cover the
    /// horizon.
    pub fn delta_differing(&self, base: &Context<K>, keys: &[K]) -> Delta<K, &V> {
        let by_horizon = |base: &VersionVector| match base.covers(&self.horizon) {
            true => Coverage::Difference,
            false => Coverage::Differing,
        };
        self.parts_in(base, &KeyRange::full(), by_horizon, keys, |value| value)
    }

    /// The ranges in which somebody with the context `base` lacks something and a difference could not
    /// name every removal.
    pub fn below_horizon(&self, base: &Context<K>) -> Vec<KeyRange<K>> {
        let mut ranges: Vec<KeyRange<K>> = Vec::new();
        for (range, base, _) in self.intervals(base, &KeyRange::full()) {
            match ranges.last_mut() {
                _ if base.covers(&self.horizon) => {}
                Some(last) if last.end.is_some() && last.end == range.start => {
                    last.end = range.end;
                }
                _ => ranges.push(range),
            }
        }
        ranges
    }

    /// The cells of `range` for somebody with the context `base`, as far as it differs, whatever has
    /// changed in them: with `coverage` [`Coverage::Complete`] all of them, else those at `keys`, in which
    /// the two sides differ.
    pub fn listing_in(
        &self,
        base: &Context<K>,
        range: &KeyRange<K>,
        coverage: Coverage,
        keys: &[K],
    ) -> Delta<K, V> {
        self.parts_in(base, range, |_| coverage, keys, V::clone)
    }

    /// Says of the changes of `replica` up to `upto` that were never made that they name nothing: a delta
    /// without cells.
    pub fn skip(&self, replica: ReplicaId, upto: Seq) -> Delta<K, V> {
        let full = KeyRange::full();
        let part = |(range, base): (KeyRange<K>, &VersionVector)| {
            let mut raised = base.clone();
            raised.advance(replica, upto);
            let told = (range, base.clone(), raised, Coverage::Difference);
            self.part(told, &[], &mut |cells| cells.len(), V::clone)
        };
        let parts = self.view.context.segments_in(&full).map(part).collect();
        Delta { parts, horizon: VersionVector::new(), fingerprint: None }
    }

    /// The keys in `range` with a dot that `base` has not seen, sorted: the changed cells.
    pub fn changed_since(
        &self,
        base: &VersionVector,
        upto: &VersionVector,
        range: &KeyRange<K>,
    ) -> Vec<K> {
        let changed = self.changed_cells(base, upto, range, self.dots_since(base, upto));
        changed.flatten().map(|(key, _)| key.clone()).collect()
    }

    /// The cells in `range` with a dot that `base` has not seen, in key order; `dots` is how many there are anywhere.
    fn changed_cells<'s: 'i, 'i>(
        &'s self,
        base: &'i VersionVector,
        upto: &VersionVector,
        range: &'i KeyRange<K>,
        dots: usize,
    ) -> Blocks<'s, 'i, K, V> {
        let most = self.view.cells.len() / WALKED_PER_NAMED;
        if dots > most {
            let is_fresh = |local: LocalDot| !base.contains(local.resolve(&self.view.lives));
            let cells = self.view.range(range);
            return in_blocks(cells.filter(move |(_, cell)| cell.cell.locals().any(is_fresh)));
        }
        let mut keys = Vec::with_capacity(dots);
        let named = upto.ahead_of(base).flat_map(|ahead| self.index.keys_of(ahead));
        keys.extend(named.filter(|key| range.contains(key)));
        self.cells_of(keys)
    }

    /// How many live dots `base` has not seen.
    fn dots_since(&self, base: &VersionVector, upto: &VersionVector) -> usize {
        upto.ahead_of(base).map(|ahead| self.index.count_of(ahead)).sum()
    }

    fn cells_of<'s: 'i, 'i>(&'s self, mut keys: Vec<&'i K>) -> Blocks<'s, 'i, K, V> {
        keys.sort_unstable();
        keys.dedup();
        // Not all at once: the first ones may be all that is taken.
        let starts = (0..keys.len()).step_by(ABREAST);
        Box::new(starts.map(move |start| {
            let keys = keys.get(start..keys.len().min(start + ABREAST)).unwrap_or_default();
            let cells = self.view.cells.get_abreast(keys).into_iter();
            let cells = cells.map(|cell| cell.map(|cell| self.view.reader(cell)));
            keys.iter().copied().zip(cells).collect()
        }))
    }

    /// The range tombstones in `range` that `base` has not seen, sorted.
    pub fn range_tombstones_since(
        &self,
        base: &VersionVector,
        upto: &VersionVector,
        range: &KeyRange<K>,
    ) -> Vec<RangeTombstone<K>> {
        upto.ahead_of(base).flat_map(|ahead| self.range_tombstones.in_range(ahead, range)).collect()
    }

    /// A part of `range`, or of its keys before the first cell that `takes` does not take.
    fn part<'a, W>(
        &'a self,
        (mut range, base, mut upto, coverage): (
            KeyRange<K>,
            VersionVector,
            VersionVector,
            Coverage,
        ),
        differing: &[K],
        takes: &mut Takes<'_, K, W>,
        copy: impl Fn(&'a V) -> W,
    ) -> Part<K, W> {
        let dots = self.dots_since(&base, &upto);
        let blocks: Blocks<'_, '_, K, V> = match coverage {
            Coverage::Difference => self.changed_cells(&base, &upto, &range, dots),
            Coverage::Complete => in_blocks(self.view.range(&range)),
            Coverage::Differing => {
                let differing = differing.iter().filter(|key| range.contains(key));
                let changed = self.changed_cells(&base, &upto, &range, dots).flatten();
                self.cells_of(changed.map(|(key, _)| key).chain(differing).collect())
            }
        };
        let (mut cells, mut cut) = (Vec::with_capacity(dots.min(MANY_CELLS)), None);
        for block in blocks {
            if cells.len() == MANY_CELLS {
                cells.reserve(dots.min(EXPECTED_CELLS));
            }
            let before = cells.len();
            let told = |(key, cell)| told(key, cell, (&base, coverage), &copy);
            cells.extend(block.into_iter().map(told));
            let taken = before + takes(cells.get(before..).unwrap_or_default());
            cut = cells.get(taken).map(|cell| cell.key.clone());
            if cut.is_some() {
                cells.truncate(taken);
                break;
            }
        }
        if cells.len() < cells.capacity() / 2 {
            cells.shrink_to_fit();
        }
        if cut.is_some() {
            range.end = cut;
        }
        if planted(Bug::TransactionCutInTwo) {
            upto = upto.ahead_of(&base).map(|a| (a.replica, a.upto - a.upto / 2)).collect();
            upto.join(&base);
            cells.iter_mut().for_each(|cell| cell.fresh.retain(|(dot, _)| upto.contains(*dot)));
            cells.retain(|cell| !cell.fresh.is_empty());
        }
        let clip =
            if planted(Bug::RangeTombstoneUnclipped) { KeyRange::full() } else { range.clone() };
        let range_tombstones = self.range_tombstones_since(&base, &upto, &clip);
        Part { range, base, upto, coverage, cells, range_tombstones }
    }
}

/// What a delta says of a cell to somebody who has `base`; no entry is copied but those that are outside.
fn told<'s, K: Clone, V, W>(
    key: &K,
    cell: Option<CellRef<'s, V>>,
    (base, coverage): (&VersionVector, Coverage),
    copy: impl Fn(&'s V) -> W,
) -> DeltaCell<K, W> {
    let mut told = DeltaCell { key: key.clone(), fresh: SmallVec::new(), kept: Vec::new() };
    for (dot, entry) in cell.into_iter().flat_map(CellRef::entries) {
        if !base.contains(dot) {
            told.fresh.push((dot, entry.with_value(&copy)));
        } else if coverage != Coverage::Difference || !entry.is_single_writer() {
            told.kept.push(dot);
        }
    }
    told
}

/// Cells that are walked past anyway, block by block.
fn in_blocks<'s: 'i, 'i, K: 's, V: 's>(
    mut cells: impl Iterator<Item = (&'s K, CellRef<'s, V>)> + 'i,
) -> Blocks<'s, 'i, K, V> {
    Box::new(std::iter::from_fn(move || {
        let cells = cells.by_ref().map(|(key, cell)| (key, Some(cell)));
        Some(cells.take(ABREAST).collect()).filter(|block: &Vec<_>| !block.is_empty())
    }))
}
