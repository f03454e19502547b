//! What can happen in a history, and how often it happens at the least.
//!
//! About half of all faults are switched off in each history, since a history in which everything fails
//! shows little else. The others come at random; and what every history shall meet comes in a rhythm
//! besides, so that a small history meets it twice, a medium one six times and a large one twenty times.
//! The rhythm knows nothing of the length, so that a history that is cut short is the same up to there.
//!
//! Where a part of all histories has to meet something and chance could miss it, because they are few or the
//! part is large, they take turns by their seeds, which are counted up in a run.

use fastrand::Rng;

use crate::replay::{Fault, Replay};
use crate::world::Shape;

/// The faults of a history.
pub(super) struct Weather {
    faults: Vec<Fault>,
    /// Where in their rhythms the history begins.
    shift: u64,
}

impl Weather {
    /// The faults that are drawn, those that are `always` there, and none that the replay leaves out.
    pub(super) fn new(rng: &mut Rng, replay: &Replay, always: &[Fault]) -> Self {
        let happens = |fault: &Fault| {
            let is_drawn = rng.bool();
            turn(*fault, replay).unwrap_or(is_drawn) || always.contains(fault)
        };
        let faults = Fault::ALL.into_iter().filter(happens).filter(|fault| replay.has(*fault));
        Self { faults: faults.collect(), shift: rng.u64(..1_000) }
    }

    /// Whether this can happen.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// One of those that can happen.
    pub(super) fn any(&self, rng: &mut Rng) -> Option<Fault> {
        rng.choice(self.faults.iter().copied())
    }

    /// What has its time at this step.
    pub(super) fn due(&self, step: u64) -> Vec<Fault> {
        let is_due = |fault: &Fault| {
            // Apart from each other, by a number that divides no rhythm.
            let beat = step + self.shift + 7 * *fault as u64;
            rhythm(*fault).is_some_and(|steps| beat.is_multiple_of(steps))
        };
        self.faults.iter().copied().filter(is_due).collect()
    }

    /// Nothing happens any more.
    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }
}

/// Whether it is the turn of this history to have a fault; `None` leaves it to chance.
fn turn(fault: Fault, replay: &Replay) -> Option<bool> {
    let is_turn = |of: u64, those: &[u64]| Some(those.contains(&(replay.seed % of)));
    let shape = &replay.shape;
    match fault {
        Fault::Lie if !shape.is_crowded() => is_turn(4, &[0]),
        Fault::Members | Fault::Drop if shape.sites > Shape::SMALL.sites => {
            is_turn(8, &[1, 2, 3, 4, 5, 6, 7])
        }
        _ if !shape.is_crowded() => None,
        Fault::Lie | Fault::Clone => is_turn(4, &[0, 1]),
        Fault::Loss | Fault::Disk => is_turn(4, &[1, 2]),
        Fault::Damage => is_turn(4, &[0, 3]),
        _ => None,
    }
}

/// From one time to the next, in steps.
const fn rhythm(fault: Fault) -> Option<u64> {
    match fault {
        Fault::Partition | Fault::Crash => Some(50),
        Fault::Clock | Fault::Members => Some(100),
        Fault::Away => Some(200),
        Fault::Lie => Some(30),
        _ => None,
    }
}
