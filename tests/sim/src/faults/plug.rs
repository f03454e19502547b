//! A disk that can be pulled away from a process.
//!
//! A process that is killed does nothing more: no close, no last write. Its replica is dropped all the
//! same, so that the simulation keeps no memory of the dead; but by then it has no disk any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rejoin::{Disk, DiskError};
use rejoin_storage::{FaultyDisk, Slot};

/// The end of the cable at the process.
#[derive(Clone, Debug)]
pub(super) struct Plugged {
    disk: FaultyDisk,
    plug: Plug,
}

/// What pulls the disk away.
#[derive(Clone, Debug, Default)]
pub(super) struct Plug(Arc<AtomicBool>);

impl Plug {
    /// From now on the process has no disk.
    pub(super) fn pull(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// A cable to this disk.
    pub(super) fn connect(&self, disk: &FaultyDisk) -> Plugged {
        Plugged { disk: disk.clone(), plug: self.clone() }
    }
}

impl Plugged {
    fn check(&self) -> Result<(), DiskError> {
        if self.plug.0.load(Ordering::Relaxed) { Err(DiskError::PowerOff) } else { Ok(()) }
    }
}

impl Disk for Plugged {
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError> {
        self.check()?;
        self.disk.len_bytes(slot)
    }

    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.check()?;
        self.disk.read(slot, offset, into)
    }

    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError> {
        self.check()?;
        self.disk.append(slot, bytes)
    }

    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError> {
        self.check()?;
        self.disk.truncate(slot, len_bytes)
    }

    fn sync(&mut self, slot: Slot) -> Result<(), DiskError> {
        self.check()?;
        self.disk.sync(slot)
    }
}
