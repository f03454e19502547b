//! Members come and go.
//!
//! Whoever is retired by others is gone: its disk is lost, or it writes under another id by now. A member
//! that still writes closes itself. Nobody is retired whose last changes only others than its sponsor
//! have: when they turn up later, a removal that they are concurrent with may have been collected.
//!
//! In some histories members are retired in haste, while they go on writing. Nobody collects there: then the
//! removals are still known that late writes are concurrent with, and the oracle stays exact.

use rejoin::{Committed, KeyRange, MemberError, MemberState, ReplicaId, TransactError};

use super::machine::Machine;
use super::{FOUNDED, Faults, Mark};
use crate::replay::Fault;
use crate::report::{Failure, Symptom};

impl Faults {
    /// The first machine founds the document, and admits some of the others at once.
    pub(super) fn found(&mut self) -> Result<(), Failure> {
        let Some(replica) = self.machines[0].replica().cloned() else { return Ok(()) };
        let before = self.before(0);
        let founded = replica.found_cluster("site 0");
        self.changed_members(0, &before, founded)?;
        for at in 1..self.machines.len() {
            if !self.machines[at].is_guest && self.rng.u8(..4) > 0 {
                self.admit(0, at)?;
            }
        }
        Ok(())
    }

    /// Whether a machine knows any members, and whether it is an active one.
    pub(super) fn standing(&self, at: usize) -> (bool, bool) {
        let machine = &self.machines[at];
        let (Some(replica), Some(life)) = (machine.replica(), machine.life) else {
            return (false, false);
        };
        let view = replica.view();
        let is_active = view.members().state_of(life) == Some(MemberState::Active);
        (view.members().is_managed(), is_active)
    }

    /// A machine changes the member list, or tries to.
    pub(super) fn change_members(&mut self, at: usize) -> Result<(), Failure> {
        let (is_known, is_active) = self.standing(at);
        if !is_known || (!is_active && self.rng.u8(..4) > 0) {
            return Ok(());
        }
        match self.rng.u8(..8) {
            0..5 => {
                let whom = self.rng.usize(..self.machines.len());
                if self.machines[whom].is_guest { Ok(()) } else { self.admit(at, whom) }
            }
            5..7 => self.retire(at),
            _ if self.is_on(Fault::Members) => self.close_itself(at),
            _ => Ok(()),
        }
    }

    /// The member list is changed: by this machine, or by the next one that can.
    pub(super) fn reorganise(&mut self, first: usize) -> Result<(), Failure> {
        let (count, before) = (self.machines.len(), self.tally.marks.of(Mark::MembersChanged));
        for at in (0..count).map(|other| (first + other) % count) {
            if self.tally.marks.of(Mark::MembersChanged) == before {
                self.change_members(at)?;
            }
        }
        Ok(())
    }

    /// A machine admits another one, in the place of its former life if it had one.
    pub(super) fn admit(&mut self, at: usize, whom: usize) -> Result<(), Failure> {
        let Some(life) = self.identify(whom) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let closes = self.machines[whom].former.filter(|former| {
            self.is_gone(at, *former) && replica.view().members().state_of(*former).is_some()
        });
        let before = self.before(at);
        let admitted = replica.admit(life, &format!("site {whom}"), closes);
        if admitted.is_ok() {
            self.reach(if closes.is_some() { Mark::AdmittedAgain } else { Mark::Admitted });
        }
        self.changed_members(at, &before, admitted)
    }

    /// Whether nobody goes on with a life, and a machine has everything of it that anybody has.
    fn is_gone(&self, at: usize, life: ReplicaId) -> bool {
        let full = KeyRange::full();
        let had = |machine: &Machine| {
            let vectors = machine.known.segments_in(&full);
            vectors.map(|(_, vector)| vector.seq(life)).max().unwrap_or(0)
        };
        let most = self.machines.iter().map(had).max().unwrap_or(0);
        self.dead.contains(&life) && self.machines[at].known.floor().seq(life) >= most
    }

    /// A machine retires a life that nobody goes on with.
    pub(super) fn retire(&mut self, at: usize) -> Result<(), Failure> {
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let members = replica.members().into_iter();
        let is_over = |life| self.is_hasty || self.is_gone(at, life);
        let gone =
            members.filter(|member| is_over(member.life) && member.state != MemberState::Retired);
        let gone: Vec<ReplicaId> = gone.map(|member| member.life).collect();
        let Some(life) = self.rng.choice(gone) else { return Ok(()) };
        let before = self.before(at);
        let retired = replica.retire_member(life);
        if retired.is_ok() {
            self.reach(Mark::Retired);
        }
        self.changed_members(at, &before, retired)
    }

    /// A member closes itself: it writes no member-only type any more.
    fn close_itself(&mut self, at: usize) -> Result<(), Failure> {
        let Some(life) = self.identify(at) else { return Ok(()) };
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let before = self.before(at);
        let closed = replica.close_member(life);
        if closed.is_ok() {
            self.reach(Mark::Closed);
        }
        self.changed_members(at, &before, closed)
    }

    pub(super) fn changed_members<T>(
        &mut self,
        at: usize,
        before: &super::write::Before,
        result: Result<Committed<T>, TransactError<MemberError>>,
    ) -> Result<(), Failure> {
        match result {
            Ok(committed) => {
                if let Some(last) = committed.last {
                    self.claim(at, last.replica, last.seq - 1, last.seq)?;
                    self.machines[at].has_written = true;
                    if self.step > FOUNDED {
                        self.reach(Mark::MembersChanged);
                    }
                }
            }
            Err(TransactError::Storage(error)) => {
                self.not_durable(at, error, before, Vec::new())?;
            }
            Err(TransactError::Aborted(MemberError::NotAMember { .. }))
                if self.standing(at) == (true, false) =>
            {
                self.reach(Mark::AdmissionRefused);
            }
            Err(TransactError::Aborted(
                MemberError::AlreadyAdmitted { .. }
                | MemberError::LastActive { .. }
                | MemberError::Hydrating,
            )) => self.reach(Mark::AdmissionRefused),
            Err(error) => {
                let what = format!("a change of the member list was refused: {error}");
                return self.fail(at, Symptom::WriteRefused.says(what));
            }
        }
        self.check(at)?;
        self.settle(at)
    }
}
