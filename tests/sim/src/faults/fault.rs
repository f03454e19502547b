//! What breaks.

use super::machine::Machine;
use super::wire::Wire;
use super::{Faults, MOST_CLONES, Mark};
use crate::replay::Fault;
use crate::report::Failure;

impl Faults {
    /// Lets one of the things happen that can happen in this history.
    pub(super) fn break_something(&mut self, at: usize) -> Result<(), Failure> {
        match self.weather.any(&mut self.rng) {
            Some(fault) => self.happen(fault, at),
            None => Ok(()),
        }
    }

    /// Lets something happen to a machine that runs, or starts for it.
    pub(super) fn strike(&mut self, fault: Fault) -> Result<(), Failure> {
        let count = self.machines.len();
        let first = self.rng.usize(..count);
        let mut others = (0..count).map(|other| (first + other) % count);
        let at = match others.find(|at| self.machines[*at].is_running()) {
            Some(at) => at,
            None => {
                self.machines[first].starts_at = self.step;
                self.look_after(first)?;
                first
            }
        };
        self.happen(fault, at)
    }

    fn happen(&mut self, fault: Fault, at: usize) -> Result<(), Failure> {
        let happened = match fault {
            Fault::Drop => self.cut(),
            Fault::Partition => self.part(at),
            Fault::Stall => self.stall(),
            Fault::Reload => self.reload(at),
            Fault::Crash => self.fail_power(at),
            Fault::Disk => self.fail_disk(at),
            Fault::Damage => self.damage(at),
            Fault::Misdirect => self.misdirect(at),
            Fault::Memory => self.fail_memory(at),
            Fault::Corrupt => self.corrupt(),
            Fault::Clock => self.break_clock(at),
            Fault::Loss => self.lose(at),
            Fault::Clone => self.clone_machine(at),
            Fault::Away if self.rng.u8(..4) > 0 => self.overtake(),
            Fault::Away => self.go_away(at),
            Fault::Members => self.reorganise(at),
            Fault::Lie => self.lie(at),
            Fault::Skew | Fault::Duplicate | Fault::Delay | Fault::Partial | Fault::Fragment => {
                return Ok(());
            }
        };
        self.tally.injected.count(fault);
        happened
    }

    /// A connection breaks.
    fn cut(&mut self) -> Result<(), Failure> {
        let wire = self.rng.usize(..self.wires.len());
        self.cut_wire(wire);
        Ok(())
    }

    /// Now and then a connection breaks at an end of which a catch-up in rounds has begun.
    pub(super) fn interrupt(&mut self) {
        let wires = (0..self.wires.len()).filter(|wire| self.is_in_rounds(*wire));
        let wire = self.rng.choice(wires.collect::<Vec<_>>());
        if let Some(wire) = wire.filter(|_| self.rng.u8(..4) == 0) {
            self.cut_wire(wire);
        }
    }

    fn cut_wire(&mut self, wire: usize) {
        let in_rounds = self.is_in_rounds(wire);
        if self.wires[wire].hang_up(&mut self.tally.marks) {
            self.reach(Mark::Cut);
            if in_rounds {
                self.reach(Mark::RoundInterrupted);
            }
        }
    }

    /// Whether a connection is up at an end of which a catch-up in rounds has begun.
    fn is_in_rounds(&self, wire: usize) -> bool {
        let Wire { machines, ends, .. } = &self.wires[wire];
        ends.is_some() && machines.iter().any(|at| self.machines[*at].known.uniform().is_none())
    }

    /// Some machines cannot talk to the others for a while: in both directions, or in one, or one of them
    /// to nobody.
    fn part(&mut self, at: usize) -> Result<(), Failure> {
        let until = self.step + self.rng.u64(5..40);
        let kind = self.rng.u8(..3);
        let side: Vec<bool> = match kind {
            0 => (0..self.machines.len()).map(|other| other == at).collect(),
            _ => self.machines.iter().map(|_| self.rng.bool()).collect(),
        };
        for wire in &mut self.wires {
            for (from, to) in [(0, 1), (1, 0)] {
                let (sender, receiver) = (side[wire.machines[from]], side[wire.machines[to]]);
                if sender != receiver && (kind != 2 || sender) {
                    wire.blocked_until[from] = until;
                }
            }
        }
        self.tally.partitions += 1;
        self.reach(Mark::Parted);
        match kind {
            0 => self.reach(Mark::Isolated),
            2 => self.reach(Mark::OneWay),
            _ => {}
        }
        Ok(())
    }

    /// One direction of a connection carries nothing for a while.
    fn stall(&mut self) -> Result<(), Failure> {
        let (wire, end) = (self.rng.usize(..self.wires.len()), self.rng.usize(..2));
        self.wires[wire].blocked_until[end] = self.step + self.rng.u64(1..40);
        Ok(())
    }

    /// A machine stops in good order and starts again.
    fn reload(&mut self, at: usize) -> Result<(), Failure> {
        if !self.machines[at].is_running() {
            return Ok(());
        }
        self.tally.reloads += 1;
        self.close(at);
        self.start(at)
    }

    /// A machine loses power: in the middle of a write, mostly.
    fn fail_power(&mut self, at: usize) -> Result<(), Failure> {
        if !self.machines[at].is_running() {
            return Ok(());
        }
        let was_in_trouble = std::mem::replace(&mut self.machines[at].in_trouble, true);
        let disk = self.machines[at].disk.clone();
        let what = self.rng.u8(..6);
        if what > 0 {
            disk.power_off_after(self.rng.u64(..4));
        }
        match what {
            0 => {}
            1..4 => self.write(at)?,
            4 => self.delete_subtree(at)?,
            _ => self.hear(at)?,
        }
        self.crash(at);
        self.machines[at].in_trouble = was_in_trouble;
        if was_in_trouble { Ok(()) } else { self.start(at) }
    }

    /// A machine receives everything that is on its way to it.
    fn hear(&mut self, at: usize) -> Result<(), Failure> {
        for wire in 0..self.wires.len() {
            if let Some(end) = self.wires[wire].end_of(at) {
                self.deliver(wire, 1 - end, usize::MAX)?;
            }
        }
        Ok(())
    }

    /// A bit flips on the way.
    fn corrupt(&mut self) -> Result<(), Failure> {
        let has_bytes = |wire: &Wire| {
            wire.ends.as_ref().is_some_and(|ends| ends.iter().any(|end| !end.pipe.is_empty()))
        };
        let wires = (0..self.wires.len()).filter(|wire| has_bytes(&self.wires[*wire]));
        let Some(wire) = self.rng.choice(wires.collect::<Vec<_>>()) else { return Ok(()) };
        self.wires[wire].is_corrupt = true;
        self.reach(Mark::BitFlipped);
        for end in self.wires[wire].ends.iter_mut().flatten() {
            let at = self.rng.usize(..end.pipe.len().max(1));
            if let Some(byte) = end.pipe.get_mut(at) {
                *byte ^= 1 << self.rng.u8(..8);
            }
        }
        self.deliver(wire, 0, usize::MAX)?;
        self.deliver(wire, 1, usize::MAX)
    }

    fn break_clock(&mut self, at: usize) -> Result<(), Failure> {
        self.machines[at].clock.break_it(&mut self.rng);
        self.reach(Mark::ClockSet);
        Ok(())
    }

    /// A disk is copied, without the place of the token, and both copies go on. Not while a write of
    /// unknown outcome stands on it: what the process sees of that may never become durable, and the copy
    /// would have it.
    fn clone_machine(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &self.machines[at];
        let is_plain = machine.is_reliable() && !machine.in_trouble && machine.unknown.is_none();
        if !is_plain || self.machines.len() >= self.replay.shape.sites + MOST_CLONES {
            return Ok(());
        }
        let disk = machine.disk.copy(self.rng.u64(..));
        let mut copy = Machine::new(disk, self.rng.fork(), machine.index, machine.is_guest);
        copy.known = machine.known.clone();
        copy.clock.advance(self.now_ms);
        let number = self.machines.len();
        let others = self.rng.choose_multiple(0..number, 2);
        self.wires.extend(others.into_iter().map(|other| Wire::new(other, number)));
        self.machines.push(copy);
        self.reach(Mark::Cloned);
        self.start(number)
    }
}
