//! A disk that fails by plan: for simulations.
//!
//! What happens is a function of the seed and of the calls. The faults are those that real devices are
//! known for: Bairavasundaram and others, *An Analysis of Data Corruption in the Storage Stack*, 2008
//! (flipped bits, torn and misdirected writes), and Rebello and others, *Can Applications Recover from
//! fsync Failures?*, 2020 (a failed sync whose bytes are seen until the crash and gone after it).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskError, Slot};
use crate::memory_disk::{Change, MemoryDisk};
use crate::random::SplitMix64;

/// How often a [`FaultyDisk`] fails by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultPlan {
    /// Of 1 000 syncs so many fail.
    pub failing_syncs_per_mille: u64,
    /// Of 1 000 appends so many land elsewhere on the disk.
    pub misdirected_per_mille: u64,
    /// How many bytes both slots have room for.
    pub capacity_bytes: u64,
}

impl FaultPlan {
    /// A disk that fails only when it is told to.
    pub const NONE: Self =
        Self { failing_syncs_per_mille: 0, misdirected_per_mille: 0, capacity_bytes: u64::MAX };
}

/// How often something rare happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts {
    /// Crashes with changes that were not synced.
    pub crashes_with_unsynced: u64,
    /// Writes of which a crash kept a part.
    pub torn_writes: u64,
    /// Changes of which a crash kept nothing.
    pub lost_changes: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Appends that landed elsewhere.
    pub misdirected: u64,
    /// Appends for which there was no room.
    pub full: u64,
}

/// A [`MemoryDisk`] with faults. Clones are handles of the same disk, so that it outlives the log that
/// uses it; [`copy`](Self::copy) makes another disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    disk: MemoryDisk,
    plan: FaultPlan,
    random: SplitMix64,
    counts: FaultCounts,
    /// The power goes off with the change after so many.
    changes_left: Option<u64>,
    is_off: bool,
}

impl FaultyDisk {
    /// An empty disk; `seed` decides what happens on it.
    pub fn new(seed: u64, plan: FaultPlan) -> Self {
        Self::from_disk(MemoryDisk::default(), seed, plan)
    }

    /// A disk with the content of another.
    pub fn from_disk(disk: MemoryDisk, seed: u64, plan: FaultPlan) -> Self {
        let random = SplitMix64::new(seed);
        let counts = FaultCounts::default();
        let (changes_left, is_off) = (None, false);
        Self(Arc::new(Mutex::new(State { disk, plan, random, counts, changes_left, is_off })))
    }

    /// Another disk with the bytes that a process sees now, all of them durable: a clone of the
    /// machine, a backup.
    pub fn copy(&self, seed: u64) -> Self {
        let state = self.state();
        let [a, b] = Slot::BOTH.map(|slot| state.disk.bytes(slot).to_vec());
        Self::from_disk(MemoryDisk::from_bytes(a, b), seed, state.plan)
    }

    /// Changes how often the disk fails by itself.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.state().plan = plan;
    }

    /// Takes the power off with the change after `changes` more: a crash in the middle of something,
    /// of a recovery for instance. Everything fails from then on until [`crash`](Self::crash).
    pub fn power_off_after(&self, changes: u64) {
        self.state().changes_left = Some(changes);
    }

    /// The machine loses power and starts again. Of the changes that were not synced all, none, the
    /// first ones or any of them are kept, and each kept write may be torn at any byte.
    pub fn crash(&self) {
        let mut state = self.state();
        for slot in Slot::BOTH {
            state.crash_slot(slot);
        }
        state.changes_left = None;
        state.is_off = false;
    }

    /// Flips one stored bit anywhere; does nothing if there are none.
    pub fn flip_bit(&self) {
        let mut state = self.state();
        let Some((slot, offset)) = state.somewhere() else { return };
        let bit = 1 << state.random.below(8);
        let platter = state.disk.platter_mut(slot);
        for bytes in [&mut platter.durable, &mut platter.seen] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= bit;
            }
        }
    }

    /// How often something rare has happened so far.
    pub fn counts(&self) -> FaultCounts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_power(&self) -> Result<(), DiskError> {
        if self.is_off { Err(DiskError::PowerOff) } else { Ok(()) }
    }

    /// Counts a change; the one with which the power goes off is begun and not finished.
    fn count_change(&mut self) -> Result<(), DiskError> {
        self.check_power()?;
        match &mut self.changes_left {
            Some(0) => self.is_off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn has_room_for(&self, more_bytes: usize) -> bool {
        let used = Slot::BOTH.map(|slot| self.disk.bytes(slot).len() as u64);
        used.into_iter().sum::<u64>() + more_bytes as u64 <= self.plan.capacity_bytes
    }

    /// A random byte that is stored.
    fn somewhere(&mut self) -> Option<(Slot, usize)> {
        let first_len = self.disk.bytes(Slot::A).len();
        let len = first_len + self.disk.bytes(Slot::B).len();
        let offset = self.random.index_below(len)?;
        Some(match offset.checked_sub(first_len) {
            Some(offset) => (Slot::B, offset),
            None => (Slot::A, offset),
        })
    }

    fn crash_slot(&mut self, slot: Slot) {
        let Self { disk, random, counts, .. } = self;
        let platter = disk.platter_mut(slot);
        let changes = std::mem::take(&mut platter.unsynced);
        counts.crashes_with_unsynced += u64::from(!changes.is_empty());
        keep_some(&changes, &mut platter.durable, random, counts);
        platter.seen = platter.durable.clone();
    }
}

/// Makes a random part of `changes` durable.
fn keep_some(
    changes: &[Change],
    durable: &mut Vec<u8>,
    random: &mut SplitMix64,
    counts: &mut FaultCounts,
) {
    let mode = random.below(4);
    let first_lost = random.index_below(changes.len() + 1).unwrap_or_default();
    for (index, change) in changes.iter().enumerate() {
        let is_kept = match mode {
            0 => true,
            1 => false,
            2 => index < first_lost,
            _ => random.below(2) == 0,
        };
        let is_torn = match mode {
            2 => index == first_lost,
            _ => is_kept && random.below(4) == 0,
        };
        match change {
            Change::Write { bytes, .. } if is_torn => {
                counts.torn_writes += 1;
                change.apply(random.index_below(bytes.len()).unwrap_or_default(), durable);
            }
            _ if is_kept => change.apply(usize::MAX, durable),
            _ => counts.lost_changes += 1,
        }
    }
}

impl Disk for FaultyDisk {
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError> {
        let state = self.state();
        state.check_power()?;
        state.disk.len_bytes(slot)
    }

    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let state = self.state();
        state.check_power()?;
        state.disk.read(slot, offset, into)
    }

    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        state.count_change()?;
        if !state.has_room_for(bytes.len()) {
            state.counts.full += 1;
            let part = state.random.index_below(bytes.len()).unwrap_or_default();
            let part = bytes.get(..part).unwrap_or_default();
            if state.has_room_for(part.len()) {
                state.disk.append(slot, part)?;
            }
            return Err(DiskError::Full);
        }
        let per_mille = state.plan.misdirected_per_mille;
        if state.random.is_hit(per_mille)
            && let Some((slot, offset)) = state.somewhere()
        {
            state.counts.misdirected += 1;
            let change = Change::Write { offset, bytes: bytes.to_vec() };
            state.disk.platter_mut(slot).change(change);
        } else {
            state.disk.append(slot, bytes)?;
        }
        state.check_power()
    }

    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError> {
        let mut state = self.state();
        state.count_change()?;
        state.disk.truncate(slot, len_bytes)?;
        state.check_power()
    }

    fn sync(&mut self, slot: Slot) -> Result<(), DiskError> {
        let mut state = self.state();
        state.count_change()?;
        state.check_power()?;
        let per_mille = state.plan.failing_syncs_per_mille;
        if state.random.is_hit(per_mille) {
            let State { disk, random, counts, .. } = &mut *state;
            counts.failed_syncs += 1;
            let platter = disk.platter_mut(slot);
            let changes = std::mem::take(&mut platter.unsynced);
            keep_some(&changes, &mut platter.durable, random, counts);
            return Err(DiskError::Device { kind: std::io::ErrorKind::Other, code: None });
        }
        state.disk.sync(slot)
    }
}
