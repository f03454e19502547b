//! Finding out where two stores differ, from ranges to cells: one side offers fingerprints, the other one
//! judges them, and what differs is offered again in finer pieces.
//!
//! It is the same whether what is *held* is compared, to tell a peer below the horizon what it lacks,
//! or what is *live*, to audit two replicas of equal context.

use std::collections::BTreeSet;

use rejoin_crdt::Fingerprint;

use crate::document::{Key, KeyRange, Store};
use crate::offer::{CellHash, Content, Item};

/// A range of so many cells is offered cell by cell: 16 bytes each, where one more step would take a
/// round trip and 16 fingerprints.
const LEAF_CELLS: u64 = 32;

/// The pieces of a range in the next step: the branching at which a single difference in 10^6 cells
/// takes four round trips of less than a kilobyte.
const BRANCHING: usize = 16;

/// Steps after which an honest exchange of 16^12 cells has ended.
const MOST_STEPS: u32 = 32;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// The dots in the cells, those of tombstones included.
    Held,
    /// What a reader finds.
    Live,
}

impl Compared {
    /// The number of cells in a range, and the fingerprint of their content.
    fn sum(self, store: &Store, range: &KeyRange) -> (u64, Fingerprint) {
        match self {
            Self::Held => store.view().holding(range),
            Self::Live => store.audited(range),
        }
    }

    /// The cells of a range, each with a hash of its content.
    pub(super) fn hashes<'a>(
        self,
        store: &'a Store,
        range: &KeyRange,
        key: &'a [u8; 32],
    ) -> Box<dyn Iterator<Item = (&'a Key, CellHash)> + 'a> {
        match self {
            Self::Held => Box::new(store.view().hashes(range, key)),
            Self::Live => Box::new(store.audited_hashes(range, key)),
        }
    }
}

/// The side that offers.
#[derive(Debug)]
pub(super) struct Descent {
    compared: Compared,
    key: [u8; 32],
    /// The ranges of the last offer that the peer has not judged yet, and how many cells they have.
    offered: Vec<(KeyRange, u64)>,
    /// Where the cells lie whose hashes the peer was told.
    told: Vec<KeyRange>,
    steps: u32,
}

impl Descent {
    /// A descent whose hashes of cells are under `key`.
    pub(super) const fn new(compared: Compared, key: [u8; 32]) -> Self {
        Self { compared, key, offered: Vec::new(), told: Vec::new(), steps: 0 }
    }

    /// The next, finer offer.
    pub(super) fn offer(&mut self, ranges: &[KeyRange], store: &Store) -> Vec<Item> {
        self.steps += 1;
        let pieces = ranges.iter().flat_map(|range| store.view().split(range, BRANCHING));
        let mut items = Vec::new();
        for range in pieces {
            let (cells, fingerprint) = self.compared.sum(store, &range);
            let content = if cells <= LEAF_CELLS {
                self.told.push(range.clone());
                let hashes = self.compared.hashes(store, &range, &self.key);
                Content::Cells(hashes.map(|(_, hash)| hash).collect())
            } else {
                self.offered.push((range.clone(), cells));
                Content::Sum { cells, fingerprint }
            };
            items.push(Item { range, content });
        }
        items
    }

    /// An offer of a range cell by cell, however many they are.
    pub(super) fn leaf(&mut self, range: &KeyRange, store: &Store) -> Item {
        let hashes = self.compared.hashes(store, range, &self.key).map(|(_, hash)| hash);
        let content = Content::Cells(hashes.collect());
        self.told.push(range.clone());
        Item { range: range.clone(), content }
    }

    /// The offered ranges that differ, by one bit for each; `None` if there are not as many bits.
    pub(super) fn judged(&mut self, verdict: &[u8]) -> Option<Vec<(KeyRange, u64)>> {
        if verdict.len() != self.offered.len().div_ceil(8) {
            return None;
        }
        let bit = |at: usize| verdict.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        let offered = std::mem::take(&mut self.offered).into_iter().enumerate();
        Some(offered.filter(|(at, _)| bit(*at)).map(|(_, range)| range).collect())
    }

    /// Tells the hashes of the cells in these ranges.
    pub(super) fn tell(&mut self, ranges: Vec<KeyRange>, store: &Store) -> Vec<CellHash> {
        let cells = ranges.iter().flat_map(|range| self.compared.hashes(store, range, &self.key));
        let hashes = cells.map(|(_, hash)| hash).collect();
        self.told.extend(ranges);
        hashes
    }

    /// The cells that have one of these hashes, of those that were told.
    pub(super) fn named(&self, hashes: &BTreeSet<CellHash>, store: &Store) -> Vec<Key> {
        let cells = self.told.iter().flat_map(|r| self.compared.hashes(store, r, &self.key));
        cells.filter(|(_, hash)| hashes.contains(hash)).map(|(key, _)| key.clone()).collect()
    }

    /// The key of the hashes.
    pub(super) const fn key(&self) -> [u8; 32] {
        self.key
    }

    /// The offers so far.
    pub(super) const fn steps(&self) -> u32 {
        self.steps
    }
}

/// The side that judges, and what it has found.
#[derive(Debug)]
pub(super) struct Findings {
    compared: Compared,
    /// The key of the hashes.
    pub(super) key: [u8; 32],
    /// The ranges of the last offer that differ.
    pub(super) differing: Vec<KeyRange>,
    /// Hashes of cells that are there and not here.
    pub(super) hashes: Vec<CellHash>,
    /// Cells that are here and not, or not so, there.
    pub(super) keys: BTreeSet<Key>,
    steps: u32,
}

impl Findings {
    /// Nothing yet.
    pub(super) const fn new(compared: Compared, key: [u8; 32]) -> Self {
        Self {
            compared,
            key,
            differing: Vec::new(),
            hashes: Vec::new(),
            keys: BTreeSet::new(),
            steps: 0,
        }
    }

    /// Counts a step, and says whether there were more than an honest peer takes.
    pub(super) const fn is_endless(&mut self) -> bool {
        self.steps += 1;
        self.steps > MOST_STEPS
    }

    /// Compares what is offered. Returns one bit for each range that was offered by its fingerprint;
    /// `None` if there was none and the exchange is over.
    pub(super) fn compare(&mut self, items: Vec<Item>, store: &Store) -> Option<Vec<u8>> {
        let (mut verdict, mut judged) = (Vec::new(), 0_usize);
        self.differing.clear();
        for Item { range, content } in items {
            match content {
                Content::Cells(theirs) => self.compare_cells(&range, &theirs, store),
                Content::Sum { cells, fingerprint } => {
                    if judged % 8 == 0 {
                        verdict.push(0_u8);
                    }
                    if self.compared.sum(store, &range) != (cells, fingerprint) {
                        verdict.last_mut().into_iter().for_each(|byte| *byte |= 1 << (judged % 8));
                        self.differing.push(range);
                    }
                    judged += 1;
                }
            }
        }
        (judged > 0).then_some(verdict)
    }

    fn compare_cells(&mut self, range: &KeyRange, theirs: &[CellHash], store: &Store) {
        let theirs: BTreeSet<&CellHash> = theirs.iter().collect();
        let mut both = BTreeSet::new();
        for (key, hash) in self.compared.hashes(store, range, &self.key) {
            if theirs.contains(&hash) {
                both.insert(hash);
            } else {
                self.keys.insert(key.clone());
            }
        }
        self.hashes.extend(theirs.into_iter().filter(|hash| !both.contains(*hash)));
    }
}
