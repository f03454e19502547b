//! Dots: the names of changes.
//!
//! A dot `(replica, seq)` names one change of exactly one cell, or one range tombstone together with
//! the Reset entries it needs (invariant I1). The term and the idea are those of dotted version
//! vectors: Preguiça et al., *Dotted Version Vectors: Logical Clocks for Optimistic Replication*,
//! 2010, section 4.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::replica::{Life, Lives, ReplicaId};

/// The position of a change among all changes of its replica; the first one is 1.
pub type Seq = u64;

/// One change by one replica.
///
/// Ordered by replica, then by sequence number. The order has no meaning in time; it makes every
/// listing of dots canonical and breaks ties between equal time stamps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    /// Who made the change.
    pub replica: ReplicaId,
    /// Its position among the changes of that replica, at least 1.
    pub seq: Seq,
}

impl Dot {
    /// The dot of change `seq` of `replica`.
    pub const fn new(replica: ReplicaId, seq: Seq) -> Self {
        Self { replica, seq }
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.replica, self.seq)
    }
}

/// A dot as a cell holds it: the replica is a handle of the store's [`Lives`] table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LocalDot {
    pub(crate) seq: Seq,
    pub(crate) life: Life,
}

impl LocalDot {
    pub(crate) fn resolve(self, lives: &Lives) -> Dot {
        Dot::new(lives.id(self.life), self.seq)
    }
}
