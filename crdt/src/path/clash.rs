//! Type clashes: one path used as two kinds of thing.
//!
//! What must always hold: a path that two replicas used as two data types shows as a clash between
//! two keys that are neighbours in key order. All cells at or below a path are contiguous, first
//! its own by type, then the paths below it, then the elements of a set there; so wherever kinds
//! change there are two neighbours, and comparing each new key with its neighbours finds them all.
//!
//! What was weighed: `docs/decisions/0008-type-clash-index.md`.

use super::encoding::{AFTER_OWN_CELLS, ESCAPE};
use super::{Key, TypeTag};

/// How many bytes of two keys are a path that both use, but as two kinds of thing; `None` when
/// there is no such path. The order of the keys does not matter.
///
/// Kinds are: each data type, a set of either sort, and a map, which is anything with a path below
/// it. A map and its own marker are one kind. [`Path::from_encoded`](super::Path::from_encoded)
/// reads the path.
pub fn clash(a: &Key, b: &Key) -> Option<usize> {
    let shared = shared_prefix_len(a.as_bytes(), b.as_bytes());
    let (a_len, b_len) = (a.path_len(), b.path_len());
    if a_len == b_len && shared > a_len {
        // Two elements of one set, or the same key twice.
        return (a.tag() != b.tag()).then_some(a_len);
    }
    if shared != a_len && shared != b_len {
        // They part above the end of both paths: as two entries of one map.
        return None;
    }
    let (first, second, second_len) = if a <= b { (a, b, b_len) } else { (b, a, a_len) };
    let next_in_first = *first.as_bytes().get(shared)?;
    let next_in_second = *second.as_bytes().get(shared)?;
    if next_in_first == ESCAPE || next_in_second == ESCAPE {
        // "a" ends where "a\0…" goes on: two texts, which again are two entries of one map.
        return None;
    }
    let marker = next_in_first == TypeTag::MapMarker.to_byte();
    let below = shared != second_len && next_in_second >= AFTER_OWN_CELLS;
    (!(marker && below)).then_some(shared)
}

/// Eight bytes at a time: each new key asks twice.
fn shared_prefix_len(a: &[u8], b: &[u8]) -> usize {
    let (a_words, b_words): (&[[u8; 8]], &[[u8; 8]]) = (a.as_chunks().0, b.as_chunks().0);
    let equal = a_words.iter().zip(b_words).take_while(|(a, b)| a == b).count() * 8;
    let (a, b) = (a.get(equal..).unwrap_or_default(), b.get(equal..).unwrap_or_default());
    equal + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
