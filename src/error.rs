//! Why an operation of a replica failed: one error for each, and what it left unchanged.

use rejoin_crdt::document::{
    DocumentJoinError, Inadmissible, MemberState, TransactionTooLarge, WriteError,
};
use rejoin_crdt::wire::{DecodeError, PlaceTooLarge};
use rejoin_crdt::{InvalidDelta, JoinError, ReplicaId, StaleTransaction, Unauthorised};
use rejoin_storage::{DiskError, StorageError};
use thiserror::Error;

use crate::keeper::RecoverError;

/// Why a replica could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenReplicaError {
    /// This build has no clock and no randomness of its own, and none were given.
    #[error("there is no environment")]
    NoEnvironment,
    /// The disk cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What is on the disk cannot be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

/// Why a transaction did not commit. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransactError<E> {
    /// The closure refused: its error.
    #[error(transparent)]
    Aborted(E),
    /// The closure of a transaction began another one on the same replica.
    #[error("a transaction cannot begin inside another one of the same replica")]
    Nested,
    /// The transaction is larger than what any peer would take as one.
    #[error(transparent)]
    TooLarge(#[from] TransactionTooLarge),
    /// Nearly as many lives have written as a context can name, so no other one may begin to. Those that
    /// write already go on. It is an alarm: lives are made too lightly somewhere.
    #[error(
        "{lives} lives have written and {limit} are possible: a new one may not begin to write"
    )]
    TooManyLives {
        /// How many have written.
        lives: usize,
        /// How many a context can name.
        limit: usize,
    },
    /// The change could not be made durable, so it was not made.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The numbers that a crash left unused could not be passed over.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The document changed while the transaction ran. Transactions of one replica run one after the
    /// other, so this does not happen.
    #[error(transparent)]
    Stale(#[from] StaleTransaction),
}

/// Why a delta was not applied. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The bytes are not a delta.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The delta contradicts itself.
    #[error(transparent)]
    Invalid(#[from] InvalidDelta),
    /// Its sender may not write what it holds.
    #[error(transparent)]
    Unauthorised(#[from] Unauthorised),
    /// It builds on something that is not here.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The members of the document forbid it.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// The change could not be made durable, so it was not made.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It was applied inside a transaction of the same replica.
    #[error("a delta cannot be applied inside a transaction of the same replica")]
    Nested,
}

impl From<DocumentJoinError> for ApplyError {
    fn from(error: DocumentJoinError) -> Self {
        match error {
            DocumentJoinError::Store(error) => Self::Join(error),
            DocumentJoinError::Inadmissible(error) => Self::Inadmissible(error),
        }
    }
}

/// Why there is no delta for somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// The difference is larger than one delta may be.
    #[error("the difference takes {parts} deltas: ask for them with deltas_since")]
    TooLarge {
        /// How many deltas it takes.
        parts: usize,
    },
    /// The difference cannot be cut to the limits.
    #[error(transparent)]
    Extract(#[from] PlaceTooLarge),
    /// Some of it was damaged in memory, and waits for a repair from a peer.
    #[error("some of it was damaged in memory and waits for a repair")]
    Quarantined,
    /// A record of a snapshot would be too large.
    #[error(transparent)]
    Snapshot(#[from] StorageError),
}

/// Why a conflict was not resolved. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A type clash is resolved by deleting one of the two, not by a value.
    #[error("a path used as two types is resolved by deleting one of them")]
    TypeClash,
    /// The chooser chose nothing.
    #[error("no value was chosen")]
    NothingChosen,
    /// The value cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The transaction of the resolution did not commit.
    #[error("the resolution did not commit: {0}")]
    NotCommitted(Box<TransactError<WriteError>>),
}

/// Why nothing was written off. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum WriteOffError {
    /// It is the life under which this replica writes itself: all of it is here.
    #[error("this is the life of this replica, and all of it is here")]
    OwnLife,
    /// It is a member that is expected to come back. Retire it first, if it will not.
    #[error("{life} is a member and {state}: retire it first, if it is gone for good")]
    StillMember {
        /// The life.
        life: ReplicaId,
        /// Where it stands.
        state: MemberState,
    },
    /// This replica was found to differ from a peer, or is damaged, and not found equal to one since.
    #[error("this replica is suspect: let an audit find it equal to a peer first")]
    Suspect,
    /// It was called inside a transaction of the same replica.
    #[error("nothing can be written off inside a transaction of the same replica")]
    Nested,
    /// It could not be made durable.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The own state does not take it. It was made of that, so this does not happen.
    #[error(transparent)]
    Join(#[from] JoinError),
}
