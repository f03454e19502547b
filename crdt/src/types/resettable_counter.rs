//! A counter that can be set back to zero.
//!
//! A reset notes, for every writer, which of its totals it has seen, and cancels exactly those; what
//! was counted concurrently stays. A writer whose totals were cancelled as a whole begins a new epoch,
//! so that the record of the old one cannot touch it. This is ours; that plain slots under an
//! observed remove do not work is shown by Baquero, Almeida, Lerche, *The problem with embedded
//! CRDT counters and a solution*, 2016.

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::entry::Entry;
use crate::hlc::Hlc;
use crate::transaction::CounterOverflow;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;

/// A counter that goes up and down and can be set back to zero.
///
/// ```
/// use rejoin_crdt::{ReplicaId, ResettableCounter};
///
/// let mut a = ResettableCounter::new(ReplicaId::from_u128(1));
/// a.increment(10)?;
/// let mut b = a.with_replica(ReplicaId::from_u128(2));
/// let reset = a.reset();
/// let more = b.increment(2)?;
/// a.join(&more)?;
/// b.join(&reset)?;
/// // The reset cancels the ten it has seen, and not the two it has not.
/// assert_eq!((a.value(), b.value()), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ResettableCounter {
    local: Local<Self>,
}

impl DataType for ResettableCounter {
    type Key = ();
    type Value = ();
}

impl Removable for ResettableCounter {}

standalone!([] ResettableCounter);

impl ResettableCounter {
    /// Adds to the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<Delta<(), ()>, CounterOverflow> {
        self.local.try_change(Hlc::ZERO, |counter| counter.increment(by))
    }

    /// Takes from the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn decrement(&mut self, by: u64) -> Result<Delta<(), ()>, CounterOverflow> {
        self.local.try_change(Hlc::ZERO, |counter| counter.decrement(by))
    }

    /// Cancels everything that was counted and is seen here. Does nothing if nothing was.
    pub fn reset(&mut self) -> Delta<(), ()> {
        self.local.change(Hlc::ZERO, |counter| counter.reset())
    }

    /// What was counted and not cancelled.
    pub fn value(&self) -> i128 {
        self.read().value()
    }
}

impl Reader<'_, ResettableCounter> {
    /// What was counted and not cancelled.
    pub fn value(&self) -> i128 {
        self.cells.cell(&()).map_or(0, CellRef::count)
    }
}

impl Writer<'_, ResettableCounter> {
    /// Adds to the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<(), CounterOverflow> {
        self.cells.count(&(), by, 0).map(|_| ())
    }

    /// Takes from the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn decrement(&mut self, by: u64) -> Result<(), CounterOverflow> {
        self.cells.count(&(), 0, by).map(|_| ())
    }

    /// Cancels everything that was counted and is seen here.
    pub fn reset(&mut self) {
        self.cells.reset(&());
    }
}

impl<'a, V> CellRef<'a, V> {
    /// For every writer the increments and decrements that no reset has cancelled.
    pub(crate) fn remainders(self) -> impl Iterator<Item = (u64, u64)> + use<'a, V> {
        let reset = self.cell.merged_reset();
        self.entries().filter_map(move |(dot, entry)| match entry {
            Entry::Slot(slot) => Some(slot.remainder(dot.seq, reset.of(dot.replica))),
            _ => None,
        })
    }
}
