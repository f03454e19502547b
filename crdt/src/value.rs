//! Document values: what a register holds and what a set contains, as canonical MessagePack.
//!
//! What must always hold: two values are equal exactly when their bytes are. Elements of a set,
//! siblings of a register and fingerprints are compared by bytes, on every platform and in
//! JavaScript, so there is one byte string per value:
//!
//! - integers in the shortest form, from zero up as unsigned;
//! - floats with 64 bits; a float that is whole, within ±(2⁵³ − 1) and not −0 is an integer,
//!   because JavaScript cannot tell them apart; one bit pattern for "not a number";
//! - text in UTF-8 and bytes, each with the shortest header;
//! - maps with text or integer keys, sorted by the encoded key, no key twice;
//! - of the extensions only the timestamp, in the shortest of its three forms;
//! - at most [`MAX_DEPTH`] arrays and maps inside one another.
//!
//! The form is MessagePack's own specification with the rules that RFC 8949 section 4.2 gives for
//! deterministic CBOR.

mod bytes;
mod canonical;
mod hex;
mod int;
mod item;
mod json;
mod order;
mod read;
mod timestamp;
mod write;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use smallvec::SmallVec;

pub(crate) use bytes::{KEY_INLINE_BYTES, SharedBytes, VALUE_INLINE_BYTES};
pub(crate) use hex::{hex, unhex};
pub use int::{Int, IntOutOfRange};
pub use item::{Item, MapKey};
pub use timestamp::Timestamp;

/// Arrays and maps inside one another that a local value may have, and the usual limit for
/// foreign ones. Documents people write stay below ten.
pub const DEFAULT_DEPTH: u32 = 32;

/// The greatest depth that any caller can ask for. Readers recurse once or twice per level; this
/// many levels take less than 512 KiB of stack, also without optimisation.
pub const MAX_DEPTH: u32 = 64;

/// Most values are no longer, and are encoded without an allocation of their own.
const USUAL_BYTES: usize = 256;

/// A document value in canonical bytes, cheap to clone.
///
/// Equality is equality of values. The order is the one by which a maximum or minimum register chooses:
/// kinds first, then numbers by size and times by time, everything else by its bytes. So text is not in
/// the order of an alphabet: shorter text comes first.
///
/// ```
/// use rejoin_crdt::value::Value;
///
/// let value = Value::from_serialize("Ada")?;
/// assert_eq!(value.as_bytes(), b"\xa3Ada");
/// let name: Option<&str> = value.decode_borrowed()?;
/// assert_eq!(name, Some("Ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Value(SharedBytes<VALUE_INLINE_BYTES>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = SharedBytes::deserialize(deserializer)?;
        check_canonical(bytes.as_slice(), DEFAULT_DEPTH).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

impl Value {
    /// Takes over bytes that are a value in canonical form, at most `max_bytes` long and with at
    /// most `max_depth` (never more than [`MAX_DEPTH`]) arrays and maps inside one another.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, and where.
    pub fn from_bytes(bytes: &[u8], max_bytes: u32, max_depth: u32) -> Result<Self, ValueError> {
        check_len(bytes, max_bytes)?;
        read::check(bytes, max_depth.min(MAX_DEPTH))?;
        Ok(Value(bytes.into()))
    }

    /// Makes MessagePack of any form canonical, for writers in other languages.
    ///
    /// # Errors
    ///
    /// Also here: unknown extensions, map keys other than text and integers, a key twice, and
    /// text that is not UTF-8.
    pub fn from_messagepack(
        bytes: &[u8],
        max_bytes: u32,
        max_depth: u32,
    ) -> Result<Self, ValueError> {
        check_len(bytes, max_bytes)?;
        canonicalise(bytes, max_depth.min(MAX_DEPTH))
    }

    /// The canonical value of anything that implements serde's `Serialize`.
    ///
    /// Structs become maps by field name. A `Vec<u8>` becomes an array of integers unless its
    /// field says `#[serde(with = "serde_bytes")]`. 128-bit integers become 16 bytes.
    ///
    /// # Errors
    ///
    /// What the type's own `Serialize` refuses; values deeper than [`DEFAULT_DEPTH`]; map keys
    /// other than text and integers.
    pub fn from_serialize<T: Serialize + ?Sized>(source: &T) -> Result<Self, EncodeError> {
        let mut bytes = SmallVec::<[u8; USUAL_BYTES]>::new();
        rmp_serde::encode::write_named(&mut bytes, source)?;
        // Nearly everything comes out canonical, and looking at it is quicker than a copy.
        if read::check(&bytes, DEFAULT_DEPTH).is_ok() {
            return Ok(Value(bytes.as_slice().into()));
        }
        Ok(canonicalise(&bytes, DEFAULT_DEPTH)?)
    }

    /// The canonical value of an item.
    ///
    /// # Errors
    ///
    /// Items deeper than [`DEFAULT_DEPTH`] or with a part of 4 GiB or more.
    pub fn from_item(item: &Item) -> Result<Self, ValueError> {
        let mut bytes = Vec::new();
        write::put_item(&mut bytes, item, DEFAULT_DEPTH)?;
        Ok(Value(bytes.as_slice().into()))
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Reads where the bytes begin and end. In a loop that does no more than this the processor waits for many
    /// values at once, which lie all over the memory.
    pub(crate) fn read_ahead(&self) {
        let bytes = self.as_bytes();
        std::hint::black_box(bytes.len() ^ usize::from(bytes.last().copied().unwrap_or(0)));
    }

    /// The value as a type of the caller's choice.
    ///
    /// # Errors
    ///
    /// The value does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.decode_borrowed()
    }

    /// The value as a type that may borrow text and bytes from it, such as `Option<&str>`.
    ///
    /// # Errors
    ///
    /// The value does not have the shape of `T`.
    pub fn decode_borrowed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        // No depth to set: the bytes were checked against MAX_DEPTH when the value was made.
        Ok(rmp_serde::from_slice(self.as_bytes())?)
    }

    /// The value as a tree.
    pub fn to_item(&self) -> Item {
        // Canonical bytes always read, so the default never shows.
        read::read(self.as_bytes(), MAX_DEPTH).unwrap_or_default()
    }
}

/// Checks that the bytes are a value in canonical form; see [`Value::from_bytes`].
pub(crate) fn check_canonical(bytes: &[u8], max_depth: u32) -> Result<(), ValueError> {
    read::check(bytes, max_depth.min(MAX_DEPTH))
}

fn check_len(bytes: &[u8], max_bytes: u32) -> Result<(), ValueError> {
    match u32::try_from(bytes.len()) {
        Ok(len) if len <= max_bytes => Ok(()),
        _ => Err(ValueError::TooLarge { len_bytes: bytes.len(), max_bytes }),
    }
}

fn canonicalise(bytes: &[u8], depth: u32) -> Result<Value, ValueError> {
    // Most values are scalars or were canonical before.
    if read::check(bytes, depth).is_ok() {
        return Ok(Value(bytes.into()));
    }
    Ok(Value(canonical::canonicalise(bytes, depth)?.as_slice().into()))
}

/// Prints for people, see [`Item`].
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_item().fmt(out)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Value({self})")
    }
}

/// Why bytes are not a canonical value. `at` is the offset of the part that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value is longer than allowed.
    #[error("{len_bytes} bytes, at most {max_bytes} are allowed")]
    TooLarge {
        /// The length found.
        len_bytes: usize,
        /// The length allowed.
        max_bytes: u32,
    },
    /// Too many arrays and maps inside one another.
    #[error("nested too deeply at byte {at}")]
    TooDeep {
        /// Where the first array or map below the limit begins.
        at: usize,
    },
    /// The bytes end before the value does, or state a count that they cannot hold.
    #[error("cut short at byte {at}")]
    Truncated {
        /// Where the incomplete part begins.
        at: usize,
    },
    /// Bytes follow the value.
    #[error("bytes after the value at byte {at}")]
    TrailingBytes {
        /// Where the value ends.
        at: usize,
    },
    /// A shorter form of the same number, length or time exists.
    #[error("not the shortest form at byte {at}")]
    NotShortest {
        /// Where the part begins.
        at: usize,
    },
    /// A whole number was written as a float.
    #[error("a float that is an integer at byte {at}")]
    FloatIsInteger {
        /// Where the float begins.
        at: usize,
    },
    /// "Not a number" in another bit pattern than the canonical one.
    #[error("another NaN than the canonical one at byte {at}")]
    OtherNan {
        /// Where the float begins.
        at: usize,
    },
    /// A float with 32 bits.
    #[error("a float with 32 bits at byte {at}")]
    SinglePrecision {
        /// Where the float begins.
        at: usize,
    },
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8 at byte {at}")]
    InvalidUtf8 {
        /// Where the text begins.
        at: usize,
    },
    /// An extension other than the timestamp.
    #[error("unknown extension {kind} at byte {at}")]
    UnknownExtension {
        /// The type of the extension.
        kind: i8,
        /// Where the extension begins.
        at: usize,
    },
    /// A timestamp of the wrong length or with a whole second of nanoseconds.
    #[error("not a timestamp at byte {at}")]
    BadTimestamp {
        /// Where the extension begins.
        at: usize,
    },
    /// The marker that MessagePack never uses.
    #[error("the reserved marker at byte {at}")]
    ReservedMarker {
        /// Where the marker stands.
        at: usize,
    },
    /// A map key that is neither text nor an integer.
    #[error("a map key that is neither text nor an integer at byte {at}")]
    KeyKind {
        /// Where the key begins.
        at: usize,
    },
    /// A map key that belongs before its predecessor.
    #[error("a map key out of order at byte {at}")]
    KeyOrder {
        /// Where the key begins.
        at: usize,
    },
    /// The same map key twice.
    #[error("a map key for the second time at byte {at}")]
    DuplicateKey {
        /// Where the key begins for the second time.
        at: usize,
    },
}

/// Why something has no canonical value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type refused, or uses a part of serde's data model that MessagePack lacks.
    #[error("cannot be written as MessagePack")]
    Serialize(#[from] rmp_serde::encode::Error),
    /// The MessagePack has no canonical form within the limits.
    #[error("not a document value")]
    Value(#[from] ValueError),
}

/// Why a value could not be decoded as the type asked for. The value is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("the value has another shape than the type asked for")]
pub struct DecodeError(#[from] rmp_serde::decode::Error);

#[cfg(test)]
mod tests;
