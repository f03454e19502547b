//! Ranges of keys, and range tombstones.
//!
//! A bound shares its beginning with the bound written before it, anywhere in the message: the end of
//! a subtree differs from its start in one byte, and a part starts where the one before it ends.

use super::dots::Expected;
use super::error::DecodeError;
use super::varint::{Reader, put_count, put_varint, wide};
use super::vectors::{Dictionary, DictionaryWriter, put_vector, read_vector};
use super::weight::{Budget, content_bytes};
use crate::path::Key;
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::version_vector::VersionVector;

/// Flag of a range that has a start.
pub(super) const HAS_START: u64 = 1;
/// Flag of a range that has an end.
pub(super) const HAS_END: u64 = 2;

/// The bound before this one; empty before the first.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    last: Vec<u8>,
}

impl Bounds {
    pub(super) fn put_range(&mut self, out: &mut Vec<u8>, range: &KeyRange<Key>) {
        for bound in [&range.start, &range.end].into_iter().flatten() {
            self.put(out, bound.as_bytes());
        }
    }

    pub(super) fn range(
        &mut self,
        reader: &mut Reader<'_>,
        budget: &mut Budget,
        flags: u64,
    ) -> Result<KeyRange<Key>, DecodeError> {
        let mut bound = |flag| {
            if flags & flag == 0 { Ok(None) } else { self.read(reader, budget).map(Some) }
        };
        Ok(KeyRange { start: bound(HAS_START)?, end: bound(HAS_END)? })
    }

    pub(super) fn put(&mut self, out: &mut Vec<u8>, bound: &[u8]) {
        let shared = shared_len(&self.last, bound);
        let suffix = bound.get(shared..).unwrap_or_default();
        put_count(out, shared);
        put_count(out, suffix.len());
        out.extend_from_slice(suffix);
        bound.clone_into(&mut self.last);
    }

    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        budget: &mut Budget,
    ) -> Result<Key, DecodeError> {
        let at = reader.at();
        let shared = read_shared(reader, self.last.len())?;
        let suffix_len = reader.count(1)?;
        let suffix = reader.bytes(suffix_len)?;
        // One byte more in common would have been shared.
        if suffix.first().is_some_and(|first| self.last.get(shared) == Some(first)) {
            return Err(DecodeError::NotCanonical { at });
        }
        let (found_bytes, limit_bytes) = (shared + suffix.len(), budget.limits().key_bytes);
        if found_bytes > limit_bytes {
            return Err(DecodeError::BoundTooLong { at, found_bytes, limit_bytes });
        }
        budget.charge(1, content_bytes(found_bytes))?;
        self.last.truncate(shared);
        self.last.extend_from_slice(suffix);
        Ok(Key::bound(&self.last))
    }
}

/// The flags of the bounds that a range has.
pub(super) fn range_flags(range: &KeyRange<Key>) -> u64 {
    let start = range.start.as_ref().map_or(0, |_| HAS_START);
    let end = range.end.as_ref().map_or(0, |_| HAS_END);
    start | end
}

/// How many bytes `next` begins with that `last` begins with, too.
pub(super) fn shared_len(last: &[u8], next: &[u8]) -> usize {
    last.iter().zip(next).take_while(|(a, b)| a == b).count()
}

fn read_shared(reader: &mut Reader<'_>, last_len: usize) -> Result<usize, DecodeError> {
    let at = reader.at();
    let found = reader.varint()?;
    match usize::try_from(found) {
        Ok(shared) if shared <= last_len => Ok(shared),
        _ => Err(DecodeError::TooMany { at, found, limit: wide(last_len) }),
    }
}

/// Writes the range tombstones of a part. Sequence numbers are differences to what is expected, as
/// in the columns of cells; each `seen` is a difference to the one before, the first to the base.
pub(super) fn put_range_tombstones(
    out: &mut Vec<u8>,
    dictionary: &DictionaryWriter,
    bounds: &mut Bounds,
    base: &VersionVector,
    tombstones: &[RangeTombstone<Key>],
) {
    put_count(out, tombstones.len());
    let (mut expected, mut seen) = (Expected::after(base), base);
    for tombstone in tombstones {
        put_varint(out, dictionary.index(tombstone.dot.replica));
        put_varint(out, expected.difference(tombstone.dot));
        put_varint(out, range_flags(&tombstone.range));
        bounds.put_range(out, &tombstone.range);
        put_vector(out, dictionary, &tombstone.seen, seen);
        seen = &tombstone.seen;
    }
}

/// The fewest bytes of a range tombstone: replica, sequence number, flags, empty difference.
const LEAST_TOMBSTONE_BYTES: usize = 4;

pub(super) fn read_range_tombstones(
    reader: &mut Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    bounds: &mut Bounds,
    base: &VersionVector,
) -> Result<Vec<RangeTombstone<Key>>, DecodeError> {
    let at = reader.at();
    let count = reader.count(LEAST_TOMBSTONE_BYTES)?;
    if count == 0 {
        return Err(DecodeError::NotCanonical { at });
    }
    budget.charge_range_tombstones(at, count)?;
    let mut tombstones: Vec<RangeTombstone<Key>> = Vec::with_capacity(count);
    let mut expected = Expected::after(base);
    for _ in 0..count {
        let index = reader.varint()?;
        let replica = dictionary.id(reader.at(), index)?;
        let dot = expected.dot(replica, reader.varint()?);
        let at = reader.at();
        let flags = reader.varint()?;
        if flags & !(HAS_START | HAS_END) != 0 {
            return Err(DecodeError::UnknownFlags { at, flags });
        }
        let range = bounds.range(reader, budget, flags)?;
        let reference = tombstones.last().map_or(base, |last| &last.seen);
        let seen = read_vector(reader, dictionary, budget, reference)?;
        tombstones.push(RangeTombstone { dot, range, seen });
    }
    Ok(tombstones)
}
