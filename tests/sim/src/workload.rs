//! The places of a simulated document, and what is done to them.

use fastrand::Rng;
use rejoin_crdt::KeyRange;
use rejoin_crdt::document::{DocumentView, Tx, WriteError};
use rejoin_crdt::path::{Component, IntoPath, Key, Path, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_oracle::{KeySpec, Kind, Op, Reading};

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

/// One place of the document: a cell that the oracle knows by its position.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: Path,
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    /// The element, for a place in a set.
    name: u32,
}

/// Places in groups; a group is a subtree. Counters are many, since they have the most rules.
pub(crate) fn universe(rng: &mut Rng, groups: u32, places_per_group: u32) -> Vec<Place> {
    let mut places = Vec::new();
    for group in 0..groups {
        for name in 0..places_per_group {
            let kind =
                if rng.u8(..3) == 0 { Kind::Counter } else { KINDS[rng.usize(..KINDS.len())] };
            places.push(place(group, name, kind));
        }
    }
    // The order in which the engine keeps them: bounds of ranges are places.
    places.sort_by(|a, b| a.key.cmp(&b.key));
    places
}

/// What the oracle is told of the places.
pub(crate) fn specs(places: &[Place]) -> Vec<KeySpec> {
    let spec = |(at, place): (usize, &Place)| KeySpec {
        path: vec![u32::try_from(at).unwrap_or(u32::MAX)],
        kind: place.kind,
    };
    places.iter().enumerate().map(spec).collect()
}

pub(crate) fn place(group: u32, name: u32, kind: Kind) -> Place {
    let element = Value::from_serialize(&name).map(|value| value.as_bytes().to_vec());
    let (path, key) = match tag(kind) {
        tag if tag.is_set_element() => {
            let path = (group, "members").into_path();
            (path.clone(), Key::element(&path, &element.unwrap_or_default(), tag))
        }
        tag => {
            let path = (group, name).into_path();
            (path.clone(), Key::new(&path, tag))
        }
    };
    let Ok(key) = key else { unreachable!("short paths are keys") };
    Place { path, key, kind, name }
}

/// Whether a removal of this kind beats a concurrent write, so that only members may write it.
pub(crate) const fn is_member_only(kind: Kind) -> bool {
    matches!(kind, Kind::LwwDeleteRegister | Kind::DisableWinsFlag | Kind::RemoveWinsElement)
}

const fn tag(kind: Kind) -> TypeTag {
    match kind {
        Kind::LwwDeleteRegister => TypeTag::RegisterLwwDelete,
        Kind::MvRegister => TypeTag::MvRegister,
        Kind::MaxRegister => TypeTag::MaxRegister,
        Kind::MinRegister => TypeTag::MinRegister,
        Kind::EnableWinsFlag => TypeTag::EnableWinsFlag,
        Kind::DisableWinsFlag => TypeTag::DisableWinsFlag,
        Kind::AddWinsElement => TypeTag::SetElement,
        Kind::RemoveWinsElement => TypeTag::RemoveWinsElement,
        Kind::Counter | Kind::PlainCounter => TypeTag::Counter,
        Kind::BoundedCounter => TypeTag::BoundedCounter,
        Kind::Map => TypeTag::MapMarker,
        Kind::LwwRegister => TypeTag::Register,
    }
}

/// The group of a random place.
pub(crate) fn subtree(rng: &mut Rng, places: &[Place]) -> Path {
    let components = places[rng.usize(..places.len())].path.components();
    components.iter().take(1).cloned().collect::<Vec<Component>>().into_path()
}

/// Everything, or a random range with bounds anywhere.
pub(crate) fn partial_range(rng: &mut Rng, places: &[Place]) -> KeyRange<Key> {
    let mut bound = || rng.bool().then(|| places[rng.usize(..places.len())].key.clone());
    match (bound(), bound()) {
        (Some(a), Some(b)) if a > b => KeyRange::new(Some(b), Some(a)),
        (Some(a), Some(b)) if a == b => KeyRange::new(Some(a), None),
        (start, end) => KeyRange::new(start, end),
    }
}

/// One to three operations at places of the kinds that may be written; none where there are no such.
pub(crate) fn plan(
    rng: &mut Rng,
    places: &[Place],
    may_write: impl Fn(Kind) -> bool,
) -> Vec<(usize, Op)> {
    let writable: Vec<usize> =
        (0..places.len()).filter(|place| may_write(places[*place].kind)).collect();
    if writable.is_empty() {
        return Vec::new();
    }
    let count = if rng.u8(..4) == 0 { rng.usize(2..4) } else { 1 };
    let random_op = |_| {
        let place = writable[rng.usize(..writable.len())];
        (place, operation(rng, places[place].kind))
    };
    (0..count).map(random_op).collect()
}

/// An operation that the kind has.
fn operation(rng: &mut Rng, kind: Kind) -> Op {
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

/// Does to the document what the oracle calls `op`. Returns whether there was anything to do.
pub(crate) fn perform(tx: &mut Tx<'_>, place: &Place, op: Op) -> Result<bool, WriteError> {
    let path = &place.path;
    match (place.kind, op) {
        (Kind::LwwRegister, Op::Set(value)) => tx.register(path).set(value).map(|_| true),
        (Kind::LwwRegister, _) => tx.register(path).delete(),
        (Kind::LwwDeleteRegister, Op::Set(value)) => {
            tx.lww_delete_register(path).set(value).map(|_| true)
        }
        (Kind::LwwDeleteRegister, _) => tx.lww_delete_register(path).delete(),
        (Kind::MvRegister, Op::Set(value)) => tx.mv_register(path).set(value).map(|_| true),
        (Kind::MvRegister, _) => tx.mv_register(path).delete(),
        (Kind::MaxRegister, Op::Set(value)) => tx.max_register(path).set(value).map(|_| true),
        (Kind::MaxRegister, _) => tx.max_register(path).delete(),
        (Kind::MinRegister, Op::Set(value)) => tx.min_register(path).set(value).map(|_| true),
        (Kind::MinRegister, _) => tx.min_register(path).delete(),
        (Kind::EnableWinsFlag, Op::Enable) => tx.flag(path).enable().map(|_| true),
        (Kind::EnableWinsFlag, _) => tx.flag(path).disable(),
        (Kind::DisableWinsFlag, Op::Enable) => tx.disable_wins_flag(path).enable().map(|_| true),
        (Kind::DisableWinsFlag, _) => tx.disable_wins_flag(path).disable(),
        (Kind::AddWinsElement, Op::Add) => tx.set(path).add(place.name).map(|_| true),
        (Kind::AddWinsElement, _) => tx.set(path).remove(place.name),
        (Kind::RemoveWinsElement, Op::Add) => {
            tx.remove_wins_set(path).add(place.name).map(|_| true)
        }
        (Kind::RemoveWinsElement, _) => tx.remove_wins_set(path).remove(place.name),
        (_, Op::Increment(amount)) => tx.counter(path).add(amount).map(|_| true),
        _ => tx.counter(path).reset(),
    }
}

/// What a reader of the document finds.
pub(crate) fn read(view: &DocumentView, place: &Place) -> Reading {
    let path = &place.path;
    let one = |value: Option<Value>| value.map_or(Reading::Absent, |v| Reading::One(number(&v)));
    match place.kind {
        Kind::LwwRegister => one(view.register(path).value()),
        Kind::LwwDeleteRegister => one(view.lww_delete_register(path).value()),
        Kind::MaxRegister => one(view.max_register(path).value()),
        Kind::MinRegister => one(view.min_register(path).value()),
        Kind::MvRegister => match siblings(view, place) {
            values if values.is_empty() => Reading::Absent,
            values => Reading::Many(values),
        },
        Kind::EnableWinsFlag => Reading::Flag(view.flag(path).is_enabled()),
        Kind::DisableWinsFlag => Reading::Flag(view.disable_wins_flag(path).is_enabled()),
        Kind::AddWinsElement => Reading::Flag(view.set(path).contains(place.name)),
        Kind::RemoveWinsElement => Reading::Flag(view.remove_wins_set(path).contains(place.name)),
        _ => Reading::Count(view.counter(path).value()),
    }
}

/// The live values of a register, sorted by dot.
pub(crate) fn siblings(view: &DocumentView, place: &Place) -> Vec<i64> {
    let siblings = match place.kind {
        Kind::MvRegister => view.mv_register(&place.path).values(),
        _ => view.register(&place.path).siblings(),
    };
    siblings.iter().map(|sibling| number(sibling.value)).collect()
}

fn number(value: &Value) -> i64 {
    // A value that is no number was never written: no reading equals this one.
    value.decode().unwrap_or(i64::MIN)
}
