//! A disk in memory that remembers which changes have not been synced.
//!
//! It is what simulated faults work on, and the source of bytes where a file would be too much.

use crate::disk::{Disk, DiskError, Slot};

/// Two slots in memory: what is durable, what is seen, and the changes between them.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    a: Platter,
    b: Platter,
}

/// One slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platter {
    /// What a crash leaves for certain.
    pub(crate) durable: Vec<u8>,
    /// What the process reads.
    pub(crate) seen: Vec<u8>,
    /// The changes since the last sync, oldest first.
    pub(crate) unsynced: Vec<Change>,
}

/// One change of a slot.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len_bytes: usize },
}

impl MemoryDisk {
    /// A disk on which these bytes are durable in slot A and slot B.
    pub fn from_bytes(a: Vec<u8>, b: Vec<u8>) -> Self {
        Self { a: Platter::durable(a), b: Platter::durable(b) }
    }

    /// The bytes of a slot as the process sees them.
    pub fn bytes(&self, slot: Slot) -> &[u8] {
        &self.platter(slot).seen
    }

    /// A crash that keeps nothing of what was not synced.
    pub fn lose_unsynced(&mut self) {
        for slot in Slot::BOTH {
            let platter = self.platter_mut(slot);
            *platter = Platter::durable(std::mem::take(&mut platter.durable));
        }
    }

    /// The durable bytes of a slot.
    pub(crate) fn into_durable(self, slot: Slot) -> Vec<u8> {
        match slot {
            Slot::A => self.a.durable,
            Slot::B => self.b.durable,
        }
    }

    pub(crate) const fn platter(&self, slot: Slot) -> &Platter {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }

    pub(crate) const fn platter_mut(&mut self, slot: Slot) -> &mut Platter {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
        }
    }
}

impl Disk for MemoryDisk {
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError> {
        Ok(self.platter(slot).seen.len() as u64)
    }

    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let seen = &self.platter(slot).seen;
        let found = usize::try_from(offset)
            .ok()
            .and_then(|from| seen.get(from..from.checked_add(into.len())?));
        let Some(bytes) = found else {
            let (asked_bytes, len_bytes) = (into.len() as u64, seen.len() as u64);
            return Err(DiskError::PastEnd { offset, asked_bytes, len_bytes });
        };
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError> {
        let platter = self.platter_mut(slot);
        let offset = platter.seen.len();
        platter.change(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError> {
        let len_bytes = usize::try_from(len_bytes).unwrap_or(usize::MAX);
        self.platter_mut(slot).change(Change::Truncate { len_bytes });
        Ok(())
    }

    fn sync(&mut self, slot: Slot) -> Result<(), DiskError> {
        let platter = self.platter_mut(slot);
        for change in std::mem::take(&mut platter.unsynced) {
            change.apply(usize::MAX, &mut platter.durable);
        }
        Ok(())
    }
}

impl Platter {
    fn durable(bytes: Vec<u8>) -> Self {
        Self { seen: bytes.clone(), durable: bytes, unsynced: Vec::new() }
    }

    /// Makes a change that the next sync makes durable.
    pub(crate) fn change(&mut self, change: Change) {
        change.apply(usize::MAX, &mut self.seen);
        self.unsynced.push(change);
    }
}

impl Change {
    /// Changes `bytes`; of a write only the first `kept_bytes` bytes. A gap before it is filled with zeros.
    pub(crate) fn apply(&self, kept_bytes: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate { len_bytes } => bytes.truncate(*len_bytes),
            Self::Write { offset, bytes: written } => {
                let kept = written.get(..kept_bytes).unwrap_or(written);
                if kept.is_empty() {
                    return;
                }
                let end = offset + kept.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(kept);
                }
            }
        }
    }
}
