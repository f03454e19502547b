//! Resets of counters: the owners of the slots have to have seen them, and all they wrote before has to
//! be here.

use crate::{Peer, members};
use rejoin_crdt::{Stability, VersionVector};

fn add(peer: &mut Peer, amount: i64) {
    peer.change(|tx| tx.counter("visits").add(amount).unwrap());
}

fn reset(peer: &mut Peer) {
    peer.change(|tx| tx.counter("visits").reset().unwrap());
}

fn count(peer: &Peer) -> i128 {
    peer.view().counter("visits").value()
}

/// `owner` has counted 5, `a` has seen and reset it, and `owner` counted 2 more without knowing.
fn reset_and_counted() -> (Peer, Peer) {
    let (mut a, mut owner) = (Peer::new(1), Peer::new(2));
    add(&mut owner, 5);
    a.pull(&owner);
    reset(&mut a);
    add(&mut owner, 2);
    (a, owner)
}

#[test]
fn a_reset_goes_when_its_owner_has_seen_it_and_all_its_slots_are_here() {
    let (mut a, mut owner) = (Peer::new(1), Peer::new(2));
    add(&mut owner, 5);
    a.pull(&owner);
    reset(&mut a);
    assert!(a.collect(&members([a.acknowledgement(), owner.acknowledgement()])).is_empty());
    owner.pull(&a);
    let collected = a.collect(&members([a.acknowledgement(), owner.acknowledgement()]));
    assert_eq!((collected.resets, a.cell_count()), (1, 0));
    add(&mut owner, 3);
    a.pull(&owner);
    assert_eq!((count(&a), count(&owner)), (3, 3));
}

#[test]
fn a_reset_waits_for_a_slot_that_its_owner_wrote_before_it_saw_the_reset() {
    let (mut a, mut owner) = reset_and_counted();
    owner.pull(&a);
    // All have acknowledged the reset; the owner's slot of 7 has not arrived at a.
    assert!(a.collect(&members([a.acknowledgement(), owner.acknowledgement()])).is_empty());
    a.pull(&owner);
    assert_eq!((count(&a), count(&owner)), (2, 2));
}

#[test]
fn a_reset_stays_while_a_slot_of_its_epoch_is_here() {
    let (mut a, mut owner) = reset_and_counted();
    owner.pull(&a);
    a.pull(&owner);
    assert!(a.collect(&members([a.acknowledgement(), owner.acknowledgement()])).is_empty());
    // The slot goes on in the same epoch, and is still reduced by what the reset saw.
    add(&mut owner, 1);
    a.pull(&owner);
    assert_eq!((count(&a), count(&owner)), (3, 3));
}

#[test]
fn the_reset_of_a_guest_stays_until_the_guest_begins_a_new_epoch() {
    let (mut a, mut guest) = (Peer::new(1), Peer::new(2));
    add(&mut guest, 5);
    a.pull(&guest);
    reset(&mut a);
    assert!(a.collect(&members([a.acknowledgement()])).is_empty(), "a guest may still come");
    guest.pull(&a);
    add(&mut guest, 4);
    a.pull(&guest);
    assert_eq!(a.collect(&members([a.acknowledgement()])).resets, 1);
    assert_eq!((count(&a), count(&guest)), (4, 4));
}

#[test]
fn the_reset_of_a_life_that_has_ended_goes_when_all_it_wrote_is_here() {
    let (mut a, owner) = reset_and_counted();
    let ended = |seq| [(owner.replica, seq)].into_iter().collect::<VersionVector>();
    let stability = Stability::new([a.acknowledgement()], ended(2));
    assert!(a.collect(&stability).is_empty(), "its second change has not arrived");
    a.pull(&owner);
    assert!(a.collect(&stability).is_empty(), "its slot is still reduced by the reset");
    reset(&mut a);
    let stability = Stability::new([a.acknowledgement()], ended(2));
    assert_eq!(a.collect(&stability).resets, 1);
    assert_eq!((count(&a), a.cell_count()), (0, 0));
}

#[test]
fn a_reset_of_several_owners_goes_as_a_whole_or_not_at_all() {
    let (mut a, mut member, mut guest) = (Peer::new(1), Peer::new(2), Peer::new(3));
    add(&mut member, 5);
    add(&mut guest, 7);
    a.pull(&member);
    a.pull(&guest);
    reset(&mut a);
    member.pull(&a);
    let stability = members([a.acknowledgement(), member.acknowledgement()]);
    assert!(a.collect(&stability).is_empty());
    add(&mut guest, 1);
    a.pull(&guest);
    assert_eq!(count(&a), 1);
}
