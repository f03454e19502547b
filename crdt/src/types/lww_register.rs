//! A register that shows the last value by clock.
//!
//! Causality comes first: a write supersedes every value it has seen, whatever the clocks say. The
//! clock only picks which of several concurrent values is shown; the others stay until a later write
//! has seen them, so nothing is lost silently.
//!
//! Source: Shapiro et al. 2011, section 3.2.1; keeping the losers is ours.

use crate::cell::{CellRef, Sibling};
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;
use crate::view::CellValue;

/// A register that shows the value with the greatest time stamp among those nobody has superseded.
///
/// ```
/// use rejoin_crdt::{LwwRegister, ReplicaId};
///
/// let mut phone = LwwRegister::<String>::new(ReplicaId::from_u128(1));
/// let mut laptop = LwwRegister::<String>::new(ReplicaId::from_u128(2));
/// let from_phone = phone.set("tea", 1_000);
/// let from_laptop = laptop.set("coffee", 2_000);
/// phone.join(&from_laptop)?;
/// laptop.join(&from_phone)?;
/// assert_eq!(phone.get().map(String::as_str), Some("coffee"));
/// // The write that lost is still there, until somebody writes over it knowingly.
/// assert!(phone.conflicts().any(|lost| lost.value == "tea"));
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct LwwRegister<T: CellValue> {
    local: Local<Self>,
}

impl<T: CellValue> DataType for LwwRegister<T> {
    type Key = ();
    type Value = T;
}

impl<T: CellValue> Removable for LwwRegister<T> {}

standalone!([T: CellValue] LwwRegister<T>);

impl<T: CellValue> LwwRegister<T> {
    /// Sets the value. `now_ms`, the milliseconds since 1970, decides between concurrent writes only.
    pub fn set(&mut self, value: impl Into<T>, now_ms: u64) -> Delta<(), T> {
        let hlc = self.local.stamp(now_ms);
        self.local.change(hlc, |register| register.set(value))
    }

    /// Removes every value that is seen here; a concurrent write survives. Does nothing if there is
    /// none.
    pub fn delete(&mut self) -> Delta<(), T> {
        self.local.change(Hlc::ZERO, |register| register.delete())
    }

    /// The value with the greatest stamp.
    pub fn get(&self) -> Option<&T> {
        self.read().get()
    }

    /// Every live value, sorted by dot, with who wrote it and when.
    pub fn siblings(&self) -> impl Iterator<Item = Sibling<'_, T>> {
        self.read().siblings()
    }

    /// The live values that lost the comparison and differ from the one that is shown.
    pub fn conflicts(&self) -> impl Iterator<Item = Sibling<'_, T>> {
        self.read().conflicts()
    }
}

impl<'a, T: CellValue> Reader<'a, LwwRegister<T>> {
    /// The value with the greatest stamp.
    pub fn get(&self) -> Option<&'a T> {
        self.cells.cell(&())?.last_by_clock().map(|last| last.value)
    }

    /// Every live value, sorted by dot, with who wrote it and when.
    pub fn siblings(&self) -> impl Iterator<Item = Sibling<'a, T>> + use<'a, T> {
        self.cells.cell(&()).into_iter().flat_map(CellRef::values)
    }

    /// The live values that lost the comparison and differ from the one that is shown.
    pub fn conflicts(&self) -> impl Iterator<Item = Sibling<'a, T>> + use<'a, T> {
        self.cells.cell(&()).into_iter().flat_map(CellRef::lost_by_clock)
    }
}

impl<T: CellValue> Writer<'_, LwwRegister<T>> {
    /// Sets the value, at the time of the update.
    pub fn set(&mut self, value: impl Into<T>) {
        self.cells.write(&(), value.into());
    }

    /// Removes every value that is seen here; a concurrent write survives.
    pub fn delete(&mut self) {
        self.cells.remove(&());
    }
}

impl<'a, V> CellRef<'a, V> {
    /// The live value with the greatest (stamp, replica, sequence number).
    pub fn last_by_clock(self) -> Option<Sibling<'a, V>> {
        self.values().max_by_key(|value| (value.hlc, value.dot))
    }

    /// The same where a removal takes part in the comparison: `None` if a tombstone is the last.
    pub fn last_by_clock_or_deleted(self) -> Option<Sibling<'a, V>> {
        let last = self.last_by_clock()?;
        let is_later = |stamp| stamp > (Some(last.hlc), last.dot);
        let mut tombstones = self.entries().filter(|(_, entry)| entry.is_tombstone());
        (!tombstones.any(|(dot, entry)| is_later((entry.hlc(), dot)))).then_some(last)
    }
}

impl<'a, V: PartialEq> CellRef<'a, V> {
    /// The live values that [`last_by_clock`](Self::last_by_clock) passes over, sorted by dot. A
    /// sibling with the same value is no conflict and is left out.
    pub fn lost_by_clock(self) -> impl Iterator<Item = Sibling<'a, V>> + use<'a, V> {
        let shown = self.last_by_clock().map(|last| last.value);
        self.values().filter(move |sibling| shown != Some(sibling.value))
    }
}
