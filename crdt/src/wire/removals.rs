//! Removals without keys, as bytes: the dots of what was removed say which cells are meant.
//!
//! They stand in columns of their own, in the order of their own dots. A replica's removals are consecutive
//! then, and what it removes in the order in which it was written is, too: most numbers are 0 or alike. In
//! the order of keys, neither would be.

use super::columns::{ColumnsReader, ColumnsWriter};
use super::dots::{DotReader, DotWriter};
use super::error::DecodeError;
use super::runs::{Column, ColumnWriter};
use super::varint::{Reader, add_difference, difference, put_count, put_varint, wide};
use super::vectors::{Dictionary, DictionaryWriter};
use super::weight::{Budget, OVER_DOT_BYTES, TOMBSTONE_BYTES};
use crate::dot::Dot;
use crate::hlc::Hlc;
use crate::path::Key;
use crate::version_vector::VersionVector;

const CHECK_BYTES: usize = 8;

/// The bits of a stamp below its milliseconds.
const LOGICAL_BITS: u32 = 16;

/// A cell of which nothing is told but that a single dot was removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Removal {
    /// The dot of the removal.
    pub(super) dot: Dot,
    pub(super) hlc: Hlc,
    /// What it removed.
    pub(super) over: Dot,
}

/// The removals of a part whose keys the reader has to find, sorted by their dots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Removals {
    pub(super) list: Vec<Removal>,
    /// Over the keys, in this order.
    pub(super) check: KeyCheck,
}

/// Tells the keys that the sender means from all others, also where one dot stands for two things: after a
/// fork, or where memory was damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyCheck(pub(super) [u8; CHECK_BYTES]);

impl KeyCheck {
    /// The check of these keys in this order.
    pub(super) fn of<'k>(keys: impl Iterator<Item = &'k Key>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for key in keys.map(Key::as_bytes) {
            hasher.update(&wide(key.len()).to_le_bytes());
            hasher.update(key);
        }
        let mut check = [0; CHECK_BYTES];
        check.iter_mut().zip(hasher.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
        Self(check)
    }
}

pub(super) fn put_removals(
    out: &mut Vec<u8>,
    dictionary: &DictionaryWriter,
    base: &VersionVector,
    removals: &Removals,
) {
    let (mut fresh, mut over) = (DotWriter::new(base), DotWriter::new(base));
    let (mut physical, mut logical) = (ColumnWriter::default(), ColumnWriter::default());
    let mut last = Hlc::ZERO;
    for removal in &removals.list {
        fresh.put(dictionary, removal.dot);
        physical.push(difference(removal.hlc.physical_ms(), last.physical_ms()));
        logical.push(difference(logical_of(removal.hlc), logical_of(last)));
        over.put(dictionary, removal.over);
        last = removal.hlc;
    }
    let mut columns = ColumnsWriter::new(1);
    fresh.finish(&mut columns);
    columns.put(physical);
    columns.put(logical);
    over.finish(&mut columns);
    put_count(out, removals.list.len());
    put_varint(out, columns.flags);
    out.append(&mut columns.bytes);
    out.extend(removals.check.0);
}

/// Reads what [`put_removals`] wrote.
pub(super) fn read_removals(
    reader: &mut Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    base: &VersionVector,
) -> Result<Removals, DecodeError> {
    let at = reader.at();
    let count = reader.varint()?;
    if count == 0 {
        return Err(DecodeError::NotCanonical { at });
    }
    // Each becomes a cell. Many of them may take no bytes at all.
    let len = usize::try_from(count).unwrap_or(usize::MAX);
    budget.charge_cells(at, len)?;
    budget.charge(count, TOMBSTONE_BYTES + OVER_DOT_BYTES)?;
    let flags = reader.varint()?;
    let mut columns = ColumnsReader::new(flags, *reader);
    let mut source = Source::begin(&mut columns, base, count)?;
    let mut check = columns.bytes(wide(CHECK_BYTES))?;
    *reader = columns.rest()?;
    let mut list: Vec<Removal> = Vec::with_capacity(len);
    for _ in 0..len {
        let removal = source.removal(dictionary)?;
        // The reader of a delta holds what lies inside its base, and nothing else names a cell.
        let follows = list.last().is_none_or(|last| last.dot < removal.dot);
        if !follows || removal.over.seq == 0 || !base.contains(removal.over) {
            return Err(DecodeError::NotCanonical { at });
        }
        list.push(removal);
    }
    let bytes = check.bytes(CHECK_BYTES)?;
    let check = KeyCheck(bytes.try_into().map_err(|_| DecodeError::Truncated { at })?);
    Ok(Removals { list, check })
}

/// Removals on their way out of columns.
#[derive(Debug)]
struct Source<'a, 'v> {
    fresh: DotReader<'a, 'v>,
    physical: Column<'a>,
    logical: Column<'a>,
    over: DotReader<'a, 'v>,
    last: Hlc,
}

impl<'a, 'v> Source<'a, 'v> {
    fn begin(
        columns: &mut ColumnsReader<'a>,
        base: &'v VersionVector,
        count: u64,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            fresh: DotReader::begin(columns, base, count, 0)?,
            physical: columns.column(count)?,
            logical: columns.column(count)?,
            over: DotReader::begin(columns, base, count, 0)?,
            last: Hlc::ZERO,
        })
    }

    fn removal(&mut self, dictionary: &mut Dictionary) -> Result<Removal, DecodeError> {
        let dot = self.fresh.dot(dictionary)?;
        let hlc = self.stamp()?;
        Ok(Removal { dot, hlc, over: self.over.dot(dictionary)? })
    }

    fn stamp(&mut self) -> Result<Hlc, DecodeError> {
        let at = self.physical.at();
        let ms = add_difference(self.last.physical_ms(), self.physical.next()?);
        let logical = add_difference(logical_of(self.last), self.logical.next()?);
        let hlc = Hlc::from_u64((ms << LOGICAL_BITS) | (logical & ((1 << LOGICAL_BITS) - 1)));
        if hlc.physical_ms() != ms || logical_of(hlc) != logical {
            return Err(DecodeError::NumberTooLarge { at });
        }
        self.last = hlc;
        Ok(hlc)
    }
}

const fn logical_of(hlc: Hlc) -> u64 {
    hlc.to_u64() & ((1 << LOGICAL_BITS) - 1)
}
