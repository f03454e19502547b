//! Columns of numbers: runs of one number are written once, everything else in few bits.
//!
//! A column is a sequence of groups. A group begins with a varint `h`:
//!
//! - odd: a run, `(h - 1) / 2 + 8` times the number that follows;
//! - even: `h / 2 + 1` literals, in blocks (`blocks.rs`).
//!
//! Fewer than eight numbers at the end of a column that belong to no group stand there without `h`, as varints:
//! a column of one number costs no more than that number. A column of nothing but zeros is not
//! written at all; a flag beside the columns says so.
//!
//! There is one form: eight or more equal numbers in a row are always one run, as long as possible,
//! and what lies between two runs is one group. Whoever reads checks this.
//!
//! Idea: the hybrid of run lengths and bit-packing of Apache Parquet.
//!
//! What was weighed: `docs/decisions/0017-columns-of-a-delta.md`.

use super::blocks::{Block, BlockWriter};
use super::error::DecodeError;
use super::varint::{Reader, put_varint, wide};

/// The shortest run. A shorter one would take no less than its numbers do between others, in few bits.
const MIN_RUN: u64 = 8;

/// A column under construction; holds the written form only, however long the column.
#[derive(Debug, Default)]
pub(super) struct ColumnWriter {
    groups: Vec<u8>,
    literals: BlockWriter,
    value: u64,
    run: u64,
    has_nonzero: bool,
}

impl ColumnWriter {
    pub(super) fn push(&mut self, value: u64) {
        if self.run > 0 && value != self.value {
            self.end_run();
        }
        self.value = value;
        self.run += 1;
        self.has_nonzero |= value != 0;
    }

    /// Appends the bytes of the column, unless all its numbers are zero. Returns whether it did.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> bool {
        if !self.has_nonzero {
            return false;
        }
        self.end_run();
        if self.literals.count() >= MIN_RUN {
            self.end_literals();
        }
        out.append(&mut self.groups);
        self.literals.finish(out);
        true
    }

    fn end_run(&mut self) {
        if self.run >= MIN_RUN {
            self.end_literals();
            put_varint(&mut self.groups, ((self.run - MIN_RUN) << 1) | 1);
            put_varint(&mut self.groups, self.value);
        } else {
            (0..self.run).for_each(|_| self.literals.push(self.value));
        }
        self.run = 0;
    }

    fn end_literals(&mut self) {
        let count = self.literals.count();
        if count > 0 {
            put_varint(&mut self.groups, (count - 1) << 1);
            std::mem::take(&mut self.literals).finish(&mut self.groups);
        }
    }
}

/// A column to be read from front to back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    reader: Reader<'a>,
    /// Numbers outside the current group.
    unread: u64,
    /// Literals of the current group that are in no block yet.
    literals: u64,
    /// The current block of literals.
    block: Block<'a>,
    /// How often `value` is still to be handed out.
    run: u64,
    value: u64,
    /// How many equal numbers in a row were read last, up to the length of a run.
    equal: u64,
    after_literals: bool,
    /// Whether all of it was read before, and is in its one form.
    is_checked: bool,
}

impl<'a> Column<'a> {
    /// Reads a column of `count` numbers, or one of zeros if none is `present`, and hands each run
    /// to `visit` as (number, times). Takes time by the bytes, not by the numbers.
    pub(super) fn read(
        reader: &mut Reader<'a>,
        present: bool,
        count: u64,
        mut visit: impl FnMut(u64, u64) -> Result<(), DecodeError>,
    ) -> Result<Self, DecodeError> {
        if !present {
            if count > 0 {
                visit(0, count)?;
            }
            return Ok(Self { run: count, unread: 0, ..Self::begin(*reader, count) });
        }
        let column = Self::begin(*reader, count);
        let (mut probe, mut has_nonzero) = (column, false);
        while probe.unread > 0 || probe.literals > 0 || !probe.block.is_empty() {
            probe.next_group()?;
            has_nonzero |= probe.value != 0;
            visit(probe.value, probe.run)?;
        }
        *reader = probe.reader;
        match has_nonzero {
            true => Ok(Self { is_checked: true, ..column }),
            false => Err(column.not_canonical()),
        }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> Result<u64, DecodeError> {
        if self.run == 0 {
            self.next_group()?;
        }
        self.run = self.run.saturating_sub(1);
        Ok(self.value)
    }

    /// The next number, which is a length of at most `limit`.
    pub(super) fn next_len(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let found = self.next()?;
        match usize::try_from(found) {
            Ok(len) if len <= limit => Ok(len),
            _ => Err(DecodeError::TooMany { at: self.at(), found, limit: wide(limit) }),
        }
    }

    /// Where in the whole input the column goes on.
    pub(super) const fn at(&self) -> usize {
        self.reader.at()
    }

    fn begin(reader: Reader<'a>, count: u64) -> Self {
        Self {
            reader,
            unread: count,
            literals: 0,
            block: Block::default(),
            run: 0,
            value: 0,
            equal: 0,
            after_literals: false,
            is_checked: false,
        }
    }

    /// Moves on to the next run, or to the next number that stands alone.
    fn next_group(&mut self) -> Result<(), DecodeError> {
        if self.literals == 0 && self.block.is_empty() {
            let header = if self.unread < MIN_RUN { None } else { Some(self.reader.varint()?) };
            match header {
                Some(header) if header & 1 == 1 => return self.begin_run(header >> 1),
                Some(header) => self.begin_literals((header >> 1) + 1)?,
                None => self.begin_literals(self.unread)?,
            }
        }
        if self.block.is_empty() {
            let (block, count) = Block::begin(&mut self.reader, self.literals, self.is_checked)?;
            self.block = block;
            self.literals = self.literals.saturating_sub(count);
        }
        let value = self.block.next(&mut self.reader)?;
        self.equal = if self.equal > 0 && value == self.value { self.equal + 1 } else { 1 };
        if self.equal >= MIN_RUN {
            return Err(self.not_canonical());
        }
        (self.value, self.run) = (value, 1);
        Ok(())
    }

    fn begin_run(&mut self, beyond_least: u64) -> Result<(), DecodeError> {
        let run = beyond_least + MIN_RUN;
        self.take(run)?;
        let value = self.reader.varint()?;
        if self.equal > 0 && value == self.value {
            return Err(self.not_canonical());
        }
        (self.value, self.run, self.equal, self.after_literals) = (value, run, MIN_RUN, false);
        Ok(())
    }

    fn begin_literals(&mut self, count: u64) -> Result<(), DecodeError> {
        if self.after_literals {
            return Err(self.not_canonical());
        }
        self.take(count)?;
        (self.literals, self.after_literals) = (count, true);
        Ok(())
    }

    /// Moves `count` numbers from the column into the current group.
    fn take(&mut self, count: u64) -> Result<(), DecodeError> {
        let at = self.reader.at();
        let limit = self.unread;
        self.unread = match limit.checked_sub(count) {
            Some(left) if count > 0 => left,
            Some(_) => return Err(DecodeError::Truncated { at }),
            None => return Err(DecodeError::TooMany { at, found: count, limit }),
        };
        Ok(())
    }

    const fn not_canonical(&self) -> DecodeError {
        DecodeError::NotCanonical { at: self.reader.at() }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;

    fn written(values: &[u64]) -> Option<Vec<u8>> {
        let (mut column, mut out) = (ColumnWriter::default(), Vec::new());
        values.iter().for_each(|value| column.push(*value));
        column.finish(&mut out).then_some(out)
    }

    fn read(bytes: &[u8], count: u64) -> Result<Vec<u64>, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut column = Column::read(&mut reader, true, count, |_, _| Ok(()))?;
        reader.end()?;
        (0..count).map(|_| column.next()).collect()
    }

    #[test]
    fn the_forms_are_those_of_the_format_page() {
        assert_eq!(written(&[9]), Some(vec![9]));
        assert_eq!(written(&[9; 7]), Some(vec![9; 7]));
        assert_eq!(written(&[9; 8]), Some(vec![1, 9]));
        assert_eq!(written(&[9, 8, 7]), Some(vec![9, 8, 7]));
        assert_eq!(written(&[9, 8, 7, 6, 5, 4, 3, 2]), Some(vec![14, 4, 0x89, 0x67, 0x45, 0x23]));
        let after_a_run = [&[5; 9][..], &[6, 7]].concat();
        assert_eq!(written(&after_a_run), Some(vec![3, 5, 6, 7]));
        let before_a_run = [&[1, 1][..], &[5; 9]].concat();
        assert_eq!(written(&before_a_run), Some(vec![2, 1, 1, 3, 5]));
        assert_eq!((written(&[]), written(&[0; 20])), (None, None));
    }

    /// Columns of up to 24 numbers with runs of up to 10, each as (number, times) three times.
    fn columns() -> impl Iterator<Item = Vec<u64>> {
        (0..30_u64.pow(3)).map(|code| {
            let runs = [code % 30, code / 30 % 30, code / 900];
            let numbers = runs.map(|run| std::iter::repeat_n(run % 3 * 100, (run / 3) as usize));
            numbers.into_iter().flatten().collect()
        })
    }

    #[test]
    fn every_short_column_comes_back() {
        for numbers in columns() {
            match written(&numbers) {
                Some(bytes) => assert_eq!(read(&bytes, numbers.len() as u64), Ok(numbers)),
                None => assert!(numbers.iter().all(|number| *number == 0)),
            }
        }
    }

    #[test]
    fn two_byte_strings_of_one_column_are_not_both_accepted() {
        // Columns with a byte changed: what is still accepted is what its numbers are written as.
        for numbers in columns().step_by(7) {
            let Some(bytes) = written(&numbers) else { continue };
            for at in 0..bytes.len() {
                for byte in (0..=20).chain(100..=103) {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    for count in numbers.len().saturating_sub(2)..numbers.len() + 3 {
                        if let Ok(found) = read(&changed, count as u64) {
                            assert_eq!(written(&found).as_deref(), Some(changed.as_slice()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_run_longer_than_its_column_is_refused_before_it_is_counted_out() {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, u64::MAX);
        bytes.push(7);
        let refused = read(&bytes, 1_000);
        assert!(matches!(refused, Err(DecodeError::TooMany { limit: 1_000, .. })));
    }

    #[test]
    fn a_column_of_zeros_is_told_by_its_flag() {
        let mut seen = Vec::new();
        let column = Column::read(&mut Reader::new(&[]), false, u64::MAX, |value, times| {
            seen.push((value, times));
            Ok(())
        });
        assert_eq!((column.unwrap().next(), seen), (Ok(0), vec![(0, u64::MAX)]));
        assert!(matches!(read(&[1, 0], 8), Err(DecodeError::NotCanonical { .. })));
    }
}
