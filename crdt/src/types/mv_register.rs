//! A register that shows every concurrent value.
//!
//! Source: the multi-value register of Shapiro et al. 2011, section 3.2.2.

use crate::cell::{CellRef, Sibling};
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;
use crate::view::CellValue;

/// A register that shows every value nobody has superseded: one, or several after concurrent writes.
///
/// ```
/// use rejoin_crdt::{MvRegister, ReplicaId};
///
/// let mut a = MvRegister::<String>::new(ReplicaId::from_u128(1));
/// let mut b = MvRegister::<String>::new(ReplicaId::from_u128(2));
/// let (from_a, from_b) = (a.set("left"), b.set("right"));
/// a.join(&from_b)?;
/// b.join(&from_a)?;
/// assert_eq!(a.values().collect::<Vec<_>>(), ["left", "right"]);
/// a.set("middle");
/// assert_eq!(a.values().collect::<Vec<_>>(), ["middle"]);
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct MvRegister<T: CellValue> {
    local: Local<Self>,
}

impl<T: CellValue> DataType for MvRegister<T> {
    type Key = ();
    type Value = T;
}

impl<T: CellValue> Removable for MvRegister<T> {}

standalone!([T: CellValue] MvRegister<T>);

impl<T: CellValue> MvRegister<T> {
    /// Sets the value, superseding every value that is seen here.
    pub fn set(&mut self, value: impl Into<T>) -> Delta<(), T> {
        self.local.change(Hlc::ZERO, |register| register.set(value))
    }

    /// Removes every value that is seen here; a concurrent write survives. Does nothing if there is
    /// none.
    pub fn delete(&mut self) -> Delta<(), T> {
        self.local.change(Hlc::ZERO, |register| register.delete())
    }

    /// Every live value, sorted by dot. Equal values written concurrently are listed each.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.read().siblings().map(|sibling| sibling.value)
    }

    /// Every live value, sorted by dot, with who wrote it.
    pub fn siblings(&self) -> impl Iterator<Item = Sibling<'_, T>> {
        self.read().siblings()
    }
}

impl<'a, T: CellValue> Reader<'a, MvRegister<T>> {
    /// Every live value, sorted by dot. Equal values written concurrently are listed each.
    pub fn values(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.siblings().map(|sibling| sibling.value)
    }

    /// Every live value, sorted by dot, with who wrote it.
    pub fn siblings(&self) -> impl Iterator<Item = Sibling<'a, T>> + use<'a, T> {
        self.cells.cell(&()).into_iter().flat_map(CellRef::values)
    }
}

impl<T: CellValue> Writer<'_, MvRegister<T>> {
    /// Sets the value, superseding every value that is seen here.
    pub fn set(&mut self, value: impl Into<T>) {
        self.cells.write(&(), value.into());
    }

    /// Removes every value that is seen here; a concurrent write survives.
    pub fn delete(&mut self) {
        self.cells.remove(&());
    }
}
