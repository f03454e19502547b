//! Identity over an open: the life goes on only with proof.
//!
//! A replica id belongs to one life of one copy, because two writers under one id give one dot two
//! meanings. So an open asks two things. *Is it the same copy?* The token of the log must be the one in
//! the place that is not copied with it. *Is nothing missing?* The log must end where it was left, by a
//! close or behind a whole record. Then the next sequence number is past everything that can have been
//! used: past the last one that a close names, or past what was reserved. Without proof the first write
//! draws a new id; that costs 16 bytes, a wrong proof costs data everywhere.
//!
//! What is not noticed is listed in the documentation of the crate.

use rejoin_crdt::planted::{Bug, planted};
use rejoin_crdt::{ReplicaId, Seq};
use thiserror::Error;

use crate::disk::{Disk, DiskError, Slot};
use crate::end::End;
use crate::frame::Kind;
use crate::life_record::LifeRecord;
use crate::log::{Log, Standing};
use crate::recovery::{RecoverError, Recovered, recover};
use crate::seal_record::SealRecord;
use crate::slot_writer::{append, clear, write_generation};
use crate::storage::StorageError;
use crate::token::{Token, TokenPlace};

/// How many sequence numbers are reserved beyond those that are needed at once.
///
/// A reservation costs two or three syncs, 5 to 30 ms on common disks: with 16 384 a bulk load of a
/// million changes spends about a second on them. A crash skips at most this many numbers, of 2^64. A
/// larger block would also lengthen the time in which a copy that is put back goes unnoticed.
pub const SEQ_BLOCK: u64 = 16_384;

/// A storage that is ready for writes, and what was in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened<D, P> {
    /// The storage.
    pub storage: Log<D, P>,
    /// The records of the latest complete checkpoint, then those appended since, in order.
    pub records: Vec<Vec<u8>>,
    /// How the log had been left.
    pub end: End,
    /// Whether the life goes on.
    pub life: Life,
}

/// Whether the life of a log goes on over an open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// There is proof.
    GoesOn(Reservation),
    /// There is none: the first write draws a new replica id.
    New {
        /// What is missing.
        why: WhyNew,
    },
}

/// Why a new life must begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WhyNew {
    /// The disk was empty.
    Empty,
    /// The last write was not finished, or the last record is damaged.
    Torn,
    /// Acknowledged records may be missing.
    Damaged,
    /// The log comes from a snapshot.
    Restored,
    /// There is no token outside: the place is new, or it is another machine.
    TokenMissing,
    /// The token outside is another one: the log is a copy, or an older state was put back, or the last
    /// process ended while it replaced the token.
    TokenDiffers,
    /// No life was recorded: nothing was written yet.
    Unused,
    /// Every sequence number is used up.
    Exhausted,
}

/// The sequence numbers that a life may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// The life.
    pub replica: ReplicaId,
    /// The first sequence number that is certainly unused.
    pub next_seq: Seq,
    /// The last one that may be used; less than `next_seq` if none may.
    pub seq_limit: Seq,
}

impl Reservation {
    /// The life that begins under this id, with nothing reserved.
    pub const fn new(replica: ReplicaId) -> Self {
        Self { replica, next_seq: 1, seq_limit: 0 }
    }

    /// The limit to reserve before `count` more sequence numbers are used; `None` if they are reserved
    /// already. A block more than that, so that it is not asked for again soon.
    pub const fn reserve(&self, count: u64) -> Option<Seq> {
        let last_seq = self.next_seq.saturating_add(count).saturating_sub(1);
        if last_seq > self.seq_limit { Some(last_seq.saturating_add(SEQ_BLOCK)) } else { None }
    }
}

/// Why a storage could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk cannot be recovered. Nothing was changed.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The place of the token failed. The disk is unchanged.
    #[error("the place of the token failed")]
    Place(#[source] DiskError),
    /// The new token is the one of the log or of the place. Nothing was changed.
    #[error("the token is not new")]
    TokenRepeated,
    /// The open could not be made durable. The records are still there; the next open may have to begin
    /// a new life.
    #[error("the open could not be written")]
    Write(#[from] StorageError),
}

/// Opens the log of a disk, decides whether its life goes on, and puts `new_token` in both places.
///
/// After anything but a clean close the records are copied to the other slot first, as a checkpoint
/// without change. That removes a torn tail without cutting the only copy, and makes sure that what was
/// read is on the device and not only in the system's cache. It needs room for a second copy.
///
/// # Errors
/// [`OpenError`]. No record that was there is lost.
pub fn open<D: Disk, P: TokenPlace>(
    mut disk: D,
    mut place: P,
    new_token: Token,
) -> Result<Opened<D, P>, OpenError> {
    let recovered = recover(&disk)?;
    let outside = place.read().map_err(OpenError::Place)?;
    let inside = recovered.instance().map(|instance| instance.token);
    if outside == Some(new_token) || inside == Some(new_token) {
        return Err(OpenError::TokenRepeated);
    }
    let life = decide(&recovered, outside);
    let reserved = match life {
        Life::GoesOn(Reservation { replica, seq_limit, .. }) => Some((replica, seq_limit)),
        Life::New { .. } => None,
    };
    let record = LifeRecord { token: new_token, life: reserved };
    // The place goes first: from then on no older copy of the log matches it. After a crash in between
    // this log does not match it either, and a new life begins.
    place.write(new_token).map_err(OpenError::Place)?;
    let is_proven_clean = recovered.end == End::Clean && inside == outside;
    let standing = if is_proven_clean {
        go_on(&mut disk, &recovered, record)?
    } else {
        rewrite(&mut disk, &recovered, record)?
    };
    let Recovered { end, records, .. } = recovered;
    Ok(Opened { storage: Log::new(disk, place, standing, record), records, end, life })
}

/// Makes a disk a log without records, in slot A.
pub(crate) fn format<D: Disk>(disk: &mut D) -> Result<Standing, StorageError> {
    for slot in Slot::BOTH {
        clear(disk, slot).map_err(StorageError::OutcomeUnknown)?;
    }
    let (slot, generation) = (Slot::A, 1);
    let end = write_generation(
        disk,
        slot,
        generation,
        None,
        std::iter::empty::<&[u8]>(),
        SealRecord::default(),
    )?;
    Ok(Standing { slot, generation, end, checkpoint_bytes: end.offset })
}

impl Recovered {
    /// Whether the log has neither records nor identity: nobody has used it.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.end, End::Empty | End::Crashed)
            && self.records.is_empty()
            && self.instance().is_none()
    }

    /// What the log says about its identity; a restored one says nothing.
    fn instance(&self) -> Option<LifeRecord> {
        self.current.as_ref().and_then(|current| current.life)
    }
}

fn decide(recovered: &Recovered, outside: Option<Token>) -> Life {
    match proof(recovered, outside) {
        Ok(reservation) => Life::GoesOn(reservation),
        Err(why) => Life::New { why },
    }
}

fn proof(recovered: &Recovered, outside: Option<Token>) -> Result<Reservation, WhyNew> {
    match recovered.end {
        End::Empty => return Err(WhyNew::Empty),
        End::Torn { .. } => return Err(WhyNew::Torn),
        End::Damaged { .. } => return Err(WhyNew::Damaged),
        End::Clean | End::Crashed => {}
    }
    let Some(instance) = recovered.instance() else {
        let is_empty = recovered.records.is_empty();
        return Err(if is_empty { WhyNew::Empty } else { WhyNew::Restored });
    };
    if !planted(Bug::CloneAccepted) {
        let outside = outside.ok_or(WhyNew::TokenMissing)?;
        if outside != instance.token {
            return Err(WhyNew::TokenDiffers);
        }
    }
    let (replica, seq_limit) = instance.life.ok_or(WhyNew::Unused)?;
    let closed_at = recovered.current.as_ref().and_then(|current| current.closed_at);
    let used = match closed_at {
        Some(last_seq) => last_seq,
        None if planted(Bug::SeqReusedAfterCrash) => seq_limit.saturating_sub(SEQ_BLOCK),
        None => seq_limit,
    };
    let next_seq = used.checked_add(1).ok_or(WhyNew::Exhausted)?;
    Ok(Reservation { replica, next_seq, seq_limit })
}

/// Continues behind a close.
fn go_on<D: Disk>(
    disk: &mut D,
    recovered: &Recovered,
    record: LifeRecord,
) -> Result<Standing, StorageError> {
    let Some(current) = &recovered.current else { return rewrite(disk, recovered, record) };
    clear(disk, current.slot.other()).map_err(StorageError::OutcomeUnknown)?;
    let end = append(disk, current.slot, current.end, Kind::Life, &record.to_bytes())?;
    Ok(Standing {
        slot: current.slot,
        generation: current.generation().unwrap_or_default(),
        end,
        checkpoint_bytes: current.sealed_at.unwrap_or_default(),
    })
}

/// Copies what was recovered into the other slot and drops the slot that it came from.
fn rewrite<D: Disk>(
    disk: &mut D,
    recovered: &Recovered,
    record: LifeRecord,
) -> Result<Standing, StorageError> {
    let (old, last_generation) = match &recovered.current {
        Some(current) => (current.slot, current.generation().unwrap_or_default()),
        None if recovered.end == End::Empty => {
            let formatted = format(disk)?;
            (formatted.slot, formatted.generation)
        }
        // Without a header. The bytes stay until the seal: they say that there was something.
        None => (longer_slot(disk).map_err(StorageError::NotWritten)?, 0),
    };
    let (slot, generation) = (old.other(), last_generation.saturating_add(1));
    let end = write_generation(
        disk,
        slot,
        generation,
        Some(record),
        &recovered.records,
        SealRecord::after(recovered.end),
    )?;
    clear(disk, old).map_err(StorageError::OutcomeUnknown)?;
    let has_records = !recovered.records.is_empty();
    let checkpoint_bytes = if has_records { 0 } else { end.offset };
    Ok(Standing { slot, generation, end, checkpoint_bytes })
}

fn longer_slot<D: Disk>(disk: &D) -> Result<Slot, DiskError> {
    let is_a = disk.len_bytes(Slot::A)? >= disk.len_bytes(Slot::B)?;
    Ok(if is_a { Slot::A } else { Slot::B })
}
