//! The cell engine of Rejoin: dots, causal contexts, cells, deltas and joins, and the data types built
//! on them.
//!
//! **A replica is an ordered map of cells under one causal context.** A [`Dot`] names one change by one
//! replica. A cell holds the dots of one key that nothing has superseded, each with its entry. The
//! [`Context`] says which dots have been incorporated; it is a [`VersionVector`], per range of keys
//! while a replica catches up. There is no log of operations: an index from dot to cell answers "what
//! changed since your context" from the state, in time proportional to the answer.
//!
//! There is one join, for every type: *keep a dot that both sides hold, or that the other side has not
//! seen* (`cell.rs`). A removal is a dot too, so the difference of two replicas is always a set of dots,
//! and a [`Delta`] is that set. The receiver checks that it builds on nothing that is missing; then
//! joining the delta equals joining the whole state of its sender (`delta.rs` has the proof).
//!
//! On the engine stand the standalone data types ([`OrSet`], [`LwwRegister`], [`PnCounter`] …) and the
//! [`document`] store with its paths. The engine reads no clock and no random device, and touches no
//! file, socket or thread: time, identity and bytes are arguments.
//!
//! ```
//! use rejoin_crdt::{OrSet, ReplicaId};
//!
//! let mut phone: OrSet<String> = OrSet::new(ReplicaId::from_u128(1));
//! let mut laptop: OrSet<String> = OrSet::new(ReplicaId::from_u128(2));
//! let milk = phone.add("milk");
//! laptop.join(&milk)?;
//! // One removes what it has seen while the other asserts it again: the assertion was not seen.
//! let removed = laptop.remove("milk");
//! let again = phone.add("milk");
//! phone.join(&removed)?;
//! laptop.join(&again)?;
//! assert!(phone.contains("milk") && laptop.contains("milk"));
//! # Ok::<(), rejoin_crdt::JoinDeltaError>(())
//! ```

mod by_dot;
mod cell;
mod context;
mod coverage;
mod delta;
mod delta_cell;
pub mod document;
mod dot;
mod dot_set;
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
mod stability;
mod staged;
mod store;
mod transaction;
mod types;
pub mod value;
mod version_vector;
mod view;
pub mod wire;

pub use cell::{CellRef, Sibling};
pub use context::{Context, MOST_PARTS, MOST_SEGMENTS, MOST_VECTORS};
pub use coverage::Coverage;
pub use delta::{AuthorisedDelta, Authority, Delta, InvalidDelta, Part, Unauthorised, ValidDelta};
pub use delta_cell::DeltaCell;
pub use dot::{Dot, Seq};
pub use entry::{Entry, Record, Reset, Row, Slot, Tombstone};
pub use fingerprint::Fingerprint;
pub use hlc::{Clock, Hlc, MAX_AHEAD_MS};
pub use limits::Limits;
pub use range::KeyRange;
pub use range_tombstone::RangeTombstone;
pub use replica::ReplicaId;
pub use stability::Stability;
pub use staged::Staged;
pub use store::{
    ChangedCell, Collected, Commit, Fork, JoinError, RepairError, Repaired, Scrubbed,
    StaleTransaction, Store, Testimony, Violation,
};
pub use transaction::{CounterOverflow, Transaction};
pub use types::*;
pub use version_vector::{Ahead, VersionVector};
pub use view::{CellKey, CellValue, View};
