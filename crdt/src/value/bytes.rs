//! Immutable bytes that are cheap to clone: short ones inline, long ones shared.
//!
//! Keys and values are cloned into indexes, deltas and views far more often than they are made.
//! Most of them are short: `("users", 42, "name")` is a key of 16 bytes.
//!
//! What must always hold: equality, order and hash are those of the byte slice.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

/// What fits beside a length and the variant in three words.
const INLINE_BYTES: usize = 22;

#[derive(Clone)]
pub(crate) struct SharedBytes(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Shared(Arc<[u8]>),
}

impl SharedBytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for SharedBytes {
    fn from(source: &[u8]) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        match (bytes.get_mut(..source.len()), u8::try_from(source.len())) {
            (Some(target), Ok(len)) => {
                target.copy_from_slice(source);
                SharedBytes(Repr::Inline { len, bytes })
            }
            _ => SharedBytes(Repr::Shared(source.into())),
        }
    }
}

impl Serialize for SharedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_slice())
    }
}

impl<'de> Deserialize<'de> for SharedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(ByteBuf::deserialize(deserializer)?.as_slice()))
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SharedBytes {}

impl PartialOrd for SharedBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for SharedBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_three_words_and_keep_their_content_at_every_length() {
        assert_eq!(size_of::<SharedBytes>(), 24);
        for len in 0..64u8 {
            let source: Vec<u8> = (0..len).collect();
            let bytes = SharedBytes::from(source.as_slice());
            assert_eq!(bytes.as_slice(), source);
            assert_eq!(matches!(bytes.0, Repr::Inline { .. }), usize::from(len) <= INLINE_BYTES);
        }
    }
}
