//! Making a failing history small: fewer steps, then fewer faults, then fewer replicas.
//!
//! Source: the minimisation by complements of Zeller and Hildebrandt, *Simplifying and Isolating
//! Failure-Inducing Input*, 2002, section 4.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::replay::{Fault, Replay};
use crate::report::{Failure, Symptom};
use crate::world::Shape;

/// More runs than a small history needs; what a large one has shrunk to by then is small enough.
const MOST_RUNS: u32 = 3_000;

struct Shrinking {
    symptom: Symptom,
    smallest: Replay,
    runs_left: u32,
}

/// The smallest history found that fails with the same symptom.
pub fn shrink(replay: &Replay, failure: &Failure) -> Replay {
    let mut shrinking =
        Shrinking { symptom: failure.symptom, smallest: replay.clone(), runs_left: MOST_RUNS };
    shrinking.end_at(failure.step);
    shrinking.leave_out_steps();
    shrinking.switch_off_faults();
    shrinking.leave_out_sites();
    // With fewer faults and replicas more of the steps may be without effect.
    shrinking.leave_out_steps();
    let last = shrinking.smallest.kept().last().copied();
    shrinking.end_at(last.unwrap_or(0));
    shrinking.smallest
}

/// Shrinks a failing history, keeps it in the corpus, and says how to see it again.
pub fn report(replay: &Replay, failure: &Failure) -> String {
    let small = shrink(replay, failure);
    let name = format!("sim.{}-{}.txt", replay.lane.name(), replay.seed);
    let (steps, sites) = (small.kept().len(), small.shape.sites);
    let whole = match Shape::NAMED.iter().find(|(_, shape)| *shape == replay.shape) {
        Some((shape, _)) => format!(
            ": cargo xtask sim --seed {} --lane {} --shape {shape}",
            replay.seed,
            replay.lane.name()
        ),
        None => String::new(),
    };
    let summary = format!("{failure}{whole}\nshrunk to {steps} steps of {sites} replicas");
    match std::fs::write(corpus().join(&name), small.to_string()) {
        Ok(()) => format!("{summary}: cargo xtask sim --replay tests/corpus/{name}"),
        Err(error) => format!("{summary}, which could not be kept ({error}):\n{small}"),
    }
}

/// The folder of histories that are worth running again.
pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

impl Shrinking {
    /// Takes a smaller history over if it fails in the same way.
    fn try_out(&mut self, smaller: Replay) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let fails = smaller.run().is_err_and(|failure| failure.symptom == self.symptom);
        if fails {
            self.smallest = smaller;
        }
        fails
    }

    /// What would have happened later does not matter.
    fn end_at(&mut self, step: u64) {
        if step < self.smallest.shape.steps {
            let mut smaller = self.smallest.clone();
            smaller.shape.steps = step;
            smaller.without.retain(|left_out| *left_out <= step);
            self.try_out(smaller);
        }
    }

    fn leave_out_steps(&mut self) {
        let mut chunk = self.smallest.kept().len().div_ceil(2);
        while chunk > 0 {
            let is_smaller = self.leave_out_chunks(chunk);
            if !is_smaller {
                chunk /= 2;
            }
            chunk = chunk.min(self.smallest.kept().len());
        }
    }

    /// Leaves out every chunk of so many steps that is not needed, from the last to the first: what
    /// comes late depends on what comes early. Returns whether there was one.
    fn leave_out_chunks(&mut self, chunk: usize) -> bool {
        let mut is_smaller = false;
        for steps in self.smallest.kept().rchunks(chunk) {
            let mut smaller = self.smallest.clone();
            smaller.without.extend(steps);
            is_smaller |= self.try_out(smaller);
        }
        is_smaller
    }

    fn switch_off_faults(&mut self) {
        let calm = BTreeSet::from(Fault::ALL);
        if !self.try_out(Replay { calm, ..self.smallest.clone() }) {
            for fault in Fault::ALL {
                let mut smaller = self.smallest.clone();
                smaller.calm.insert(fault);
                self.try_out(smaller);
            }
        }
    }

    fn leave_out_sites(&mut self) {
        for sites in 2..self.smallest.shape.sites {
            let mut smaller = self.smallest.clone();
            smaller.shape.sites = sites;
            if self.try_out(smaller) {
                return;
            }
        }
    }
}
