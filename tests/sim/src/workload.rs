//! The keys of a simulated world, and what is done to them.

use fastrand::Rng;
use rejoin_crdt::{CellRef, KeyRange, Transaction};
use rejoin_oracle::{KeySpec, Kind, Op, Reading};

/// A key of the simulated store: hundreds are groups, the rest names a key in its group.
pub(crate) type Key = u32;

/// The types under test. Plain counters live in no document, and escrow has its own tests.
const KINDS: [Kind; 10] = [
    Kind::LwwRegister,
    Kind::LwwDeleteRegister,
    Kind::MvRegister,
    Kind::MaxRegister,
    Kind::MinRegister,
    Kind::EnableWinsFlag,
    Kind::DisableWinsFlag,
    Kind::AddWinsElement,
    Kind::RemoveWinsElement,
    Kind::Counter,
];

const GROUP: Key = 100;

/// Keys in groups; a group is a subtree. Counters are half of them, since they have the most rules.
pub(crate) fn universe(
    rng: &mut Rng,
    groups: u32,
    keys_per_group: u32,
) -> (Vec<Key>, Vec<KeySpec>) {
    let mut keys = Vec::new();
    let mut specs = Vec::new();
    for group in 0..groups {
        for name in 0..keys_per_group {
            let kind =
                if rng.u8(..3) == 0 { Kind::Counter } else { KINDS[rng.usize(..KINDS.len())] };
            keys.push(group * GROUP + name);
            specs.push(KeySpec { path: vec![group, name], kind });
        }
    }
    (keys, specs)
}

/// A whole group, or a part of one that cuts it.
pub(crate) fn subtree(rng: &mut Rng, keys: &[Key]) -> KeyRange<Key> {
    let group = keys[rng.usize(..keys.len())] / GROUP * GROUP;
    KeyRange::new(Some(group), Some(group + GROUP))
}

/// Everything, or a random range with bounds anywhere.
pub(crate) fn partial_range(rng: &mut Rng, keys: &[Key]) -> KeyRange<Key> {
    let mut bound = || rng.bool().then(|| keys[rng.usize(..keys.len())]);
    let (start, end) = (bound(), bound());
    match (start, end) {
        (Some(a), Some(b)) if a > b => KeyRange::new(Some(b), Some(a)),
        (Some(a), Some(b)) if a == b => KeyRange::new(Some(a), Some(a + 1)),
        bounds => KeyRange::new(bounds.0, bounds.1),
    }
}

/// An operation that the kind has.
pub(crate) fn operation(rng: &mut Rng, kind: Kind) -> Op {
    let removes = rng.u8(..10) < 4;
    match kind {
        Kind::EnableWinsFlag | Kind::DisableWinsFlag if removes => Op::Disable,
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => Op::Enable,
        Kind::AddWinsElement | Kind::RemoveWinsElement if removes => Op::Remove,
        Kind::AddWinsElement | Kind::RemoveWinsElement => Op::Add,
        Kind::Counter if rng.u8(..10) < 2 => Op::Reset,
        Kind::Counter => Op::Increment(rng.i64(-3..10)),
        _ if removes => Op::Delete,
        // Few values, so that writes of the value that is already there are common.
        _ => Op::Set(rng.i64(0..4)),
    }
}

/// Does to the store what the oracle calls `op`. Returns the sequence number of the change, or `None`
/// if the operation had nothing to do.
pub(crate) fn perform(
    tx: &mut Transaction<'_, Key, i64>,
    key: Key,
    kind: Kind,
    op: Op,
) -> Option<u64> {
    let dot = match (kind, op) {
        (Kind::MaxRegister, Op::Set(value)) => tx.write_maximum(&key, value),
        (Kind::MinRegister, Op::Set(value)) => tx.write_minimum(&key, value),
        (_, Op::Set(value)) => tx.write(&key, value),
        (_, Op::Enable | Op::Add) => tx.write(&key, 0),
        (Kind::LwwDeleteRegister, Op::Delete)
        | (Kind::DisableWinsFlag, Op::Disable)
        | (Kind::RemoveWinsElement, Op::Remove) => tx.tombstone(&key),
        (_, Op::Delete | Op::Disable | Op::Remove) => tx.remove(&key)?,
        (_, Op::Increment(amount)) => {
            let (inc, dec) = (amount.max(0).unsigned_abs(), amount.min(0).unsigned_abs());
            tx.count(&key, inc, dec).ok()?
        }
        (_, Op::Reset) => tx.reset(&key)?,
        _ => return None,
    };
    Some(dot.seq)
}

/// What a reader of the store finds.
pub(crate) fn read(kind: Kind, cell: Option<CellRef<'_, i64>>) -> Reading {
    let one = |value: Option<i64>| value.map_or(Reading::Absent, Reading::One);
    let Some(cell) = cell else {
        return match kind {
            Kind::Counter => Reading::Count(0),
            Kind::LwwRegister
            | Kind::LwwDeleteRegister
            | Kind::MvRegister
            | Kind::MaxRegister
            | Kind::MinRegister => Reading::Absent,
            _ => Reading::Flag(false),
        };
    };
    match kind {
        Kind::LwwRegister => one(cell.last_by_clock().map(|sibling| *sibling.value)),
        Kind::LwwDeleteRegister => {
            one(cell.last_by_clock_or_deleted().map(|sibling| *sibling.value))
        }
        Kind::MaxRegister => one(cell.maximum().copied()),
        Kind::MinRegister => one(cell.minimum().copied()),
        Kind::MvRegister => match cell.values().map(|sibling| *sibling.value).collect::<Vec<_>>() {
            values if values.is_empty() => Reading::Absent,
            values => Reading::Many(values),
        },
        Kind::Counter => Reading::Count(cell.count()),
        Kind::DisableWinsFlag | Kind::RemoveWinsElement => {
            Reading::Flag(cell.has_value() && !cell.has_tombstone())
        }
        _ => Reading::Flag(cell.has_value()),
    }
}
