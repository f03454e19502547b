//! Why bytes are not a delta, a context or a version vector.

use thiserror::Error;

use crate::path::KeyError;
use crate::value::ValueError;

/// Why bytes could not be decoded; nothing was changed. `at` is an offset into the bytes given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The delta was encoded after another version vector than the one that the reader took.
    #[error("byte {at}: the delta refers to another version vector")]
    Reference {
        /// Where the check stands.
        at: usize,
    },
    /// A newer peer wrote this.
    #[error("format version {found} is unknown")]
    Version {
        /// The first byte.
        found: u8,
    },
    /// There are more bytes than a delta may have.
    #[error("{found_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLong {
        /// How many there are.
        found_bytes: usize,
        /// How many there may be.
        limit_bytes: usize,
    },
    /// The bytes end too early.
    #[error("cut short at byte {at}")]
    Truncated {
        /// Where the incomplete part begins.
        at: usize,
    },
    /// The bytes go on too long.
    #[error("bytes that belong to nothing at byte {at}")]
    TrailingBytes {
        /// Where the first of them stands.
        at: usize,
    },
    /// An element of the envelope is missing or has another MessagePack type.
    #[error("not the expected element of the envelope at byte {at}")]
    Envelope {
        /// Where the element, or the array that lacks it, begins.
        at: usize,
    },
    /// The same can be said in the one canonical form, and was not.
    #[error("not the canonical form at byte {at}")]
    NotCanonical {
        /// Where the part begins.
        at: usize,
    },
    /// A varint of more than 64 bits.
    #[error("a number of more than 64 bits at byte {at}")]
    NumberTooLarge {
        /// Where the number begins.
        at: usize,
    },
    /// There is more of something than the limits allow or the remaining bytes can hold.
    #[error("{found} are stated at byte {at} where at most {limit} are possible")]
    TooMany {
        /// Where the count begins, or what it counts.
        at: usize,
        /// How many are stated.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Decoded, this would take more memory than three times the greatest delta.
    #[error("decoding takes more than {limit_bytes} bytes of memory")]
    Memory {
        /// The memory allowed.
        limit_bytes: u64,
    },
    /// A dictionary is not whole ids in ascending order, or lists an id that nothing names.
    #[error("the dictionary is out of order or names too much at entry {entry}")]
    Dictionary {
        /// The position of the id.
        entry: usize,
    },
    /// A replica that the dictionary does not have.
    #[error("replica {index} at byte {at} is not in the dictionary")]
    UnknownReplica {
        /// Where the number ends.
        at: usize,
        /// The number of the replica.
        index: u64,
    },
    /// An entry of no known kind.
    #[error("entry kind {kind} at byte {at} is unknown")]
    UnknownKind {
        /// Where the column of kinds ends or the number stands.
        at: usize,
        /// The kind.
        kind: u64,
    },
    /// A part or a range has flags that no version 1 writer sets.
    #[error("flags {flags:#x} at byte {at} are unknown")]
    UnknownFlags {
        /// Where the flags stand, or where the columns end that they speak of.
        at: usize,
        /// The flags, without those of known columns.
        flags: u64,
    },
    /// The delta leaves keys to be found, where they have to be there.
    #[error("removals lack their keys")]
    Keyless,
    /// Keys of cells are not strictly ascending.
    #[error("a key out of order at byte {at}")]
    KeyOrder {
        /// Where the suffix of the key begins.
        at: usize,
    },
    /// The bound of a range is longer than a key may be.
    #[error("a bound of {found_bytes} bytes at byte {at}, at most {limit_bytes} are allowed")]
    BoundTooLong {
        /// Where the bound begins.
        at: usize,
        /// Its length.
        found_bytes: usize,
        /// The length allowed.
        limit_bytes: usize,
    },
    /// Segments of a context are out of order, or two neighbours say the same.
    #[error("the segments of the context are out of order or equal")]
    Segments,
    /// Bytes that are not a key.
    #[error("not a key at byte {at}")]
    Key {
        /// Where the suffix of the key begins.
        at: usize,
        /// What is wrong.
        source: KeyError,
    },
    /// Bytes that are not a canonical value.
    #[error("not a canonical value at byte {at}")]
    Value {
        /// Where the value begins.
        at: usize,
        /// What is wrong.
        source: ValueError,
    },
}
