//! A transaction on a document: what it may write, and how much.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::document::MemberState;
use crate::dot::Dot;
use crate::entry::Entry;
use crate::hlc::Hlc;
use crate::limits::Limits;
use crate::path::{EncodedPath, IntoPath, Key, KeyError, Path, TypeTag};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::staged::Staged;
use crate::store::Store;
use crate::transaction::{CounterOverflow, Transaction};
use crate::types::Shortfall;
use crate::value::{EncodeError, Value};

/// What a cell counts beside its key and value. Decoded it takes three times as much memory, and a
/// receiver allows three times the size of a delta; on the wire it takes far less.
const CELL_COST_BYTES: usize = 48;

/// A dot in memory.
const DOT_BYTES: usize = 24;

/// A transaction on a document: staged changes that commit as one or leave no trace.
#[derive(Debug)]
pub struct Tx<'a> {
    pub(crate) inner: Transaction<'a, Key, Value>,
    limits: Limits,
}

/// Why a change was refused. The transaction is as it was before the call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path does not make a key within the limits.
    #[error("the path cannot be a key: {0}")]
    Key(#[from] KeyError),
    /// The value cannot be a document value.
    #[error("the value cannot be stored: {0}")]
    Encode(#[from] EncodeError),
    /// The value is too large.
    #[error("the value has {len_bytes} bytes, {limit_bytes} are allowed")]
    ValueTooLarge {
        /// Its size.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// What was to be resolved is no longer there: it was written over in the meantime.
    #[error("the conflict at {path} has changed since it was listed")]
    ConflictChanged {
        /// Where the register is.
        path: Path,
    },
    /// Only registers hold values that a resolution could be written over.
    #[error("{path} as {tag:?} is no register")]
    NotARegister {
        /// The path.
        path: Path,
        /// The type that was named.
        tag: TypeTag,
    },
    /// In this type a removal beats a concurrent write, so only an active member may write it once the
    /// document has members. Others write the other types, or through a member.
    #[error("{replica} is no active member of this document and cannot write {tag:?}")]
    NotAMember {
        /// Who tried.
        replica: ReplicaId,
        /// Where it stands; `None` if it was never admitted.
        state: Option<MemberState>,
        /// The type.
        tag: TypeTag,
    },
    /// This replica was admitted and is still taking over what its sponsor had: before it has all of it
    /// here, a write could be concurrent with a removal that was collected.
    #[error("{replica} has not caught up with its admission and cannot write {tag:?} yet")]
    AdmissionNotReached {
        /// Who tried.
        replica: ReplicaId,
        /// The type.
        tag: TypeTag,
    },
    /// What is stored here was damaged in memory. It may be written again once it was repaired from a peer.
    #[error("{path} lies where memory was damaged, and waits for a repair from a peer")]
    Quarantined {
        /// What was to be written.
        path: Path,
    },
    /// The totals of a counter are full.
    #[error(transparent)]
    CounterOverflow(#[from] CounterOverflow),
    /// A bounded counter has not the rights here to take so much away.
    #[error(transparent)]
    Shortfall(#[from] Shortfall),
    /// A bounded counter lies in the subtree: its rights belong to their holders and cannot be deleted.
    #[error("the subtree holds the bounded counter {path}, which cannot be deleted")]
    HoldsBoundedCounter {
        /// Where the counter is.
        path: Path,
    },
}

/// A transaction is larger than what applies as one anywhere. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the transaction has {found} {unit}, {limit} are allowed: split it")]
pub struct TransactionTooLarge {
    /// How much it has.
    pub found: usize,
    /// How much is allowed.
    pub limit: usize,
    /// Of what.
    pub unit: Unit,
}

/// What a transaction has too much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Bytes of keys, values and what a receiver needs to hold them.
    Bytes,
    /// Cells.
    Cells,
    /// Deletions of subtrees.
    Deletions,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Cells => "cells",
            Self::Deletions => "deletions of subtrees",
        })
    }
}

/// What one changed cell counts against the limit of a delta.
fn cost_bytes<'e>(key: &Key, entries: impl Iterator<Item = &'e Entry<Value>>) -> usize {
    let entry_bytes = |entry: &Entry<Value>| match entry {
        Entry::Value { value, .. } => value.as_bytes().len(),
        Entry::Tombstone(tombstone) => tombstone.over.len() * DOT_BYTES,
        Entry::Reset(reset) => reset.records.len() * 2 * DOT_BYTES,
        Entry::Row(row) => row.sent.len() * DOT_BYTES,
        Entry::Slot(_) => 0,
    };
    CELL_COST_BYTES + key.as_bytes().len() + entries.map(entry_bytes).sum::<usize>()
}

impl<'a> Tx<'a> {
    /// A transaction of `replica`, all of whose writes carry the stamp `hlc`.
    pub(crate) fn new(
        store: &'a Store<Key, Value>,
        replica: ReplicaId,
        hlc: Hlc,
        limits: Limits,
    ) -> Self {
        Self { inner: Transaction::new(store, replica, hlc), limits }
    }

    /// The changes, ready to be committed.
    ///
    /// # Errors
    /// When they are more than a peer would take as one delta.
    pub fn finish(self) -> Result<Staged<Key, Value>, TransactionTooLarge> {
        let staged = self.inner.finish();
        // A cell that a deletion only cleared is not sent: the range tombstone stands for it.
        let (mut len_bytes, mut cells) = (0, 0);
        for (key, entries) in staged.changes() {
            let mut entries = entries.peekable();
            if entries.peek().is_some() {
                len_bytes += cost_bytes(key, entries);
                cells += 1;
            }
        }
        let limits = &self.limits;
        for (found, limit, what) in [
            (len_bytes, limits.delta_bytes, Unit::Bytes),
            (cells, limits.cells_per_delta, Unit::Cells),
            (staged.range_tombstone_count(), limits.range_tombstones_per_delta, Unit::Deletions),
        ] {
            if found > limit {
                return Err(TransactionTooLarge { found, limit, unit: what });
            }
        }
        Ok(staged)
    }

    /// The replica that writes.
    pub const fn replica(&self) -> ReplicaId {
        self.inner.replica()
    }

    /// The stamp that every write of this transaction carries.
    pub const fn hlc(&self) -> Hlc {
        self.inner.hlc()
    }

    /// Deletes everything that is seen at and below a path, with one dot however much it is. What
    /// somebody else writes there concurrently survives. Returns the number of cells it cleared.
    ///
    /// # Errors
    /// When a bounded counter lies there; nothing was changed.
    pub fn delete(&mut self, path: impl IntoPath) -> Result<usize, WriteError> {
        let path = path.encode();
        let (start, end) = path.subtree();
        let range = KeyRange::new(Some(start), Some(end));
        if self.inner.store().quarantine().iter().any(|damaged| damaged.meets(&range)) {
            return Err(WriteError::Quarantined { path: path.decode() });
        }
        let mut live = self.inner.range(&range).filter(|(_, cell)| cell.is_live());
        let (first, second) = (live.next(), live.next());
        let single = if second.is_none() { first.map(|(key, _)| key.clone()) } else { None };
        let bounded =
            first.into_iter().chain(second).chain(live).find_map(|(key, _)| {
                (key.tag() == Some(TypeTag::BoundedCounter)).then(|| key.path())
            });
        if let Some(path) = bounded {
            return Err(WriteError::HoldsBoundedCounter { path });
        }
        match single {
            Some(key) if self.remove_single(&key) => Ok(1),
            _ => Ok(self.inner.remove_range(&range)),
        }
    }

    /// Deletes a subtree that is a single cell like that cell, where that means the same: its tombstone
    /// goes when somebody writes there again, a range tombstone stays until it is collected. Where a
    /// tombstone would beat concurrent writes it does not mean the same.
    fn remove_single(&mut self, key: &Key) -> bool {
        match key.tag() {
            Some(
                TypeTag::Register
                | TypeTag::MvRegister
                | TypeTag::MaxRegister
                | TypeTag::MinRegister
                | TypeTag::EnableWinsFlag
                | TypeTag::MapMarker
                | TypeTag::SetElement,
            ) => self.inner.remove(key).is_some(),
            Some(TypeTag::Counter) => self.inner.reset(key).is_some(),
            _ => false,
        }
    }

    /// Writes `value` over exactly the given siblings: the resolution of a conflict. What arrived from
    /// elsewhere after somebody looked stays beside it.
    ///
    /// # Errors
    /// When the conflict is no longer there, or the path, the type or the value cannot be stored.
    /// Nothing was changed.
    pub fn write_over(
        &mut self,
        path: &Path,
        tag: TypeTag,
        seen: &[Dot],
        value: Value,
    ) -> Result<Dot, WriteError> {
        let registers = [TypeTag::Register, TypeTag::RegisterLwwDelete, TypeTag::MvRegister];
        if !registers.contains(&tag) {
            return Err(WriteError::NotARegister { path: path.clone(), tag });
        }
        let key = self.key(&path.encode(), tag)?;
        let value = self.checked_value(value)?;
        let changed = || WriteError::ConflictChanged { path: path.clone() };
        // Where a deletion competes, an own one that came after the listing is news too.
        let is_own_deletion = |(dot, entry): (Dot, &Entry<Value>)| {
            entry.is_tombstone() && dot.replica == self.replica() && !seen.contains(&dot)
        };
        let cell = self.inner.cell(&key).filter(|_| tag == TypeTag::RegisterLwwDelete);
        if cell.is_some_and(|cell| cell.entries().any(is_own_deletion)) {
            return Err(changed());
        }
        self.inner.write_over(&key, seen, value).ok_or_else(changed)
    }

    pub(super) fn key(&self, path: &EncodedPath, tag: TypeTag) -> Result<Key, WriteError> {
        self.checked(Key::at(path, tag)?, path.component_count())
    }

    pub(super) fn element(
        &self,
        path: &EncodedPath,
        tag: TypeTag,
        element: &Value,
    ) -> Result<Key, WriteError> {
        let components = path.component_count().saturating_add(1);
        self.checked(Key::element(path, element.as_bytes(), tag)?, components)
    }

    fn checked(&self, key: Key, components: u32) -> Result<Key, WriteError> {
        let limit = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        let (key_bytes, most) = (limit(self.limits.key_bytes), limit(self.limits.key_components));
        key.check_limits(components, key_bytes, most)?;
        if let Some(tag) = key.tag().filter(|tag| tag.is_member_only()) {
            self.check_member(&key, tag)?;
        }
        if self.inner.store().is_quarantined(&key) {
            return Err(WriteError::Quarantined { path: key.path() });
        }
        Ok(key)
    }

    pub(super) fn value(&self, value: impl Serialize) -> Result<Value, WriteError> {
        self.checked_value(Value::from_serialize(&value)?)
    }

    pub(super) fn checked_value(&self, value: Value) -> Result<Value, WriteError> {
        let (len_bytes, limit_bytes) = (value.as_bytes().len(), self.limits.value_bytes);
        if len_bytes > limit_bytes {
            return Err(WriteError::ValueTooLarge { len_bytes, limit_bytes });
        }
        Ok(value)
    }
}
