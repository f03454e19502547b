//! Immutable bytes that are cheap to clone: short ones inline, long ones shared.
//!
//! Keys and values are cloned into indexes, deltas and views far more often than they are made.
//! Most keys are short: `("users", 42, "name")` is one of 16 bytes. Values are short or long, so what they
//! take in place counts for more: a long one is one pointer, its length stands before its bytes.
//!
//! What must always hold: equality, order and hash are those of the byte slice.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;
use triomphe::ThinArc;

/// What fits beside a length and the variant in three words.
pub(crate) const KEY_INLINE_BYTES: usize = 22;

/// The same in two words.
pub(crate) const VALUE_INLINE_BYTES: usize = 14;

/// Bytes of which up to `INLINE` lie in place.
#[derive(Clone)]
pub(crate) struct SharedBytes<const INLINE: usize>(Repr<INLINE>);

#[derive(Clone)]
enum Repr<const INLINE: usize> {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(ThinArc<(), u8>),
}

impl<const INLINE: usize> SharedBytes<INLINE> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Repr::Shared(bytes) => &bytes.slice,
        }
    }
}

impl<const INLINE: usize> SharedBytes<INLINE> {
    /// Some bytes, and one more.
    pub(crate) fn with_last(source: &[u8], last: u8) -> Self {
        let mut bytes = [0; INLINE];
        let parts = bytes.get_mut(..=source.len()).and_then(<[u8]>::split_last_mut);
        match (parts, u8::try_from(source.len() + 1)) {
            (Some((end, target)), Ok(len)) => {
                target.copy_from_slice(source);
                *end = last;
                Self(Repr::Inline { len, bytes })
            }
            _ => {
                let mut bytes = source.to_vec();
                bytes.push(last);
                Self::from(bytes.as_slice())
            }
        }
    }
}

impl<const INLINE: usize> From<&[u8]> for SharedBytes<INLINE> {
    fn from(source: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..source.len()), u8::try_from(source.len())) {
            (Some(target), Ok(len)) => {
                target.copy_from_slice(source);
                SharedBytes(Repr::Inline { len, bytes })
            }
            _ => SharedBytes(Repr::Shared(ThinArc::from_header_and_slice((), source))),
        }
    }
}

impl<const INLINE: usize> Serialize for SharedBytes<INLINE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_slice())
    }
}

impl<'de, const INLINE: usize> Deserialize<'de> for SharedBytes<INLINE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(ByteBuf::deserialize(deserializer)?.as_slice()))
    }
}

impl<const INLINE: usize> PartialEq for SharedBytes<INLINE> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Inline { len: a_len, bytes: a }, Repr::Inline { len: b_len, bytes: b }) => {
                a == b && a_len == b_len
            }
            _ => self.as_slice() == other.as_slice(),
        }
    }
}

impl<const INLINE: usize> Eq for SharedBytes<INLINE> {}

impl<const INLINE: usize> PartialOrd for SharedBytes<INLINE> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const INLINE: usize> Ord for SharedBytes<INLINE> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // What is not used is zero, so that a beginning comes before what goes on, or is decided by the
            // length.
            (Repr::Inline { len: a_len, bytes: a }, Repr::Inline { len: b_len, bytes: b }) => {
                by_words(a, b).then(a_len.cmp(b_len))
            }
            _ => self.as_slice().cmp(other.as_slice()),
        }
    }
}

/// The order of two arrays of bytes, a word at a time and without a call: a search in the map does little else.
fn by_words<const LEN: usize>(a: &[u8; LEN], b: &[u8; LEN]) -> Ordering {
    let (a_words, a_rest) = a.as_chunks();
    let (b_words, b_rest) = b.as_chunks();
    for (a, b) in a_words.iter().zip(b_words) {
        let (a, b) = (u64::from_be_bytes(*a), u64::from_be_bytes(*b));
        if a != b {
            return a.cmp(&b);
        }
    }
    a_rest.cmp(b_rest)
}

impl<const INLINE: usize> Hash for SharedBytes<INLINE> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_their_content_at_every_length<const INLINE: usize>() {
        for len in 0..64u8 {
            let source: Vec<u8> = (0..len).collect();
            let bytes = SharedBytes::<INLINE>::from(source.as_slice());
            assert_eq!(bytes.as_slice(), source);
            assert_eq!(matches!(bytes.0, Repr::Inline { .. }), usize::from(len) <= INLINE);
            let longer = SharedBytes::<INLINE>::with_last(&source, len);
            assert!(longer == SharedBytes::from([source.as_slice(), &[len]].concat().as_slice()));
        }
    }

    /// A key, from few letters so that many begin alike.
    fn key(letters: &[u8]) -> (Vec<u8>, SharedBytes<KEY_INLINE_BYTES>) {
        let bytes: Vec<u8> = letters.iter().map(|letter| letter % 2).collect();
        (bytes.clone(), SharedBytes::from(bytes.as_slice()))
    }

    fn order_is_that_of_slices(a: Vec<u8>, b: Vec<u8>, len: u8) -> bool {
        let (mut a, b) = (a, b);
        // Half of the pairs share a beginning.
        let shared = usize::from(len % 32).min(b.len());
        if len.is_multiple_of(2) {
            a.splice(..0, b.get(..shared).unwrap_or_default().iter().copied());
        }
        let ((a, a_key), (b, b_key)) = (key(&a), key(&b));
        a.cmp(&b) == a_key.cmp(&b_key) && (a == b) == (a_key == b_key)
    }

    #[test]
    fn the_order_is_that_of_slices_also_where_one_goes_on_with_zeros() {
        let property = order_is_that_of_slices as fn(Vec<u8>, Vec<u8>, u8) -> bool;
        quickcheck::QuickCheck::new().tests(20_000).quickcheck(property);
    }

    #[test]
    fn bytes_take_three_words_or_two_and_keep_their_content() {
        assert_eq!(size_of::<SharedBytes<KEY_INLINE_BYTES>>(), 24);
        assert_eq!(size_of::<SharedBytes<VALUE_INLINE_BYTES>>(), 16);
        keep_their_content_at_every_length::<KEY_INLINE_BYTES>();
        keep_their_content_at_every_length::<VALUE_INLINE_BYTES>();
    }
}
