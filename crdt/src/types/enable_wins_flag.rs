//! A flag that is on after a concurrent enable and disable.
//!
//! It is the add-wins set of one element: see [`OrSet`](crate::OrSet).

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;

/// A flag that is off until enabled; of concurrent changes, enabling wins.
///
/// ```
/// use rejoin_crdt::{EnableWinsFlag, ReplicaId};
///
/// let mut a = EnableWinsFlag::new(ReplicaId::from_u128(1));
/// a.enable();
/// let mut b = a.with_replica(ReplicaId::from_u128(2));
/// let (off, on_again) = (a.disable(), b.enable());
/// a.join(&on_again)?;
/// b.join(&off)?;
/// assert!(a.is_enabled() && b.is_enabled());
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct EnableWinsFlag {
    local: Local<Self>,
}

impl DataType for EnableWinsFlag {
    type Key = ();
    type Value = ();
}

impl Removable for EnableWinsFlag {}

standalone!([] EnableWinsFlag);

impl EnableWinsFlag {
    /// Turns the flag on. Does so also where it is on: the change survives a concurrent disable.
    pub fn enable(&mut self) -> Delta<(), ()> {
        self.local.change(Hlc::ZERO, |flag| flag.enable())
    }

    /// Turns the flag off, as far as it is seen on here. Does nothing if it is off.
    pub fn disable(&mut self) -> Delta<(), ()> {
        self.local.change(Hlc::ZERO, |flag| flag.disable())
    }

    /// Whether the flag is on.
    pub fn is_enabled(&self) -> bool {
        self.read().is_enabled()
    }
}

impl Reader<'_, EnableWinsFlag> {
    /// Whether the flag is on.
    pub fn is_enabled(&self) -> bool {
        self.cells.cell(&()).is_some_and(CellRef::has_value)
    }
}

impl Writer<'_, EnableWinsFlag> {
    /// Turns the flag on. Does so also where it is on: the change survives a concurrent disable.
    pub fn enable(&mut self) {
        self.cells.write(&(), ());
    }

    /// Turns the flag off, as far as it is seen on here.
    pub fn disable(&mut self) {
        self.cells.remove(&());
    }
}
