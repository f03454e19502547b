//! Writing to a slot so that a failure leaves either what was, or a storage that says it does not know.

use rejoin_crdt::planted::{Bug, planted};

use crate::disk::{Disk, DiskError, Slot};
use crate::frame::{Header, Kind, MAX_RECORD_BYTES, Position, encode};
use crate::life_record::LifeRecord;
use crate::seal_record::SealRecord;
use crate::storage::StorageError;

/// Appends one frame and makes it durable.
pub(crate) fn append<D: Disk>(
    disk: &mut D,
    slot: Slot,
    at: Position,
    kind: Kind,
    payload: &[u8],
) -> Result<Position, StorageError> {
    let behind = match append_unsynced(disk, slot, at, kind, payload) {
        Err(StorageError::NotWritten(error)) => return Err(cut(disk, slot, at.offset, error)),
        result => result?,
    };
    if !planted(Bug::AcknowledgedBeforeSync) {
        disk.sync(slot).map_err(StorageError::OutcomeUnknown)?;
    }
    Ok(behind)
}

/// Writes a whole generation into a slot that does not count. It counts from the moment of its seal.
///
/// The header is synced first, so that a slot with a torn header holds nothing else, and everything
/// else before the seal, so that a seal is never there without what it seals.
pub(crate) fn write_generation<D: Disk, R: AsRef<[u8]>>(
    disk: &mut D,
    slot: Slot,
    generation: u64,
    life: Option<LifeRecord>,
    records: impl IntoIterator<Item = R>,
    seal: SealRecord,
) -> Result<Position, StorageError> {
    match write_and_seal(disk, slot, generation, life, records, seal) {
        Err(StorageError::NotWritten(error)) => Err(cut(disk, slot, 0, error)),
        Err(error @ StorageError::RecordTooLarge { .. }) => {
            clear(disk, slot).map_err(StorageError::OutcomeUnknown)?;
            Err(error)
        }
        result => result,
    }
}

/// Durably removes everything from a slot.
pub(crate) fn clear<D: Disk>(disk: &mut D, slot: Slot) -> Result<(), DiskError> {
    if disk.len_bytes(slot)? > 0 {
        disk.truncate(slot, 0)?;
        disk.sync(slot)?;
    }
    Ok(())
}

fn write_and_seal<D: Disk, R: AsRef<[u8]>>(
    disk: &mut D,
    slot: Slot,
    generation: u64,
    life: Option<LifeRecord>,
    records: impl IntoIterator<Item = R>,
    seal: SealRecord,
) -> Result<Position, StorageError> {
    clear(disk, slot).map_err(StorageError::OutcomeUnknown)?;
    let header = Header::new(generation);
    disk.append(slot, &header.to_bytes()).map_err(StorageError::NotWritten)?;
    disk.sync(slot).map_err(StorageError::OutcomeUnknown)?;
    let mut at = Position::first(header.check);
    if let Some(life) = life {
        at = append_unsynced(disk, slot, at, Kind::Life, &life.to_bytes())?;
    }
    for record in records {
        at = append_unsynced(disk, slot, at, Kind::Record, record.as_ref())?;
    }
    disk.sync(slot).map_err(StorageError::OutcomeUnknown)?;
    at = append_unsynced(disk, slot, at, Kind::Seal, &seal.to_bytes())?;
    disk.sync(slot).map_err(StorageError::OutcomeUnknown)?;
    Ok(at)
}

fn append_unsynced<D: Disk>(
    disk: &mut D,
    slot: Slot,
    at: Position,
    kind: Kind,
    payload: &[u8],
) -> Result<Position, StorageError> {
    let too_large =
        StorageError::RecordTooLarge { len_bytes: payload.len(), max_bytes: MAX_RECORD_BYTES };
    let (bytes, behind) = encode(at, kind, payload).ok_or(too_large)?;
    disk.append(slot, &bytes).map_err(StorageError::NotWritten)?;
    Ok(behind)
}

/// Removes what a refused write has left. It is durably gone, or the outcome is unknown: a write that
/// was reported as not written must not come back.
fn cut<D: Disk>(disk: &mut D, slot: Slot, len_bytes: u64, error: DiskError) -> StorageError {
    match disk.truncate(slot, len_bytes).and_then(|()| disk.sync(slot)) {
        Ok(()) => StorageError::NotWritten(error),
        Err(_) => StorageError::OutcomeUnknown(error),
    }
}
