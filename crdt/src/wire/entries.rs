//! Entries by their kinds: what all of them have in common goes into one column.
//!
//! Value bytes are canonical and travel as they are.

use smallvec::SmallVec;
use std::borrow::Borrow;

use super::columns::{ColumnsReader, ColumnsWriter};
use super::dots::{DotReader, DotWriter};
use super::error::DecodeError;
use super::keys::narrow;
use super::runs::{Column, ColumnWriter};
use super::stamps::{StampReader, StampWriter};
use super::varint::{Reader, wide};
use super::vectors::{Dictionary, DictionaryWriter};
use super::weight::{
    Budget, OVER_DOT_BYTES, RECORD_BYTES, RESET_BYTES, ROW_BYTES, SENT_BYTES, SLOT_BYTES,
    TOMBSTONE_BYTES, content_bytes,
};
use crate::dot::Dot;
use crate::entry::{Entry, Record, Reset, Row, Slot, Tombstone};
use crate::value::Value;
use crate::version_vector::VersionVector;

const VALUE: u64 = 0;
const TOMBSTONE: u64 = 1;
const SLOT: u64 = 2;
const RESET: u64 = 3;
const ROW: u64 = 4;

#[derive(Debug)]
pub(super) struct EntryWriter<'v> {
    kind: ColumnWriter,
    /// Of values and tombstones.
    stamps: StampWriter,
    /// Less one: no value is empty.
    value_len: ColumnWriter,
    over_len: ColumnWriter,
    record_len: ColumnWriter,
    sent_len: ColumnWriter,
    /// Kept dots, dots under tombstones, slots that resets saw, and receivers of rights.
    pub(super) named: DotWriter<'v>,
    /// How far back the epoch of a slot began.
    epoch: ColumnWriter,
    /// Totals of slots, records and rows.
    inc: ColumnWriter,
    dec: ColumnWriter,
    rights: ColumnWriter,
    values: Pieces<'v>,
}

/// Bytes that lie in many places, and are copied once only, to where they belong.
#[derive(Debug)]
pub(super) struct Pieces<'v> {
    pieces: Vec<&'v [u8]>,
    len: usize,
}

impl<'v> Pieces<'v> {
    fn push(&mut self, piece: &'v [u8]) {
        self.pieces.push(piece);
        self.len += piece.len();
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        self.pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    }
}

#[derive(Debug)]
pub(super) struct EntryReader<'a, 'v> {
    kind: Column<'a>,
    /// So many entries have a stamp.
    stamped: u64,
    stamps: StampReader<'a>,
    value_len: Column<'a>,
    over_len: Column<'a>,
    record_len: Column<'a>,
    sent_len: Column<'a>,
    pub(super) named: DotReader<'a, 'v>,
    epoch: Column<'a>,
    inc: Column<'a>,
    dec: Column<'a>,
    rights: Column<'a>,
    values: Reader<'a>,
    values_bytes: u64,
}

impl<'v> EntryWriter<'v> {
    /// For the entries of `cells` cells.
    pub(super) fn new(base: &'v VersionVector, cells: usize) -> Self {
        Self {
            kind: ColumnWriter::default(),
            stamps: StampWriter::for_cells(cells),
            value_len: ColumnWriter::default(),
            over_len: ColumnWriter::default(),
            record_len: ColumnWriter::default(),
            sent_len: ColumnWriter::default(),
            named: DotWriter::new(base),
            epoch: ColumnWriter::default(),
            inc: ColumnWriter::default(),
            dec: ColumnWriter::default(),
            rights: ColumnWriter::default(),
            values: Pieces { pieces: Vec::with_capacity(cells), len: 0 },
        }
    }

    pub(super) fn put<V: Borrow<Value>>(
        &mut self,
        dictionary: &DictionaryWriter,
        dot: Dot,
        entry: &'v Entry<V>,
    ) {
        match entry {
            Entry::Value { hlc, value } => {
                self.kind.push(VALUE);
                self.stamps.put(dot, *hlc);
                let bytes = value.borrow().as_bytes();
                self.value_len.push(wide(bytes.len().saturating_sub(1)));
                self.values.push(bytes);
            }
            Entry::Tombstone(tombstone) => {
                self.kind.push(TOMBSTONE);
                self.stamps.put(dot, tombstone.hlc);
                self.over_len.push(wide(tombstone.over.len()));
                tombstone.over.iter().for_each(|over| self.named.put(dictionary, *over));
            }
            Entry::Slot(slot) => {
                self.kind.push(SLOT);
                self.epoch.push(dot.seq.wrapping_sub(slot.epoch));
                self.put_totals(slot.inc, slot.dec);
            }
            Entry::Reset(reset) => {
                self.kind.push(RESET);
                self.record_len.push(wide(reset.records.len()));
                for (replica, record) in &reset.records {
                    self.named.put(dictionary, Dot::new(*replica, record.seq));
                    self.put_totals(record.inc, record.dec);
                }
            }
            Entry::Row(row) => {
                self.kind.push(ROW);
                self.put_totals(row.inc, row.dec);
                self.sent_len.push(wide(row.sent.len()));
                for (replica, rights) in &row.sent {
                    self.named.put_replica(dictionary, *replica);
                    self.rights.push(*rights);
                }
            }
        }
    }

    fn put_totals(&mut self, inc: u64, dec: u64) {
        self.inc.push(inc);
        self.dec.push(dec);
    }

    /// Writes the columns; returns the bytes of the values, which follow all columns.
    pub(super) fn finish(self, columns: &mut ColumnsWriter) -> Pieces<'v> {
        columns.put(self.kind);
        self.stamps.finish(columns);
        columns.put(self.value_len);
        columns.put(self.over_len);
        columns.put(self.record_len);
        columns.put(self.sent_len);
        self.named.finish(columns);
        columns.put(self.epoch);
        columns.put(self.inc);
        columns.put(self.dec);
        columns.put(self.rights);
        self.values
    }
}

impl<'a, 'v> EntryReader<'a, 'v> {
    /// Reads the columns of `count` entries and of the `kept_count` dots named between them, and
    /// charges what the entries need beyond their place in the cell.
    pub(super) fn begin(
        columns: &mut ColumnsReader<'a>,
        budget: &mut Budget,
        base: &'v VersionVector,
        count: u64,
        kept_count: u64,
    ) -> Result<Self, DecodeError> {
        let at = columns.at();
        let mut of_kind = [0_u64; 5];
        let kind = columns.visited(count, |kind, times| {
            let total = usize::try_from(kind).ok().and_then(|kind| of_kind.get_mut(kind));
            *total.ok_or(DecodeError::UnknownKind { at, kind })? += times;
            Ok(())
        })?;
        let [values, tombstones, slots, resets, rows] = of_kind;
        budget.charge(tombstones, TOMBSTONE_BYTES)?;
        budget.charge(slots, SLOT_BYTES)?;
        budget.charge(resets, RESET_BYTES)?;
        budget.charge(rows, ROW_BYTES)?;
        let stamped = values.saturating_add(tombstones);
        let stamps = StampReader::begin(columns, stamped)?;
        let (value_len, values_bytes) = columns.lengths(values)?;
        let (over_len, over) = columns.lengths(tombstones)?;
        budget.charge(over, OVER_DOT_BYTES)?;
        let (record_len, records) = columns.lengths(resets)?;
        budget.charge(records, RECORD_BYTES)?;
        let (sent_len, sent) = columns.lengths(rows)?;
        budget.charge(sent, SENT_BYTES)?;
        let named_count = kept_count.saturating_add(over).saturating_add(records);
        let totals_count = slots.saturating_add(records).saturating_add(rows);
        Ok(Self {
            kind,
            stamped,
            stamps,
            value_len,
            over_len,
            record_len,
            sent_len,
            named: DotReader::begin(columns, base, named_count, sent)?,
            epoch: columns.column(slots)?,
            inc: columns.column(totals_count)?,
            dec: columns.column(totals_count)?,
            rights: columns.column(sent)?,
            values: Reader::new(&[]),
            values_bytes: values_bytes.saturating_add(values),
        })
    }

    /// Reads the stamps of those entries that have one. `dots` are all dots, in the order of cells.
    pub(super) fn read_stamps(&mut self, dots: &[Dot]) -> Result<(), DecodeError> {
        if wide(dots.len()) == self.stamped {
            return self.stamps.read(dots);
        }
        let mut kinds = self.kind;
        let has_stamp = |_: &&Dot| kinds.next().is_ok_and(|kind| matches!(kind, VALUE | TOMBSTONE));
        let stamped: Vec<Dot> = dots.iter().filter(has_stamp).copied().collect();
        self.stamps.read(&stamped)
    }

    /// Finds the bytes of the values, once all columns and the keys are read.
    pub(super) fn begin_bytes(
        &mut self,
        columns: &mut ColumnsReader<'a>,
    ) -> Result<(), DecodeError> {
        self.values = columns.bytes(self.values_bytes)?;
        Ok(())
    }

    pub(super) fn entry(
        &mut self,
        dictionary: &mut Dictionary,
        budget: &mut Budget,
        dot: Dot,
    ) -> Result<Entry<Value>, DecodeError> {
        Ok(match self.kind.next()? {
            VALUE => Entry::Value { hlc: self.stamps.next()?, value: self.value(budget)? },
            TOMBSTONE => {
                let hlc = self.stamps.next()?;
                let len = self.over_len.next_len(usize::MAX)?;
                let mut over = SmallVec::with_capacity(len);
                for _ in 0..len {
                    over.push(self.named.dot(dictionary)?);
                }
                Entry::Tombstone(Box::new(Tombstone { hlc, over }))
            }
            SLOT => {
                let epoch = dot.seq.wrapping_sub(self.epoch.next()?);
                let (inc, dec) = self.totals()?;
                Entry::Slot(Box::new(Slot { epoch, inc, dec }))
            }
            RESET => {
                let len = self.record_len.next_len(usize::MAX)?;
                let mut records = Vec::with_capacity(len);
                for _ in 0..len {
                    let Dot { replica, seq } = self.named.dot(dictionary)?;
                    let (inc, dec) = self.totals()?;
                    records.push((replica, Record { seq, inc, dec }));
                }
                Entry::Reset(Box::new(Reset { records }))
            }
            ROW => {
                let (inc, dec) = self.totals()?;
                let len = self.sent_len.next_len(usize::MAX)?;
                let mut sent = Vec::with_capacity(len);
                for _ in 0..len {
                    sent.push((self.named.replica(dictionary)?, self.rights.next()?));
                }
                Entry::Row(Box::new(Row { inc, dec, sent }))
            }
            kind => return Err(DecodeError::UnknownKind { at: self.kind.at(), kind }),
        })
    }

    fn value(&mut self, budget: &mut Budget) -> Result<Value, DecodeError> {
        let at = self.values.at();
        let len = self.value_len.next_len(self.values.remaining())?;
        let bytes = self.values.bytes(len.saturating_add(1))?;
        budget.charge(1, content_bytes(bytes.len()))?;
        let limits = budget.limits();
        Value::from_bytes(bytes, narrow(limits.value_bytes), narrow(limits.value_depth))
            .map_err(|source| DecodeError::Value { at, source })
    }

    fn totals(&mut self) -> Result<(u64, u64), DecodeError> {
        Ok((self.inc.next()?, self.dec.next()?))
    }
}
