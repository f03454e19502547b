//! Types in which a removal beats a concurrent write: nothing concurrent may be on its way any more.

use crate::{Peer, members};

/// `a` has removed an element while `b`, who has seen only the element, added it again.
fn removed_and_added() -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    a.change(|tx| tx.remove_wins_set("banned").add("eve").unwrap());
    b.pull(&a);
    a.change(|tx| tx.remove_wins_set("banned").remove("eve").unwrap());
    b.change(|tx| tx.remove_wins_set("banned").add("eve").unwrap());
    (a, b)
}

#[test]
fn the_tombstone_waits_for_a_write_that_has_not_seen_it() {
    let (mut a, mut b) = removed_and_added();
    b.pull(&a);
    // Both have the removal, and the write of b has not reached a.
    let stability = members([a.acknowledgement(), b.acknowledgement()]);
    assert!(a.collect(&stability).is_empty());
    a.pull(&b);
    assert!(!a.view().remove_wins_set("banned").contains("eve"));
}

#[test]
fn a_tombstone_stays_beside_the_value_that_it_beats() {
    let (mut a, mut b) = removed_and_added();
    b.pull(&a);
    a.pull(&b);
    let stability = members([a.acknowledgement(), b.acknowledgement()]);
    assert!(a.collect(&stability).is_empty());
    assert!(!a.view().remove_wins_set("banned").contains("eve"));
    // Whoever removes it again has seen both; that tombstone is alone in its cell and can go.
    b.change(|tx| tx.remove_wins_set("banned").remove("eve").unwrap());
    a.pull(&b);
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert_eq!((collected.tombstones, a.cell_count()), (1, 0));
}

#[test]
fn every_concurrent_removal_of_a_cell_has_to_be_stable() {
    let (mut a, mut b) = removed_and_added();
    b.change(|tx| tx.remove_wins_set("banned").remove("eve").unwrap());
    let seen_by_b = b.acknowledgement();
    b.pull(&a);
    a.pull(&b);
    assert!(a.collect(&members([a.acknowledgement(), seen_by_b])).is_empty());
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert_eq!((collected.tombstones, a.cell_count()), (2, 0));
}

#[test]
fn the_deletion_of_a_register_that_competes_by_clock_waits_too() {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    b.change(|tx| tx.lww_delete_register("title").set("draft").unwrap());
    // One stamp later than the write, which it has not seen.
    a.change(|tx| tx.register("other").set(1).unwrap());
    a.change(|tx| tx.lww_delete_register("title").delete().unwrap());
    b.pull(&a);
    assert!(a.collect(&members([a.acknowledgement(), b.acknowledgement()])).is_empty());
    a.pull(&b);
    assert_eq!(a.view().lww_delete_register("title").value(), None);
    assert_eq!(b.view().lww_delete_register("title").value(), None);
}
