//! Differences that are larger than one delta may be travel in rounds, and each brings what it can.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{self, Extract};
use rejoin_crdt::{
    Authority, Context, Coverage, Delta, Dot, Hlc, JoinError, KeyRange, Limits, Part,
    RangeTombstone, ReplicaId, Store, Transaction, VersionVector,
};

const A: ReplicaId = ReplicaId::from_u128(1);

fn key(number: u32) -> Key {
    Key::new(("records", number).into_path(), TypeTag::Register).unwrap()
}

fn write(store: &mut Store<Key, Value>, numbers: impl Iterator<Item = u32>, len: usize) {
    let mut tx = Transaction::new(store, A, Hlc::new(1_000, 0));
    for number in numbers {
        let value = "v".repeat(len * usize::try_from(number % 7).unwrap());
        tx.write(&key(number), Value::from_serialize(&value).unwrap());
    }
    let staged = tx.finish();
    store.commit(staged).unwrap();
}

fn small(delta_bytes: usize) -> Limits {
    Limits { delta_bytes, ..Limits::default() }
}

fn rounds<'s>(
    from: &'s Store<Key, Value>,
    to: &mut Store<Key, Value>,
    limits: &Limits,
) -> Vec<Extract<'s>> {
    let mut rounds = Vec::new();
    while let Some(extract) = wire::extract(from, to.view().context(), limits, || None).unwrap() {
        let delta = wire::decode_delta(&extract.clone().into_bytes(), limits).unwrap();
        let delta = delta.validate(limits).unwrap().authorise(&Authority::Full).unwrap();
        to.join(delta, None).unwrap();
        assert_eq!(to.view().context().joined(&extract.reach), *to.view().context());
        to.verify(None).unwrap();
        rounds.push(extract);
    }
    rounds
}

fn assert_equal(a: &Store<Key, Value>, b: &Store<Key, Value>) {
    let full = KeyRange::full();
    assert_eq!(a.view().context(), b.view().context());
    assert_eq!(a.view().fingerprint(&full), b.view().fingerprint(&full));
}

#[test]
fn rounds_bring_everything_and_are_well_filled() {
    for len in [0, 3, 40] {
        let mut from = Store::new();
        write(&mut from, 0..2_000, len);
        let mut to = from.clone();
        // A few changes that the index names, and a whole state.
        write(&mut from, (0..2_000).step_by(9), len);
        let limits = small(8 << 10);
        for to in [&mut to, &mut Store::new()] {
            let context = to.view().context().clone();
            let whole = from.delta_since(&context);
            let bytes = wire::encode_delta(&whole).len() as u64;
            let needed = bytes.max((wire::decoded_bytes(&whole) + bytes) / 3);
            let rounds = rounds(&from, to, &limits);
            assert_equal(&from, to);
            let most = needed / (8 << 10) * 3 / 2 + 2;
            assert!(rounds.len() as u64 <= most, "{} rounds, {most} would do", rounds.len());
        }
    }
}

#[test]
fn what_just_fits_is_not_cut() {
    let mut from = Store::new();
    write(&mut from, 0..500, 10);
    let whole = from.delta_since(&Context::default());
    let bytes = wire::encode_delta(&whole).len();
    let memory = usize::try_from(wire::decoded_bytes(&whole)).unwrap();
    let least = bytes.max((memory + bytes).div_ceil(3));
    assert_eq!(rounds(&from, &mut Store::new(), &small(least)).len(), 1);
    assert_eq!(rounds(&from, &mut Store::new(), &small(least - 1)).len(), 2);
}

#[test]
fn a_delta_says_nothing_of_the_keys_from_the_first_cell_on_that_is_not_taken() {
    let mut from = Store::new();
    write(&mut from, 0..1_000, 1);
    let mut asked = 0;
    let delta = from.delta_while(&Context::default(), |cells| {
        let taken = cells.iter().take_while(|cell| cell.key < key(10)).count();
        asked += cells.len();
        taken
    });
    assert!(asked < 100 && (delta.cell_count(), delta.parts.len()) == (10, 1));
    assert_eq!(delta.parts[0].range, KeyRange::new(None, Some(key(10))));
    let nothing = from.delta_while(&Context::default(), |_| 0);
    assert_eq!(nothing.parts[0].range, KeyRange::new(None, Some(key(0))));
}

#[test]
fn deletions_that_begin_at_one_place_stay_together_and_later_ones_wait() {
    let tombstone = |seq: u64, start: Option<Key>| RangeTombstone {
        dot: Dot::new(A, seq),
        range: KeyRange::new(start, Some(key(9))),
        seen: (2..40).map(|id| (ReplicaId::from_u128(id), 1)).collect(),
    };
    let mut upto: VersionVector = (2..40).map(|id| (ReplicaId::from_u128(id), 1)).collect();
    upto.advance(A, 4);
    let delta = |tombstones: Vec<RangeTombstone<Key>>| Delta {
        parts: vec![Part {
            range: KeyRange::full(),
            base: VersionVector::new(),
            upto: upto.clone(),
            coverage: Coverage::Difference,
            cells: Vec::new(),
            range_tombstones: tombstones,
        }],
        horizon: VersionVector::new(),
        fingerprint: None,
    };
    let first = vec![tombstone(1, None), tombstone(2, None), tombstone(3, None)];
    let enough = usize::try_from(wire::decoded_bytes(&delta(first.clone()))).unwrap();
    let all = [first, vec![tombstone(4, Some(key(5)))]].concat();
    let fitted = wire::fit(delta(all.clone()), &small(enough / 3 + 512)).unwrap().unwrap();
    assert_eq!(fitted.reach.at(&key(4)).seq(A), 4);
    assert_eq!(fitted.reach.at(&key(5)).seq(A), 0);
    assert!(wire::fit(delta(all), &small(enough / 6)).is_err());
}

/// In a catch-up, a dot that stands in a cell of the first round comes again, for another key, in a second one of so
/// many cells: few dots are looked up in the index, for many there is a walk along it.
fn a_dot_comes_again_beside(cells: u32, contiguous: bool) {
    let mut from = Store::new();
    write(&mut from, (0..100 + cells).filter(|n| contiguous || n % 2 == 0), 1);
    let from_first = from.delta_in(&Context::default(), &KeyRange::new(None, Some(key(100))));
    let second = from.delta_in(&Context::default(), &KeyRange::new(Some(key(100)), None));
    let authorise = |delta: Delta<Key, Value>| {
        delta.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap()
    };
    let repeated = from_first.parts[0].cells[7].fresh[0].0;
    let mut to = Store::new();
    to.join(authorise(from_first), None).unwrap();
    let before = to.view().context().clone();
    let mut lie = second.clone();
    let middle = lie.cell_count() / 2;
    lie.parts[0].cells[middle].fresh[0].0 = repeated;
    let refused = to.join(authorise(lie), None).unwrap_err();
    assert_eq!(refused, JoinError::RepeatedDot { replica: A, seq: repeated.seq });
    assert_eq!(*to.view().context(), before, "nothing was changed");
    to.join(authorise(second), None).unwrap();
    assert_equal(&from, &to);
}

#[test]
fn a_dot_that_stands_in_another_cell_is_refused_in_small_deltas_and_in_large_ones() {
    for cells in [10, 1_023, 1_024, 5_000] {
        a_dot_comes_again_beside(cells, true);
        a_dot_comes_again_beside(cells, false);
    }
}
