//! The data types, as values of their own: no document, no storage, no network.
//!
//! Each file holds one type, and in it the rule of that type, written once:
//!
//! - the *reading rule* as a method of [`CellRef`](crate::CellRef), which the document store uses too;
//! - where a write is more than "supersede what was seen", the *writing rule*, with a method of
//!   [`Transaction`](crate::Transaction) in front of it;
//! - what the type offers inside an [`OrMap`]: methods of [`Reader`] and [`Writer`];
//! - the standalone type, which is those two over a store of its own.
//!
//! A standalone value is one copy of the data. Every change returns a delta; whoever joins it has
//! the change. Deltas may be lost, repeated and reordered: a delta whose base is not covered is
//! refused without a trace, and [`delta_since`](OrSet::delta_since) makes the one that fills the gap.
//!
//! Source: the types are those of Shapiro et al., *A comprehensive study of Convergent and
//! Commutative Replicated Data Types*, 2011, section 3, in the causal form of Almeida, Shoker,
//! Baquero, *Delta State Replicated Data Types*, 2018, section 7; files name what differs.

mod data_type;
#[macro_use]
mod local;
mod reader;
mod writer;

mod bounded_counter;
mod disable_wins_flag;
mod enable_wins_flag;
mod g_counter;
mod lww_register;
mod max_register;
mod min_register;
mod mv_register;
mod or_map;
mod or_set;
#[cfg(doctest)]
mod pages;
mod pn_counter;
mod remove_wins_set;
mod resettable_counter;

pub use bounded_counter::{BoundedCounter, Shortfall};
pub use data_type::{DataType, DeltaOf, Removable};
pub use disable_wins_flag::DisableWinsFlag;
pub use enable_wins_flag::EnableWinsFlag;
pub use g_counter::GCounter;
pub use local::JoinDeltaError;
pub use lww_register::LwwRegister;
pub use max_register::MaxRegister;
pub use min_register::MinRegister;
pub use mv_register::MvRegister;
pub use or_map::OrMap;
pub use or_set::{AddWinsSet, OrSet};
pub use pn_counter::PnCounter;
pub use reader::Reader;
pub use remove_wins_set::RemoveWinsSet;
pub use resettable_counter::ResettableCounter;
pub use writer::Writer;
