//! The trait that a replica uses, in which writing is asking and completion is an event.
//!
//! The contract is in the documentation of the crate.

use std::fmt;

use rejoin_crdt::{ReplicaId, Seq};
use thiserror::Error;

use crate::disk::DiskError;
use crate::token::Token;

/// The durable form of a replica. See the contract in the [documentation of the crate](crate).
pub trait Storage {
    /// Asks for a write. Its completion comes from [`poll`](Self::poll), also if it is refused.
    fn submit(&mut self, write: Write) -> Ticket;

    /// The next completion, in the order of submission; `None` if nothing more has completed yet.
    fn poll(&mut self) -> Option<Completion>;

    /// Whether it is time to replace the log by a checkpoint.
    fn wants_checkpoint(&self) -> bool;
}

/// The records of a checkpoint. They are taken while it is written, so a large state need not be in
/// memory a second time.
pub type Records = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// One atomic change of what is durable.
#[non_exhaustive]
pub enum Write {
    /// One more record.
    Append(Vec<u8>),
    /// These records replace all that were submitted before.
    Checkpoint(Records),
    /// From now on dots of `replica` up to `seq_limit` may be used.
    Reserve {
        /// The life.
        replica: ReplicaId,
        /// The greatest sequence number that may be used.
        seq_limit: Seq,
        /// A new token.
        token: Token,
    },
    /// A clean end; the last write.
    Close {
        /// The last sequence number that was used, 0 if none was.
        last_seq: Seq,
        /// A new token.
        token: Token,
    },
}

impl Write {
    /// A checkpoint of these records.
    pub fn checkpoint<I>(records: I) -> Self
    where
        I: IntoIterator<Item = Vec<u8>, IntoIter: Send + 'static>,
    {
        Self::Checkpoint(Box::new(records.into_iter()))
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(record) => write!(f, "Append({} bytes)", record.len()),
            Self::Checkpoint(_) => f.write_str("Checkpoint"),
            Self::Reserve { replica, seq_limit, .. } => write!(f, "Reserve({replica}:{seq_limit})"),
            Self::Close { last_seq, .. } => write!(f, "Close({last_seq})"),
        }
    }
}

/// The name of a submitted write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(pub(crate) u64);

/// What has become of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// Which write.
    pub ticket: Ticket,
    /// Durable, or why not.
    pub result: Result<(), StorageError>,
}

/// Why a write is not durable, or may not be.
///
/// After [`OutcomeUnknown`](Self::OutcomeUnknown) the write may be found by the next open or not. In
/// every other case the records are as before, and no open will find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk refused the write and what there was of it has been removed. Further writes are possible.
    #[error("nothing was written")]
    NotWritten(#[source] DiskError),
    /// The disk failed in a way that leaves open what is durable. From now on the storage is poisoned.
    #[error("whether the write is durable is unknown")]
    OutcomeUnknown(#[source] DiskError),
    /// An earlier write failed with an unknown outcome. Only a new open can say what is durable.
    #[error("an earlier write failed with an unknown outcome")]
    Poisoned,
    /// The storage has been closed.
    #[error("the storage is closed")]
    Closed,
    /// A record is over the limit.
    #[error("a record has {len_bytes} bytes, the limit is {max_bytes}")]
    RecordTooLarge {
        /// The length of the record.
        len_bytes: usize,
        /// The greatest possible length.
        max_bytes: usize,
    },
    /// Less would be reserved than is reserved for this life already.
    #[error("up to {reserved} is reserved, asked was for {asked}")]
    LimitGoesBack {
        /// The present limit.
        reserved: Seq,
        /// What was asked for.
        asked: Seq,
    },
    /// The last sequence number of a close was never reserved.
    #[error("sequence number {last_seq} is beyond the reserved {seq_limit}")]
    BeyondLimit {
        /// The last sequence number, as the close says.
        last_seq: Seq,
        /// The present limit.
        seq_limit: Seq,
    },
    /// The new token is the present one.
    #[error("the token is not new")]
    TokenRepeated,
    /// The place of the token failed. After a failed reservation further writes are possible, after a
    /// failed close none are. The next open may have to begin a new life.
    #[error("the place of the token failed")]
    Place(#[source] DiskError),
}
