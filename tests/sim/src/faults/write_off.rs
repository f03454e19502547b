//! What is left of lives that were lost in the middle of a catch-up: an operator writes it off.
//!
//! Only once everybody has told everybody everything. Then nobody has what is given up, and the oracle knows
//! what remains: every operation that had arrived at a place, and none of the others.

use rejoin::{MemberState, ReplicaId, WriteOffError};

use super::{Faults, Mark};
use crate::report::{Failure, Symptom};

impl Faults {
    /// All are equal: what has arrived in part will not arrive any more. Afterwards all are whole, and change the
    /// members again, which nobody can who has them in part.
    pub(super) fn write_off_unfinished(&mut self) -> Result<(), Failure> {
        let unfinished = self.machines[0].replica().map(|replica| replica.status().unfinished);
        let unfinished = unfinished.unwrap_or_default();
        let were_whole = unfinished.is_empty();
        for life in unfinished {
            if self.machines.iter().any(|machine| machine.life == Some(life)) {
                let what = "a catch-up with somebody who writes has never ended";
                return self.fail(0, Symptom::Unbounded.says(what));
            }
            let is_retired = self.retire_lost(life)?;
            self.write_off(life, is_retired)?;
            self.become_equal()?;
        }
        if were_whole || !self.is_managed {
            return Ok(());
        }
        let first = self.rng.usize(..self.machines.len());
        self.reorganise(first)?;
        self.become_equal()
    }

    /// Whoever can retires a life, if it is a member still. Returns whether it is none any more: perhaps nobody is
    /// left who could.
    fn retire_lost(&mut self, life: ReplicaId) -> Result<bool, Failure> {
        for at in self.in_turn() {
            let Some(replica) = self.machines[at].replica().cloned() else { continue };
            let state = replica.view().members().state_of(life);
            if !matches!(state, Some(MemberState::Active | MemberState::Closing)) {
                return Ok(true);
            }
            if !self.standing(at).1 {
                continue;
            }
            let before = self.before(at);
            let retired = replica.retire_member(life);
            let is_done = retired.is_ok();
            self.changed_members(at, &before, retired)?;
            if is_done {
                self.reach(Mark::Retired);
                self.become_equal()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Somebody writes a life off.
    fn write_off(&mut self, life: ReplicaId, is_retired: bool) -> Result<(), Failure> {
        let mut machines = self.in_turn().into_iter();
        let is_sure = |at: &usize| {
            let replica = self.machines[*at].replica();
            replica.is_some_and(|replica| !replica.status().suspect)
        };
        let Some(at) = machines.find(is_sure) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let mut result = replica.write_off(life);
        if !is_retired && matches!(result, Err(WriteOffError::StillMember { .. })) {
            result = replica.write_off_unretired(life);
        }
        match result {
            Ok(Some(written_off)) => self.judge.give_up(life, &written_off),
            Ok(None) => {}
            Err(error) => {
                let what = format!("{life} was not written off: {error}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        self.reach(Mark::WrittenOff);
        self.settle(at)
    }

    /// All machines, from any one on.
    fn in_turn(&mut self) -> Vec<usize> {
        let count = self.machines.len();
        let first = self.rng.usize(..count);
        (0..count).map(|at| (first + at) % count).collect()
    }
}
