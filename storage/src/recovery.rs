//! Recovery: which records a disk holds, and how it was left.
//!
//! The slot that counts is the sealed one of the greatest generation. The other one must be explained:
//! it is empty, or the next checkpoint before its seal, or the last one that was not dropped yet.
//! Anything else has landed there by mistake, and then a write may be missing where it should be.
//!
//! What must hold: recovery changes nothing, so a crash during it, or a second look, changes nothing
//! either; and what it returns is a prefix of what was written.
//!
//! Idea: write-ahead logging, Mohan and others, *ARIES*, 1992, section 3, reduced to redo. There is
//! nothing to undo, because a record is one commit.

use thiserror::Error;

use crate::disk::{Disk, DiskError, Slot};
use crate::end::End;
use crate::frame::{FORMAT, Header};
use crate::scan::Scan;

/// What a disk holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// How the log was left.
    pub end: End,
    /// The records of the latest complete checkpoint, then those appended since, in order.
    pub records: Vec<Vec<u8>>,
    /// The slot that they come from; `None` if no slot has a header.
    pub(crate) current: Option<Scan>,
}

/// Why a disk cannot be recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The disk cannot be read.
    #[error("the log cannot be read")]
    Disk(#[from] DiskError),
    /// A newer version of this crate has written it.
    #[error("the log has format {found}, known are formats up to {known}")]
    NewerFormat {
        /// The format of the log.
        found: u32,
        /// The newest format that can be read.
        known: u32,
    },
}

/// Reads the records of a disk, for an open or for rescue.
///
/// # Errors
/// [`RecoverError`]. The disk is unchanged in any case.
pub fn recover<D: Disk>(disk: &D) -> Result<Recovered, RecoverError> {
    let scans = (Scan::of(disk, Slot::A)?, Scan::of(disk, Slot::B)?);
    for header in [&scans.0, &scans.1].into_iter().filter_map(|scan| scan.header) {
        if header.format > FORMAT {
            return Err(RecoverError::NewerFormat { found: header.format, known: FORMAT });
        }
    }
    let (current, other) = in_order(scans.0, scans.1);
    Ok(judge(current, other))
}

/// Puts the slot that counts first.
///
/// Without any seal that is the older one: it is dropped only when the newer one has its seal.
fn in_order(a: Scan, b: Scan) -> (Scan, Scan) {
    let is_a_first = match (a.sealed_at, b.sealed_at) {
        (Some(_), Some(_)) => a.generation() >= b.generation(),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => match (a.generation(), b.generation()) {
            (Some(a), Some(b)) => a <= b,
            (None, None) => a.len_bytes >= b.len_bytes,
            (a, _) => a.is_some(),
        },
    };
    if is_a_first { (a, b) } else { (b, a) }
}

fn judge(mut current: Scan, other: Scan) -> Recovered {
    let records = std::mem::take(&mut current.records);
    let end = match current.generation() {
        Some(generation) if current.sealed_at.is_some() => {
            if is_explained(&other, generation) {
                end_of(&current)
            } else {
                let dropped_bytes = current.dropped_bytes().saturating_add(other.dropped_bytes());
                End::Damaged { dropped_bytes }
            }
        }
        _ if is_before_first_seal(&current, &other) => End::Empty,
        _ => {
            let dropped_bytes = current.dropped_bytes().saturating_add(other.len_bytes);
            End::Damaged { dropped_bytes }
        }
    };
    let current = (current.header.is_some() && end != End::Empty).then_some(current);
    Recovered { end, records, current }
}

/// How the slot that counts ends.
///
/// An unfinished write behind a seal that tells of trouble adds nothing to it.
const fn end_of(current: &Scan) -> End {
    if let Some(found) = current.found {
        return found;
    }
    let dropped_bytes = current.dropped_bytes();
    match (dropped_bytes, current.has_later_frame) {
        (0, _) if current.closed_at.is_some() => End::Clean,
        (0, _) => End::Crashed,
        (_, false) => End::Torn { dropped_bytes },
        (_, true) => End::Damaged { dropped_bytes },
    }
}

/// Whether writing checkpoints leaves `other` like this beside a sealed slot of this generation.
fn is_explained(other: &Scan, generation: u64) -> bool {
    match other.generation() {
        None => is_header_begun(other, generation.saturating_add(1)),
        Some(found) if other.sealed_at.is_some() => found.checked_add(1) == Some(generation),
        Some(found) => generation.checked_add(1) == Some(found),
    }
}

/// Whether the disk looks as before the seal of its first, empty checkpoint.
fn is_before_first_seal(current: &Scan, other: &Scan) -> bool {
    let is_begun = match current.generation() {
        Some(generation) => generation == 1 && current.end.number == 0 && !current.has_later_frame,
        None => is_header_begun(current, 1),
    };
    is_begun && other.len_bytes == 0
}

/// Whether a slot holds a part of this header and zeros, as an unfinished write leaves it.
///
/// The header is synced before anything else is written, so there is nothing behind it yet.
fn is_header_begun(scan: &Scan, generation: u64) -> bool {
    let header = Header::new(generation).to_bytes();
    scan.len_bytes <= header.len() as u64
        && scan.start.iter().zip(header).all(|(&found, byte)| found == byte || found == 0)
}
