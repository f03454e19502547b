//! The stamps of values and tombstones, in the order of their dots.
//!
//! Whoever writes later stamps later: along the dots of a replica the differences between stamps are small, and
//! zero inside a transaction. In the order of keys they would be anything.

use std::vec;

use super::columns::{ColumnsReader, ColumnsWriter};
use super::error::DecodeError;
use super::runs::{Column, ColumnWriter};
use super::varint::{add_difference, difference};
use crate::by_dot::{ByDot, order_of};
use crate::dot::Dot;
use crate::hlc::{Hlc, LOGICAL_BITS};

const LOGICAL_MASK: u64 = (1 << LOGICAL_BITS) - 1;

/// Stamps on their way into two columns.
#[derive(Debug)]
pub(super) struct StampWriter {
    stamps: ByDot<Hlc>,
}

impl StampWriter {
    /// For the stamps of `cells` cells.
    pub(super) fn for_cells(cells: usize) -> Self {
        Self { stamps: ByDot::with_capacity(cells) }
    }

    pub(super) fn put(&mut self, dot: Dot, hlc: Hlc) {
        self.stamps.push(dot, hlc);
    }

    pub(super) fn finish(self, columns: &mut ColumnsWriter) {
        let (mut physical, mut logical) = (ColumnWriter::default(), ColumnWriter::default());
        let mut last_ms = 0;
        for (_, hlc) in self.stamps.in_order() {
            let ms = hlc.physical_ms();
            physical.push(difference(ms, last_ms));
            logical.push(hlc.to_u64() & LOGICAL_MASK);
            last_ms = ms;
        }
        columns.put(physical);
        columns.put(logical);
    }
}

/// Stamps on their way out of two columns.
#[derive(Debug)]
pub(super) struct StampReader<'a> {
    physical: Column<'a>,
    logical: Column<'a>,
    last_ms: u64,
    /// In the order of cells, once their dots are known.
    stamps: vec::IntoIter<Hlc>,
}

impl<'a> StampReader<'a> {
    /// The columns of `count` stamps.
    pub(super) fn begin(columns: &mut ColumnsReader<'a>, count: u64) -> Result<Self, DecodeError> {
        let (physical, logical) = (columns.column(count)?, columns.column(count)?);
        Ok(Self { physical, logical, last_ms: 0, stamps: Vec::new().into_iter() })
    }

    /// Reads them all, for the dots that have stamps, in the order of cells.
    pub(super) fn read(&mut self, dots: &[Dot]) -> Result<(), DecodeError> {
        let mut stamps = vec![Hlc::default(); dots.len()];
        for at in order_of(dots) {
            let stamp = self.stamp()?;
            if let Some(place) = stamps.get_mut(at) {
                *place = stamp;
            }
        }
        self.stamps = stamps.into_iter();
        Ok(())
    }

    /// The next one, in the order of cells.
    pub(super) fn next(&mut self) -> Result<Hlc, DecodeError> {
        self.stamps.next().ok_or(DecodeError::Truncated { at: self.physical.at() })
    }

    fn stamp(&mut self) -> Result<Hlc, DecodeError> {
        let at = self.physical.at();
        let ms = add_difference(self.last_ms, self.physical.next()?);
        let logical = self.logical.next()?;
        let hlc = Hlc::from_u64((ms << LOGICAL_BITS) | (logical & LOGICAL_MASK));
        if hlc.physical_ms() != ms || logical >> LOGICAL_BITS != 0 {
            return Err(DecodeError::NumberTooLarge { at });
        }
        self.last_ms = ms;
        Ok(hlc)
    }
}
