//! Dots, causal contexts, cells, deltas and joins.

mod cell;
mod context;
mod delta;
pub mod document;
mod dot;
mod entry;
mod fingerprint;
mod hlc;
mod index;
mod limits;
mod ordered_map;
pub mod path;
pub mod planted;
mod range;
mod range_tombstone;
mod replica;
mod store;
mod transaction;
mod types;
pub mod value;
mod version_vector;
mod view;
pub mod wire;

pub use cell::{CellRef, Sibling};
pub use context::Context;
pub use delta::{
    AuthorisedDelta, Authority, Delta, DeltaCell, InvalidDelta, Part, Unauthorised, ValidDelta,
};
pub use dot::{Dot, Seq};
pub use entry::{Entry, Record, Reset, Row, Slot, Tombstone};
pub use fingerprint::Fingerprint;
pub use hlc::{Clock, Hlc, MAX_AHEAD_MS};
pub use limits::Limits;
pub use range::KeyRange;
pub use range_tombstone::RangeTombstone;
pub use replica::ReplicaId;
pub use store::{BelowHorizon, ChangedCell, Commit, JoinError, StaleTransaction, Store, Violation};
pub use transaction::{CounterOverflow, Staged, Transaction};
pub use types::*;
pub use version_vector::{Ahead, VersionVector};
pub use view::{CellKey, CellValue, View};
