//! Rejoin for JavaScript: the replica of the crate `rejoin`, compiled to WebAssembly.
//!
//! This crate translates and decides nothing. JavaScript values become document values and back
//! (`value.rs`), arrays become paths (`path.rs`), every refusal becomes an exception with a stable
//! code (`error.rs`), and each call of a handle is one operation of the engine (`operation.rs`).
//! The classes that programs see stand in `js/`, on top of what is exported here.
//!
//! Invariant: no exception crosses a frame of Rust. WebAssembly does not unwind, so a lock held by
//! that frame would stay locked for ever; whatever runs code of the program is called with `catch`.

mod conflict;
mod env;
mod error;
mod operation;
mod path;
mod replica;
mod value;

pub use conflict::Conflict;
pub use operation::Operation;
pub use replica::Replica;
