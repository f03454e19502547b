//! A counter that only grows.
//!
//! Source: Shapiro et al. 2011, section 3.1.1. Each replica owns one slot; the value is their sum.

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::transaction::CounterOverflow;
use crate::types::data_type::DataType;
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;

/// A counter that only grows.
///
/// ```
/// use rejoin_crdt::{GCounter, ReplicaId};
///
/// let mut a = GCounter::new(ReplicaId::from_u128(1));
/// let mut b = GCounter::new(ReplicaId::from_u128(2));
/// let visits = a.increment(3)?;
/// b.increment(4)?;
/// b.join(&visits)?;
/// b.join(&visits)?;
/// assert_eq!(b.value(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GCounter {
    local: Local<Self>,
}

impl DataType for GCounter {
    type Key = ();
    type Value = ();
}

standalone!([] GCounter);

impl GCounter {
    /// Adds to the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<Delta<(), ()>, CounterOverflow> {
        self.local.try_change(Hlc::ZERO, |counter| counter.increment(by))
    }

    /// The sum of all increments.
    pub fn value(&self) -> u128 {
        self.read().value()
    }
}

impl Reader<'_, GCounter> {
    /// The sum of all increments.
    pub fn value(&self) -> u128 {
        self.cells.cell(&()).map_or(0, |cell| cell.totals().0)
    }
}

impl Writer<'_, GCounter> {
    /// Adds to the counter.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<(), CounterOverflow> {
        self.cells.count(&(), by, 0).map(|_| ())
    }
}

impl<V> CellRef<'_, V> {
    /// The sums of all increments and of all decrements, as far as no reset has cancelled them.
    ///
    /// Sums of 64-bit slots of at most 65 536 replicas: far below 2^128.
    pub fn totals(self) -> (u128, u128) {
        self.remainders()
            .fold((0, 0), |(inc, dec), slot| (inc + u128::from(slot.0), dec + u128::from(slot.1)))
    }
}
