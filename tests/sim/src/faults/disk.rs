//! Disks that fail, forget, mix things up, and are lost.

use rejoin_storage::{Disk, FaultPlan, Slot};

use super::{Faults, Mark};
use crate::report::{Failure, Symptom};

impl Faults {
    /// A disk fails to sync now and then, or has hardly any room, until somebody takes care of it.
    pub(super) fn fail_disk(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &mut self.machines[at];
        if machine.in_trouble || !machine.is_running() {
            return Ok(());
        }
        let used = Slot::BOTH.map(|slot| machine.disk.len_bytes(slot).unwrap_or(0));
        let plan = match self.rng.bool() {
            true => FaultPlan { failing_syncs_per_mille: self.rng.u64(50..600), ..FaultPlan::NONE },
            false => FaultPlan {
                capacity_bytes: used.iter().sum::<u64>() + self.rng.u64(..400),
                ..FaultPlan::NONE
            },
        };
        machine.disk.set_plan(plan);
        machine.in_trouble = true;
        machine.starts_at = self.step + self.rng.u64(3..20);
        self.reach(Mark::DiskFails);
        if self.rng.u8(..3) > 0 {
            return Ok(());
        }
        // An operator who tries a restart first.
        if self.rng.bool() {
            self.close(at)
        } else {
            self.crash(at)
        }
        self.start(at)
    }

    /// A bit flips on a disk. It shows when the disk is read: soon, or at some later start.
    pub(super) fn damage(&mut self, at: usize) -> Result<(), Failure> {
        self.machines[at].disk.flip_bit();
        self.machines[at].is_damaged = true;
        self.reach(Mark::BitFlipped);
        self.restart_some(at)
    }

    /// What a machine writes lands elsewhere on its disk, over something else. It believes that all is well
    /// until it reads its disk.
    pub(super) fn misdirect(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &self.machines[at];
        if machine.in_trouble || !machine.is_running() {
            return Ok(());
        }
        let (disk, before) = (machine.disk.clone(), machine.disk.counts().misdirected);
        disk.set_plan(FaultPlan { misdirected_per_mille: 1_000, ..FaultPlan::NONE });
        let written = self.write(at);
        disk.set_plan(FaultPlan::NONE);
        written?;
        if disk.counts().misdirected > before {
            self.machines[at].is_damaged = true;
            self.reach(Mark::Misdirected);
        }
        self.restart_some(at)
    }

    /// Two of three machines are restarted at once, in good order or not; the others at some later time.
    fn restart_some(&mut self, at: usize) -> Result<(), Failure> {
        if !self.machines[at].is_running() || self.rng.u8(..3) == 0 {
            return Ok(());
        }
        if self.rng.bool() {
            self.close(at)
        } else {
            self.crash(at)
        }
        if self.machines[at].in_trouble { Ok(()) } else { self.start(at) }
    }

    /// A disk is lost, or put back to an old snapshot; before that, a snapshot is made.
    pub(super) fn lose(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &self.machines[at];
        let Some(replica) = machine.replica().cloned() else { return Ok(()) };
        if machine.in_trouble || !machine.quarantine.is_empty() {
            return Ok(());
        }
        if machine.backup.is_none() && self.rng.bool() {
            let backup = replica.snapshot();
            let backup = backup.or_else(|e| self.fail(at, Symptom::Storage.says(e.to_string())))?;
            self.machines[at].backup = Some(backup);
            return Ok(());
        }
        drop(replica);
        if self.rng.bool() {
            self.close(at)
        } else {
            self.crash(at)
        }
        let backup = self.machines[at].backup.take();
        self.replace_disk(at, backup.as_deref())?;
        if self.rng.bool() {
            return self.start(at);
        }
        self.machines[at].starts_at = self.step + self.rng.u64(10..40);
        Ok(())
    }
}
