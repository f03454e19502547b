//! Deltas do what the full state does: in any grouping, overlapping, repeated; and one that builds on
//! what is not there is refused without a trace.

use rejoin_crdt::{DeltaOf, JoinDeltaError, JoinError, ReplicaId};

use crate::history::{History, Outcome, merged, require, same};
use crate::mix;
use crate::subject::Subject;

const NEWCOMER: ReplicaId = ReplicaId::from_u128(99);

pub(crate) fn laws<S: Subject>(history: History) -> Result<(), String> {
    let outcome = history.run::<S>()?;
    let [x, y] = [&outcome.replicas[0], &outcome.replicas[1]];
    let both = merged(y, x)?;
    mix::count::<S>(&merged(&both, &outcome.replicas[2])?.state());

    let mut by_delta = y.clone();
    join(&mut by_delta, &x.delta_since(y.context()))?;
    require("a delta does what the full state does", &by_delta, &both)?;

    let deltas = grouped(&outcome, &history);
    let mut newcomer = S::new(NEWCOMER);
    follow(&mut newcomer, &deltas, &history)?;
    require("the deltas of a history add up to its end", &newcomer, x)?;
    let mut other = y.clone();
    follow(&mut other, &deltas, &history)?;
    require("the deltas of a history add up to a join", &other, &both)?;
    gaps_are_refused::<S>(&deltas)
}

/// The history of the first replica, cut into deltas at random; some reach further back than they
/// need to.
fn grouped<S: Subject>(outcome: &Outcome<S>, history: &History) -> Vec<DeltaOf<S>> {
    let states = &outcome.of_first;
    let last = states.len() - 1;
    let cuts = (1..=last).filter(|at| *at == last || history.chooses(*at));
    let mut deltas = Vec::new();
    let mut from = 0;
    for to in cuts {
        let overlap = usize::from(history.chooses(to + 7) && from > 0);
        deltas.push(states[to].delta_since(states[from - overlap].context()));
        from = to;
    }
    deltas
}

/// Joins the deltas in order, and after some of them an older one once more.
fn follow<S: Subject>(
    value: &mut S,
    deltas: &[DeltaOf<S>],
    history: &History,
) -> Result<(), String> {
    for (at, delta) in deltas.iter().enumerate() {
        join(value, delta)?;
        if history.chooses(at + 13) {
            let before = value.clone();
            join(value, &deltas[history.choices as usize % (at + 1)])?;
            require("a repeated delta changes nothing", value, &before)?;
        }
    }
    Ok(())
}

fn gaps_are_refused<S: Subject>(deltas: &[DeltaOf<S>]) -> Result<(), String> {
    for delta in deltas {
        let mut newcomer = S::new(NEWCOMER);
        let builds_on_something = delta.parts.iter().any(|part| !part.base.is_empty());
        let refused =
            matches!(newcomer.join(delta), Err(JoinDeltaError::Join(JoinError::Gap { .. })));
        let untouched = same(&newcomer, &S::new(NEWCOMER));
        if refused != builds_on_something || (refused && !untouched) {
            return Err(format!("a gap: refused {refused}, untouched {untouched}, {delta:?}"));
        }
    }
    Ok(())
}

fn join<S: Subject>(value: &mut S, delta: &DeltaOf<S>) -> Result<(), String> {
    value.join(delta).map_err(|error| error.to_string())
}
