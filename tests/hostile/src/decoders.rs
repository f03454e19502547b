//! The decoders that take bytes from outside.

mod delta;
mod path;
mod value;
mod vector;

pub use delta::Deltas;
pub use path::{Keys, Paths};
pub use value::{Messagepack, Values};
pub use vector::{Contexts, VersionVectors};

use rejoin_crdt::Limits;

/// What a decoder may take besides what is measured by its input: lists that begin small, and the
/// least that one of everything costs.
const SMALL_BYTES: usize = 16 << 10;

/// How many times its length an input may take in memory.
const FRAME_FACTOR: usize = 8;

/// How many times the greatest delta any delta may take.
const STAGED_FACTOR: usize = 3;

/// Limits under which an input may take [`FRAME_FACTOR`] times its length: the wire codec allows
/// [`STAGED_FACTOR`] times the greatest delta.
fn tight_limits(len: usize) -> Limits {
    let delta_bytes = (FRAME_FACTOR * len + SMALL_BYTES).div_ceil(STAGED_FACTOR);
    Limits { delta_bytes, ..Limits::default() }
}

/// What decoding under these limits may allocate.
fn allowance_bytes(limits: &Limits) -> usize {
    // The last key and the last bound are kept beside what is decoded.
    STAGED_FACTOR * limits.delta_bytes + 4 * limits.key_bytes
}

/// A limit as keys, values and paths take it.
fn narrow(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Turns a condition into a finding.
fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
