//! Starting and stopping machines, and what a start must find.
//!
//! A start must find everything that was visible before. If the disk may have lost something, what it
//! has lost must not matter to anybody else: the replica writes under a new id from then on.

use rejoin::path::Key;
use rejoin::{Context, Dot, End, Limits, Recovery, ReplicaId, WhyNew, wire};
use rejoin_storage::{FaultPlan, FaultyDisk};

use super::machine::{Unknown, covers};
use super::{Faults, Mark};
use crate::replay::Fault;
use crate::report::{Failure, Symptom};

impl Faults {
    /// Does what is due at a machine: a restart after trouble, a start after an absence.
    pub(super) fn look_after(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &self.machines[at];
        let is_due = machine.starts_at <= self.step;
        if machine.in_trouble && is_due {
            return self.repair(at);
        }
        if !machine.is_running() && is_due { self.start(at) } else { Ok(()) }
    }

    /// Ends the trouble with a disk and makes the machine run.
    pub(super) fn repair(&mut self, at: usize) -> Result<(), Failure> {
        self.machines[at].mend();
        if self.machines[at].in_trouble {
            if self.rng.bool() {
                self.close(at)
            } else {
                self.crash(at)
            }
            self.machines[at].in_trouble = false;
        }
        if self.machines[at].is_running() { Ok(()) } else { self.start(at) }
    }

    /// Stops a machine in good order.
    pub(super) fn close(&mut self, at: usize) {
        self.disconnect(at);
        self.machines[at].close();
    }

    /// A machine loses power.
    pub(super) fn crash(&mut self, at: usize) {
        self.disconnect(at);
        let counts = self.machines[at].crash();
        self.reach(Mark::Crash);
        if counts.crashes_with_unsynced > 0 {
            self.reach(Mark::CrashWithUnsynced);
        }
        if counts.torn_writes > 0 {
            self.reach(Mark::TornWrite);
        }
    }

    fn disconnect(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        machine.stopped_ms = rejoin::Environment::now_ms(&machine.clock);
        (machine.suspect_stamps, machine.late_writes) = (0, 0);
        machine.quarantine.clear();
        for wire in self.wires.iter_mut().filter(|wire| wire.machines.contains(&at)) {
            wire.hang_up(&mut self.tally.marks);
        }
    }

    /// Starts a machine; now and then the power fails again while it recovers.
    pub(super) fn start(&mut self, at: usize) -> Result<(), Failure> {
        if self.is_on(Fault::Clock) && self.rng.u8(..4) == 0 {
            self.machines[at].clock.break_it(&mut self.rng);
        }
        let machine = &mut self.machines[at];
        if rejoin::Environment::now_ms(&machine.clock) < machine.stopped_ms {
            self.reach(Mark::ClockBackOverRestart);
        }
        if self.is_on(Fault::Crash) && self.rng.u8(..4) == 0 {
            let machine = &mut self.machines[at];
            machine.disk.power_off_after(self.rng.u64(..8));
            let failed = machine.start().is_err();
            machine.crash();
            if failed {
                self.reach(Mark::CrashInRecovery);
            }
        }
        match self.machines[at].start() {
            Ok(recovery) => self.started(at, recovery),
            Err(error) => {
                self.reach(Mark::OpenFailed);
                if self.machines[at].in_trouble {
                    return Ok(());
                }
                if self.machines[at].is_damaged {
                    self.replace_disk(at, None)?;
                    return self.start(at);
                }
                let what = format!("a healthy disk does not open: {error:?}");
                self.fail(at, Symptom::Storage.says(what))
            }
        }
    }

    fn started(&mut self, at: usize, recovery: Recovery) -> Result<(), Failure> {
        self.count(recovery);
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let context = replica.context();
        self.settle_unknown(at, &context)?;
        let machine = &self.machines[at];
        let is_new = recovery.new_life.is_some();
        if !covers(&context, &machine.known) {
            if machine.is_reliable() {
                let what = format!("what was durable is gone: {recovery:?}");
                return self.fail(at, Symptom::Lost.says(what));
            }
            if !is_new {
                let what = format!("a replica that lost changes goes on: {recovery:?}");
                return self.fail(at, Symptom::Identity.says(what));
            }
            self.excuse(at, &context);
            self.reach(Mark::RecordsLost);
        } else if machine.is_damaged {
            self.reach(Mark::HarmlessDamage);
        }
        let machine = &self.machines[at];
        if is_new == (machine.life == Some(replica.identity()))
            || (is_new && machine.was_closed && machine.has_written && machine.is_reliable())
            || (!is_new && machine.is_replaced)
        {
            let what = format!("the life of {:?} does not follow {recovery:?}", machine.life);
            return self.fail(at, Symptom::Identity.says(what));
        }
        let machine = &mut self.machines[at];
        (machine.is_damaged, machine.is_replaced) = (false, false);
        (machine.was_closed, machine.known) = (false, context);
        self.identify(at);
        self.check(at)
    }

    /// Brings the oracle's names up to date with the life under which a machine writes.
    pub(super) fn identify(&mut self, at: usize) -> Option<ReplicaId> {
        let life = self.machines[at].replica()?.identity();
        let machine = &mut self.machines[at];
        if machine.life != Some(life) {
            machine.former = machine.life.replace(life);
            machine.has_written = false;
            machine.index = self.judge.add(&machine.known);
            self.dead.extend(machine.former);
        }
        Some(life)
    }

    /// What only this machine had, and has no more, is excused.
    fn excuse(&mut self, at: usize, context: &Context<Key>) {
        let had = self.judge.claims(&self.machines[at].known);
        let has = self.judge.claims(context);
        let gone = had.zip(has).filter(|(had, has)| had.1 && !has.1).map(|(had, _)| had.0);
        let mut gone: Vec<Dot> = gone.collect();
        let others = self.machines.iter().enumerate();
        for (_, other) in others.filter(|(other, machine)| *other != at && machine.is_reliable()) {
            let there = self.judge.claims(&other.known).filter(|claim| claim.1);
            let there: std::collections::BTreeSet<Dot> = there.map(|claim| claim.0).collect();
            gone.retain(|dot| !there.contains(dot));
        }
        if !gone.is_empty() {
            self.forget_what_was_said();
        }
        self.excused.extend(gone);
    }

    /// Whoever listened forgets it: a change that nobody has any more must not turn up again once the life
    /// that made it was retired.
    fn forget_what_was_said(&mut self) {
        for wire in &mut self.wires {
            wire.said = Default::default();
            wire.ends.iter_mut().flatten().for_each(|end| end.said = None);
        }
    }

    /// A write whose outcome was not known is there by now, or it is not and never will be.
    fn settle_unknown(&mut self, at: usize, context: &Context<Key>) -> Result<(), Failure> {
        let Some(Unknown { life, before, ops, is_on_disk }) = self.machines[at].unknown.take()
        else {
            return Ok(());
        };
        if self.machines[at].is_replaced {
            return Ok(());
        }
        let (index, known) = (self.machines[at].index, self.machines[at].known.clone());
        let (deletions, fresh) = self.own_changes(at, life, before, &known);
        if fresh.is_empty() {
            self.reach(Mark::UnknownOutcomeGone);
            if is_on_disk {
                self.burnt.insert(Dot::new(life, before + 1));
            }
            return Ok(());
        }
        self.reach(Mark::UnknownOutcomeKept);
        if !deletions.is_empty() && ops.is_empty() {
            self.judge.deleted_by(index, &deletions);
        }
        self.judge.wrote(index, life, before, &ops);
        let last = fresh.iter().map(|dot| dot.seq).max().unwrap_or(before);
        self.claim(at, life, before, last)?;
        self.judge.believe(index, context);
        self.machines[at].has_written = true;
        Ok(())
    }

    /// What a machine has of the changes of `life` after `before` and beyond `known`: subtree deletions
    /// with the places that they concern, and all dots.
    pub(super) fn own_changes(
        &self,
        at: usize,
        life: ReplicaId,
        before: u64,
        known: &Context<Key>,
    ) -> (Vec<(Dot, Vec<usize>)>, Vec<Dot>) {
        let deltas = self.machines[at].replica().and_then(|r| r.deltas_since(known).ok());
        let is_own = |dot: Dot| dot.replica == life && dot.seq > before;
        let (mut ranges, mut cells) = (Vec::<(Dot, Vec<usize>)>::new(), Vec::new());
        let add = |into: &mut Vec<(Dot, Vec<usize>)>, dot: Dot, places: Vec<usize>| match into
            .iter_mut()
            .find(|(known, _)| *known == dot)
        {
            Some((_, known)) => known.extend(places),
            None => into.push((dot, places)),
        };
        for bytes in deltas.unwrap_or_default() {
            let Ok(delta) = wire::decode_delta(&bytes, &Limits::default()) else { continue };
            for part in delta.parts {
                for tombstone in part.range_tombstones.iter().filter(|t| is_own(t.dot)) {
                    let places = self.judge.places_in(std::slice::from_ref(&tombstone.range));
                    add(&mut ranges, tombstone.dot, places);
                }
                for cell in &part.cells {
                    let place = self.judge.places.iter().position(|place| place.key == cell.key);
                    for (dot, _) in cell.fresh.iter().filter(|(dot, _)| is_own(*dot)) {
                        add(&mut cells, *dot, place.into_iter().collect());
                    }
                }
            }
        }
        let dots = ranges.iter().chain(&cells).map(|(dot, _)| *dot).collect();
        let deletions = if ranges.is_empty() { cells } else { ranges };
        (deletions.into_iter().filter(|(_, places)| !places.is_empty()).collect(), dots)
    }

    /// A machine has used the dots after `before` up to `last`.
    pub(super) fn claim(
        &mut self,
        at: usize,
        life: ReplicaId,
        before: u64,
        last: u64,
    ) -> Result<(), Failure> {
        let owner = *self.owners.entry(life).or_insert(at);
        let mut dots = (before + 1..=last).map(|seq| Dot::new(life, seq));
        let twice = dots.find(|dot| !self.used.insert(*dot) || self.burnt.contains(dot));
        if owner != at || twice.is_some() {
            let what = format!("machine {owner} writes under {life}, too: {twice:?}");
            return self.fail(at, Symptom::Identity.says(what));
        }
        Ok(())
    }

    /// A stopped machine gets another disk: an empty one, or one with an old snapshot.
    pub(super) fn replace_disk(&mut self, at: usize, backup: Option<&[u8]>) -> Result<(), Failure> {
        let mut disk = FaultyDisk::new(self.rng.u64(..), FaultPlan::NONE);
        match backup.map(|backup| rejoin::restore(&mut disk, backup)) {
            None => self.reach(Mark::DiskLost),
            Some(Ok(())) => self.reach(Mark::Restored),
            Some(Err(error)) => {
                let what = format!("a snapshot cannot be restored: {error}");
                return self.fail(at, Symptom::Storage.says(what));
            }
        }
        let machine = &mut self.machines[at];
        machine.disk = disk;
        if self.rng.bool() {
            machine.place = rejoin::MemoryPlace::default();
        }
        (machine.is_replaced, machine.was_closed) = (true, false);
        self.dead.extend(machine.life);
        Ok(())
    }

    fn count(&mut self, recovery: Recovery) {
        let mark = match (recovery.new_life, recovery.end) {
            (None, End::Clean) => Mark::GoesOnAfterClose,
            (None, _) => Mark::GoesOnAfterCrash,
            (Some(WhyNew::Empty), _) => Mark::NewLifeEmpty,
            (Some(WhyNew::Torn), _) => Mark::NewLifeTorn,
            (Some(WhyNew::Damaged), _) => Mark::NewLifeDamaged,
            (Some(WhyNew::Restored), _) => Mark::NewLifeRestored,
            (Some(WhyNew::TokenMissing), _) => Mark::NewLifeTokenMissing,
            (Some(WhyNew::TokenDiffers), _) => Mark::NewLifeTokenDiffers,
            (Some(_), _) => Mark::NewLifeUnused,
        };
        self.reach(mark);
    }
}
