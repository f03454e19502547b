//! Columns of dots: one of replica numbers, one of sequence numbers.
//!
//! A replica's changes are consecutive, and bulk writes go in key order. So a sequence number is
//! written as the difference to the one that is expected: one more than the last of the same replica
//! in the same column, or one more than `base` has of it. In the usual case the column is all zeros.

use std::collections::BTreeMap;

use super::columns::{ColumnsReader, ColumnsWriter};
use super::error::DecodeError;
use super::runs::{Column, ColumnWriter};
use super::varint::{add_difference, difference};
use super::vectors::{Dictionary, DictionaryWriter};
use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

/// The dot that is expected next of each replica.
#[derive(Debug)]
pub(super) struct Expected<'v> {
    base: &'v VersionVector,
    /// Of the replica of the last dot: mostly it is that of the next one.
    recent: Option<(ReplicaId, Seq)>,
    others: BTreeMap<ReplicaId, Seq>,
}

impl<'v> Expected<'v> {
    pub(super) const fn after(base: &'v VersionVector) -> Self {
        Self { base, recent: None, others: BTreeMap::new() }
    }

    pub(super) fn difference(&mut self, dot: Dot) -> u64 {
        let last = self.last(dot.replica);
        let difference = difference(dot.seq, last.wrapping_add(1));
        *last = dot.seq;
        difference
    }

    pub(super) fn dot(&mut self, replica: ReplicaId, difference: u64) -> Dot {
        let last = self.last(replica);
        *last = add_difference(last.wrapping_add(1), difference);
        Dot::new(replica, *last)
    }

    fn last(&mut self, replica: ReplicaId) -> &mut Seq {
        let recent = self.recent.take_if(|(recent, _)| *recent != replica);
        self.others.extend(recent);
        let seq = || self.others.get(&replica).copied().unwrap_or_else(|| self.base.seq(replica));
        &mut self.recent.get_or_insert_with(|| (replica, seq())).1
    }
}

/// Dots on their way into two columns.
#[derive(Debug)]
pub(super) struct DotWriter<'v> {
    replica: ColumnWriter,
    seq: ColumnWriter,
    expected: Expected<'v>,
}

/// Dots on their way out of two columns.
#[derive(Debug)]
pub(super) struct DotReader<'a, 'v> {
    replica: Column<'a>,
    seq: Column<'a>,
    expected: Expected<'v>,
}

impl<'v> DotWriter<'v> {
    pub(super) fn new(base: &'v VersionVector) -> Self {
        let (replica, seq) = (ColumnWriter::default(), ColumnWriter::default());
        Self { replica, seq, expected: Expected::after(base) }
    }

    pub(super) fn put(&mut self, dictionary: &DictionaryWriter, dot: Dot) {
        self.put_replica(dictionary, dot.replica);
        self.seq.push(self.expected.difference(dot));
    }

    /// A replica alone.
    pub(super) fn put_replica(&mut self, dictionary: &DictionaryWriter, replica: ReplicaId) {
        self.replica.push(dictionary.index(replica));
    }

    pub(super) fn finish(self, columns: &mut ColumnsWriter) {
        columns.put(self.replica);
        columns.put(self.seq);
    }
}

impl<'a, 'v> DotReader<'a, 'v> {
    /// Columns of `dots` dots and `replicas` more replicas that stand alone.
    pub(super) fn begin(
        columns: &mut ColumnsReader<'a>,
        base: &'v VersionVector,
        dots: u64,
        replicas: u64,
    ) -> Result<Self, DecodeError> {
        let replica = columns.column(dots.saturating_add(replicas))?;
        Ok(Self { replica, seq: columns.column(dots)?, expected: Expected::after(base) })
    }

    pub(super) fn dot(&mut self, dictionary: &mut Dictionary) -> Result<Dot, DecodeError> {
        let replica = self.replica(dictionary)?;
        Ok(self.expected.dot(replica, self.seq.next()?))
    }

    pub(super) fn replica(
        &mut self,
        dictionary: &mut Dictionary,
    ) -> Result<ReplicaId, DecodeError> {
        let index = self.replica.next()?;
        dictionary.id(self.replica.at(), index)
    }
}
