//! What a dot stands for inside a cell.
//!
//! A dot's entry never changes (invariant I1). There are two families, and the join treats them
//! differently:
//!
//! - **values, tombstones, resets** live until something that saw them supersedes them;
//! - **slots and rows** have a single writer, the replica of their dot, who replaces its own older
//!   one; nobody else ever does.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::dot::{Dot, Seq};
use crate::hlc::Hlc;
use crate::planted::{Bug, planted};
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

/// What one dot of a cell stands for.
///
/// Everything but a value is boxed: values are what millions of cells hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Entry<V> {
    /// A value that was written.
    Value {
        /// Orders concurrent siblings; says nothing about what was seen.
        hlc: Hlc,
        /// The value.
        value: V,
    },
    /// A removal. It has a dot of its own, so that it travels like any other change (invariant I5).
    Tombstone(Box<Tombstone>),
    /// The running totals of one writer of a counter.
    Slot(Box<Slot>),
    /// A removal of counter totals.
    Reset(Box<Reset>),
    /// One holder's row of a bounded counter.
    Row(Box<Row>),
}

/// The entry of a removal.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tombstone {
    /// When the removal was made, for types where it takes part in the comparison.
    pub hlc: Hlc,
    /// The dots it superseded, sorted: evidence for an audit that finds one of them alive elsewhere.
    pub over: SmallVec<[Dot; 1]>,
}

/// What one replica has counted since it began its epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Slot {
    /// The sequence number of the slot that opened this epoch. A new one begins when the old totals
    /// were reset as a whole.
    pub epoch: Seq,
    /// The sum of all increments of the epoch.
    pub inc: u64,
    /// The sum of all decrements of the epoch.
    pub dec: u64,
}

/// Which totals of which writers a reset has seen; exactly those it cancels.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reset {
    /// One record per writer, sorted by writer.
    pub records: Vec<(ReplicaId, Record)>,
}

/// The slot of one writer as a reset saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The sequence number of the slot.
    pub seq: Seq,
    /// Its increments at that time.
    pub inc: u64,
    /// Its decrements at that time.
    pub dec: u64,
}

/// One holder's side of a bounded counter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// The sum of this holder's increments.
    pub inc: u64,
    /// The sum of this holder's decrements.
    pub dec: u64,
    /// The rights sent to every other holder so far, sorted by receiver.
    pub sent: Vec<(ReplicaId, u64)>,
}

impl<V> Entry<V> {
    /// Whether only the replica of the dot ever replaces this entry.
    pub(crate) const fn is_single_writer(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Row(_))
    }

    /// Whether a range tombstone that has seen the dot removes the entry. A reset outlives it, because
    /// it is the reset that keeps the old totals from coming back; escrow rows are not removable.
    pub(crate) const fn yields_to_range_tombstone(&self) -> bool {
        !matches!(self, Self::Reset(_) | Self::Row(_))
    }

    pub(crate) const fn is_value(&self) -> bool {
        matches!(self, Self::Value { .. })
    }

    pub(crate) const fn is_tombstone(&self) -> bool {
        matches!(self, Self::Tombstone(_))
    }

    /// Whether a write to the cell takes its place.
    pub(crate) const fn is_superseded(&self) -> bool {
        self.is_value() || self.is_tombstone()
    }

    /// Whether the entry is there only to keep something else from coming back.
    pub(crate) const fn is_removal(&self) -> bool {
        matches!(self, Self::Tombstone(_) | Self::Reset(_))
    }

    /// The same entry of the value that `copy` makes.
    pub(crate) fn with_value<'v, W>(&'v self, copy: impl FnOnce(&'v V) -> W) -> Entry<W> {
        match self {
            Self::Value { hlc, value } => Entry::Value { hlc: *hlc, value: copy(value) },
            Self::Tombstone(tombstone) => Entry::Tombstone(tombstone.clone()),
            Self::Slot(slot) => Entry::Slot(slot.clone()),
            Self::Reset(reset) => Entry::Reset(reset.clone()),
            Self::Row(row) => Entry::Row(row.clone()),
        }
    }

    /// The value, if the entry is one.
    pub const fn value(&self) -> Option<&V> {
        match self {
            Self::Value { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The time stamp, of entries that have one.
    pub const fn hlc(&self) -> Option<Hlc> {
        match self {
            Self::Value { hlc, .. } => Some(*hlc),
            Self::Tombstone(tombstone) => Some(tombstone.hlc),
            _ => None,
        }
    }

    /// Whether every dot that the entry names lies under `upto`, and its own lists are canonical.
    /// `dot` is the dot of the entry itself.
    pub(crate) fn is_well_formed(&self, dot: Dot, upto: &VersionVector) -> bool {
        match self {
            Self::Value { .. } => true,
            Self::Tombstone(tombstone) => {
                tombstone.over.is_sorted_by(|a, b| a < b)
                    && tombstone.over.iter().all(|seen| upto.contains(*seen) && *seen != dot)
            }
            Self::Slot(slot) => slot.epoch >= 1 && slot.epoch <= dot.seq,
            Self::Reset(reset) => {
                reset.records.is_sorted_by(|a, b| a.0 < b.0)
                    && reset.records.iter().all(|(replica, record)| {
                        record.seq >= 1 && upto.contains(Dot::new(*replica, record.seq))
                    })
            }
            Self::Row(row) => {
                row.sent.is_sorted_by(|a, b| a.0 < b.0)
                    && row.sent.iter().all(|(to, rights)| *to != dot.replica && *rights > 0)
            }
        }
    }
}

impl Reset {
    /// Takes over every record of `other` that saw more than the own one.
    pub(crate) fn merge(&mut self, other: &Self) {
        for &(replica, record) in &other.records {
            self.record(replica, record);
        }
    }

    /// Notes that the slot of `replica` was seen; the greater sequence number stays.
    pub(crate) fn record(&mut self, replica: ReplicaId, record: Record) {
        match self.records.binary_search_by(|(id, _)| id.cmp(&replica)) {
            Ok(at) => {
                if let Some((_, known)) = self.records.get_mut(at)
                    && known.seq < record.seq
                {
                    *known = record;
                }
            }
            Err(at) => self.records.insert(at, (replica, record)),
        }
    }

    /// What was seen of `replica`.
    pub(crate) fn of(&self, replica: ReplicaId) -> Option<&Record> {
        let at = self.records.binary_search_by(|(id, _)| id.cmp(&replica)).ok()?;
        self.records.get(at).map(|(_, record)| record)
    }
}

impl Slot {
    /// The record of a reset that sees this slot at `seq`.
    pub(crate) const fn record(&self, seq: Seq) -> Record {
        Record { seq, inc: self.inc, dec: self.dec }
    }

    /// What remains of this slot, whose dot has sequence number `seq`, under the greatest record
    /// that any reset holds of its writer: nothing of what the reset saw, all of what it did not.
    pub(crate) fn remainder(&self, seq: Seq, record: Option<&Record>) -> (u64, u64) {
        match record {
            Some(record) if record.seq >= seq => (0, 0),
            Some(record) if record.seq >= self.epoch && !planted(Bug::PlainCounterSlots) => {
                (self.inc.saturating_sub(record.inc), self.dec.saturating_sub(record.dec))
            }
            _ => (self.inc, self.dec),
        }
    }
}

impl Row {
    /// The rights sent to `replica` so far.
    pub fn sent_to(&self, replica: ReplicaId) -> u64 {
        let at = self.sent.binary_search_by(|(id, _)| id.cmp(&replica));
        at.ok().and_then(|at| self.sent.get(at)).map_or(0, |(_, rights)| *rights)
    }

    /// The rights sent to anybody so far.
    pub fn sent_total(&self) -> u128 {
        self.sent.iter().map(|(_, rights)| u128::from(*rights)).sum()
    }
}
