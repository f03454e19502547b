//! The columns of a part, one after another, and a flag for each that is not all zeros.

use super::error::DecodeError;
use super::runs::{Column, ColumnWriter};
use super::varint::Reader;

/// Columns that are being written.
#[derive(Debug)]
pub(super) struct ColumnsWriter {
    pub(super) flags: u64,
    next_flag: u64,
    pub(super) bytes: Vec<u8>,
}

/// Columns that are being read, in the order in which they were written.
#[derive(Debug)]
pub(super) struct ColumnsReader<'a> {
    flags: u64,
    reader: Reader<'a>,
}

impl ColumnsWriter {
    /// The first column has the flag `first_flag`, each one after it the next bit.
    pub(super) const fn new(first_flag: u64) -> Self {
        Self { flags: 0, next_flag: first_flag, bytes: Vec::new() }
    }

    pub(super) fn put(&mut self, column: ColumnWriter) {
        if column.finish(&mut self.bytes) {
            self.flags |= self.next_flag;
        }
        self.next_flag <<= 1;
    }
}

impl<'a> ColumnsReader<'a> {
    /// `flags` has the flag of the first column as its lowest bit.
    pub(super) const fn new(flags: u64, reader: Reader<'a>) -> Self {
        Self { flags, reader }
    }

    /// A column of `count` numbers.
    pub(super) fn column(&mut self, count: u64) -> Result<Column<'a>, DecodeError> {
        self.visited(count, |_, _| Ok(()))
    }

    /// A column of `count` lengths, and their sum.
    pub(super) fn lengths(&mut self, count: u64) -> Result<(Column<'a>, u64), DecodeError> {
        let mut sum = 0_u64;
        let column = self.visited(count, |len, times| {
            sum = sum.saturating_add(len.saturating_mul(times));
            Ok(())
        })?;
        Ok((column, sum))
    }

    /// A column of `count` numbers, each run of which is shown to `visit` as (number, times).
    pub(super) fn visited(
        &mut self,
        count: u64,
        visit: impl FnMut(u64, u64) -> Result<(), DecodeError>,
    ) -> Result<Column<'a>, DecodeError> {
        let is_present = self.flags & 1 == 1;
        self.flags >>= 1;
        Column::read(&mut self.reader, is_present, count, visit)
    }

    pub(super) const fn at(&self) -> usize {
        self.reader.at()
    }

    /// The next `len` bytes, behind the columns.
    pub(super) fn bytes(&mut self, len: u64) -> Result<Reader<'a>, DecodeError> {
        let cut_short = DecodeError::Truncated { at: self.reader.at() };
        self.reader.section(usize::try_from(len).map_err(|_| cut_short)?)
    }

    /// Refuses flags of unknown columns and bytes that nobody read.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        self.rest()?.end()
    }

    /// What nobody read; refuses flags of unknown columns.
    pub(super) const fn rest(self) -> Result<Reader<'a>, DecodeError> {
        match self.flags {
            0 => Ok(self.reader),
            flags => Err(DecodeError::UnknownFlags { at: self.reader.at(), flags }),
        }
    }
}
