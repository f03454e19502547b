//! What keeps a replica over a crash: every change is in the log before it is visible.
//!
//! The log of a replica is a list of deltas, own transactions and joined ones alike, and recovery joins
//! them again. So there is one form of a change, on the wire and on disk, and one way into a document.
//!
//! What must always hold: whatever a reader, an observer or a peer can see is durable. Then no frame
//! carries a dot that its author could forget in a crash, and a life may go on afterwards. Repairs and
//! collections make no dot: they are done first and kept then, and what a crash takes back comes again.

use std::fmt;

use rejoin_crdt::document::Document;
use rejoin_crdt::path::Key;
use rejoin_crdt::planted::{Bug, planted};
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{self, DecodeError};
use rejoin_crdt::{
    AuthorisedDelta, Authority, Context, Delta, InvalidDelta, JoinError, Limits, ReplicaId, Staged,
    VersionVector, View,
};
use rejoin_storage::{
    Disk, End, Life, MAX_RECORD_BYTES, OpenError, Reservation, Storage, StorageError, Token,
    TokenPlace, WhyNew, Write,
};
use thiserror::Error;

/// The first byte of a record: a delta follows.
const DELTA: u8 = 1;

/// The first byte of a record: a version vector follows, under which removals were collected.
const HORIZON: u8 = 2;

/// The first byte of a record: what a peer holds of some cells, from which they were repaired. The length
/// of the cells in four bytes, least significant first, the cells, and the forks if there are any.
const REPAIR: u8 = 3;

/// How a replica was found when it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// How its log had been left.
    pub end: End,
    /// Why it writes under a new id; `None` if its life goes on.
    pub new_life: Option<WhyNew>,
    /// The number of records in the log.
    pub records: usize,
}

/// Why a replica could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The storage does not open.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// A record has a kind that this version does not know: it was written by a later one.
    #[error("record {record} is of the unknown kind {kind}")]
    UnknownKind {
        /// The position of the record.
        record: usize,
        /// Its first byte.
        kind: u8,
    },
    /// A record cannot be decoded.
    #[error("record {record} cannot be decoded: {error}")]
    Decode {
        /// The position of the record.
        record: usize,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A record holds no valid delta.
    #[error("record {record} is no valid delta: {error}")]
    Invalid {
        /// The position of the record.
        record: usize,
        /// What is wrong with it.
        error: InvalidDelta,
    },
    /// A record does not follow on those before it.
    #[error("record {record} does not follow on those before it: {error}")]
    Join {
        /// The position of the record.
        record: usize,
        /// What is missing.
        error: JoinError,
    },
}

/// Why something could not be made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeepError {
    /// It was called inside a transaction of the same replica.
    #[error("this cannot be done inside a transaction of the same replica")]
    Nested,
    /// The storage refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The log of a replica, and what may be written under its id.
pub(crate) struct Keeper {
    storage: Box<dyn Storage + Send>,
    reservation: Option<Reservation>,
    recovery: Recovery,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reservation, recovery, .. } = self;
        f.debug_struct("Keeper")
            .field("reservation", reservation)
            .field("recovery", recovery)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// Opens a log and brings its records into `document`, which is empty.
    ///
    /// # Errors
    /// When the log cannot be read or contradicts itself; the disk is as it was.
    pub(crate) fn open(
        disk: impl Disk + Send + 'static,
        place: impl TokenPlace + Send + 'static,
        token: Token,
        document: &mut Document,
        now_ms: u64,
    ) -> Result<Self, RecoverError> {
        let opened = rejoin_storage::open(disk, place, token)?;
        for (at, record) in opened.records.iter().enumerate() {
            replay(document, record, at, now_ms)?;
        }
        let (reservation, new_life) = match opened.life {
            Life::GoesOn(reservation) => (Some(reservation), None),
            Life::New { why: WhyNew::Restored } if planted(Bug::RestoreKeepsId) => {
                let lives = document.store().view().context().floor();
                let last = lives.iter().last().map(|(life, seq)| (Reservation::new(life), seq));
                (last.map(|(life, seq)| Reservation { next_seq: seq + 1, ..life }), None)
            }
            Life::New { why } => (None, Some(why)),
        };
        let recovery = Recovery { end: opened.end, new_life, records: opened.records.len() };
        Ok(Self { storage: Box::new(opened.storage), reservation, recovery })
    }

    /// After a crash, the numbers that were reserved and may have been used name nothing. That is said
    /// before the next own change, which follows on them, and made durable; not earlier, so that a peer
    /// who knows one of these numbers can still prove that this is an older copy. `None` if there is
    /// nothing to say.
    pub(crate) fn skip(
        &mut self,
        document: &Document,
    ) -> Result<Option<AuthorisedDelta<Key, Value>>, StorageError> {
        let Some(Reservation { replica, next_seq, .. }) = self.reservation else { return Ok(None) };
        let upto = next_seq.saturating_sub(1);
        if document.store().last_seq(replica) >= upto {
            return Ok(None);
        }
        let skipped = document.store().skip(replica, upto);
        self.keep(&skipped, document.store().view().context())?;
        Ok(authorised(skipped))
    }

    /// The id under which the life goes on.
    pub(crate) fn replica(&self) -> Option<ReplicaId> {
        self.reservation.map(|reservation| reservation.replica)
    }

    pub(crate) const fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Makes a transaction durable that is about to be committed to a document of this context.
    pub(crate) fn keep_staged(
        &mut self,
        replica: ReplicaId,
        staged: &Staged<Key, Value>,
        stored: &View<Key, Value>,
        token: Token,
    ) -> Result<(), StorageError> {
        let count = staged.dot_count();
        let mut reservation = self.reservation.unwrap_or_else(|| Reservation::new(replica));
        if let Some(seq_limit) = reservation.reserve(count) {
            self.write(Write::Reserve { replica, seq_limit, token })?;
            reservation.seq_limit = seq_limit;
        }
        self.reservation = Some(reservation);
        self.keep(&staged.to_delta(stored), stored.context())?;
        reservation.next_seq += count;
        self.reservation = Some(reservation);
        Ok(())
    }

    /// Writes under another id from now on.
    pub(crate) fn begin_life(
        &mut self,
        replica: ReplicaId,
        token: Token,
    ) -> Result<(), StorageError> {
        let mut reservation = Reservation::new(replica);
        // Reserved at once, even if nothing is written: the log must not offer the former life again.
        if let Some(seq_limit) = reservation.reserve(1) {
            self.write(Write::Reserve { replica, seq_limit, token })?;
            reservation.seq_limit = seq_limit;
        }
        self.reservation = Some(reservation);
        Ok(())
    }

    /// Makes a delta durable that is about to be joined by a document of this context. Recovery will
    /// have the same context there, so a record says only what differs from it.
    pub(crate) fn keep(
        &mut self,
        delta: &Delta<Key, Value>,
        context: &Context<Key>,
    ) -> Result<(), StorageError> {
        let bytes = match context.uniform() {
            Some(known) => wire::encode_delta_after(delta, known),
            None => wire::encode_delta(delta),
        };
        self.write(Write::Append(record(DELTA, &bytes)))
    }

    /// Makes a repair durable that has been made.
    #[cfg(feature = "sync")]
    pub(crate) fn keep_repair(
        &mut self,
        cells: &Delta<Key, Value>,
        forks: Option<&Delta<Key, Value>>,
    ) -> Result<(), StorageError> {
        let cells = wire::encode_delta(cells);
        let len = u32::try_from(cells.len()).unwrap_or(u32::MAX).to_le_bytes();
        let forks = forks.map(wire::encode_delta).unwrap_or_default();
        self.write(Write::Append(record(REPAIR, &[&len[..], &cells, &forks].concat())))
    }

    /// Makes a horizon durable that is about to be raised.
    pub(crate) fn keep_horizon(&mut self, horizon: &VersionVector) -> Result<(), StorageError> {
        self.write(Write::Append(record(HORIZON, &wire::encode_version_vector(horizon))))
    }

    /// Whether the log is much longer than what is in it.
    pub(crate) fn wants_checkpoint(&self) -> bool {
        self.storage.wants_checkpoint()
    }

    /// Puts the whole state, as deltas in order, in the place of the log.
    pub(crate) fn checkpoint(&mut self, state: Vec<Vec<u8>>) -> Result<(), StorageError> {
        let records: Vec<_> = state.iter().map(|delta| record(DELTA, delta)).collect();
        self.write(Write::checkpoint(records))
    }

    /// Ends the log cleanly: the life goes on at the next open without skipping anything.
    pub(crate) fn close(&mut self, token: Token) -> Result<(), StorageError> {
        let last_seq = self.reservation.map_or(0, |r| r.next_seq.saturating_sub(1));
        self.write(Write::Close { last_seq, token })
    }

    fn write(&mut self, write: Write) -> Result<(), StorageError> {
        let ticket = self.storage.submit(write);
        // A log completes at once; one that did not could not be waited for here.
        let completion = std::iter::from_fn(|| self.storage.poll()).find(|c| c.ticket == ticket);
        completion.map_or(Err(StorageError::Poisoned), |completion| completion.result)
    }
}

/// What this replica says to itself: it is in order, and nobody has to be asked.
pub(crate) fn authorised(delta: Delta<Key, Value>) -> Option<AuthorisedDelta<Key, Value>> {
    delta.validate(&own_limits()).ok()?.authorise(&Authority::Full).ok()
}

/// The records of a whole state.
pub(crate) fn records(state: &[Vec<u8>]) -> impl Iterator<Item = Vec<u8>> + '_ {
    state.iter().map(|delta| record(DELTA, delta))
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(content.len() + 1);
    record.push(kind);
    record.extend_from_slice(content);
    record
}

fn replay(
    document: &mut Document,
    bytes: &[u8],
    record: usize,
    now_ms: u64,
) -> Result<(), RecoverError> {
    let limits = own_limits();
    match bytes.split_first() {
        Some((&DELTA, content)) => {
            let context = document.store().view().context();
            let decoded = match context.uniform().filter(|_| wire::is_referenced(content)) {
                Some(known) => wire::decode_delta_after(content, &limits, known),
                None => wire::decode_delta(content, &limits),
            };
            let delta = decoded.map_err(|error| RecoverError::Decode { record, error })?;
            let valid =
                delta.validate(&limits).map_err(|error| RecoverError::Invalid { record, error })?;
            // Full authority refuses nothing.
            let Ok(delta) = valid.authorise(&Authority::Full) else { return Ok(()) };
            let joined = document.restore(delta, now_ms);
            joined.map(drop).map_err(|error| RecoverError::Join { record, error })
        }
        Some((&HORIZON, content)) => {
            let horizon = wire::decode_version_vector(content, &limits)
                .map_err(|error| RecoverError::Decode { record, error })?;
            document.inherit_horizon(&horizon);
            Ok(())
        }
        Some((&REPAIR, content)) => {
            replay_repair(document, content, now_ms);
            Ok(())
        }
        other => {
            let kind = other.map_or(0, |(kind, _)| *kind);
            Err(RecoverError::UnknownKind { record, kind })
        }
    }
}

/// A repair that cannot be made again is found again by the next audit.
fn replay_repair(document: &mut Document, content: &[u8], now_ms: u64) -> Option<()> {
    let limits = own_limits();
    let read = |bytes: &[u8]| {
        let delta = wire::decode_delta(bytes, &limits).ok()?;
        delta.validate(&limits).ok()?.authorise(&Authority::Full).ok()
    };
    let (len, rest) = content.split_first_chunk()?;
    let (cells, forks) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    document.repair(read(cells)?, read(forks), now_ms).ok().map(drop)
}

/// What comes from the own log was within the limits when it was written.
fn own_limits() -> Limits {
    Limits {
        delta_bytes: MAX_RECORD_BYTES,
        cells_per_delta: usize::MAX,
        range_tombstones_per_delta: usize::MAX,
        ..Limits::default()
    }
}
