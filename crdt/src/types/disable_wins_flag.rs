//! A flag that is off after a concurrent enable and disable.
//!
//! It is the remove-wins set of one element: see [`RemoveWinsSet`](crate::RemoveWinsSet).

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;

/// A flag that is off until enabled; of concurrent changes, disabling wins.
///
/// ```
/// use rejoin_crdt::{DisableWinsFlag, ReplicaId};
///
/// let mut a = DisableWinsFlag::new(ReplicaId::from_u128(1));
/// a.enable();
/// let mut b = a.with_replica(ReplicaId::from_u128(2));
/// let (off, on_again) = (a.disable(), b.enable());
/// a.join(&on_again)?;
/// b.join(&off)?;
/// assert!(!a.is_enabled() && !b.is_enabled());
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct DisableWinsFlag {
    local: Local<Self>,
}

impl DataType for DisableWinsFlag {
    type Key = ();
    type Value = ();

    fn is_visible(cell: CellRef<'_, ()>) -> bool {
        cell.is_undisputed()
    }
}

impl Removable for DisableWinsFlag {}

standalone!([] DisableWinsFlag);

impl DisableWinsFlag {
    /// Turns the flag on, unless somebody turns it off concurrently.
    pub fn enable(&mut self) -> Delta<(), ()> {
        self.local.change(Hlc::ZERO, |flag| flag.enable())
    }

    /// Turns the flag off. Does so also where it is off: the change beats a concurrent enable.
    pub fn disable(&mut self) -> Delta<(), ()> {
        self.local.change(Hlc::ZERO, |flag| flag.disable())
    }

    /// Whether the flag is on.
    pub fn is_enabled(&self) -> bool {
        self.read().is_enabled()
    }
}

impl Reader<'_, DisableWinsFlag> {
    /// Whether the flag is on.
    pub fn is_enabled(&self) -> bool {
        self.cells.cell(&()).is_some_and(CellRef::is_undisputed)
    }
}

impl Writer<'_, DisableWinsFlag> {
    /// Turns the flag on, unless somebody turns it off concurrently.
    pub fn enable(&mut self) {
        self.cells.write(&(), ());
    }

    /// Turns the flag off. Does so also where it is off: the change beats a concurrent enable.
    pub fn disable(&mut self) {
        self.cells.tombstone(&());
    }
}
