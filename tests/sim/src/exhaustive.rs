//! The exhaustive model: a small world in which everything that can happen does.
//!
//! Three replicas, a few places, a few operations. At every moment every replica may issue any
//! operation that its places have, or receive from any other one what it lacks: of all keys, of the
//! keys of one place (so that it hydrates), or what the other one has prepared for the third (so that
//! the base may not be covered, and the delta must be refused or do no harm). Every state that can be
//! reached is visited, breadth first; a difference to the oracle comes with a shortest way to it.
//!
//! Loss, delay, duplication and reordering need no steps of their own. What is lost is a step not
//! taken; what comes late was made for an older context, which is what a delta for the third is.
//!
//! A state of the world is three [local states](local), and what a step does to a replica follows from
//! its own local state and the sender's. So the engine runs once for each such pair, and the rest is
//! a walk over triples of numbers. One step in a thousand is done again to see that this is so.

mod alphabet;
mod local;
mod search;

use std::fmt;

use rejoin_oracle::Kind;

use search::Search;

/// Together all kinds, each beside one that removes in another way.
const PAIRS: [[Kind; 2]; 5] = [
    [Kind::LwwRegister, Kind::AddWinsElement],
    [Kind::Counter, Kind::MaxRegister],
    [Kind::RemoveWinsElement, Kind::MinRegister],
    [Kind::DisableWinsFlag, Kind::MvRegister],
    [Kind::LwwDeleteRegister, Kind::EnableWinsFlag],
];

/// For the long run.
const TRIPLES: [[Kind; 3]; 2] = [
    [Kind::LwwRegister, Kind::Counter, Kind::AddWinsElement],
    [Kind::RemoveWinsElement, Kind::Counter, Kind::MvRegister],
];

/// What an exhaustive run is about.
#[derive(Clone, Debug)]
pub struct Model {
    /// The kinds of the places.
    pub kinds: Vec<Kind>,
    /// The number of operations, at all replicas together; the tables have values for 5.
    pub operations: usize,
    /// Whether a replica may receive the keys of one place without the others.
    pub partial: bool,
    /// Whether a replica may receive what was prepared for another one.
    pub misdirected: bool,
    /// Whether any replica may be the first to issue something, or only the first may, and the second
    /// after it. What is left out then is the same under other names; ids can matter where clocks tie
    /// and in the order of lists, so worlds with fewer operations are visited in every order.
    pub any_order: bool,
}

/// What an exhaustive run has visited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visited {
    /// Distinct states of the world.
    pub states: u64,
    /// Steps out of these states.
    pub transitions: u64,
    /// Distinct states of one replica.
    pub locals: u64,
    /// Steps that the engine did and the oracle judged.
    pub judged: u64,
}

/// A way to a state that differs from the oracle.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// What was visited until then.
    pub visited: Visited,
    /// The steps, in order; no way is shorter.
    pub steps: Vec<String>,
    /// What differed.
    pub what: String,
}

impl Model {
    /// Whole deltas only, with those that were prepared for somebody else.
    pub fn whole(kinds: &[Kind], operations: usize) -> Self {
        Self {
            kinds: kinds.to_vec(),
            operations,
            partial: false,
            misdirected: true,
            any_order: false,
        }
    }

    /// Deltas of all keys and of the keys of each place.
    pub fn partial(kinds: &[Kind], operations: usize) -> Self {
        Self {
            kinds: kinds.to_vec(),
            operations,
            partial: true,
            misdirected: false,
            any_order: false,
        }
    }

    /// What every run of the tests visits.
    pub fn every_run() -> Vec<Self> {
        // What segments do to range tombstones and counters, three pairs show as well as five.
        let partial = PAIRS.iter().take(3).map(|pair| Self::partial(pair, 3));
        let any_order = |pair| Self { any_order: true, ..Self::whole(pair, 3) };
        let whole = PAIRS.iter().flat_map(|pair| [any_order(pair), Self::whole(pair, 4)]);
        partial.chain(whole).collect()
    }

    /// What takes hours.
    pub fn long() -> Vec<Self> {
        let pairs = PAIRS.iter().flat_map(|pair| [Self::partial(pair, 4), Self::whole(pair, 5)]);
        pairs.chain(TRIPLES.iter().map(|triple| Self::whole(triple, 5))).collect()
    }

    /// What stands above [rows](Self::row).
    pub const HEADING: &str =
        "operations  deltas          states  transitions   replica states   judged  places";

    /// What was visited, as one line of a table.
    pub fn row(&self, visited: &Visited) -> String {
        let deltas = match self {
            Self { partial: true, .. } => "partial",
            Self { any_order: true, .. } => "any order",
            _ => "whole",
        };
        let Visited { states, transitions, locals, judged } = visited;
        let operations = self.operations;
        format!(
            "{operations:>10}  {deltas:<9} {states:>12} {transitions:>12} {locals:>16} {judged:>8}  {:?}",
            self.kinds
        )
    }

    /// Visits every state.
    ///
    /// # Errors
    /// The first difference to the oracle, with a shortest way to it.
    pub fn explore(&self) -> Result<Visited, Box<Counterexample>> {
        let mut search = Search::new(self);
        let mut at = 0;
        while at < search.found() {
            search.expand(at)?;
            at += 1;
        }
        Ok(search.visited())
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (after {} states)", self.what, self.visited.states)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}

impl std::error::Error for Counterexample {}
