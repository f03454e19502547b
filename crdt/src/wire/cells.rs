//! The cells of a part: dots in columns, entries by their kinds.
//!
//! Cells are read in one pass over all columns at once. Before that, each column is looked through,
//! run by run, for the totals that say how long the columns behind it are; they are charged to the
//! budget before anything is allocated.
//!
//! The order of the columns is that of [`CellWriter::finish`] and [`CellReader::begin`], which mirror
//! each other line by line.

use std::borrow::Borrow;
use std::vec;

use smallvec::SmallVec;

use super::columns::{ColumnsReader, ColumnsWriter};
use super::dots::{DotReader, DotWriter};
use super::entries::{EntryReader, EntryWriter, Pieces};
use super::error::DecodeError;
use super::keys::{KeyReader, KeyWriter};
use super::runs::{Column, ColumnWriter};
use super::varint::wide;
use super::vectors::{Dictionary, DictionaryWriter};
use super::weight::{Budget, FURTHER_DOT_BYTES, KEPT_DOT_BYTES};
use crate::coverage::Coverage;
use crate::delta_cell::DeltaCell;
use crate::dot::Dot;
use crate::path::Key;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// Cells on their way into columns.
#[derive(Debug)]
pub(super) struct CellWriter<'v> {
    keys: KeyWriter<'v>,
    /// Every cell has so many fresh dots at the least.
    least_fresh: usize,
    /// Fresh dots beyond that.
    further: ColumnWriter,
    kept: ColumnWriter,
    fresh: DotWriter<'v>,
    entries: EntryWriter<'v>,
}

/// Cells on their way out of columns.
#[derive(Debug)]
pub(super) struct CellReader<'a, 'v> {
    keys: KeyReader<'a>,
    least_fresh: usize,
    further: Column<'a>,
    kept: Column<'a>,
    fresh: vec::IntoIter<Dot>,
    entries: EntryReader<'a, 'v>,
}

impl<'v> CellWriter<'v> {
    /// For `count` cells.
    pub(super) fn new(base: &'v VersionVector, coverage: Coverage, count: usize) -> Self {
        Self {
            keys: KeyWriter::default(),
            least_fresh: least_fresh(coverage),
            further: ColumnWriter::default(),
            kept: ColumnWriter::default(),
            fresh: DotWriter::new(base),
            entries: EntryWriter::new(base, count),
        }
    }

    pub(super) fn put<V: Borrow<Value>>(
        &mut self,
        dictionary: &DictionaryWriter,
        cell: &'v DeltaCell<Key, V>,
    ) {
        self.keys.put(cell.key.as_bytes());
        self.further.push(wide(cell.fresh.len().saturating_sub(self.least_fresh)));
        self.kept.push(wide(cell.kept.len()));
        for dot in &cell.kept {
            self.entries.named.put(dictionary, *dot);
        }
        for (dot, entry) in &cell.fresh {
            self.fresh.put(dictionary, *dot);
            self.entries.put(dictionary, *dot, entry);
        }
    }

    /// Writes the columns; returns what follows them, the bytes of keys and those of values.
    pub(super) fn finish(self, columns: &mut ColumnsWriter) -> (Vec<u8>, Pieces<'v>) {
        let suffixes = self.keys.finish(columns);
        columns.put(self.further);
        columns.put(self.kept);
        self.fresh.finish(columns);
        let values = self.entries.finish(columns);
        (suffixes, values)
    }
}

impl<'a, 'v> CellReader<'a, 'v> {
    /// Reads the columns of `count` cells, which have been charged.
    pub(super) fn begin(
        columns: &mut ColumnsReader<'a>,
        dictionary: &mut Dictionary,
        budget: &mut Budget,
        (base, coverage): (&'v VersionVector, Coverage),
        count: usize,
    ) -> Result<Self, DecodeError> {
        let least_fresh = least_fresh(coverage);
        let mut keys = KeyReader::begin(columns, count)?;
        let (mut fresh_count, mut beyond_first) = (0_u64, 0_u64);
        let further = columns.visited(wide(count), |further, times| {
            let fresh = further.saturating_add(wide(least_fresh));
            fresh_count = fresh_count.saturating_add(fresh.saturating_mul(times));
            let beyond = fresh.saturating_sub(1).saturating_mul(times);
            beyond_first = beyond_first.saturating_add(beyond);
            Ok(())
        })?;
        budget.charge(beyond_first, FURTHER_DOT_BYTES)?;
        let (kept, kept_count) = columns.lengths(wide(count))?;
        budget.charge(kept_count, KEPT_DOT_BYTES)?;
        let mut dots = DotReader::begin(columns, base, fresh_count, 0)?;
        let mut entries = EntryReader::begin(columns, budget, base, fresh_count, kept_count)?;
        keys.begin_bytes(columns)?;
        entries.begin_bytes(columns)?;
        // They have been charged, with their cells.
        let mut fresh = Vec::with_capacity(usize::try_from(fresh_count).unwrap_or(0));
        for _ in 0..fresh_count {
            fresh.push(dots.dot(dictionary)?);
        }
        entries.read_stamps(&fresh)?;
        let fresh = fresh.into_iter();
        Ok(Self { keys, least_fresh, further, kept, fresh, entries })
    }

    pub(super) fn cell(
        &mut self,
        dictionary: &mut Dictionary,
        budget: &mut Budget,
    ) -> Result<DeltaCell<Key, Value>, DecodeError> {
        let key = self.keys.key(budget)?;
        let fresh_len = self.further.next_len(usize::MAX - 1)? + self.least_fresh;
        let kept_len = self.kept.next_len(usize::MAX)?;
        let mut kept = Vec::with_capacity(kept_len);
        for _ in 0..kept_len {
            kept.push(self.entries.named.dot(dictionary)?);
        }
        let mut fresh = SmallVec::with_capacity(fresh_len);
        for dot in self.fresh.by_ref().take(fresh_len) {
            fresh.push((dot, self.entries.entry(dictionary, budget, dot)?));
        }
        Ok(DeltaCell { key, fresh, kept })
    }
}

/// A cell of a difference has at least one fresh dot, any other may have none.
const fn least_fresh(coverage: Coverage) -> usize {
    match coverage {
        Coverage::Difference => 1,
        Coverage::Complete | Coverage::Differing => 0,
    }
}
