//! Sketches: the difference of two sets for about 1.4 coded symbols per element that differs, however
//! large the sets are and without a guess of how much differs.
//!
//! Both ends hold a set of 16-byte *symbols*. One sends an endless stream of *coded symbols*: the one
//! at index `i` is the sum of the symbols that [map](mapping) to `i`. The other end subtracts the
//! stream of its own set, so that what both hold cancels out, and *peels*: where one symbol alone is
//! left it is read, and taken out of all others that it maps to. When nothing is left, the difference
//! is known and the stream may stop.
//!
//! Source: Yang, Gilad, Alizadeh, *Practical Rateless Set Reconciliation*, SIGCOMM 2024: section 3 for
//! coded symbols and peeling, 4.1 and 4.2 for the mapping, 4.3 for hostile symbols.
//!
//! # What must always hold
//!
//! - **Both ends compute the same.** A stream has one form for a set and a key, on every platform: all
//!   arithmetic is on integers.
//! - **Nobody who lacks the key can choose symbols that collide.** Sums are XOR, which is linear: with
//!   known hashes one could look for records whose symbols cancel out, and no difference to them would
//!   ever be found. So a session makes a key that both hellos contribute to, its symbols are hashes
//!   under this key, and so are the checksums and mappings here. A record is written before the key of
//!   the session that reconciles it exists.
//! - **The peer has the key, and is hostile.** It can always describe a set that it does not hold; that
//!   is all it can do. Decoding ends, its memory is proportional to what was received, and a difference
//!   agrees with the own set ([`Decoder`]).

mod decoder;
mod encoder;
mod mapping;
#[cfg(test)]
mod tests;

use blake3::Hasher;
use thiserror::Error;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

use crate::varint;
use mapping::Mapping;

/// 16 bytes of sum, 8 of checksum, a count of at least one byte.
const CODED_MIN_BYTES: usize = 25;

/// Separates these hashes from every other use of the session's key.
const KEY_CONTEXT: &str = "rejoin sync: checksum and mapping of a sketch, form 1";

/// Why bytes are no coded symbols, or coded symbols describe no set. What was decoded before stays
/// decoded, but will never be a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub(crate) enum SketchError {
    /// The bytes end within a coded symbol, or a count is malformed.
    #[error("{rest_bytes} bytes do not begin with a coded symbol")]
    Malformed {
        /// The bytes from the malformed coded symbol on.
        rest_bytes: usize,
    },
    /// More coded symbols than are taken at once.
    #[error("more than {limit} coded symbols at once")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A coded symbol contains one that does not map to it.
    #[error("the symbol in coded symbol {index} does not belong there")]
    Misplaced {
        /// The index of the coded symbol.
        index: usize,
    },
    /// A symbol that was decoded already, one of the own set that only the peer shall have, or one
    /// that only the own set shall have and it has not.
    #[error("the symbol in coded symbol {index} contradicts what is known")]
    Contradiction {
        /// The index of the coded symbol.
        index: usize,
    },
    /// A symbol that maps to a coded symbol was not part of its sum.
    #[error("a symbol is missing in coded symbol {index}")]
    Missing {
        /// The index of the coded symbol.
        index: usize,
    },
}

/// A sum of symbols.
///
/// The count wraps around like the rest of the sum, so that no sequence of additions can overflow. In
/// what an encoder produces it is not negative.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Coded {
    symbols: u128,
    checksums: u64,
    count: i64,
}

impl Coded {
    /// Appends the byte form: the sums as the bytes that were added, then the count as a varint.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.symbols.to_be_bytes());
        out.extend_from_slice(&self.checksums.to_be_bytes());
        varint::put(out, self.count.cast_unsigned());
    }

    /// The coded symbols that `bytes` consist of, at most `limit`.
    pub(crate) fn read(mut bytes: &[u8], limit: usize) -> Result<Vec<Self>, SketchError> {
        let at_most = bytes.len() / CODED_MIN_BYTES;
        let mut run = Vec::with_capacity(at_most.min(limit));
        while !bytes.is_empty() {
            if run.len() == limit {
                return Err(SketchError::TooMany { limit });
            }
            let rest_bytes = bytes.len();
            run.push(Self::take(&mut bytes).ok_or(SketchError::Malformed { rest_bytes })?);
        }
        Ok(run)
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (symbols, rest) = bytes.split_first_chunk()?;
        let (checksums, rest) = rest.split_first_chunk()?;
        *bytes = rest;
        let count = varint::take(bytes)?.cast_signed();
        let (symbols, checksums) = (u128::from_be_bytes(*symbols), u64::from_be_bytes(*checksums));
        Some(Self { symbols, checksums, count })
    }

    const fn add(&mut self, other: Self) {
        self.symbols ^= other.symbols;
        self.checksums ^= other.checksums;
        self.count = self.count.wrapping_add(other.count);
    }

    const fn subtract(&mut self, other: Self) {
        self.symbols ^= other.symbols;
        self.checksums ^= other.checksums;
        self.count = self.count.wrapping_sub(other.count);
    }

    const fn is_empty(self) -> bool {
        self.symbols == 0 && self.checksums == 0 && self.count == 0
    }
}

/// Where the checksum of a symbol and its mapping come from.
#[derive(Clone, Debug)]
struct Key([u8; 32]);

impl Key {
    fn new(session: &[u8; 32]) -> Self {
        Self(blake3::derive_key(KEY_CONTEXT, session))
    }

    /// Where the mapping begins and the checksum must not be two views of one number: two symbols of
    /// equal checksum shall still map differently.
    fn member(&self, symbol: u128) -> Member {
        let mut halves = [[0; 8]; 2];
        let mut hash = Hasher::new_keyed(&self.0).update(&symbol.to_be_bytes()).finalize_xof();
        hash.fill(halves.as_flattened_mut());
        let [checksum, seed] = halves.map(u64::from_be_bytes);
        Member { symbol, checksum, mapping: Mapping::new(seed) }
    }
}

/// A symbol on its way along the stream.
#[derive(Clone, Debug)]
struct Member {
    symbol: u128,
    checksum: u64,
    mapping: Mapping,
}

impl Member {
    /// The sum of this symbol alone.
    const fn coded(&self) -> Coded {
        Coded { symbols: self.symbol, checksums: self.checksum, count: 1 }
    }
}
