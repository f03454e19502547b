//! Machines that are away for long: longer than the others remember what was removed.

use super::{Faults, Mark};
use crate::report::Failure;

/// Rounds in which the others tell each other what they have, and what they have heard of.
const ROUNDS: u32 = 12;

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

    /// Somebody whom nobody waits for is away while the others write, tell each other, and forget what
    /// was removed; then it comes back.
    pub(super) fn overtake(&mut self) -> Result<(), Failure> {
        let guests = (0..self.machines.len()).filter(|at| {
            let machine = &self.machines[*at];
            machine.is_running() && !machine.in_trouble && self.standing(*at) == (true, false)
        });
        let Some(guest) = self.rng.choice(guests.collect::<Vec<_>>()) else { return Ok(()) };
        self.close(guest);
        self.machines[guest].starts_at = self.step + 1;
        let others: Vec<usize> = (0..self.machines.len()).filter(|at| *at != guest).collect();
        for _ in 0..2 {
            let writer = others[self.rng.usize(..others.len())];
            self.scatter(writer, 60)?;
        }
        for _ in 0..ROUNDS {
            self.talk()?;
            others.iter().try_for_each(|at| self.acknowledge(*at))?;
        }
        others.iter().try_for_each(|at| self.collect(*at))?;
        self.start(guest)?;
        self.talk()
    }
}
