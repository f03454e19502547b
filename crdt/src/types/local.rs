//! What every standalone value is: a store of its own, and the life that writes to it.
//!
//! Invariant: whatever returns an error has changed nothing.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::context::Context;
use crate::delta::{Authority, Delta, InvalidDelta};
use crate::entry::Entry;
use crate::hlc::{Clock, Hlc};
use crate::limits::Limits;
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::store::{JoinError, Store};
use crate::transaction::Transaction;
use crate::types::data_type::{DataType, DeltaOf};
use crate::types::writer::Writer;
use crate::view::View;

/// The store of a standalone value of type `T`.
pub(crate) struct Local<T: DataType> {
    store: Store<T::Key, T::Value>,
    replica: ReplicaId,
    clock: Clock,
    /// The greatest stamp of any joined value: the next own one shall be greater, if the guard of
    /// the clock allows.
    seen: Hlc,
}

/// Why a standalone value did not join a delta. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum JoinDeltaError {
    /// The delta contradicts itself: no replica made it.
    #[error(transparent)]
    Invalid(#[from] InvalidDelta),
    /// The value cannot join it as it is now. At a gap, ask for a delta since the own context.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The sender no longer records all removals. Standalone values keep theirs, so that any two of
    /// them can always catch up.
    #[error("the delta comes from a replica that has collected removals")]
    Collected,
}

impl<T: DataType> Local<T> {
    pub(crate) fn new(replica: ReplicaId) -> Self {
        Self { store: Store::new(), replica, clock: Clock::default(), seen: Hlc::ZERO }
    }

    pub(crate) fn with_replica(&self, replica: ReplicaId) -> Self {
        Self { replica, ..self.clone() }
    }

    pub(crate) const fn replica(&self) -> ReplicaId {
        self.replica
    }

    pub(crate) const fn view(&self) -> &View<T::Key, T::Value> {
        self.store.view()
    }

    /// A stamp for the next change, greater than every stamp seen that the clock's guard lets pass.
    /// Without a time (`0`) it counts changes, as a logical clock does.
    pub(crate) fn stamp(&mut self, now_ms: u64) -> Hlc {
        let known_ms = now_ms.max(self.clock.last().physical_ms());
        self.clock.observe(self.seen, known_ms);
        self.clock.tick(now_ms)
    }

    /// Runs one transaction that cannot fail and returns what it changed.
    pub(crate) fn change(
        &mut self,
        hlc: Hlc,
        change: impl FnOnce(&mut Writer<'_, T>),
    ) -> DeltaOf<T> {
        let changed = self.try_change(hlc, |writer| {
            change(writer);
            Ok::<(), std::convert::Infallible>(())
        });
        match changed {
            Ok(delta) => delta,
            Err(never) => match never {},
        }
    }

    /// Runs one transaction and returns what it changed; after an error nothing is.
    pub(crate) fn try_change<E>(
        &mut self,
        hlc: Hlc,
        change: impl FnOnce(&mut Writer<'_, T>) -> Result<(), E>,
    ) -> Result<DeltaOf<T>, E> {
        let mut transaction = Transaction::new(&self.store, self.replica, hlc);
        change(&mut Writer::new(&mut transaction))?;
        let staged = transaction.finish();
        let before = self.store.view().context().clone();
        let committed = self.store.commit(staged);
        debug_assert!(committed.is_ok(), "nobody else commits to a store of our own");
        Ok(self.delta_since(&before))
    }

    pub(crate) fn delta_since(&self, base: &Context<T::Key>) -> DeltaOf<T> {
        self.store.delta_since(base)
    }

    pub(crate) fn join(
        &mut self,
        delta: &DeltaOf<T>,
        own: Option<ReplicaId>,
    ) -> Result<(), JoinDeltaError> {
        // The bounds on counts protect whoever decodes from a stranger; this delta is in memory.
        let limits = Limits {
            cells_per_delta: usize::MAX,
            range_tombstones_per_delta: usize::MAX,
            ..Limits::default()
        };
        if !delta.horizon.is_empty() {
            return Err(JoinDeltaError::Collected);
        }
        let delta = delta.clone().validate(&limits)?;
        let seen = greatest_stamp(delta.as_delta());
        // Full authority refuses nothing.
        let Ok(delta) = delta.authorise(&Authority::Full) else { return Ok(()) };
        self.store.join(delta, own)?;
        self.seen = self.seen.max(seen);
        Ok(())
    }
}

impl<T: DataType> Clone for Local<T> {
    fn clone(&self) -> Self {
        let Self { store, replica, clock, seen } = self;
        Self { store: store.clone(), replica: *replica, clock: clock.clone(), seen: *seen }
    }
}

/// Equal are two values that have incorporated the same changes and show the same, whoever holds
/// them.
impl<T: DataType> PartialEq for Local<T> {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.view(), other.view());
        let everything = KeyRange::full();
        a.context() == b.context() && a.fingerprint(&everything) == b.fingerprint(&everything)
    }
}

impl<T: DataType> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Delta { parts, .. } = self.delta_since(&Context::default());
        let mut map = f.debug_map();
        for cell in parts.iter().flat_map(|part| &part.cells) {
            map.entry(&cell.key, &cell.fresh);
        }
        map.finish()
    }
}

/// The serialised form: the life and everything it has incorporated.
#[derive(Serialize, Deserialize)]
struct Saved<D> {
    replica: ReplicaId,
    state: D,
}

impl<T: DataType> Serialize for Local<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = self.delta_since(&Context::default());
        Saved { replica: self.replica, state }.serialize(serializer)
    }
}

impl<'de, T: DataType> Deserialize<'de> for Local<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::<DeltaOf<T>>::deserialize(deserializer)?;
        let mut local = Self::new(saved.replica);
        local.join(&saved.state, None).map_err(serde::de::Error::custom)?;
        if local.view().is_hydrating() {
            return Err(serde::de::Error::custom("a saved value is complete for every key"));
        }
        let own = |cell: &crate::CellRef<'_, T::Value>| {
            cell.values().filter(|v| v.dot.replica == saved.replica).map(|v| v.hlc).max()
        };
        let cells = local.view().range(&KeyRange::full());
        let last = cells.filter_map(|(_, cell)| own(&cell)).max();
        local.clock = Clock::after(last.unwrap_or_default());
        Ok(local)
    }
}

fn greatest_stamp<K, V>(delta: &Delta<K, V>) -> Hlc {
    let cells = delta.parts.iter().flat_map(|part| &part.cells);
    let entries = cells.flat_map(|cell| &cell.fresh).map(|(_, entry)| entry);
    entries.filter_map(Entry::hlc).max().unwrap_or_default()
}

/// Gives a standalone type what all of them have: `standalone!([generics] Type)`.
macro_rules! standalone {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> $type {
            /// An empty value, to be changed under the id `replica`.
            ///
            /// The id belongs to one life of one copy: two copies that change the value under one
            /// id would give one dot two meanings.
            pub fn new(replica: $crate::ReplicaId) -> Self {
                Self { local: $crate::types::local::Local::new(replica) }
            }

            /// A copy with a life of its own: both may go on and be changed.
            pub fn with_replica(&self, replica: $crate::ReplicaId) -> Self {
                Self { local: self.local.with_replica(replica) }
            }

            /// The id under which this copy is changed.
            pub const fn replica(&self) -> $crate::ReplicaId {
                self.local.replica()
            }

            /// Which changes this copy has incorporated.
            pub const fn context(&self) -> &$crate::Context<<Self as $crate::DataType>::Key> {
                self.local.view().context()
            }

            /// Everything that a copy with the context `base` lacks. Costs as much as the answer is
            /// large.
            pub fn delta_since(
                &self,
                base: &$crate::Context<<Self as $crate::DataType>::Key>,
            ) -> $crate::DeltaOf<Self> {
                self.local.delta_since(base)
            }

            /// The whole state, as the delta that an empty copy lacks.
            pub fn state(&self) -> $crate::DeltaOf<Self> {
                self.local.delta_since(&$crate::Context::default())
            }

            /// Joins the changes of another copy. Joining a delta again changes nothing.
            ///
            /// # Errors
            /// When the delta contradicts itself, builds on changes that are not here, or knows own
            /// changes that were never made. The state is unchanged.
            pub fn join(&mut self, delta: &$crate::DeltaOf<Self>) -> Result<(), $crate::JoinDeltaError> {
                let own = self.local.replica();
                self.local.join(delta, Some(own))
            }

            /// Joins the whole state of another copy.
            ///
            /// # Errors
            /// When the other copy knows own changes that were never made. The state is unchanged.
            pub fn merge(&mut self, other: &Self) -> Result<(), $crate::JoinDeltaError> {
                self.join(&other.state())
            }

            /// Everything that can be read, as a [`Reader`](crate::Reader): what the same type
            /// shows inside a map.
            pub const fn read(&self) -> $crate::Reader<'_, Self> {
                $crate::Reader::new(self.local.view())
            }
        }

        impl<$($generics)*> $crate::types::data_type::sealed::Sealed for $type {}

        impl<$($generics)*> Clone for $type {
            /// A copy of the same life, to be read or kept: only one of the two may be changed. See
            /// `with_replica`.
            fn clone(&self) -> Self {
                Self { local: self.local.clone() }
            }
        }

        impl<$($generics)*> PartialEq for $type {
            /// Equal are copies that have incorporated the same changes and show the same.
            fn eq(&self, other: &Self) -> bool {
                self.local == other.local
            }
        }

        impl<$($generics)*> std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.local, f)
            }
        }

        impl<$($generics)*> serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.local.serialize(serializer)
            }
        }

        impl<'de, $($generics)*> serde::Deserialize<'de> for $type {
            /// What comes back is the *same life*. Do not go on with both: see `with_replica`.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let local = $crate::types::local::Local::deserialize(deserializer)?;
                Ok(Self { local })
            }
        }
    };
}
