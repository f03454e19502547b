//! Snapshots: the records of a log as one byte string, without token and life.
//!
//! A backup that is a copy of the files carries a proof of life, and only the token outside tells that
//! it is a copy. A snapshot carries none, so the first open of what it is restored to begins a new life
//! in any case. The bytes are those of a slot with generation 0, see `docs/storage-format.md`.

use thiserror::Error;

use crate::disk::{Disk, Slot};
use crate::frame::FORMAT;
use crate::life::format;
use crate::memory_disk::MemoryDisk;
use crate::recovery::{RecoverError, recover};
use crate::scan::Scan;
use crate::seal_record::SealRecord;
use crate::slot_writer::{clear, write_generation};
use crate::storage::StorageError;

/// The generation of a snapshot; logs begin with 1.
const SNAPSHOT_GENERATION: u64 = 0;

/// Why a snapshot could not be restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The target has a log already.
    #[error("there is a log on this disk")]
    NotEmpty,
    /// The bytes are not a whole snapshot.
    #[error("of the snapshot only the first {whole_bytes} bytes check out")]
    Damaged {
        /// How many bytes check out.
        whole_bytes: u64,
    },
    /// A newer version of this crate has made the snapshot.
    #[error("the snapshot has format {found}, known are formats up to {known}")]
    NewerFormat {
        /// The format of the snapshot.
        found: u32,
        /// The newest format that can be read.
        known: u32,
    },
    /// The target cannot be read.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The target cannot be written.
    #[error("the snapshot could not be written")]
    Write(#[from] StorageError),
}

/// Makes a snapshot of these records: those of a checkpoint, or what [`recover`] returns.
///
/// # Errors
/// [`StorageError::RecordTooLarge`]; nothing else can happen in memory.
pub fn export_snapshot<R: AsRef<[u8]>>(
    records: impl IntoIterator<Item = R>,
) -> Result<Vec<u8>, StorageError> {
    let mut disk = MemoryDisk::default();
    write_generation(
        &mut disk,
        Slot::A,
        SNAPSHOT_GENERATION,
        None,
        records,
        SealRecord::default(),
    )?;
    Ok(disk.into_durable(Slot::A))
}

/// Puts the records of a snapshot on an empty disk. The next open begins a new life.
///
/// # Errors
/// [`RestoreError`]. A disk that had a log is unchanged; one that was empty holds no record.
pub fn restore<D: Disk>(disk: &mut D, snapshot: &[u8]) -> Result<(), RestoreError> {
    let records = records_of(snapshot)?;
    // A restore that was interrupted has left a log that nobody has used.
    if !recover(disk)?.is_bare() {
        return Err(RestoreError::NotEmpty);
    }
    let formatted = format(disk)?;
    let slot = formatted.slot.other();
    write_generation(disk, slot, formatted.generation + 1, None, records, SealRecord::default())?;
    Ok(clear(disk, formatted.slot).map_err(StorageError::OutcomeUnknown)?)
}

/// The records of a snapshot, if all of it checks out.
fn records_of(snapshot: &[u8]) -> Result<Vec<Vec<u8>>, RestoreError> {
    let disk = MemoryDisk::from_bytes(snapshot.to_vec(), Vec::new());
    let scan = Scan::of(&disk, Slot::A).map_err(RecoverError::Disk)?;
    if let Some(header) = scan.header
        && header.format > FORMAT
    {
        return Err(RestoreError::NewerFormat { found: header.format, known: FORMAT });
    }
    let is_whole = scan.generation() == Some(SNAPSHOT_GENERATION)
        && scan.sealed_at == Some(scan.len_bytes)
        && scan.found.is_none()
        && scan.life.is_none();
    if !is_whole {
        let whole_bytes = scan.header.map_or(0, |_| scan.end.offset);
        return Err(RestoreError::Damaged { whole_bytes });
    }
    Ok(scan.records)
}
