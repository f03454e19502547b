//! Each data type, as a plain function of the operations known and of what each had seen.
//!
//! One rule is common to all: an operation is *visible* unless a known operation that supersedes
//! had seen it. What remains is a set of mutually concurrent writes and removals, or for counters
//! a set of amounts, and each type is one line about that set.

use crate::{Kind, Op, OpSet, Operation};

/// What a read of one key returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A register without a value.
    Absent,
    /// The value of a last-writer-wins, max or min register.
    One(i64),
    /// The values of a multi-value register by (replica, seq); equal values are not merged.
    Many(Vec<i64>),
    /// Whether a flag is up, an element is contained, a map exists.
    Flag(bool),
    /// The total of a counter; a counter without increments reads 0.
    Count(i128),
}

/// The operations of `known`, all of them on `key`, that no superseding one among them had seen.
pub(crate) fn visible<'a>(
    operations: &'a [Operation],
    known: &OpSet,
    key: usize,
) -> Vec<&'a Operation> {
    let known = || known.iter().map(|id| &operations[id.0]);
    let mut superseded = OpSet::default();
    for later in known().filter(|operation| operation.op.supersedes()) {
        superseded.union_with(&later.seen[&key]);
    }
    known()
        .filter(|operation| operation.op != Op::DeleteSubtree)
        .filter(|operation| !superseded.contains(operation.id))
        .collect()
}

/// What a key reads as when exactly these operations are visible on it.
///
/// A map is more than its own marker; the caller adds its descendants.
pub(crate) fn read(kind: Kind, visible: &[&Operation]) -> Reading {
    let any = |op: Op| visible.iter().any(|operation| operation.op == op);
    match kind {
        Kind::LwwRegister => latest(visible.iter().filter(|sibling| sibling.op != Op::Delete)),
        Kind::LwwDeleteRegister => latest(visible.iter()),
        Kind::MvRegister => match values(visible) {
            values if values.is_empty() => Reading::Absent,
            values => Reading::Many(values),
        },
        Kind::MaxRegister => one(values(visible).into_iter().max()),
        Kind::MinRegister => one(values(visible).into_iter().min()),
        Kind::EnableWinsFlag => Reading::Flag(any(Op::Enable)),
        Kind::DisableWinsFlag => Reading::Flag(any(Op::Enable) && !any(Op::Disable)),
        Kind::AddWinsElement => Reading::Flag(any(Op::Add)),
        Kind::RemoveWinsElement => Reading::Flag(any(Op::Add) && !any(Op::Remove)),
        Kind::Counter | Kind::PlainCounter | Kind::BoundedCounter => {
            Reading::Count(amounts(visible).sum())
        }
        Kind::Map => Reading::Flag(any(Op::Create)),
    }
}

/// The operation as it is stored: a max or min register carries the best value its writer saw.
pub(crate) fn carried(kind: Kind, op: Op, visible: &[&Operation]) -> Op {
    match (kind, op) {
        (Kind::MaxRegister, Op::Set(value)) => {
            Op::Set(values(visible).into_iter().fold(value, i64::max))
        }
        (Kind::MinRegister, Op::Set(value)) => {
            Op::Set(values(visible).into_iter().fold(value, i64::min))
        }
        _ => op,
    }
}

/// The visible values, ordered by (replica, seq).
pub(crate) fn values(visible: &[&Operation]) -> Vec<i64> {
    let mut siblings: Vec<_> = visible.to_vec();
    siblings.sort_by_key(|sibling| (sibling.stamp.replica, sibling.stamp.seq));
    siblings
        .iter()
        .filter_map(|sibling| match sibling.op {
            Op::Set(value) => Some(value),
            _ => None,
        })
        .collect()
}

/// The visible amounts of a counter.
pub(crate) fn amounts(visible: &[&Operation]) -> impl Iterator<Item = i128> {
    visible.iter().filter_map(|operation| match operation.op {
        Op::Increment(amount) => Some(i128::from(amount)),
        _ => None,
    })
}

/// The rights of one life in a bounded counter: its own total, plus received, minus sent.
pub(crate) fn rights(visible: &[&Operation], life: u128) -> i128 {
    let gain = |operation: &&Operation| {
        let own = operation.stamp.replica == life;
        match operation.op {
            Op::Increment(amount) if own => i128::from(amount),
            Op::Transfer { to, amount } if to == life && !own => i128::from(amount),
            Op::Transfer { to, amount } if to != life && own => -i128::from(amount),
            _ => 0,
        }
    };
    visible.iter().map(gain).sum()
}

fn latest<'a>(siblings: impl Iterator<Item = &'a &'a Operation>) -> Reading {
    match siblings.max_by_key(|sibling| sibling.stamp).map(|winner| winner.op) {
        Some(Op::Set(value)) => Reading::One(value),
        _ => Reading::Absent,
    }
}

fn one(value: Option<i64>) -> Reading {
    value.map_or(Reading::Absent, Reading::One)
}
