//! Random histories: a few replicas that change a value and exchange deltas in every unreliable way.

use quickcheck::{Arbitrary, Gen};
use rejoin_crdt::{DeltaOf, JoinDeltaError, JoinError, ReplicaId, VersionVector};

use crate::subject::Subject;

/// What three or four replicas do, and how the laws look at the outcome.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) replicas: u8,
    pub(crate) steps: Vec<Step>,
    /// Random bits by which a law cuts, repeats and reorders.
    pub(crate) choices: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A replica changes its value. The delta of the change goes to the pool.
    Act { at: u8, action: Action },
    /// A replica asks another for everything it lacks.
    CatchUp { from: u8, to: u8 },
    /// Some delta of the pool arrives: late, again, or before what it builds on. Many never do.
    Arrive { delta: u8, at: u8 },
}

/// A change, as every type understands it in its own way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    pub(crate) kind: u8,
    pub(crate) element: u8,
    pub(crate) amount: u8,
}

/// A change that took a dot.
pub(crate) struct Logged {
    pub(crate) replica: ReplicaId,
    pub(crate) seq: u64,
    pub(crate) action: Action,
    pub(crate) seen: VersionVector,
}

/// What a history led to.
pub(crate) struct Outcome<S> {
    pub(crate) replicas: Vec<S>,
    /// Every state that the first replica went through, the empty one first.
    pub(crate) of_first: Vec<S>,
    pub(crate) log: Vec<Logged>,
}

pub(crate) fn id(replica: u8) -> ReplicaId {
    ReplicaId::from_u128(u128::from(replica) + 1)
}

impl History {
    pub(crate) fn run<S: Subject>(&self) -> Result<Outcome<S>, String> {
        self.run_observed(|_| Ok(()))
    }

    /// Runs the history and shows every state on the way to `observe`.
    pub(crate) fn run_observed<S: Subject>(
        &self,
        observe: impl Fn(&Outcome<S>) -> Result<(), String>,
    ) -> Result<Outcome<S>, String> {
        let replicas: Vec<S> = (0..self.replicas).map(|at| S::new(id(at))).collect();
        let of_first = vec![replicas[0].clone()];
        let mut outcome = Outcome { replicas, of_first, log: Vec::new() };
        let mut pool = Vec::new();
        for step in &self.steps {
            outcome.step(*step, &mut pool)?;
            observe(&outcome)?;
        }
        Ok(outcome)
    }

    /// The choice number `at`, true in half of all histories.
    pub(crate) fn chooses(&self, at: usize) -> bool {
        self.choices.rotate_right(u32::try_from(at % 32).unwrap()) & 1 == 1
    }
}

impl<S: Subject> Outcome<S> {
    fn step(&mut self, step: Step, pool: &mut Vec<DeltaOf<S>>) -> Result<(), String> {
        let count = self.replicas.len();
        let place = |replica: u8| usize::from(replica) % count;
        let changed = match step {
            Step::Act { at, action } => {
                let replica = &mut self.replicas[place(at)];
                let seen = seen(replica);
                pool.push(replica.act(action));
                let seq = seen.seq(replica.id()) + 1;
                if replica.context().floor().seq(replica.id()) == seq {
                    self.log.push(Logged { replica: replica.id(), seq, action, seen });
                }
                place(at)
            }
            Step::CatchUp { from, to } => {
                let delta =
                    self.replicas[place(from)].delta_since(self.replicas[place(to)].context());
                self.replicas[place(to)].join(&delta).map_err(|error| error.to_string())?;
                place(to)
            }
            Step::Arrive { delta, at } if !pool.is_empty() => {
                arrive(&mut self.replicas[place(at)], &pool[usize::from(delta) % pool.len()])?;
                place(at)
            }
            Step::Arrive { at, .. } => place(at),
        };
        if changed == 0 {
            self.of_first.push(self.replicas[0].clone());
        }
        Ok(())
    }
}

/// A delta may build on what is not here; then it is refused and leaves no trace.
fn arrive<S: Subject>(replica: &mut S, delta: &DeltaOf<S>) -> Result<(), String> {
    let before = replica.clone();
    match replica.join(delta) {
        Ok(()) => Ok(()),
        Err(JoinDeltaError::Join(JoinError::Gap { .. })) if same(replica, &before) => Ok(()),
        Err(error) => Err(format!("{error}; before {before:?}, after {replica:?}")),
    }
}

pub(crate) fn seen<S: Subject>(value: &S) -> VersionVector {
    value.context().floor()
}

/// Equal to the last tombstone: what is shown, what has been seen, and every live dot.
pub(crate) fn same<S: Subject>(a: &S, b: &S) -> bool {
    a == b && a.show() == b.show() && a.state() == b.state()
}

/// What a law says when it does not hold.
pub(crate) fn require<S: Subject>(law: &str, a: &S, b: &S) -> Result<(), String> {
    if same(a, b) { Ok(()) } else { Err(format!("{law}: {a:?} against {b:?}")) }
}

pub(crate) fn merged<S: Subject>(a: &S, b: &S) -> Result<S, String> {
    let mut both = a.clone();
    both.merge(b).map_err(|error| error.to_string())?;
    Ok(both)
}

impl Arbitrary for History {
    fn arbitrary(g: &mut Gen) -> Self {
        let replicas = 3 + u8::arbitrary(g) % 2;
        let least = g.size() * 2 / 3;
        let count = least + usize::arbitrary(g) % (g.size() - least + 1);
        let steps = (0..count).map(|_| Step::arbitrary(g)).collect();
        Self { replicas, steps, choices: u32::arbitrary(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new(self.steps.shrink().map(move |steps| Self { steps, ..whole.clone() }))
    }
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let (one, other) = (u8::arbitrary(g), u8::arbitrary(g));
        match u8::arbitrary(g) % 10 {
            0..6 => Self::Act { at: one, action: Action::arbitrary(g) },
            6..8 => Self::CatchUp { from: one, to: other },
            _ => Self::Arrive { delta: one, at: other },
        }
    }
}

impl Arbitrary for Action {
    fn arbitrary(g: &mut Gen) -> Self {
        let number = u32::arbitrary(g).to_le_bytes();
        Self { kind: number[0], element: number[1] % 3, amount: number[2] % 10 }
    }
}
