//! Why a session ends.
//!
//! A session error ends the session and nothing else: no state was changed by the input that caused
//! it, and the store is never touched by a session at all.

use rejoin_crdt::document::{DocumentJoinError, Inadmissible};
use rejoin_crdt::{InvalidDelta, JoinError, ReplicaId, Seq, Unauthorised};
use thiserror::Error;

use crate::context_form::ContextError;
use crate::document::{DecodeError, PlaceTooLarge};
use crate::fields::MessageError;
use crate::frame::FrameError;
use crate::message::Kind;

/// Why a session cannot go on. Neither the store nor any context was changed by what caused it.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The session has ended before.
    #[error("the session has ended")]
    Ended,
    /// The bytes are no frames.
    #[error("not a frame: {0}")]
    Frame(#[from] FrameError),
    /// The peer sent too much before it said who it is.
    #[error("{received_bytes} bytes before the hello was complete, {limit_bytes} are allowed")]
    TooMuchBeforeHello {
        /// What came.
        received_bytes: usize,
        /// What may.
        limit_bytes: usize,
    },
    /// A frame of a kind that is unknown and must not be skipped.
    #[error("unknown critical frame of type {kind}")]
    UnknownKind {
        /// The number of the kind.
        kind: u8,
    },
    /// A message that spans more bytes than its kind may.
    #[error("a message of kind {kind:?} takes {len_bytes} bytes, {limit_bytes} are allowed")]
    MessageTooLarge {
        /// Its kind.
        kind: Kind,
        /// What came so far.
        len_bytes: usize,
        /// What may.
        limit_bytes: usize,
    },
    /// A message is malformed.
    #[error("malformed message of kind {kind:?}: {error}")]
    Message {
        /// Its kind.
        kind: Kind,
        /// What is wrong.
        error: MessageError,
    },
    /// A message at a time when it has no meaning.
    #[error("a message of kind {kind:?} is not expected now")]
    Unexpected {
        /// Its kind.
        kind: Kind,
    },
    /// The peer speaks no version that is spoken here.
    #[error("the peer speaks versions {least} to {greatest}")]
    Version {
        /// The least it speaks.
        least: u64,
        /// The greatest.
        greatest: u64,
    },
    /// The peer belongs to another cluster.
    #[error("the peer belongs to another cluster")]
    Cluster,
    /// The peer takes so little that nothing can be sent to it.
    #[error("the peer takes frames of {frame_bytes} and deltas of {delta_bytes} bytes at most")]
    PeerLimits {
        /// Its limit of a frame.
        frame_bytes: usize,
        /// Its limit of a delta.
        delta_bytes: usize,
    },
    /// The peer writes under the id of this replica: it is this replica, or a copy of it.
    #[error("the peer has the own replica id {replica}")]
    SameReplica {
        /// The id.
        replica: ReplicaId,
    },
    /// The peer has seen changes of this replica that it never made: its id is used elsewhere too,
    /// or it was restored from an older copy (invariant I10).
    #[error("the peer has seen change {claimed} of this replica, which has made {issued}")]
    UnknownOwnDots {
        /// The last own change that the peer has seen.
        claimed: Seq,
        /// The last own change.
        issued: Seq,
    },
    /// A context cannot be read.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The horizon in the hello cannot be read.
    #[error("the horizon is malformed: {0}")]
    Horizon(DecodeError),
    /// The horizon in the hello has an unknown form.
    #[error("the horizon, of {len_bytes} bytes, has an unknown form")]
    HorizonForm {
        /// Its length.
        len_bytes: usize,
    },
    /// A pull that does not say what its sender has.
    #[error("pull {id} does not say what its sender has")]
    PullWithoutContext {
        /// The number of the pull.
        id: u64,
    },
    /// A delta cannot be read.
    #[error("the delta is malformed: {0}")]
    Delta(DecodeError),
    /// A delta contradicts itself.
    #[error("the delta is invalid: {0}")]
    Invalid(#[from] InvalidDelta),
    /// A delta writes where its sender may not.
    #[error(transparent)]
    Unauthorised(#[from] Unauthorised),
    /// The members of the document forbid a delta.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// A delta answers a question that was not asked.
    #[error("an answer to pull {id}, which was not asked")]
    UnaskedAnswer {
        /// The pull that it answers.
        id: u64,
    },
    /// The peer sent more bytes of deltas than it was granted.
    #[error("{excess_bytes} bytes of deltas beyond the credit")]
    CreditExceeded {
        /// How many.
        excess_bytes: u64,
    },
    /// The peer did not say hello in time.
    #[error("no hello within {waited_ms} ms")]
    HelloTimeout {
        /// How long it had.
        waited_ms: u64,
    },
    /// The peer is silent.
    #[error("{missed} pings without an answer")]
    Silent {
        /// How many pings went unanswered.
        missed: u32,
    },
    /// The peer does not answer a pull.
    #[error("no byte of an answer to a pull within {waited_ms} ms")]
    PullUnanswered {
        /// How long it had.
        waited_ms: u64,
    },
    /// The peer says it has changes and does not bring them.
    #[error("{pulls} pulls in a row brought nothing of what the peer says it has")]
    Fruitless {
        /// How many.
        pulls: u32,
    },
    /// The peer, or the driver, does not take what is to be sent.
    #[error("{queued_bytes} bytes are waiting to be sent, {limit_bytes} are allowed")]
    Backlog {
        /// What waits.
        queued_bytes: usize,
        /// What may.
        limit_bytes: usize,
    },
    /// The acknowledgements of members cannot be read.
    #[error("the acknowledgements are malformed: {0}")]
    Acknowledgements(#[source] DecodeError),
    /// A message about a comparison that is not under way, or is malformed.
    #[error("a message about the comparison that answers pull {id} is out of place or malformed")]
    Comparison {
        /// The pull.
        id: u64,
    },
    /// A message about an audit that is not under way, or is malformed.
    #[error("a message of kind {kind:?} about an audit is out of place or malformed")]
    Audit {
        /// Its kind.
        kind: Kind,
    },
    /// A single cell, or the range tombstones of one delta, exceed what the peer takes.
    #[error("a delta of one cell has {len_bytes} bytes, the peer takes {limit_bytes}")]
    DeltaTooLarge {
        /// Its length.
        len_bytes: usize,
        /// What the peer takes.
        limit_bytes: usize,
    },
    /// The store of this side could not take a delta.
    #[error("the store could not take a delta")]
    Store,
    /// The peer ended the session because of an error.
    #[error("the peer ended the session with error {code} ({a}, {b})")]
    ByPeer {
        /// The number of the error, see `docs/protocol.md`.
        code: u64,
        /// Its first number.
        a: u64,
        /// Its second number.
        b: u64,
    },
}

impl From<PlaceTooLarge> for SessionError {
    fn from(PlaceTooLarge { len_bytes, limit_bytes }: PlaceTooLarge) -> Self {
        Self::DeltaTooLarge { len_bytes, limit_bytes }
    }
}

impl SessionError {
    /// The number of the error on the wire, and its numbers.
    pub(crate) const fn code(&self) -> (u64, [u64; 2]) {
        match self {
            Self::Ended => (0, [0, 0]),
            Self::Frame(_) => (1, [0, 0]),
            Self::TooMuchBeforeHello { received_bytes: a, limit_bytes: b } => (2, sizes(*a, *b)),
            Self::UnknownKind { kind } => (3, [*kind as u64, 0]),
            Self::MessageTooLarge { len_bytes, limit_bytes, .. } => {
                (4, sizes(*len_bytes, *limit_bytes))
            }
            Self::Message { kind, .. } => (5, [kind.number() as u64, 0]),
            Self::Unexpected { kind } => (6, [kind.number() as u64, 0]),
            Self::Version { least, greatest } => (7, [*least, *greatest]),
            Self::Cluster => (8, [0, 0]),
            Self::SameReplica { .. } => (9, [0, 0]),
            Self::UnknownOwnDots { claimed, issued } => (10, [*claimed, *issued]),
            Self::Context(_) => (11, [0, 0]),
            Self::Horizon(_) => (12, [0, 0]),
            Self::HorizonForm { len_bytes } => (12, [*len_bytes as u64, 0]),
            Self::PullWithoutContext { id } => (28, [*id, 0]),
            Self::Delta(_) => (13, [0, 0]),
            Self::Invalid(_) => (14, [0, 0]),
            Self::Unauthorised(at) => (15, [at.part as u64, 0]),
            Self::UnaskedAnswer { id } => (16, [*id, 0]),
            Self::CreditExceeded { excess_bytes } => (17, [*excess_bytes, 0]),
            Self::HelloTimeout { waited_ms } => (18, [*waited_ms, 0]),
            Self::Silent { missed } => (19, [*missed as u64, 0]),
            Self::PullUnanswered { waited_ms } => (20, [*waited_ms, 0]),
            Self::Fruitless { pulls } => (21, [*pulls as u64, 0]),
            Self::Backlog { queued_bytes, limit_bytes } => (22, sizes(*queued_bytes, *limit_bytes)),
            Self::Comparison { id } => (23, [*id, 0]),
            Self::Acknowledgements(_) => (30, [0, 0]),
            Self::DeltaTooLarge { len_bytes, limit_bytes } => (24, sizes(*len_bytes, *limit_bytes)),
            Self::Store => (25, [0, 0]),
            Self::PeerLimits { frame_bytes, delta_bytes } => {
                (26, sizes(*frame_bytes, *delta_bytes))
            }
            Self::ByPeer { .. } => (27, [0, 0]),
            Self::Inadmissible(_) => (29, [0, 0]),
            Self::Audit { kind } => (31, [kind.number() as u64, 0]),
        }
    }
}

const fn sizes(a: usize, b: usize) -> [u64; 2] {
    [a as u64, b as u64]
}

/// Why the driver could not apply a delta that a session handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The store refused to join it; nothing was changed.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The members of the document forbid it; nothing was changed.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// It could not be made durable.
    #[error("the delta could not be made durable")]
    Storage,
}

impl From<DocumentJoinError> for Refusal {
    fn from(error: DocumentJoinError) -> Self {
        match error {
            DocumentJoinError::Store(error) => Self::Join(error),
            DocumentJoinError::Inadmissible(error) => Self::Inadmissible(error),
        }
    }
}

/// Why a session ended.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side ended it in good order.
    Local,
    /// The peer ended it in good order.
    Remote {
        /// The code that the peer gave.
        code: u64,
    },
    /// It could not go on.
    Error(SessionError),
}
