//! What all standalone types have in common: gaps, repetition, lives, saving and loading.

use rejoin_crdt::{
    BoundedCounter, JoinDeltaError, JoinError, LwwRegister, OrMap, OrSet, RemoveWinsSet, ReplicaId,
    ResettableCounter,
};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

#[test]
fn a_delta_across_a_gap_is_refused_and_leaves_no_trace() {
    let mut a = OrSet::<String>::new(A);
    a.add("milk");
    let second = a.add("tea");
    let mut b = OrSet::<String>::new(B);
    b.add("bread");
    let before = b.clone();
    assert_eq!(b.join(&second), Err(JoinError::Gap { replica: A, needed: 1, have: 0 }.into()));
    assert_eq!((&b, b.state()), (&before, before.state()));
    b.join(&a.delta_since(b.context())).unwrap();
    assert!(b.contains("milk") && b.contains("tea") && b.contains("bread"));
}

#[test]
fn the_element_type_follows_from_the_other_replica() {
    let mut b = OrSet::<String>::new(B);
    let mut a = OrSet::new(A);
    let d = a.add("milk");
    b.join(&d).unwrap();
    assert!(b.contains("milk"));
}

#[test]
fn a_delta_that_contradicts_itself_is_refused_and_leaves_no_trace() {
    let mut a = OrSet::<u8>::new(A);
    let mut forged = a.add(1);
    forged.parts[0].cells[0].fresh[0].0.seq = 7;
    let mut b = OrSet::<u8>::new(B);
    assert!(matches!(b.join(&forged), Err(JoinDeltaError::Invalid(_))));
    assert_eq!((b.len(), b.context()), (0, OrSet::<u8>::new(B).context()));
}

#[test]
fn a_delta_of_a_replica_that_has_collected_removals_is_refused() {
    let mut a = OrSet::<u8>::new(A);
    let first = a.add(1);
    let mut collected = a.add(2);
    collected.horizon.advance(A, 1);
    let mut b = OrSet::<u8>::new(B);
    b.join(&first).unwrap();
    assert_eq!(b.join(&collected), Err(JoinDeltaError::Collected));
    assert_eq!(b.iter().collect::<Vec<_>>(), [&1]);
}

#[test]
fn a_second_copy_under_the_same_life_is_noticed() {
    let mut a = OrSet::<u8>::new(A);
    let mut copy = a.clone();
    a.add(1);
    let more = copy.with_replica(A).add(1);
    copy.join(&more).unwrap_err();
    assert_eq!(copy.merge(&a), Err(JoinError::UnknownOwnDots { claimed: 1, issued: 0 }.into()));
}

#[test]
fn what_has_nothing_to_do_makes_an_empty_delta() {
    let mut set = OrSet::<String>::new(A);
    let mut map = OrMap::<String, OrSet<String>>::new(A);
    assert!(set.remove("milk").is_empty() && map.remove("milk").is_empty());
    assert!(ResettableCounter::new(A).reset().is_empty());
    assert!(LwwRegister::<u8>::new(A).delete().is_empty());
    assert!(BoundedCounter::new(A).transfer(B, 0).unwrap().is_empty());
    // A removal that must beat a concurrent addition is never nothing.
    assert!(!RemoveWinsSet::<String>::new(A).remove("milk").is_empty());
}

#[test]
fn a_saved_value_comes_back_as_the_same_life() {
    let mut map = OrMap::<String, OrMap<String, LwwRegister<String>>>::new(A);
    map.update_at(1_000, "ada", |user| user.update("name", |name| name.set("Ada")));
    map.update_at(2_000, "bob", |user| user.update("name", |name| name.set("Bob")));
    map.remove("bob");
    let saved = rmp_serde::to_vec(&map).unwrap();
    let mut loaded: OrMap<String, OrMap<String, LwwRegister<String>>> =
        rmp_serde::from_slice(&saved).unwrap();
    assert_eq!((&loaded, loaded.state(), loaded.replica()), (&map, map.state(), A));
    // Its clock goes on, too, and so do its dots.
    loaded.update_at(10, "ada", |user| user.update("name", |name| name.set("Ada Lovelace")));
    map.join(&loaded.delta_since(map.context())).unwrap_err();
    let mut other = map.with_replica(B);
    other.join(&loaded.delta_since(other.context())).unwrap();
    let name = other.get("ada").and_then(|ada| ada.get("name")).and_then(|name| name.get());
    assert_eq!(name.map(String::as_str), Some("Ada Lovelace"));
}

#[test]
fn a_damaged_saved_value_is_an_error() {
    let mut set = OrSet::<u8>::new(A);
    set.add(1);
    let missing_its_base = (A, set.add(2));
    let saved = rmp_serde::to_vec(&missing_its_base).unwrap();
    assert!(rmp_serde::from_slice::<OrSet<u8>>(&saved).is_err());
}

#[test]
fn a_later_write_is_stamped_later_although_the_own_clock_is_behind() {
    let mut ahead = LwwRegister::<u8>::new(A);
    let mut behind = LwwRegister::<u8>::new(B);
    behind.join(&ahead.set(1, 10_000)).unwrap();
    behind.set(2, 500);
    let stamps: Vec<_> = behind.siblings().map(|s| s.hlc.physical_ms()).collect();
    assert_eq!(stamps, [10_000]);
}

#[test]
fn an_update_that_fails_changes_nothing() {
    let mut map = OrMap::<String, ResettableCounter>::new(A);
    map.try_update("visits", |visits| visits.increment(u64::MAX)).unwrap();
    let before = map.clone();
    let failed = map.try_update("visits", |visits| {
        visits.decrement(1)?;
        visits.increment(1)
    });
    assert!(failed.is_err());
    assert_eq!((&map, map.state()), (&before, before.state()));
}

#[test]
fn a_change_sees_what_it_has_done_so_far() {
    let mut map = OrMap::<u8, OrMap<u8, OrSet<u8>>>::new(A);
    map.update(1, |inner| inner.update(1, |set| set.add(1)));
    map.update(2, |inner| {
        inner.update(5, |set| {
            set.add(7);
            set.add(8);
            set.remove(&8);
            assert_eq!(set.read().iter().collect::<Vec<_>>(), [&7]);
        });
        inner.update(4, |set| set.add(9));
        assert_eq!(inner.read().keys().collect::<Vec<_>>(), [&4, &5]);
        inner.remove(&5);
        assert!(!inner.read().contains_key(&5));
    });
    map.update(3, |inner| inner.update(0, |set| set.add(1)));
    let keys = |key| map.get(key).map(|inner| inner.keys().copied().collect::<Vec<_>>());
    assert_eq!(
        [keys(&1), keys(&2), keys(&3), keys(&4)],
        [Some(vec![1]), Some(vec![4]), Some(vec![0]), None]
    );
}

#[test]
fn a_shortfall_names_who_holds_rights_and_changes_nothing() {
    let mut a = BoundedCounter::new(A);
    a.increment(5).unwrap();
    let mut b = a.with_replica(B);
    let before = b.clone();
    let shortfall = b.decrement(2).unwrap_err();
    assert_eq!((shortfall.missing, &*shortfall.holders), (2, &[(A, 5)][..]));
    assert_eq!(shortfall.to_string(), "rights missing here: 2; other holders: 1");
    assert_eq!((&b, b.state()), (&before, before.state()));
}

#[test]
fn rights_beyond_what_one_row_can_spend_are_missing_not_wrapped() {
    let mut a = BoundedCounter::new(A);
    a.increment(u64::MAX).unwrap();
    let all = a.transfer(B, u64::MAX).unwrap();
    let mut b = BoundedCounter::new(B);
    b.increment(1).unwrap();
    b.join(&a.delta_since(b.context())).unwrap();
    assert!(b.join(&all).is_ok());
    b.decrement(u64::MAX).unwrap();
    assert_eq!((b.value(), b.rights(B)), (1, 1));
    assert_eq!(b.decrement(1).unwrap_err().missing, 1);
    b.transfer(A, 1).unwrap();
    assert_eq!(b.holders(), [(A, 1)]);
}
