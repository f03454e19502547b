//! What goes over the connections.

use std::collections::VecDeque;

use rejoin::link::{Event, Link, LinkOutput, SessionError};
use rejoin::planted;
use rejoin_sync::CloseReason;

use super::wire::{End, config};
use super::{Faults, Mark};
use crate::replay::Fault;
use crate::report::{Failure, Symptom};

impl Faults {
    /// Carries some bytes over some connection.
    pub(super) fn carry(&mut self) -> Result<(), Failure> {
        let (wire, end) = (self.rng.usize(..self.wires.len()), self.rng.usize(..2));
        let is_whole = self.rng.u8(..4) > 0 || !self.is_on(Fault::Fragment);
        let most = if is_whole { usize::MAX } else { self.rng.usize(1..200) };
        // An answer may be on its way back at once.
        self.deliver(wire, end, most)?;
        self.deliver(wire, 1 - end, most)
    }

    /// Hands up to `most` bytes that one end has sent to the other.
    pub(super) fn deliver(&mut self, wire: usize, from: usize, most: usize) -> Result<(), Failure> {
        let (step, now_ms) = (self.step, self.now_ms);
        let Wiring { machines, ends } = self.wiring(wire);
        let Some((ends, blocked_until)) = ends else { return Ok(()) };
        if blocked_until[from] > step {
            return Ok(());
        }
        let len = ends[from].pipe.len().min(most);
        let bytes: Vec<u8> = ends[from].pipe.drain(..len).collect();
        if bytes.is_empty() {
            return Ok(());
        }
        ends[1 - from].link.receive(&bytes, now_ms);
        self.settle(machines[1 - from])
    }

    /// Does what the links of a machine ask for, and tells them of what has changed, until all is quiet.
    pub(super) fn settle(&mut self, at: usize) -> Result<(), Failure> {
        loop {
            for wire in 0..self.wires.len() {
                if let Some(end) = self.wires[wire].end_of(at) {
                    self.pump(wire, end)?;
                }
            }
            let told = self.machines[at].take_told();
            if told.is_empty() {
                return Ok(());
            }
            self.check(at)?;
            let now_ms = self.now_ms;
            for wire in &mut self.wires {
                let (end, ends) = (wire.end_of(at), wire.ends.as_mut());
                if let (Some(end), Some(ends)) = (end, ends) {
                    told.iter().for_each(|origin| ends[end].link.changed(*origin, now_ms));
                }
            }
        }
    }

    /// Does what one link asks for.
    fn pump(&mut self, wire: usize, end: usize) -> Result<(), Failure> {
        loop {
            let now_ms = self.now_ms;
            let Wiring { machines, ends } = self.wiring(wire);
            let Some((ends, _)) = ends else { return Ok(()) };
            let output = ends[end].link.poll(now_ms);
            let at = machines[end];
            if let Some(LinkOutput::Send(bytes)) = &output {
                ends[end].pipe.extend(bytes);
                ends[end].said.iter_mut().for_each(|said| said.extend(bytes));
            }
            if self.machines[at].has_told() {
                self.tally.applied += 1;
                self.tally.segmented += u64::from(self.machines[at].known.uniform().is_none());
                self.check(at)?;
            }
            match output {
                None => return Ok(()),
                Some(LinkOutput::Send(bytes)) => self.digest(&bytes),
                Some(LinkOutput::Event(event)) => self.note(at, event)?,
                Some(LinkOutput::Close(reason)) => {
                    let is_corrupt = self.wires[wire].is_corrupt;
                    self.wires[wire].hang_up(&mut self.tally.marks);
                    return self.check_end(at, is_corrupt, &reason);
                }
                Some(_) => {}
            }
        }
    }

    fn note(&mut self, at: usize, event: Event) -> Result<(), Failure> {
        match event {
            Event::Equal { .. } => self.reach(Mark::ProvedEqual),
            Event::Held { .. } => self.reach(Mark::Held),
            Event::HeldDropped { .. } => self.reach(Mark::HeldDropped),
            Event::KeysFound { .. } => self.reach(Mark::KeysFound),
            Event::KeysUnknown { .. } => self.reach(Mark::KeysUnknown),
            Event::AuditMismatch { .. } => {
                let what = "I11: a session found equal contexts and different states";
                return self.fail(at, Symptom::Audit.says(what));
            }
            _ => {}
        }
        Ok(())
    }

    /// Every end of a session needs a reason among the faults.
    fn check_end(
        &mut self,
        at: usize,
        is_corrupt: bool,
        reason: &CloseReason,
    ) -> Result<(), Failure> {
        let CloseReason::Error(error) = reason else { return Ok(()) };
        match error {
            SessionError::Silent { .. }
            | SessionError::HelloTimeout { .. }
            | SessionError::PullUnanswered { .. } => self.reach(Mark::SilentSession),
            // The other end said why, and was asked.
            SessionError::ByPeer { .. } => {}
            SessionError::Store if self.machines[at].in_trouble => {
                self.reach(Mark::StorageEndedSession);
            }
            _ if is_corrupt => self.reach(Mark::CorruptSession),
            SessionError::SameReplica { .. } | SessionError::UnknownOwnDots { .. } => {
                return self.fail(at, Symptom::Identity.says(error.to_string()));
            }
            error => {
                let what = format!("a session failed: {error}");
                return self.fail(at, Symptom::SessionFailed.says(what));
            }
        }
        Ok(())
    }

    /// Lets the deadlines that have passed take effect.
    pub(super) fn wait(&mut self) -> Result<(), Failure> {
        for wire in 0..self.wires.len() {
            for end in 0..2 {
                let now_ms = self.now_ms;
                let Wiring { machines, ends } = self.wiring(wire);
                let Some((ends, _)) = ends else { continue };
                if ends[end].link.deadline().is_some_and(|due_ms| due_ms <= now_ms) {
                    ends[end].link.timeout(now_ms);
                    self.settle(machines[end])?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn connect_some(&mut self) -> Result<(), Failure> {
        let wire = self.rng.usize(..self.wires.len());
        self.connect(wire)
    }

    /// Makes a connection where there is none, if both machines run and can be reached.
    pub(super) fn connect(&mut self, wire: usize) -> Result<(), Failure> {
        let Wiring { machines, .. } = self.wiring(wire);
        let place = &self.wires[wire];
        let is_blocked = place.blocked_until.iter().any(|until| *until > self.step);
        let replicas = machines.map(|at| self.machines[at].replica().cloned());
        let [Some(left), Some(right)] = replicas else { return Ok(()) };
        if place.ends.is_some() || is_blocked {
            return Ok(());
        }
        for (from, to) in [(&left, &right), (&right, &left)] {
            if !from.changes_since(&to.context()).is_complete {
                self.reach(Mark::BelowHorizon);
            }
        }
        let now_ms = self.now_ms;
        let ends = [left, right].map(|replica| {
            let least = 1 + self.bulk as usize / 3;
            let config = config(self.rng.u64(..), least + self.rng.usize(..8 * least));
            End {
                link: Link::with(replica, config, now_ms),
                pipe: VecDeque::new(),
                said: self.is_on(Fault::Lie).then(Vec::new),
            }
        });
        self.wires[wire].ends = Some(ends);
        machines.into_iter().try_for_each(|at| self.settle(at))
    }

    /// A machine tells its peers what members have durably.
    pub(super) fn acknowledge(&mut self, at: usize) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        for wire in &mut self.wires {
            let (end, ends) = (wire.end_of(at), wire.ends.as_mut());
            if let (Some(end), Some(ends)) = (end, ends) {
                ends[end].link.acknowledge(now_ms);
            }
        }
        self.settle(at)
    }

    /// A machine forgets what nobody needs any more; nobody notices.
    pub(super) fn collect(&mut self, at: usize) -> Result<(), Failure> {
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        if self.is_hasty {
            return Ok(());
        }
        let state = || {
            let view = replica.view();
            (view.cells().fingerprint(&rejoin::KeyRange::full()), view.cells().context().clone())
        };
        let before = state();
        match replica.collect() {
            Ok(collection) => {
                let sum = collection.tombstones + collection.resets + collection.range_tombstones;
                self.tally.collected_tombstones += collection.tombstones as u64;
                self.tally.collected_resets += collection.resets as u64;
                self.tally.collected_range_tombstones += collection.range_tombstones as u64;
                if sum > 0 {
                    self.reach(Mark::Collected);
                }
                if !collection.waits_for.is_empty() {
                    self.reach(Mark::CollectionWaits);
                }
            }
            Err(_) if self.machines[at].in_trouble => {}
            Err(error) => {
                let what = format!("a healthy disk refused a collection: {error}");
                return self.fail(at, Symptom::Storage.says(what));
            }
        }
        if state() != before && !planted::any_planted() {
            let what = "collection changed the fingerprint or the context";
            return self.fail(at, Symptom::Audit.says(what));
        }
        self.check(at)
    }

    fn wiring(&mut self, wire: usize) -> Wiring<'_> {
        let wire = &mut self.wires[wire];
        let blocked_until = wire.blocked_until;
        Wiring {
            machines: wire.machines,
            ends: wire.ends.as_mut().map(|ends| (ends, blocked_until)),
        }
    }
}

/// A connection, taken apart.
struct Wiring<'a> {
    machines: [usize; 2],
    ends: Option<(&'a mut [End; 2], [u64; 2])>,
}
