//! What applications write.

use rejoin::{StorageError, TransactError, WriteError, planted};
use rejoin_oracle::Op;
use rejoin_storage::{DiskError, recover};

use super::machine::Unknown;
use super::{Faults, Mark};
use crate::report::{Failure, Symptom};
use crate::workload::{is_member_only, perform, plan, subtree};

/// Why a simulated transaction ends without a commit.
#[derive(Debug)]
enum Abort {
    OnPurpose,
    Refused(WriteError),
}

/// What stood where before a write that may fail.
pub(super) struct Before {
    records: Option<usize>,
    own_seq: u64,
}

impl Faults {
    /// Runs a random transaction on a machine, and now and then takes it back.
    pub(super) fn write(&mut self, at: usize) -> Result<(), Failure> {
        let Some(life) = self.identify(at) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let plan = self.plan(at);
        let takes_back = self.rng.u8(..10) == 0;
        let (before, places) = (self.before(at), self.judge.places.clone());
        let mut done = Vec::new();
        let result = replica.transact(|tx| {
            let hlc = tx.hlc().to_u64();
            for &(place, op) in &plan {
                if perform(tx, &places[place], op).map_err(Abort::Refused)? {
                    done.push((place, op, hlc));
                }
            }
            if takes_back { Err(Abort::OnPurpose) } else { Ok(()) }
        });
        self.tally.operations += plan.len() as u64;
        let asks_members = plan.iter().any(|(place, _)| is_member_only(places[*place].kind));
        match result {
            Ok(committed) => {
                self.check_admitted(at, asks_members)?;
                if let Some(last) = committed.last {
                    let first = last.seq - done.len() as u64;
                    self.tally.changes += done.len() as u64;
                    self.claim(at, last.replica, first, last.seq)?;
                    self.judge.wrote(self.machines[at].index, last.replica, first, &done);
                    self.machines[at].has_written = true;
                }
            }
            Err(TransactError::Aborted(Abort::OnPurpose)) => {}
            Err(TransactError::Aborted(Abort::Refused(error))) => self.check_refusal(at, &error)?,
            Err(TransactError::Storage(error)) => self.not_durable(at, error, &before, done)?,
            Err(error) => {
                let what = format!("a small write of {life} was refused: {error:?}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        self.check(at)?;
        self.settle(at)
    }

    /// Writes or deletes about `count` of the many registers that nobody looks at: that all are equal in
    /// the end shows in the fingerprint.
    pub(super) fn scatter(&mut self, at: usize, count: u32) -> Result<(), Failure> {
        let Some(life) = self.identify(at) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let before = self.before(at);
        let (rng, bulk) = (&mut self.rng, self.bulk);
        let result = replica.transact(|tx| {
            for number in 0..bulk {
                if rng.u32(..bulk) >= count {
                    continue;
                }
                let mut register = tx.register(("many", number));
                if count < bulk && rng.bool() {
                    register.delete()?;
                } else {
                    register.set(rng.u32(..))?;
                }
            }
            Ok::<(), WriteError>(())
        });
        match result {
            Ok(committed) => {
                if let Some(last) = committed.last {
                    self.claim(at, life, last.seq - 1, last.seq)?;
                    self.machines[at].has_written = true;
                }
            }
            Err(TransactError::Storage(error)) => {
                self.not_durable(at, error, &before, Vec::new())?;
            }
            Err(TransactError::Aborted(error @ WriteError::Quarantined { .. })) => {
                self.check_refusal(at, &error)?;
            }
            Err(error) => {
                let what = format!("a large write was refused: {error:?}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        self.check(at)?;
        self.settle(at)
    }

    /// One to three operations. Whoever is no member seldom tries to write what members alone may.
    fn plan(&mut self, at: usize) -> Vec<(usize, Op)> {
        let (is_known, is_active) = self.standing(at);
        // Before the first members are known here, the types of members are left alone: whoever wrote them
        // without members cannot join a document that has them.
        let tries = is_active || (is_known && self.rng.u8(..12) == 0) || !self.is_managed;
        plan(&mut self.rng, &self.judge.places, |kind| tries || !is_member_only(kind))
    }

    /// A member-only type was written: by a member.
    fn check_admitted(&self, at: usize, asked: bool) -> Result<(), Failure> {
        let (is_known, is_active) = self.standing(at);
        if asked && is_known && !is_active && !planted::any_planted() {
            let what = "a replica that is no active member wrote a member-only type";
            return self.fail(at, Symptom::WriteRefused.says(what));
        }
        Ok(())
    }

    fn check_refusal(&mut self, at: usize, error: &WriteError) -> Result<(), Failure> {
        let (_, is_active) = self.standing(at);
        match error {
            WriteError::NotAMember { .. } if !is_active => self.reach(Mark::GuestRefused),
            WriteError::Quarantined { .. } if !self.machines[at].quarantine.is_empty() => {
                self.reach(Mark::QuarantineRefused);
            }
            WriteError::AdmissionNotReached { .. } if is_active => {
                self.reach(Mark::AdmissionNotReached);
            }
            error => {
                let what = format!("a small write was refused: {error}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        Ok(())
    }

    /// Deletes a random subtree.
    pub(super) fn delete_subtree(&mut self, at: usize) -> Result<(), Failure> {
        let Some(life) = self.identify(at) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let path = subtree(&mut self.rng, &self.judge.places);
        let before = self.before(at);
        let known = replica.context();
        self.tally.operations += 1;
        match replica.transact(|tx| tx.delete(&path)) {
            Ok(committed) => {
                if let Some(last) = committed.last {
                    let (deletions, dots) = self.own_changes(at, life, 0, &known);
                    let first = dots.iter().map(|dot| dot.seq).min().unwrap_or(last.seq);
                    self.tally.changes += 1;
                    self.tally.subtree_deletions += 1;
                    self.tally.segmented_deletions += u64::from(deletions.len() > 1);
                    self.claim(at, life, first - 1, last.seq)?;
                    self.judge.deleted_by(self.machines[at].index, &deletions);
                    self.machines[at].has_written = true;
                }
            }
            Err(TransactError::Storage(error)) => {
                self.not_durable(at, error, &before, Vec::new())?;
            }
            Err(TransactError::Aborted(error @ WriteError::Quarantined { .. })) => {
                self.check_refusal(at, &error)?;
            }
            Err(error) => {
                let what = format!("a deletion was refused: {error:?}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        self.check(at)?;
        self.settle(at)
    }

    /// What stands where before a write that may fail.
    pub(super) fn before(&self, at: usize) -> Before {
        let machine = &self.machines[at];
        let own_seq = machine.life.map_or(0, |life| machine.known.floor().seq(life));
        Before { records: machine.in_trouble.then(|| self.records(at)), own_seq }
    }

    /// How many records a process sees on its disk.
    fn records(&self, at: usize) -> usize {
        recover(&self.machines[at].disk.copy(0)).map_or(0, |recovered| recovered.records.len())
    }

    /// A change could not be made durable: the disk must be to blame, and the outcome may be unknown.
    pub(super) fn not_durable(
        &mut self,
        at: usize,
        error: StorageError,
        before: &Before,
        ops: Vec<(usize, Op, u64)>,
    ) -> Result<(), Failure> {
        let machine = &self.machines[at];
        let (Some(replica), Some(life)) = (machine.replica(), machine.life) else { return Ok(()) };
        let Some(records) = before.records else {
            let what = format!("a healthy disk refused a write: {error:?}");
            return self.fail(at, Symptom::Storage.says(what));
        };
        match error {
            StorageError::OutcomeUnknown(_) => {
                let own_seq = replica.context().floor().seq(life);
                let skipped = usize::from(own_seq > before.own_seq);
                let is_on_disk = self.records(at) > records + skipped;
                let unknown = Unknown { life, before: own_seq, ops, is_on_disk };
                self.machines[at].unknown = Some(unknown);
                self.reach(Mark::Poisoned);
            }
            StorageError::NotWritten(DiskError::Full) => self.reach(Mark::DiskFull),
            _ => {}
        }
        Ok(())
    }
}
