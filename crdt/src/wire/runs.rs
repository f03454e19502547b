//! Columns of numbers: runs of one number are written once, everything else number by number.
//!
//! A column is a sequence of groups. A group begins with a varint `h`:
//!
//! - odd: a run, `(h - 1) / 2 + 3` times the number that follows;
//! - even: `h / 2 + 1` numbers, which follow.
//!
//! Fewer than three numbers at the end of a column that belong to no group stand there without `h`,
//! so a column of one number costs no more than that number. A column of nothing but zeros is not
//! written at all; a flag beside the columns says so.
//!
//! There is one form: three or more equal numbers in a row are always one run, as long as possible,
//! and what lies between two runs is one group. Whoever reads checks this.
//!
//! Idea: the RLE/bit-packing hybrid of Apache Parquet and the integer run lengths of Apache ORC,
//! version 1, with varints for literals.

use super::error::DecodeError;
use super::varint::{Reader, put_varint, wide};

/// The shortest run. A run of two costs as much as its two numbers.
const MIN_RUN: u64 = 3;

/// A column under construction; holds the written form only, however long the column.
#[derive(Debug, Default)]
pub(super) struct ColumnWriter {
    groups: Vec<u8>,
    literals: Vec<u8>,
    literal_count: u64,
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

    /// The bytes of the column; `None` if all its numbers are zero.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        self.end_run();
        if self.literal_count >= MIN_RUN {
            self.end_literals();
        }
        self.groups.append(&mut self.literals);
        self.has_nonzero.then_some(self.groups)
    }

    fn end_run(&mut self) {
        if self.run >= MIN_RUN {
            self.end_literals();
            put_varint(&mut self.groups, ((self.run - MIN_RUN) << 1) | 1);
            put_varint(&mut self.groups, self.value);
        } else {
            (0..self.run).for_each(|_| put_varint(&mut self.literals, self.value));
            self.literal_count += self.run;
        }
        self.run = 0;
    }

    fn end_literals(&mut self) {
        if self.literal_count > 0 {
            put_varint(&mut self.groups, (self.literal_count - 1) << 1);
            self.groups.append(&mut self.literals);
            self.literal_count = 0;
        }
    }
}

/// A column to be read from front to back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    reader: Reader<'a>,
    /// Numbers outside the current group.
    unread: u64,
    /// Numbers of the current group that stand there one by one.
    literals: u64,
    /// How often `value` is still to be handed out.
    run: u64,
    value: u64,
    /// How many equal numbers in a row were read last, up to the length of a run.
    equal: u64,
    after_literals: bool,
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
        while probe.unread > 0 || probe.literals > 0 {
            probe.next_group()?;
            has_nonzero |= probe.value != 0;
            visit(probe.value, probe.run)?;
        }
        *reader = probe.reader;
        if has_nonzero { Ok(column) } else { Err(column.not_canonical()) }
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

    const fn begin(reader: Reader<'a>, count: u64) -> Self {
        Self {
            reader,
            unread: count,
            literals: 0,
            run: 0,
            value: 0,
            equal: 0,
            after_literals: false,
        }
    }

    /// Moves on to the next run, or to the next number that stands alone.
    fn next_group(&mut self) -> Result<(), DecodeError> {
        if self.literals == 0 {
            let header = if self.unread < MIN_RUN { None } else { Some(self.reader.varint()?) };
            match header {
                Some(header) if header & 1 == 1 => return self.begin_run(header >> 1),
                Some(header) => self.begin_literals((header >> 1) + 1)?,
                None => self.begin_literals(self.unread)?,
            }
        }
        let value = self.reader.varint()?;
        self.equal = if self.equal > 0 && value == self.value { self.equal + 1 } else { 1 };
        if self.equal >= MIN_RUN {
            return Err(self.not_canonical());
        }
        self.literals = self.literals.saturating_sub(1);
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
        let mut column = ColumnWriter::default();
        values.iter().for_each(|value| column.push(*value));
        column.finish()
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
        assert_eq!(written(&[9, 9]), Some(vec![9, 9]));
        assert_eq!(written(&[9, 9, 9]), Some(vec![1, 9]));
        assert_eq!(written(&[9, 8, 7]), Some(vec![4, 9, 8, 7]));
        assert_eq!(written(&[1, 1, 5, 5, 5, 5, 6]), Some(vec![2, 1, 1, 3, 5, 6]));
        assert_eq!(written(&[5, 5, 5, 6, 6, 6, 6]), Some(vec![1, 5, 3, 6]));
        assert_eq!((written(&[]), written(&[0; 7])), (None, None));
    }

    #[test]
    fn every_short_column_comes_back() {
        for number in 0..3_u64.pow(8) {
            for len in 1..=8_u32 {
                let values: Vec<u64> =
                    (0..len).map(|digit| number / 3_u64.pow(digit) % 3).collect();
                let Some(bytes) = written(&values) else {
                    assert!(values.iter().all(|value| *value == 0));
                    continue;
                };
                assert_eq!(read(&bytes, u64::from(len)), Ok(values));
            }
        }
    }

    #[test]
    fn two_byte_strings_of_one_column_are_not_both_accepted() {
        // All strings of up to six small bytes: each is refused or is what its column is written as.
        for len in 1..=6_u32 {
            for number in 0..6_u64.pow(len) {
                let bytes: Vec<u8> =
                    (0..len).map(|digit| (number / 6_u64.pow(digit) % 6) as u8).collect();
                for count in 1..=8 {
                    if let Ok(values) = read(&bytes, count) {
                        assert_eq!(written(&values).as_deref(), Some(bytes.as_slice()));
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
        assert!(matches!(read(&[1, 0], 3), Err(DecodeError::NotCanonical { .. })));
    }
}
