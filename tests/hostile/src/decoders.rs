//! The decoders that take bytes from outside.

mod delta;
mod keyless;
mod path;
mod referenced;
mod session;
mod value;
mod vector;

pub use delta::Deltas;
pub use keyless::KeylessDeltas;
pub use path::{Keys, Paths};
pub use referenced::ReferencedDeltas;
pub use session::Sessions;
pub use value::{Messagepack, Values};
pub use vector::{AcknowledgementTables, Contexts, VersionVectors};

use rejoin_crdt::Limits;
use rejoin_crdt::wire::DecodeError;

/// What a decoder may take besides what is measured by its input: lists that begin small, and the
/// least that one of everything costs.
const SMALL_BYTES: usize = 16 << 10;

/// How many times its length an input may take in memory.
const FRAME_FACTOR: usize = 8;

/// How many times the greatest delta any delta may take.
const STAGED_FACTOR: usize = 3;

/// The two bounds of a message of the wire codec: a few times its own length, or, where runs make it
/// denser than that, what a staged delta may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Bound {
    #[default]
    Frame,
    Staged,
}

impl Bound {
    fn limits(self, len: usize) -> Limits {
        let usual = Limits::default();
        let delta_bytes = (FRAME_FACTOR * len + SMALL_BYTES).div_ceil(STAGED_FACTOR);
        match self {
            Self::Frame => Limits { delta_bytes, ..usual },
            Self::Staged => usual,
        }
    }

    /// What decoding may allocate: beside the decoded there are the last key and the last bound.
    fn allowance_bytes(self, len: usize) -> usize {
        let limits = self.limits(len);
        STAGED_FACTOR * limits.delta_bytes + 4 * limits.key_bytes
    }

    /// Decodes under the tighter bound, and under the other one where only memory is in the way.
    fn decode<T>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8], &Limits) -> Result<T, DecodeError>,
    ) -> Option<T> {
        *self = Self::Frame;
        let result = decode(bytes, &self.limits(bytes.len()));
        if !matches!(result, Err(DecodeError::Memory { .. })) {
            return result.ok();
        }
        *self = Self::Staged;
        decode(bytes, &self.limits(bytes.len())).ok()
    }
}

/// A limit as keys, values and paths take it.
fn narrow(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Turns a condition into a finding.
fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
