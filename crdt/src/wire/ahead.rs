//! Reading ahead: what takes most of the time of a first sync is waiting for memory.
//!
//! Values lie all over it. A loop that does much with each value waits for one after another; one that only reads
//! how long they are is short enough for the processor to wait for many at once. So a block of values is read
//! like that before anything is done with it.

use crate::delta_cell::DeltaCell;
use crate::entry::Entry;
use crate::path::Key;
use crate::value::Value;

/// As many reads as processors have under way.
const BLOCK_CELLS: usize = 32;

/// Reads the lengths of the values.
pub(super) fn read<'e>(entries: impl Iterator<Item = &'e Entry<Value>>) {
    let len = |entry: &Entry<Value>| entry.value().map_or(0, |value| value.as_bytes().len());
    std::hint::black_box(entries.map(len).sum::<usize>());
}

/// The cells, of which each block has been read before its first one.
pub(super) fn cells(
    cells: &[DeltaCell<Key, Value>],
) -> impl Iterator<Item = &DeltaCell<Key, Value>> {
    cells
        .chunks(BLOCK_CELLS)
        .inspect(|block| read(block.iter().flat_map(|cell| &cell.fresh).map(|(_, entry)| entry)))
        .flatten()
}
