//! Machines that are away for long: longer than the others remember what was removed.

use super::{Faults, Mark};
use crate::report::Failure;

/// Rounds for each machine, at the most, in which the others tell each other what they have and have heard
/// of: news cross the longest network, and acknowledgements of them come back.
const ROUNDS: usize = 3;

impl Faults {
    /// A machine is away for long. Whether it is missed depends on what the others do meanwhile.
    pub(super) fn go_away(&mut self, at: usize) -> Result<(), Failure> {
        if self.machines[at].is_running() && !self.machines[at].in_trouble {
            self.close(at);
            self.machines[at].starts_at = self.step + self.rng.u64(15..60);
            self.reach(Mark::Away);
        }
        Ok(())
    }

    /// Somebody whom nobody waits for is away in a good time: the others run, can talk, remove something,
    /// retire who is gone, tell each other, and forget what was removed. Then it comes back.
    pub(super) fn overtake(&mut self) -> Result<(), Failure> {
        if !self.is_managed {
            return Ok(());
        }
        self.wires.iter_mut().for_each(|wire| wire.blocked_until = [0; 2]);
        // Who has not heard of members yet will soon.
        for _ in 0..ROUNDS {
            if self.guests().is_empty() {
                self.talk()?;
            }
        }
        let guests = self.guests();
        let Some(guest) = self.rng.choice(guests) else { return Ok(()) };
        self.close(guest);
        self.machines[guest].starts_at = self.step + 1;
        let others: Vec<usize> = (0..self.machines.len()).filter(|at| *at != guest).collect();
        others.iter().try_for_each(|at| self.repair(*at))?;
        for _ in 0..2 {
            let writer = others[self.rng.usize(..others.len())];
            match self.bulk {
                0 => self.delete_subtree(writer)?,
                _ => self.scatter(writer, 60)?,
            }
        }
        for _ in 0..ROUNDS * others.len() {
            self.talk()?;
            let sponsor = others[self.rng.usize(..others.len())];
            self.retire(sponsor)?;
            others.iter().try_for_each(|at| self.acknowledge(*at))?;
            let mut replicas = others.iter().filter_map(|at| self.machines[*at].replica());
            if replicas.all(|replica| replica.stalled().is_empty()) {
                break;
            }
        }
        others.iter().try_for_each(|at| self.collect(*at))?;
        self.start(guest)?;
        self.talk()
    }

    /// Those who run, know of members, and are none.
    fn guests(&self) -> Vec<usize> {
        let is_guest = |at: &usize| {
            let machine = &self.machines[*at];
            machine.is_running() && !machine.in_trouble && self.standing(*at) == (true, false)
        };
        (0..self.machines.len()).filter(is_guest).collect()
    }
}
