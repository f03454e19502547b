//! One part of a delta: flags, vectors, range, range tombstones, cells.

use super::ahead;
use super::bounds::{
    Bounds, HAS_END, HAS_START, put_range_tombstones, range_flags, read_range_tombstones,
};
use super::cells::{CellReader, CellWriter};
use super::columns::{ColumnsReader, ColumnsWriter};
use super::entries::Pieces;
use super::error::DecodeError;
use super::removals::{Removals, put_removals, read_removals};
use super::varint::{Reader, put_count, put_varint};
use super::vectors::{Dictionary, DictionaryWriter, put_vector, read_vector};
use super::weight::{Budget, PART_BYTES};
use crate::coverage::Coverage;
use crate::delta::Part;
use crate::delta_cell::DeltaCell;
use crate::path::Key;
use crate::value::Value;
use crate::version_vector::VersionVector;
use std::borrow::Borrow;

/// Flag of a part with range tombstones; the flags of the bounds are below, those of columns above.
const HAS_RANGE_TOMBSTONES: u64 = 4;
const FIRST_COLUMN_SHIFT: u32 = 3;

/// Flags of a part that is no difference, above those of all columns.
const IS_COMPLETE: u64 = 1 << 22;
const IS_DIFFERING: u64 = 1 << 23;

/// Flag of a part with removals without keys.
const HAS_REMOVALS: u64 = 1 << 24;

/// The bytes of a part, in the pieces in which they were made: values may have megabytes, and are copied once only, to
/// where they belong.
#[derive(Debug)]
pub(super) struct PartBytes<'v> {
    head: [Vec<u8>; 3],
    values: Pieces<'v>,
}

impl<'v> PartBytes<'v> {
    /// `reference` is the base of the part before, or the horizon.
    pub(super) fn of<V: Borrow<Value>>(
        dictionary: &DictionaryWriter,
        bounds: &mut Bounds,
        reference: &VersionVector,
        part: &'v Part<Key, V>,
        removals: Option<&Removals>,
    ) -> Self {
        let mut columns = ColumnsWriter::new(1 << FIRST_COLUMN_SHIFT);
        let mut cells = CellWriter::new(&part.base, part.coverage, part.cells.len());
        ahead::cells(&part.cells).for_each(|cell| cells.put(dictionary, cell));
        let (suffixes, values) = cells.finish(&mut columns);
        let tombstones = &part.range_tombstones;
        let tombstone_flag = if tombstones.is_empty() { 0 } else { HAS_RANGE_TOMBSTONES };

        let mut head = Vec::new();
        let coverage_flag = match part.coverage {
            Coverage::Difference => 0,
            Coverage::Complete => IS_COMPLETE,
            Coverage::Differing => IS_DIFFERING,
        };
        let removals_flag = if removals.is_some() { HAS_REMOVALS } else { 0 };
        let flags = range_flags(&part.range) | tombstone_flag | columns.flags | coverage_flag;
        put_varint(&mut head, flags | removals_flag);
        put_vector(&mut head, dictionary, &part.base, reference);
        put_vector(&mut head, dictionary, &part.upto, &part.base);
        bounds.put_range(&mut head, &part.range);
        if !tombstones.is_empty() {
            put_range_tombstones(&mut head, dictionary, bounds, &part.base, tombstones);
        }
        if let Some(removals) = removals {
            put_removals(&mut head, dictionary, &part.base, removals);
        }
        put_count(&mut head, part.cells.len());
        Self { head: [head, columns.bytes, suffixes], values }
    }

    pub(super) fn len(&self) -> usize {
        self.head.iter().map(Vec::len).sum::<usize>() + self.values.len()
    }

    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        self.head.iter().for_each(|piece| out.extend_from_slice(piece));
        self.values.append_to(out);
    }
}

/// Reads all that [`PartBytes`] has.
pub(super) fn read_part(
    mut reader: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    bounds: &mut Bounds,
    reference: &VersionVector,
) -> Result<(Part<Key, Value>, Option<Removals>), DecodeError> {
    budget.charge(1, PART_BYTES)?;
    let at = reader.at();
    let flags = reader.varint()?;
    let coverage = match flags & (IS_COMPLETE | IS_DIFFERING) {
        0 => Coverage::Difference,
        IS_COMPLETE => Coverage::Complete,
        IS_DIFFERING => Coverage::Differing,
        _ => return Err(DecodeError::UnknownFlags { at, flags }),
    };
    let has_removals = flags & HAS_REMOVALS != 0;
    if has_removals && coverage != Coverage::Difference {
        return Err(DecodeError::UnknownFlags { at, flags });
    }
    let column_flags = (flags & !(IS_COMPLETE | IS_DIFFERING | HAS_REMOVALS)) >> FIRST_COLUMN_SHIFT;
    let base = read_vector(&mut reader, dictionary, budget, reference)?;
    let upto = read_vector(&mut reader, dictionary, budget, &base)?;
    let range = bounds.range(&mut reader, budget, flags & (HAS_START | HAS_END))?;
    let range_tombstones = if flags & HAS_RANGE_TOMBSTONES == 0 {
        Vec::new()
    } else {
        read_range_tombstones(&mut reader, dictionary, budget, bounds, &base)?
    };
    let removals = match has_removals {
        true => Some(read_removals(&mut reader, dictionary, budget, &base)?),
        false => None,
    };
    let cells = read_cells(reader, dictionary, budget, (&base, coverage), column_flags)?;
    Ok((Part { range, base, upto, coverage, cells, range_tombstones }, removals))
}

fn read_cells(
    mut reader: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    of: (&VersionVector, Coverage),
    column_flags: u64,
) -> Result<Vec<DeltaCell<Key, Value>>, DecodeError> {
    let at = reader.at();
    // Of each key at least one byte differs from the key before.
    let count = reader.count(1)?;
    budget.charge_cells(at, count)?;
    let mut columns = ColumnsReader::new(column_flags, reader);
    let mut source = CellReader::begin(&mut columns, dictionary, budget, of, count)?;
    columns.end()?;
    let mut cells = Vec::with_capacity(count);
    for _ in 0..count {
        cells.push(source.cell(dictionary, budget)?);
    }
    Ok(cells)
}
