//! A register that shows the greatest value written since it was last deleted.
//!
//! A write carries the maximum of its own value and of every value it has seen, because it supersedes
//! them. Concurrent values stay apart: folding them on receipt would make replicas of equal context
//! differ, with no delta left to send.

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::dot::Dot;
use crate::hlc::Hlc;
use crate::planted::{Bug, planted};
use crate::transaction::Transaction;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::{WriteCells, Writer};
use crate::view::{CellKey, CellValue};

/// A register that shows the greatest value written since it was last deleted.
///
/// ```
/// use rejoin_crdt::{MaxRegister, ReplicaId};
///
/// let mut a = MaxRegister::new(ReplicaId::from_u128(1));
/// let mut b = MaxRegister::new(ReplicaId::from_u128(2));
/// let from_a = a.set(70_u32);
/// let from_b = b.set(90);
/// a.join(&from_b)?;
/// b.join(&from_a)?;
/// a.set(80);
/// assert_eq!((a.get(), b.get()), (Some(&90), Some(&90)));
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct MaxRegister<T: CellValue + Ord> {
    local: Local<Self>,
}

impl<T: CellValue + Ord> DataType for MaxRegister<T> {
    type Key = ();
    type Value = T;
}

impl<T: CellValue + Ord> Removable for MaxRegister<T> {}

standalone!([T: CellValue + Ord] MaxRegister<T>);

impl<T: CellValue + Ord> MaxRegister<T> {
    /// Writes a value; it shows if it is the greatest.
    pub fn set(&mut self, value: T) -> Delta<(), T> {
        self.local.change(Hlc::ZERO, |register| register.set(value))
    }

    /// Removes every value that is seen here; a concurrent write survives. Does nothing if there is
    /// none.
    pub fn delete(&mut self) -> Delta<(), T> {
        self.local.change(Hlc::ZERO, |register| register.delete())
    }

    /// The greatest value.
    pub fn get(&self) -> Option<&T> {
        self.read().get()
    }
}

impl<'a, T: CellValue + Ord> Reader<'a, MaxRegister<T>> {
    /// The greatest value.
    pub fn get(&self) -> Option<&'a T> {
        self.cells.cell(&())?.maximum()
    }
}

impl<T: CellValue + Ord> Writer<'_, MaxRegister<T>> {
    /// Writes a value; it shows if it is the greatest.
    pub fn set(&mut self, value: T) {
        write(self.cells, &(), value);
    }

    /// Removes every value that is seen here; a concurrent write survives.
    pub fn delete(&mut self) {
        self.cells.remove(&());
    }
}

impl<K: CellKey, V: CellValue + Ord> Transaction<'_, K, V> {
    /// Writes the maximum of `value` and of every live value of the cell, superseding them.
    pub fn write_maximum(&mut self, key: &K, value: V) -> Dot {
        write(self, key, value)
    }
}

impl<'a, V: Ord> CellRef<'a, V> {
    /// The greatest live value.
    pub fn maximum(self) -> Option<&'a V> {
        self.values().map(|sibling| sibling.value).max()
    }
}

fn write<K, V: Clone + Ord>(cells: &mut dyn WriteCells<K, V>, key: &K, value: V) -> Dot {
    let seen = cells.cell(key).and_then(CellRef::maximum);
    let carried = match seen {
        Some(seen) if *seen > value && !planted(Bug::MaximumGoesBack) => seen.clone(),
        _ => value,
    };
    cells.write(key, carried)
}
