//! Reading ahead: what takes most of the time of a first sync is waiting for memory.
//!
//! Values lie all over it. A loop that does much with each value waits for one after another; one that only reads
//! where they begin and end is short enough for the processor to wait for many at once. So a block of values is read
//! like that before anything is done with it.

use std::borrow::Borrow;

use crate::delta_cell::DeltaCell;
use crate::entry::Entry;
use crate::ordered_map::ABREAST;
use crate::path::Key;
use crate::value::Value;

/// Reads a little of each value.
pub(super) fn read<'e, V: Borrow<Value> + 'e>(entries: impl Iterator<Item = &'e Entry<V>>) {
    entries.filter_map(Entry::value).for_each(|value| value.borrow().read_ahead());
}

/// The cells, of which each block has been read before its first one.
pub(super) fn cells<V: Borrow<Value>>(
    cells: &[DeltaCell<Key, V>],
) -> impl Iterator<Item = &DeltaCell<Key, V>> {
    cells
        .chunks(ABREAST)
        .inspect(|block| read(block.iter().flat_map(|cell| &cell.fresh).map(|(_, entry)| entry)))
        .flatten()
}
