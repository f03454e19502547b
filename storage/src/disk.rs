//! A disk as a log needs it: two slots of bytes that grow at the end.
//!
//! What a disk must keep: bytes and lengths are as written once [`Disk::sync`] of their slot has
//! returned without error. Of changes since then a crash may keep all, none, some, or a part of one.
//! The process itself reads what it wrote, synced or not.
//!
//! Two slots, so that a new checkpoint grows beside the old one. Idea: the storage backend of redb,
//! which is as small; there it is one file with writes at any offset.

use std::io;

use thiserror::Error;

/// One of the two byte sequences of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The first one.
    A,
    /// The second one.
    B,
}

impl Slot {
    /// Both slots.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The slot that this one is not.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Two slots of bytes that can be read anywhere, appended to and cut.
pub trait Disk {
    /// The present length of a slot.
    ///
    /// # Errors
    /// What the device says; nothing changed.
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError>;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// What the device says, and [`DiskError::PastEnd`]; the disk is unchanged, `into` is unspecified.
    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError>;

    /// Adds bytes at the end of a slot.
    ///
    /// # Errors
    /// What the device says; any part of the bytes may have been added.
    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError>;

    /// Cuts a slot down to its first `len_bytes` bytes; does nothing if it is shorter.
    ///
    /// # Errors
    /// What the device says; the slot may have been cut.
    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError>;

    /// Makes all changes of a slot so far durable.
    ///
    /// # Errors
    /// What the device says; which of the changes are durable, or ever will be, is unknown.
    fn sync(&mut self, slot: Slot) -> Result<(), DiskError>;
}

/// Why a disk did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// There is no room.
    #[error("the disk is full")]
    Full,
    /// More bytes were asked for than there are.
    #[error("read of {asked_bytes} bytes at {offset} goes past the end at {len_bytes}")]
    PastEnd {
        /// Where the reading should have begun.
        offset: u64,
        /// How many bytes were wanted.
        asked_bytes: u64,
        /// How many bytes the slot has.
        len_bytes: u64,
    },
    /// Another process has the directory open.
    #[error("another process has this directory open")]
    InUse,
    /// The power is off; only a simulated disk says so.
    #[error("the power is off")]
    PowerOff,
    /// The operating system reports an error.
    #[error("the device reports: {kind} (code {code:?})")]
    Device {
        /// What kind of error it is.
        kind: io::ErrorKind,
        /// The number that the operating system gives it.
        code: Option<i32>,
    },
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            kind => Self::Device { kind, code: error.raw_os_error() },
        }
    }
}
