//! Replica ids, and the table that interns them.
//!
//! A [`ReplicaId`] belongs to one *life* of one copy of the data: whoever restores a backup or clones
//! a running copy starts a new life with a new id, because two writers under one id would give one
//! dot two meanings (invariant I1).
//!
//! Cells hold a dot for every live value, so the 16 bytes of an id would be paid per record. A store
//! therefore interns ids to a 32-bit [`Life`]. The handle is private to its table: it is never
//! compared between stores and never leaves memory.
//!
//! What was weighed: `docs/decisions/0004-interned-replica-ids.md`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of one life of one replica: 128 random bits.
///
/// The engine draws no randomness itself; the environment of the application does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplicaId(Uuid);

/// The order of the bytes, as that of one number: every look into a version vector compares ids.
impl Ord for ReplicaId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for ReplicaId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ReplicaId {
    /// A replica id of these 16 bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// A replica id of this number; short names for tests and examples.
    pub const fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }

    /// The 16 bytes of the id, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for ReplicaId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A replica id as a handle of one [`Lives`] table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Life(u32);

/// The table of every replica id that a store has met. It only grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    ids: Vec<ReplicaId>,
    by_id: BTreeMap<ReplicaId, Life>,
}

impl Lives {
    /// The handle of `id`, made on first sight.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> Life {
        if let Some(life) = self.life(id) {
            return life;
        }
        // Version vectors are limited to 65 536 entries long before 2^32 lives exist.
        let life = Life(u32::try_from(self.ids.len()).unwrap_or(u32::MAX));
        self.ids.push(id);
        self.by_id.insert(id, life);
        life
    }

    /// The handle of `id` if the table knows it.
    pub(crate) fn life(&self, id: ReplicaId) -> Option<Life> {
        self.by_id.get(&id).copied()
    }

    /// The id behind a handle of this table.
    pub(crate) fn id(&self, life: Life) -> ReplicaId {
        // A handle comes from `intern` of this table, so the lookup cannot miss.
        self.ids.get(life.0 as usize).copied().unwrap_or(ReplicaId::from_u128(0))
    }
}
