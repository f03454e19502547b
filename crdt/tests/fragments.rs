//! A replica does not let its keys be cut into any number of ranges of different contexts.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{
    AuthorisedDelta, Authority, Context, Coverage, Delta, Hlc, InvalidDelta, JoinError, KeyRange,
    Limits, MOST_PARTS, MOST_VECTORS, Part, ReplicaId, Store, Transaction, VersionVector,
};

type State = Store<Key, Value>;

fn key(number: usize) -> Key {
    Key::new(("records", number as u64).into_path(), TypeTag::Register).unwrap()
}

/// A replica that has written every record once.
fn author(life: usize) -> State {
    let mut store = State::new();
    let mut tx = Transaction::new(&store, ReplicaId::from_u128(life as u128), Hlc::new(1, 0));
    for at in 0..=MOST_VECTORS {
        tx.write(&key(at), Value::from_serialize(&1).unwrap());
    }
    let staged = tx.finish();
    store.commit(staged).unwrap();
    store
}

fn accepted(delta: Delta<Key, Value>) -> AuthorisedDelta<Key, Value> {
    delta.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap()
}

/// One record from each of so many authors: every catch-up was broken off.
fn from_each(authors: usize) -> (State, Result<(), JoinError>) {
    let mut store = State::new();
    for at in 1..=authors {
        let range = KeyRange::new(Some(key(at)), Some(key(at + 1)));
        let delta = author(at).delta_in(&Context::default(), &range);
        if let Err(error) = store.join(accepted(delta), None) {
            return (store, Err(error));
        }
    }
    (store, Ok(()))
}

#[test]
fn a_catch_up_too_many_is_refused_until_another_one_has_ended() {
    // One vector is that of the keys of which nothing was taken.
    let (mut store, joined) = from_each(MOST_VECTORS - 1);
    joined.unwrap();
    let before = store.clone();
    let last = author(MOST_VECTORS);
    let range = KeyRange::new(Some(key(MOST_VECTORS)), None);
    let one_more = || accepted(last.delta_in(&Context::default(), &range));
    let refused = store.join(one_more(), None).unwrap_err();
    assert!(matches!(refused, JoinError::Fragmented { segments: 65 }), "{refused:?}");
    assert_eq!(store.view().context(), before.view().context());
    assert_eq!(store.revision(), before.revision());

    // Two authors are taken over as a whole: then there is room again.
    for at in [1, 2] {
        store.join(accepted(author(at).delta_since(&Context::default())), None).unwrap();
    }
    let merged = KeyRange::new(None, Some(key(3)));
    let half = author(3).delta_in(&Context::default(), &merged);
    store.join(accepted(half), None).unwrap();
    store.join(one_more(), None).unwrap();
    store.verify(None).unwrap();
}

#[test]
fn a_delta_in_more_parts_than_two_replicas_have_ranges_is_refused() {
    let upto: VersionVector = [(ReplicaId::from_u128(1), 1)].into_iter().collect();
    let delta = |parts: usize| {
        let part = |at: usize| Part {
            range: KeyRange::new(Some(key(at)), Some(key(at + 1))),
            base: VersionVector::new(),
            upto: upto.clone(),
            coverage: Coverage::Difference,
            cells: Vec::new(),
            range_tombstones: Vec::new(),
        };
        let parts = (0..parts).map(part).collect();
        Delta::<Key, Value> { parts, horizon: VersionVector::new(), fingerprint: None }
    };
    // They are neighbours, and make one range.
    let mut store = State::new();
    store.join(accepted(delta(MOST_PARTS)), None).unwrap();
    assert_eq!(store.view().context().segment_count(), 3);
    let refused = delta(MOST_PARTS + 1).validate(&Limits::default()).map(drop);
    assert_eq!(refused, Err(InvalidDelta::TooLarge { found: MOST_PARTS + 1, limit: MOST_PARTS }));
}
