//! Keys in ascending order, each without the beginning that it shares with the one before.
//!
//! Source: prefix compression of LevelDB, `doc/table_format.md`, without its restarts: nobody looks for a single
//! key in a delta.

use super::bounds::shared_len;
use super::columns::{ColumnsReader, ColumnsWriter};
use super::error::DecodeError;
use super::runs::{Column, ColumnWriter};
use super::varint::{Reader, wide};
use super::weight::{Budget, content_bytes};
use crate::path::Key;

#[derive(Debug, Default)]
pub(super) struct KeyWriter<'v> {
    /// The length of the beginning that each key shares.
    shared: ColumnWriter,
    /// The length of the rest, less one: a key is never the beginning of the one before it.
    suffix_len: ColumnWriter,
    suffixes: Vec<u8>,
    last: &'v [u8],
}

#[derive(Debug)]
pub(super) struct KeyReader<'a> {
    shared: Column<'a>,
    suffix_len: Column<'a>,
    suffixes_bytes: u64,
    suffixes: Reader<'a>,
    last: Vec<u8>,
}

impl<'v> KeyWriter<'v> {
    pub(super) fn put(&mut self, key: &'v [u8]) {
        let shared = shared_len(self.last, key);
        self.shared.push(wide(shared));
        let suffix = key.get(shared..).unwrap_or_default();
        self.suffix_len.push(wide(suffix.len().saturating_sub(1)));
        self.suffixes.extend_from_slice(suffix);
        self.last = key;
    }

    /// Writes the columns; returns the bytes, which follow all columns.
    pub(super) fn finish(self, columns: &mut ColumnsWriter) -> Vec<u8> {
        columns.put(self.shared);
        columns.put(self.suffix_len);
        self.suffixes
    }
}

impl<'a> KeyReader<'a> {
    pub(super) fn begin(
        columns: &mut ColumnsReader<'a>,
        count: usize,
    ) -> Result<Self, DecodeError> {
        let shared = columns.column(wide(count))?;
        let (suffix_len, suffixes_bytes) = columns.lengths(wide(count))?;
        let suffixes_bytes = suffixes_bytes.saturating_add(wide(count));
        let suffixes = Reader::new(&[]);
        Ok(Self { shared, suffix_len, suffixes_bytes, suffixes, last: Vec::new() })
    }

    /// Finds the bytes, once all columns are read.
    pub(super) fn begin_bytes(
        &mut self,
        columns: &mut ColumnsReader<'a>,
    ) -> Result<(), DecodeError> {
        self.suffixes = columns.bytes(self.suffixes_bytes)?;
        Ok(())
    }

    pub(super) fn key(&mut self, budget: &mut Budget) -> Result<Key, DecodeError> {
        let at = self.suffixes.at();
        let shared = self.shared.next_len(self.last.len())?;
        let suffix_len = self.suffix_len.next_len(self.suffixes.remaining())?;
        let suffix = self.suffixes.bytes(suffix_len.saturating_add(1))?;
        let behind = self.last.get(shared..).unwrap_or_default();
        // Greater at the first byte that is not shared; if that byte were equal, it would be shared.
        if suffix.first() <= behind.first() {
            return Err(DecodeError::KeyOrder { at });
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(suffix);
        budget.charge(1, content_bytes(self.last.len()))?;
        let limits = budget.limits();
        Key::from_bytes(&self.last, narrow(limits.key_bytes), narrow(limits.key_components))
            .map_err(|source| DecodeError::Key { at, source })
    }
}

/// A limit in the form that keys and values take it. No limit needs more than 32 bits.
pub(super) fn narrow(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
