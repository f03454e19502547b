//! Removals without keys, as bytes: the dots of what was removed say which cells are meant.
//!
//! They stand in columns of their own, in the order of their own dots. A replica's removals are consecutive
//! then, and what it removes in the order in which it was written is, too: most numbers are 0 or alike. In
//! the order of keys, neither would be.

use super::columns::{ColumnsReader, ColumnsWriter};
use super::dots::{DotReader, DotWriter};
use super::error::DecodeError;
use super::stamps::{StampReader, StampWriter};
use super::varint::{Reader, put_count, put_varint, wide};
use super::vectors::{Dictionary, DictionaryWriter};
use super::weight::{Budget, OVER_DOT_BYTES, TOMBSTONE_BYTES};
use crate::dot::Dot;
use crate::hlc::Hlc;
use crate::path::Key;
use crate::version_vector::VersionVector;

const CHECK_BYTES: usize = 8;

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
    let mut stamps = StampWriter::for_cells(removals.list.len());
    for removal in &removals.list {
        fresh.put(dictionary, removal.dot);
        stamps.put(removal.dot, removal.hlc);
        over.put(dictionary, removal.over);
    }
    let mut columns = ColumnsWriter::new(1);
    fresh.finish(&mut columns);
    stamps.finish(&mut columns);
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
    let mut fresh = DotReader::begin(&mut columns, base, count, 0)?;
    let mut stamps = StampReader::begin(&mut columns, count)?;
    let mut over = DotReader::begin(&mut columns, base, count, 0)?;
    let mut check = columns.bytes(wide(CHECK_BYTES))?;
    *reader = columns.rest()?;
    let dots: Vec<Dot> = (0..len).map(|_| fresh.dot(dictionary)).collect::<Result<_, _>>()?;
    stamps.read(&dots)?;
    let mut list: Vec<Removal> = Vec::with_capacity(len);
    for dot in dots {
        let removal = Removal { dot, hlc: stamps.next()?, over: over.dot(dictionary)? };
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
