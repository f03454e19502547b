//! Memory that fails.
//!
//! What nobody has noticed cannot be kept from spreading: a damaged value is sent to those who lack it, and
//! written into the log by the next checkpoint, like any other. No oracle can say what is right then. So
//! here damage is noticed before the machine does anything else, by a scrub. From then on the oracle is exact
//! again: nothing of the damaged ranges reaches anybody, nobody writes there, and they come back as they were,
//! from a peer or, after a restart, from the log. Only what the machine itself reads there is not judged
//! meanwhile.

use rejoin::path::Key;
use rejoin::value::Value;
use rejoin::{Entry, KeyRange, Replica};

use super::machine::covers;
use super::{Faults, Mark};
use crate::report::{Failure, Symptom};

/// How many cells are scrubbed at once: so few that it takes several steps.
const SCRUBBED_AT_ONCE: usize = 40;

impl Faults {
    /// Some of what a machine holds changes by itself, and is found by scrubbing. Mostly at one of which
    /// another machine has everything: only such a one can be mended by it.
    pub(super) fn fail_memory(&mut self, at: usize) -> Result<(), Failure> {
        let known = |at: usize| &self.machines[at].known;
        let others = |at| (0..self.machines.len()).filter(move |other| *other != at);
        let is_covered = |at: &usize| others(*at).any(|other| covers(known(other), known(*at)));
        let covered: Vec<usize> = (0..self.machines.len()).filter(is_covered).collect();
        let at = self.rng.choice(covered).filter(|_| self.rng.u8(..4) > 0).unwrap_or(at);
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let keys: Vec<Key> = self.judge.places.iter().map(|place| place.key.clone()).collect();
        let Some(key) = self.rng.choice(keys) else { return Ok(()) };
        let is_trusted = !self.machines[at].quarantine.iter().any(|range| range.contains(&key));
        // What was never summed has nothing that it could differ from.
        replica.view().cells().fingerprint(&KeyRange::full());
        // Never twice the same: two who are damaged in the same way cannot tell it from what is right.
        let noise = self.rng.u64(1..1 << 40);
        let Ok(flipped) = Value::from_serialize(&noise) else { return Ok(()) };
        if !is_trusted || !changes(&replica, &key) {
            return Ok(());
        }
        replica.damage(&key, |entry| match entry {
            Entry::Value { value, .. } => value.clone_from(&flipped),
            Entry::Slot(slot) => slot.inc += noise,
            _ => {}
        });
        let found = scrub(&replica);
        if !found.iter().any(|range| range.contains(&key)) {
            let what = format!("scrubbing did not find the damage at {}", key.path());
            return self.fail(at, Symptom::Invariant.says(what));
        }
        self.machines[at].quarantine.extend(found);
        self.reach(Mark::ScrubFound);
        self.check(at)?;
        self.settle(at)
    }

    /// Notes whether what was damaged is whole again.
    pub(super) fn look_at_quarantine(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let ranges = machine.replica().map_or(0, |replica| replica.status().quarantined);
        if ranges == 0 && !machine.quarantine.is_empty() {
            machine.quarantine.clear();
            self.reach(Mark::AuditMended);
        }
    }

    /// Whoever is still waiting for a peer that has what was damaged is restarted: nobody else ever had it.
    pub(super) fn restart_quarantined(&mut self) -> Result<(), Failure> {
        for at in 0..self.machines.len() {
            if !self.machines[at].quarantine.is_empty() {
                self.reach(Mark::LogMended);
                self.close(at);
                self.start(at)?;
            }
        }
        Ok(())
    }
}

/// Whether a cell holds something that changes a fingerprint if it changes.
fn changes(replica: &Replica, key: &Key) -> bool {
    let view = replica.view();
    let cell = view.cells().cell(key);
    let is_read = |entry: &Entry<Value>| matches!(entry, Entry::Value { .. } | Entry::Slot(_));
    cell.is_some_and(|cell| cell.is_live() && cell.entries().any(|(_, entry)| is_read(entry)))
}

/// Everything that is damaged.
fn scrub(replica: &Replica) -> Vec<KeyRange<Key>> {
    let (mut from, mut damaged) = (None, Vec::new());
    loop {
        let found = replica.scrub(from.as_ref(), SCRUBBED_AT_ONCE);
        damaged.extend(found.damaged);
        match found.next {
            Some(next) => from = Some(next),
            None => return damaged,
        }
    }
}
