//! Types in which a removal takes what it has seen: all members have to have seen the removal.

use crate::{Peer, members};
use rejoin_crdt::Stability;

/// Two replicas, of which both have an element and only the first knows that it was removed.
fn removed_at_one() -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    a.change(|tx| tx.set("fruit").add("pear").unwrap());
    b.pull(&a);
    a.change(|tx| tx.set("fruit").remove("pear").unwrap());
    (a, b)
}

#[test]
fn a_tombstone_goes_with_its_cell_when_every_member_has_acknowledged_it() {
    let (mut a, mut b) = removed_at_one();
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert!(collected.is_empty(), "b has not seen the removal");
    b.pull(&a);
    let stability = members([a.acknowledgement(), b.acknowledgement()]);
    let collected = a.collect(&stability);
    assert_eq!((collected.tombstones, collected.commit.cells.len()), (1, 1));
    assert_eq!((a.cell_count(), b.cell_count()), (0, 1));
    assert!(a.collect(&stability).is_empty(), "it is gone already");
}

#[test]
fn without_a_list_of_members_nothing_goes() {
    let (mut a, _) = removed_at_one();
    assert!(a.collect(&members([])).is_empty());
    let (_, ended) = a.acknowledgement();
    assert!(a.collect(&Stability::new([], ended)).is_empty());
}

#[test]
fn the_value_that_a_collected_tombstone_had_not_seen_stays() {
    let (mut a, mut b) = removed_at_one();
    b.change(|tx| tx.set("fruit").add("pear").unwrap());
    a.pull(&b);
    b.pull(&a);
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert_eq!((collected.tombstones, a.cell_count()), (1, 1));
    assert!(a.view().set("fruit").contains("pear") && b.view().set("fruit").contains("pear"));
}

#[test]
fn what_was_collected_does_not_come_back_from_somebody_who_still_holds_it() {
    let (mut a, mut b) = removed_at_one();
    let mut laggard = Peer::new(3);
    laggard.pull(&b);
    b.pull(&a);
    a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    laggard.change(|tx| tx.set("fruit").add("fig").unwrap());
    a.pull(&laggard);
    assert!(!a.view().set("fruit").contains("pear") && a.view().set("fruit").contains("fig"));
}
