//! Multi-master replication for Rust applications: replicas that read and write locally, with or
//! without a network, and converge when they exchange deltas.
//!
//! ```
//! use rejoin::Replica;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (berlin, lima) = (Replica::in_memory(), Replica::in_memory());
//! berlin.transact(|tx| {
//!     let mut ada = tx.map(("users", 42))?;
//!     ada.register("name").set("Ada")?;
//!     ada.set("tags").add("vip")?;
//!     tx.counter("visits").add(1)?;
//!     Ok::<(), rejoin::WriteError>(())
//! })?;
//!
//! // A delta is bytes: send it over any socket, queue, file or bucket.
//! let delta = berlin.delta_since(&lima.context())?;
//! lima.apply(&delta)?;
//!
//! let view = lima.view();
//! let name: Option<&str> = view.register(("users", 42, "name")).get()?;
//! assert_eq!(name, Some("Ada"));
//! assert!(view.set(("users", 42, "tags")).contains("vip"));
//! # Ok(())
//! # }
//! ```
//!
//! [`Replica`] is the document store: nested maps of registers, counters, flags and sets, addressed by
//! path. Programs that need a single value use the standalone types ([`OrSet`], [`LwwRegister`],
//! [`PnCounter`], …) without anything else.

mod collection;
#[cfg(feature = "env")]
pub mod env;
mod error;
mod feed;
mod keeper;
#[cfg(feature = "sync")]
pub mod link;
mod membership;
#[cfg(feature = "net")]
pub mod net;
mod observer;
#[cfg(feature = "sync")]
mod repair;
mod replica;
mod shared;
mod write_off;

pub use collection::{Collection, Stalled};
pub use error::{
    ApplyError, DeltaError, OpenReplicaError, ResolveError, TransactError, WriteOffError,
};
pub use feed::Feed;
pub use keeper::{KeepError, RecoverError, Recovery};
pub use observer::{Observer, Origin};
pub use rejoin_crdt::document::{
    Acknowledgements, Candidate, Changes, Conflict, Document, DocumentStore, DocumentView,
    Inadmissible, LateWrite, Member, MemberError, MemberState, Members, Reading, Resolver, Tx,
    WriteError, members_range,
};
pub use rejoin_crdt::*;
pub use rejoin_storage::{
    Disk, DiskError, End, FileDisk, FilePlace, MemoryDisk, MemoryPlace, RestoreError, StorageError,
    TokenPlace, WhyNew, restore,
};
pub use replica::{Applied, Builder, Committed, Environment, LoadReport, Replica, Status};
pub use write_off::{GivenUp, WrittenOff};

/// The examples of `docs/members.md`, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/members.md")]
struct MembersPage;

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
