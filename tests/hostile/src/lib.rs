//! Hostile input: every decoder that takes bytes from outside, under every prefix, every flipped bit
//! and a million random mutations of valid inputs.
//!
//! What must always hold, for any bytes: the answer is a typed error or a value; a value that was
//! accepted is in its only form; nothing panics; and memory stays within what the limits promise,
//! measured by an allocator that counts.
//!
//! To add a decoder: implement [`Decoder`], collect some valid inputs, call [`Lane::run`] from one
//! test in a file of its own (the allocator counts for the whole process, so a process measures one
//! thing at a time). An input that once did harm is a file in `tests/corpus/` and is replayed for
//! ever; the name of the file begins with the name of its decoder.

mod allocation;
pub mod decoders;
mod lane;
mod lie;
mod listener;
mod mutation;
mod scene;
mod seeds;
mod state;
mod stream;

pub use allocation::peak_of;
pub use lane::{Decoder, Harm, Lane, Tally};
pub use mutation::Mutator;
pub use scene::Scene;
