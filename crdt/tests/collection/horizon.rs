//! The horizon says what was collected, and travels.

use crate::{Peer, members};

/// Three replicas that know the element "pear"; `a` and `b` know that it was removed, `a` collected it.
fn collected_at_one() -> (Peer, Peer, Peer) {
    let (mut a, mut b, mut c) = (Peer::new(1), Peer::new(2), Peer::new(3));
    a.change(|tx| tx.set("fruit").add("pear").unwrap());
    c.pull(&a);
    a.change(|tx| tx.set("fruit").remove("pear").unwrap());
    a.change(|tx| tx.set("fruit").add("fig").unwrap());
    b.pull(&a);
    assert_eq!(a.collect(&members([a.acknowledgement(), b.acknowledgement()])).tombstones, 1);
    (a, b, c)
}

#[test]
fn collection_raises_the_horizon_by_what_it_dropped_and_leaves_the_context() {
    let (a, b, _) = collected_at_one();
    assert_eq!(a.document.store().horizon(), &[(a.replica, 2)].into_iter().collect());
    assert!(b.document.store().horizon().is_empty());
    assert_eq!(a.acknowledgement().1, b.acknowledgement().1);
}

#[test]
fn somebody_who_has_not_seen_what_was_collected_is_told_everything() {
    let (a, b, mut c) = collected_at_one();
    let mut by_difference = Peer::new(4);
    by_difference.pull(&c);
    assert!(!by_difference.pull(&b), "the tombstone is there to be named");
    assert!(c.pull(&a));
    for peer in [&c, &by_difference] {
        assert!(!peer.view().set("fruit").contains("pear"));
        assert!(peer.view().set("fruit").contains("fig"));
    }
    assert!(!c.pull(&a), "from now on there is nothing to tell");
}

/// `c` has the element and an addition that had not seen the removal, but not the removal. `b` loses
/// the tombstone by joining the cell of `a`, who collected it.
#[test]
fn who_joins_the_state_of_a_collector_serves_laggards_like_the_collector() {
    let (mut a, mut b, mut c) = collected_at_one();
    let mut late = Peer::new(4);
    late.pull(&c);
    late.change(|tx| tx.set("fruit").add("pear").unwrap());
    let mut laggard = Peer::new(5);
    laggard.pull(&c);
    c.pull(&late);
    a.pull(&late);
    b.pull(&a);
    assert_eq!(b.document.store().horizon(), a.document.store().horizon());
    for peer in [&mut c, &mut laggard] {
        assert!(peer.pull(&b));
        assert!(peer.view().set("fruit").contains("pear"), "the late addition had not seen it");
        assert_eq!(peer.cell_count(), a.cell_count());
        assert_eq!(peer.document.store().horizon(), a.document.store().horizon());
    }
}
