//! The invariants that a single store can be asked about.

use thiserror::Error;

use crate::dot::Dot;
use crate::entry::Entry;
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::store::Store;
use crate::view::{CellKey, CellValue};

/// A rule of the data model that does not hold: a bug, or damage.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Violation<K> {
    /// I1: one dot names two cells.
    #[error("I1: {dot:?} names more than one cell")]
    RepeatedDot {
        /// The dot.
        dot: Dot,
    },
    /// I2: a cell holds a dot that is not in its context.
    #[error("I2: {dot:?} of {key:?} is not in the context")]
    OutsideContext {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// The dots of a cell are out of order, or the cell is empty.
    #[error("the dots of {key:?} are not strictly sorted, or there are none")]
    CellOrder {
        /// The key of the cell.
        key: K,
    },
    /// A live dot has no index row: it would never be sent.
    #[error("{dot:?} of {key:?} is not in the index")]
    Unindexed {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// The index names dots that are not alive.
    #[error("the index has {rows} rows for {dots} live dots")]
    IndexCount {
        /// The rows of the index.
        rows: usize,
        /// The live dots, one for each cell that holds it.
        dots: usize,
    },
    /// I4: a range tombstone in the context did not take what it has seen.
    #[error("I4: {dot:?} of {key:?} outlived a range tombstone that has seen it")]
    OutlivedRangeTombstone {
        /// The dot.
        dot: Dot,
        /// The key of the cell.
        key: K,
    },
    /// The list of cells to collect from is not what it should be.
    #[error("whether {key:?} holds a removal is listed wrongly")]
    RemovalList {
        /// The key of the cell.
        key: K,
    },
    /// The list of cells to collect from names cells that are gone.
    #[error("{listed} cells are listed to hold removals, {found} do")]
    RemovalCount {
        /// How many are listed.
        listed: usize,
        /// How many there are.
        found: usize,
    },
    /// I4: something was collected that was never incorporated.
    #[error("I4: the horizon is not under the context")]
    HorizonAboveContext,
    /// I6: the own dots are not the same for every key.
    #[error("I6: the own component differs between segments")]
    OwnComponent,
}

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// Checks every invariant that a single store can be asked about. Costs a walk over the store.
    ///
    /// # Errors
    /// Names the first rule that does not hold.
    pub fn verify(&self, own: Option<ReplicaId>) -> Result<(), Violation<K>> {
        let (mut dots, mut live, mut removals) = (Vec::new(), 0, 0);
        for (key, cell) in self.view.range(&KeyRange::full()) {
            let context = self.view.context.at(key);
            let names: Vec<Dot> = cell.entries().map(|(dot, _)| dot).collect();
            if names.is_empty() || !names.is_sorted_by(|a, b| a < b) {
                return Err(Violation::CellOrder { key: key.clone() });
            }
            let holds = cell.cell.holds_removal();
            removals += usize::from(holds);
            if holds != self.removals.contains(key) {
                return Err(Violation::RemovalList { key: key.clone() });
            }
            live += names.len();
            for (dot, entry) in cell.entries() {
                if !context.contains(dot) {
                    return Err(Violation::OutsideContext { dot, key: key.clone() });
                }
                if entry.yields_to_range_tombstone() && self.is_buried(key, dot) {
                    return Err(Violation::OutlivedRangeTombstone { dot, key: key.clone() });
                }
                if !self.index.names(dot, key) {
                    return Err(Violation::Unindexed { dot, key: key.clone() });
                }
                if !matches!(entry, Entry::Reset(_)) {
                    dots.push(dot);
                }
            }
        }
        let rows = self.index.count();
        if rows != live {
            return Err(Violation::IndexCount { rows, dots: live });
        }
        dots.sort_unstable();
        let mut pairs = dots.iter().zip(dots.iter().skip(1));
        if let Some((dot, _)) = pairs.find(|(a, b)| a == b) {
            return Err(Violation::RepeatedDot { dot: *dot });
        }
        if removals != self.removals.len() {
            return Err(Violation::RemovalCount { listed: self.removals.len(), found: removals });
        }
        // While segments differ, some may not have reached what was collected elsewhere.
        if self.view.context.uniform().is_some_and(|own| !own.covers(&self.horizon)) {
            return Err(Violation::HorizonAboveContext);
        }
        let own_seqs = own.map(|own| {
            self.view
                .context
                .segments_in(&KeyRange::full())
                .map(|s| s.1.seq(own))
                .collect::<Vec<_>>()
        });
        match own_seqs {
            Some(seqs) if seqs.windows(2).any(|pair| pair.first() != pair.last()) => {
                Err(Violation::OwnComponent)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_buried(&self, key: &K, dot: Dot) -> bool {
        self.range_tombstones.iter().any(|t| t.range.contains(key) && t.seen.contains(dot))
    }
}
