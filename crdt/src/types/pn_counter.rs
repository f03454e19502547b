//! A counter that goes up and down.
//!
//! Source: Shapiro et al. 2011, section 3.1.2. Each replica owns one slot with two totals.

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::transaction::CounterOverflow;
use crate::types::data_type::DataType;
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;

/// A counter that goes up and down, below zero too.
///
/// It cannot be reset or removed; [`ResettableCounter`](crate::ResettableCounter) can, and
/// [`BoundedCounter`](crate::BoundedCounter) does not go below zero.
///
/// ```
/// use rejoin_crdt::{PnCounter, ReplicaId};
///
/// let mut a = PnCounter::new(ReplicaId::from_u128(1));
/// let mut b = PnCounter::new(ReplicaId::from_u128(2));
/// let up = a.increment(3)?;
/// let down = b.decrement(5)?;
/// a.join(&down)?;
/// b.join(&up)?;
/// assert_eq!((a.value(), b.value()), (-2, -2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PnCounter {
    local: Local<Self>,
}

impl DataType for PnCounter {
    type Key = ();
    type Value = ();
}

standalone!([] PnCounter);

impl PnCounter {
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

    /// All increments less all decrements.
    pub fn value(&self) -> i128 {
        self.read().value()
    }
}

impl Reader<'_, PnCounter> {
    /// All increments less all decrements.
    pub fn value(&self) -> i128 {
        self.cells.cell(&()).map_or(0, CellRef::count)
    }
}

impl Writer<'_, PnCounter> {
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
}

impl<V> CellRef<'_, V> {
    /// All increments less all decrements, as far as no reset has cancelled them.
    pub fn count(self) -> i128 {
        let sums = self.remainders().map(|(inc, dec)| i128::from(inc) - i128::from(dec));
        sums.sum()
    }
}
