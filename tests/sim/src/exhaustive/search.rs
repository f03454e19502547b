//! The walk over all states of the world, breadth first.
//!
//! What must hold: what a step does to a replica follows from its own [local state](super::local) and
//! the sender's alone. [`LocalStep`] names just that, and is looked up before the engine is asked.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use rejoin_crdt::path::Key;
use rejoin_crdt::{Commit, KeyRange};
use rejoin_oracle::Op;

use super::alphabet::{REPLICAS, Symbol, removal_of, replica_id, stamp, write_of};
use super::local::{Local, LocalId, Locals, empty};
use super::{Counterexample, Model, Visited};
use crate::judge::Judge;
use crate::site::{Refused, Site};
use crate::workload::{Place, perform, place};

/// How often what is known of a step is checked by doing it again.
const CHECK_EVERY: u64 = 1_009;

/// Every state found so far, and what is known of the steps between them.
pub(super) struct Search<'m> {
    model: &'m Model,
    symbols: Vec<Symbol>,
    ranges: Vec<KeyRange<Key>>,
    places: Rc<[Place]>,
    steps: Vec<Step>,
    locals: Locals,
    taken: HashMap<(LocalId, LocalStep), LocalId>,
    told: HashMap<(LocalId, LocalStep), Told>,
    nodes: Vec<Node>,
    seen: HashSet<[LocalId; REPLICAS]>,
    visited: Visited,
}

impl<'m> Search<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut places: Vec<_> =
            (0..).zip(&model.kinds).map(|(name, kind)| place(0, name, *kind)).collect();
        places.sort_by(|a, b| a.key.cmp(&b.key));
        let symbols = Symbol::all(places.len());
        let ranges = ranges(&places, model.partial);
        let mut search = Self {
            steps: steps(symbols.len(), ranges.len(), model.misdirected),
            model,
            symbols,
            ranges,
            places: places.into(),
            locals: Locals::default(),
            taken: HashMap::new(),
            told: HashMap::new(),
            nodes: Vec::new(),
            seen: HashSet::new(),
            visited: Visited::default(),
        };
        let judge = search.nobody_knows_anything();
        let mut state = [0; REPLICAS];
        for (at, id) in state.iter_mut().enumerate() {
            *id = search.locals.intern(&judge, at, empty(at));
        }
        search.seen.insert(state);
        // The first node is nobody's child; its step is never read.
        search.nodes.push(Node { state, parent: 0, step: Step::Issue { at: 0, symbol: 0 } });
        search
    }

    fn nobody_knows_anything(&self) -> Judge {
        Judge::new(REPLICAS, self.places.clone())
    }

    /// How many states have been found.
    pub(super) const fn found(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn visited(&self) -> Visited {
        let (states, locals) = (self.nodes.len() as u64, self.locals.len() as u64);
        Visited { states, locals, ..self.visited }
    }

    /// Takes every step out of a state.
    pub(super) fn expand(&mut self, at: usize) -> Result<(), Box<Counterexample>> {
        let state = self.nodes[at].state;
        let issued = state.map(|id| self.locals.of(id).issued);
        let mut judge = None;
        for number in 0..self.steps.len() {
            let step = self.steps[number];
            if !self.may_follow(step, issued) {
                continue;
            }
            self.visited.transitions += 1;
            let target = step.target();
            let local = (state[target], self.local_step(state, step));
            let known = self.taken.get(&local).copied();
            let next = match known {
                Some(next) if !self.visited.transitions.is_multiple_of(CHECK_EVERY) => next,
                _ => {
                    let next = self.take(at, step, &mut judge);
                    let next = next.map_err(|what| self.counterexample(at, Some(step), what))?;
                    if known.is_some_and(|known| known != next) {
                        let what = "the same step led elsewhere".to_owned();
                        return Err(self.counterexample(at, Some(step), what));
                    }
                    self.taken.insert(local, next);
                    next
                }
            };
            let mut state = state;
            state[target] = next;
            if self.seen.insert(state) {
                let parent = u32::try_from(at).unwrap_or(u32::MAX);
                self.nodes.push(Node { state, parent, step });
                let checked = self.audit(state);
                checked.map_err(|what| self.counterexample(self.nodes.len() - 1, None, what))?;
            }
        }
        Ok(())
    }

    /// Whether there are operations left, and this replica may be the next to begin.
    fn may_follow(&self, step: Step, issued: [usize; REPLICAS]) -> bool {
        let Step::Issue { at, .. } = step else { return true };
        let is_allowed = issued.iter().sum::<usize>() < self.model.operations;
        is_allowed && (self.model.any_order || at == 0 || issued[at - 1] > 0)
    }

    fn local_step(&self, state: [LocalId; REPLICAS], step: Step) -> LocalStep {
        match step {
            Step::Issue { symbol, .. } => LocalStep::Issue { symbol },
            Step::Receive { from, range, .. } => LocalStep::Receive { sender: state[from], range },
            Step::Misdirected { to, from } => {
                let context = self.locals.of(state[third(to, from)]).context;
                LocalStep::Misdirected { sender: state[from], context }
            }
        }
    }

    /// Lets the engine take a step, tells the oracle, and compares the replica that changed. `judge` is
    /// the oracle of the node, once somebody has needed it.
    fn take(
        &mut self,
        node: usize,
        step: Step,
        judge: &mut Option<Judge>,
    ) -> Result<LocalId, String> {
        let state = self.nodes[node].state;
        let target = step.target();
        let local = self.locals.of(state[target]);
        let (site, told) = match step {
            Step::Issue { at, symbol } => self.issue(local, at, self.symbols[symbol])?,
            Step::Receive { from, range, .. } => {
                let base = local.site.context();
                let delta = self.locals.of(state[from]).site.delta(base, &self.ranges[range]);
                match local.receive(from, delta) {
                    Ok(changed) => changed,
                    Err(refused) => {
                        return Err(format!("an honest delta was refused: {refused:?}"));
                    }
                }
            }
            Step::Misdirected { to, from } => {
                let base = self.locals.of(state[third(to, from)]).site.context();
                let delta = self.locals.of(state[from]).site.delta(base, &self.ranges[0]);
                match local.receive(from, delta) {
                    Ok(changed) => changed,
                    Err(Refused::Gap) => None,
                    Err(refused) => {
                        return Err(format!("an honest delta was refused: {refused:?}"));
                    }
                }
            }
        }
        .unzip();
        let (Some(site), Some(told)) = (site, told) else { return Ok(state[target]) };
        self.visited.judged += 1;
        let mut judge = judge.get_or_insert_with(|| self.judge_of(node)).clone();
        let before = local.site.store().last_seq(site.replica);
        tell(&mut judge, target, &site, before, &told);
        judge.compare(target, &site)?;
        let next = self.locals.intern(&judge, target, site);
        self.told.insert((state[target], self.local_step(state, step)), told);
        Ok(next)
    }

    /// What a replica is after an operation; `None` if there was nothing to do.
    fn issue(&self, local: &Local, at: usize, symbol: Symbol) -> Result<Change, String> {
        let mut site = local.copy().map_err(|r| format!("a saved state was refused: {r:?}"))?;
        let hlc = stamp(at, local.issued);
        let (place, op) = match symbol {
            Symbol::Write(place) => (place, write_of(self.places[place].kind, at, local.issued)),
            Symbol::Remove(place) => (place, removal_of(self.places[place].kind)),
            Symbol::DeleteSubtree => {
                let root = self.places[0].path.components()[..1].to_vec();
                let (staged, deleted) = site.transact_at(hlc, |tx| tx.delete(root));
                deleted.map_err(|error| format!("a deletion was refused: {error}"))?;
                let commit = site.commit(staged);
                return Ok((!commit.is_empty()).then_some((site, Told::Deletion(commit))));
            }
        };
        let (staged, done) = site.transact_at(hlc, |tx| perform(tx, &self.places[place], op));
        let done = done.map_err(|error| format!("a small write was refused: {error}"))?;
        site.commit(staged);
        Ok(done.then_some((site, Told::Write { place, op, hlc: hlc.to_u64() })))
    }

    /// Equal contexts mean equal fingerprints (I11).
    fn audit(&self, state: [LocalId; REPLICAS]) -> Result<(), String> {
        let locals = state.map(|id| self.locals.of(id));
        let differ = |(a, b): (usize, usize)| {
            locals[a].context == locals[b].context && locals[a].fingerprint != locals[b].fingerprint
        };
        match [(0, 1), (0, 2), (1, 2)].into_iter().any(differ) {
            true => Err("I11: equal contexts, different states".to_owned()),
            false => Ok(()),
        }
    }

    /// The oracle as it is in the state of a node.
    fn judge_of(&self, at: usize) -> Judge {
        let mut judge = self.nobody_knows_anything();
        let mut state = self.nodes[0].state;
        for node in self.way_to(at) {
            let target = node.step.target();
            let old = self.locals.of(state[target]).site.store();
            let before = old.last_seq(replica_id(target));
            let told = &self.told[&(state[target], self.local_step(state, node.step))];
            tell(&mut judge, target, &self.locals.of(node.state[target]).site, before, told);
            state[target] = node.state[target];
        }
        judge
    }

    /// The nodes behind the first one on the way to a node.
    fn way_to(&self, mut at: usize) -> Vec<&Node> {
        let mut way = Vec::new();
        while at != 0 {
            way.push(&self.nodes[at]);
            at = self.nodes[at].parent as usize;
        }
        way.reverse();
        way
    }

    fn counterexample(&self, at: usize, last: Option<Step>, what: String) -> Box<Counterexample> {
        let steps = self.way_to(at).into_iter().map(|node| node.step).chain(last);
        let steps = steps.map(|step| self.describe(step)).collect();
        Box::new(Counterexample { visited: self.visited(), steps, what })
    }

    fn describe(&self, step: Step) -> String {
        match step {
            Step::Issue { at, symbol } => match self.symbols[symbol] {
                Symbol::Write(place) => format!("{at} writes {}", self.places[place].path),
                Symbol::Remove(place) => format!("{at} removes {}", self.places[place].path),
                Symbol::DeleteSubtree => format!("{at} deletes everything"),
            },
            Step::Receive { to, from, range: 0 } => format!("{to} receives from {from}"),
            Step::Receive { to, from, range } => {
                format!("{to} receives {} from {from}", self.places[range - 1].path)
            }
            Step::Misdirected { to, from } => {
                format!("{to} receives from {from} what {} lacks", third(to, from))
            }
        }
    }
}

/// One step of the world.
#[derive(Clone, Copy, Debug)]
enum Step {
    Issue {
        at: usize,
        symbol: usize,
    },
    /// `to` receives from `from` what it lacks in one of the ranges.
    Receive {
        to: usize,
        from: usize,
        range: usize,
    },
    /// `to` receives from `from` what the third one lacks.
    Misdirected {
        to: usize,
        from: usize,
    },
}

/// A step as far as it matters to the replica that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum LocalStep {
    Issue { symbol: usize },
    Receive { sender: LocalId, range: usize },
    Misdirected { sender: LocalId, context: u32 },
}

/// What the oracle is told of a step.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Write {
        place: usize,
        op: Op,
        hlc: u64,
    },
    Deletion(Commit<Key>),
    /// The receiver knows now what the sender knows of these ranges.
    Delivery {
        from: usize,
        ranges: Vec<KeyRange<Key>>,
    },
}

/// A state of the world, and how it was reached first.
struct Node {
    state: [LocalId; REPLICAS],
    parent: u32,
    step: Step,
}

/// What a replica is after a step that changed it, and what the oracle is told.
pub(super) type Change = Option<(Site, Told)>;

impl Step {
    /// The replica that the step changes.
    const fn target(self) -> usize {
        match self {
            Self::Issue { at, .. } => at,
            Self::Receive { to, .. } | Self::Misdirected { to, .. } => to,
        }
    }
}

/// Tells the oracle of a step; the dots of an operation begin after `before`.
fn tell(judge: &mut Judge, at: usize, site: &Site, before: u64, told: &Told) {
    match told {
        Told::Write { place, op, hlc } => {
            judge.wrote(at, site.replica, before, &[(*place, *op, *hlc)]);
        }
        Told::Deletion(commit) => judge.deleted(at, site.replica, before, commit),
        Told::Delivery { from, ranges } => judge.learn(*from, at, ranges),
    }
}

/// All keys, and if wanted the keys of each place, cut so that together they are all keys.
fn ranges(places: &[Place], partial: bool) -> Vec<KeyRange<Key>> {
    let mut ranges = vec![KeyRange::full()];
    if partial {
        let bound = |at: usize| places.get(at).map(|place| place.key.clone());
        ranges.extend((0..places.len()).map(|at| {
            let start = if at == 0 { None } else { bound(at) };
            KeyRange::new(start, bound(at + 1))
        }));
    }
    ranges
}

/// Every step there is. Full deltas stand before misdirected ones, which can only repeat them.
fn steps(symbols: usize, ranges: usize, misdirected: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for at in 0..REPLICAS {
        steps.extend((0..symbols).map(|symbol| Step::Issue { at, symbol }));
    }
    let pairs = || (0..REPLICAS).flat_map(|to| (0..REPLICAS).map(move |from| (to, from)));
    for (to, from) in pairs().filter(|(to, from)| to != from) {
        steps.extend((0..ranges).map(|range| Step::Receive { to, from, range }));
        steps.extend(misdirected.then_some(Step::Misdirected { to, from }));
    }
    steps
}

/// The replica that is neither of these two.
const fn third(a: usize, b: usize) -> usize {
    REPLICAS - a - b
}
