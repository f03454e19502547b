//! What a delta takes in memory, known before the memory is taken.
//!
//! Runs make a delta small on the wire: a hundred thousand cells with one-byte values may come in a
//! few hundred kilobytes. So a reader cannot infer from the bytes what decoding costs; it adds up the
//! costs below while it reads counts, and refuses what would pass three times `Limits::delta_bytes`,
//! the bytes on the wire included. A sender asks [`decoded_bytes`] first and cuts what is too heavy.
//!
//! The costs are part of the format: the same on every platform, so that all replicas agree on what
//! is too heavy. They are the sizes of the types on a 64-bit platform plus what an allocation costs.
//!
//! What was weighed: `docs/decisions/0010-memory-of-a-delta.md`.

use super::ahead;
use super::error::DecodeError;
use super::varint::wide;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::entry::Entry;
use crate::limits::Limits;
use crate::path::Key;
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::value::Value;
use crate::version_vector::VersionVector;
use std::borrow::Borrow;

/// An id, its mark, and its share of the tables that hold the last dot of each replica.
pub(super) const DICTIONARY_ENTRY_BYTES: u64 = 128;
pub(super) const VECTOR_COMPONENT_BYTES: u64 = 48;
pub(super) const SEGMENT_BYTES: u64 = 96;
pub(super) const PART_BYTES: u64 = 320;
/// A cell with one fresh dot, without the bytes of its key and value.
pub(super) const CELL_BYTES: u64 = 128;
/// A fresh dot beyond the first of its cell: the second moves the first out of the cell, too.
pub(super) const FURTHER_DOT_BYTES: u64 = 144;
pub(super) const KEPT_DOT_BYTES: u64 = 32;
pub(super) const TOMBSTONE_BYTES: u64 = 80;
pub(super) const OVER_DOT_BYTES: u64 = 32;
pub(super) const SLOT_BYTES: u64 = 48;
pub(super) const RESET_BYTES: u64 = 64;
pub(super) const RECORD_BYTES: u64 = 48;
pub(super) const ROW_BYTES: u64 = 80;
pub(super) const SENT_BYTES: u64 = 32;
pub(super) const RANGE_TOMBSTONE_BYTES: u64 = 192;

/// Keys and values up to this length lie in their cell, longer values outside.
const INLINE_BYTES: u64 = 14;
const ALLOCATION_BYTES: u64 = 32;

/// The cost of a key, a bound or a value of this length.
pub(super) fn content_bytes(len: usize) -> u64 {
    match wide(len) {
        0..=INLINE_BYTES => 0,
        len => len + ALLOCATION_BYTES,
    }
}

/// A receiver takes a delta that costs at most so many times the limit of its bytes, once decoded.
pub(super) const DECODED_SHARE: u64 = 3;

/// What a decoder may still spend, and count, on one message.
#[derive(Debug)]
pub(super) struct Budget {
    memory_left: u64,
    memory_limit: u64,
    cells_left: u64,
    range_tombstones_left: u64,
    limits: Limits,
}

impl Budget {
    pub(super) fn new(wire_bytes: usize, limits: &Limits) -> Self {
        let memory_limit = wide(limits.delta_bytes).saturating_mul(DECODED_SHARE);
        Self {
            memory_left: memory_limit.saturating_sub(wide(wire_bytes)),
            memory_limit,
            cells_left: wide(limits.cells_per_delta),
            range_tombstones_left: wide(limits.range_tombstones_per_delta),
            limits: *limits,
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes the memory of `count` things, before it is allocated.
    pub(super) fn charge(&mut self, count: u64, each_bytes: u64) -> Result<(), DecodeError> {
        let cost = count.saturating_mul(each_bytes);
        let refused = DecodeError::Memory { limit_bytes: self.memory_limit };
        self.memory_left = self.memory_left.checked_sub(cost).ok_or(refused)?;
        Ok(())
    }

    pub(super) fn charge_cells(&mut self, at: usize, found: usize) -> Result<(), DecodeError> {
        take(&mut self.cells_left, at, found)?;
        self.charge(wide(found), CELL_BYTES)
    }

    pub(super) fn charge_range_tombstones(
        &mut self,
        at: usize,
        found: usize,
    ) -> Result<(), DecodeError> {
        take(&mut self.range_tombstones_left, at, found)?;
        self.charge(wide(found), RANGE_TOMBSTONE_BYTES)
    }

    pub(super) fn check_vector_len(&self, at: usize, found: usize) -> Result<(), DecodeError> {
        let limit = self.limits.version_vector_entries;
        if found > limit {
            return Err(DecodeError::TooMany { at, found: wide(found), limit: wide(limit) });
        }
        Ok(())
    }
}

fn take(left: &mut u64, at: usize, found: usize) -> Result<(), DecodeError> {
    let (found, limit) = (wide(found), *left);
    *left = limit.checked_sub(found).ok_or(DecodeError::TooMany { at, found, limit })?;
    Ok(())
}

/// The memory that a receiver accounts for a delta, without its bytes on the wire.
///
/// A receiver refuses a delta for which this and the length of [`encode_delta`](super::encode_delta)
/// together exceed three times `Limits::delta_bytes`. On a 64-bit platform the decoded delta takes at
/// most this many bytes.
pub fn decoded_bytes<V: Borrow<Value>>(delta: &Delta<Key, V>) -> u64 {
    bytes_around_cells(delta) + bytes_of_cells(delta)
}

/// The part of it that cells take. Reads all keys and values.
pub(super) fn bytes_of_cells<V: Borrow<Value>>(delta: &Delta<Key, V>) -> u64 {
    delta.parts.iter().flat_map(|part| ahead::cells(&part.cells)).map(cell_bytes).sum()
}

/// The part of it that everything else takes.
pub(super) fn bytes_around_cells<V>(delta: &Delta<Key, V>) -> u64 {
    let dictionary = wide(super::replicas_of_delta(delta, None).len()) * DICTIONARY_ENTRY_BYTES;
    let parts: u64 = delta.parts.iter().map(part_bytes).sum();
    dictionary + vector_bytes(&delta.horizon) + parts
}

/// What a part takes without its cells.
fn part_bytes<V>(part: &Part<Key, V>) -> u64 {
    let vectors = vector_bytes(&part.base) + vector_bytes(&part.upto);
    let tombstones: u64 = part.range_tombstones.iter().map(range_tombstone_bytes).sum();
    PART_BYTES + range_bytes(&part.range) + vectors + tombstones
}

pub(super) fn cell_bytes<V: Borrow<Value>>(cell: &DeltaCell<Key, V>) -> u64 {
    let DeltaCell { key, fresh, kept } = cell;
    CELL_BYTES
        + content_bytes(key.as_bytes().len())
        + wide(fresh.len().saturating_sub(1)) * FURTHER_DOT_BYTES
        + wide(kept.len()) * KEPT_DOT_BYTES
        + fresh.iter().map(|(_, entry)| entry_bytes(entry)).sum::<u64>()
}

fn entry_bytes<V: Borrow<Value>>(entry: &Entry<V>) -> u64 {
    match entry {
        Entry::Value { value, .. } => content_bytes(value.borrow().as_bytes().len()),
        Entry::Tombstone(tombstone) => {
            TOMBSTONE_BYTES + wide(tombstone.over.len()) * OVER_DOT_BYTES
        }
        Entry::Slot(_) => SLOT_BYTES,
        Entry::Reset(reset) => RESET_BYTES + wide(reset.records.len()) * RECORD_BYTES,
        Entry::Row(row) => ROW_BYTES + wide(row.sent.len()) * SENT_BYTES,
    }
}

fn range_tombstone_bytes(tombstone: &RangeTombstone<Key>) -> u64 {
    RANGE_TOMBSTONE_BYTES + range_bytes(&tombstone.range) + vector_bytes(&tombstone.seen)
}

fn range_bytes(range: &KeyRange<Key>) -> u64 {
    let bounds = [&range.start, &range.end].into_iter().flatten();
    bounds.map(|bound| content_bytes(bound.as_bytes().len())).sum()
}

fn vector_bytes(vector: &VersionVector) -> u64 {
    wide(vector.len()) * VECTOR_COMPONENT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;
    use crate::entry::{Record, Reset, Row, Slot, Tombstone};
    use crate::replica::ReplicaId;
    use crate::wire::removals::Removal;

    #[test]
    fn no_type_is_larger_than_its_cost() {
        let at_most = |bytes: usize, cost: u64| assert!(wide(bytes) <= cost, "{bytes} > {cost}");
        at_most(size_of::<DeltaCell<Key, Value>>(), CELL_BYTES);
        at_most(2 * size_of::<(Dot, Entry<Value>)>(), FURTHER_DOT_BYTES);
        at_most(size_of::<Part<Key, Value>>(), PART_BYTES / 2);
        at_most(size_of::<RangeTombstone<Key>>(), RANGE_TOMBSTONE_BYTES);
        at_most(2 * size_of::<(ReplicaId, u64)>(), VECTOR_COMPONENT_BYTES);
        at_most(size_of::<Tombstone>() + 16, TOMBSTONE_BYTES);
        at_most(size_of::<Slot>() + 16, SLOT_BYTES);
        at_most(size_of::<Reset>() + 16, RESET_BYTES);
        at_most(size_of::<(ReplicaId, Record)>(), RECORD_BYTES);
        at_most(size_of::<Row>() + 16, ROW_BYTES);
        at_most(size_of::<Dot>(), KEPT_DOT_BYTES);
        let found = size_of::<(&Key, Removal)>() + size_of::<DeltaCell<Key, Value>>();
        let tombstone = size_of::<Tombstone>() + 16;
        at_most(found + tombstone, CELL_BYTES + TOMBSTONE_BYTES + OVER_DOT_BYTES);
    }
}
