//! One part of a delta: flags, vectors, range, range tombstones, cells.

use super::bounds::{
    Bounds, HAS_END, HAS_START, put_range_tombstones, range_flags, read_range_tombstones,
};
use super::cells::{CellReader, CellWriter};
use super::columns::{ColumnsReader, ColumnsWriter};
use super::error::DecodeError;
use super::varint::{Reader, put_count, put_varint};
use super::vectors::{Dictionary, DictionaryWriter, put_vector, read_vector};
use super::weight::{Budget, PART_BYTES};
use crate::delta::Part;
use crate::delta_cell::DeltaCell;
use crate::path::Key;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// Flag of a part with range tombstones; the flags of the bounds are below, those of columns above.
const HAS_RANGE_TOMBSTONES: u64 = 4;
const FIRST_COLUMN_SHIFT: u32 = 3;

/// The bytes of a part. `reference` is the base of the part before, or the horizon.
pub(super) fn part_to_bytes(
    dictionary: &DictionaryWriter,
    bounds: &mut Bounds,
    reference: &VersionVector,
    part: &Part<Key, Value>,
) -> Vec<u8> {
    let mut columns = ColumnsWriter::new(1 << FIRST_COLUMN_SHIFT);
    let mut cells = CellWriter::new(&part.base);
    part.cells.iter().for_each(|cell| cells.put(dictionary, cell));
    cells.finish(&mut columns);
    let tombstones = &part.range_tombstones;
    let tombstone_flag = if tombstones.is_empty() { 0 } else { HAS_RANGE_TOMBSTONES };

    let mut out = Vec::new();
    put_varint(&mut out, range_flags(&part.range) | tombstone_flag | columns.flags);
    put_vector(&mut out, dictionary, &part.base, reference);
    put_vector(&mut out, dictionary, &part.upto, &part.base);
    bounds.put_range(&mut out, &part.range);
    if !tombstones.is_empty() {
        put_range_tombstones(&mut out, dictionary, bounds, &part.base, tombstones);
    }
    put_count(&mut out, part.cells.len());
    out.append(&mut columns.bytes);
    out
}

/// Reads all that [`part_to_bytes`] wrote.
pub(super) fn read_part(
    mut reader: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    bounds: &mut Bounds,
    reference: &VersionVector,
) -> Result<Part<Key, Value>, DecodeError> {
    budget.charge(1, PART_BYTES)?;
    let flags = reader.varint()?;
    let base = read_vector(&mut reader, dictionary, budget, reference)?;
    let upto = read_vector(&mut reader, dictionary, budget, &base)?;
    let range = bounds.range(&mut reader, budget, flags & (HAS_START | HAS_END))?;
    let range_tombstones = if flags & HAS_RANGE_TOMBSTONES == 0 {
        Vec::new()
    } else {
        read_range_tombstones(&mut reader, dictionary, budget, bounds, &base)?
    };
    let cells = read_cells(reader, dictionary, budget, &base, flags >> FIRST_COLUMN_SHIFT)?;
    Ok(Part { range, base, upto, cells, range_tombstones })
}

fn read_cells(
    mut reader: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    base: &VersionVector,
    column_flags: u64,
) -> Result<Vec<DeltaCell<Key, Value>>, DecodeError> {
    let at = reader.at();
    // Of each key at least one byte differs from the key before.
    let count = reader.count(1)?;
    budget.charge_cells(at, count)?;
    let mut columns = ColumnsReader::new(column_flags, reader);
    let mut source = CellReader::begin(&mut columns, budget, base, count)?;
    columns.end()?;
    let mut cells = Vec::with_capacity(count);
    for _ in 0..count {
        cells.push(source.cell(dictionary, budget)?);
    }
    Ok(cells)
}
