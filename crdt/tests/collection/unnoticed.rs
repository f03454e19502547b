//! What collection must not touch, and who has to be told.

use crate::{Peer, members};
use rejoin_crdt::KeyRange;
use rejoin_crdt::StaleTransaction;

/// Something of everything, half of it removed, at two replicas.
fn full() -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    a.change(|tx| {
        for name in 0..6 {
            tx.set("set").add(name).unwrap();
            tx.remove_wins_set("banned").add(name).unwrap();
            tx.counter(("counters", name)).add(9).unwrap();
            tx.register(("registers", name)).set(name).unwrap();
            tx.flag(("flags", name)).enable().unwrap();
        }
    });
    b.pull(&a);
    a.change(|tx| {
        for name in 0..3 {
            tx.set("set").remove(name).unwrap();
            tx.remove_wins_set("banned").remove(name).unwrap();
            tx.counter(("counters", name)).reset().unwrap();
            tx.register(("registers", name)).delete().unwrap();
        }
        tx.delete("flags").unwrap();
    });
    b.pull(&a);
    (a, b)
}

/// Everything that a reader finds.
fn shown(peer: &Peer) -> Vec<String> {
    peer.view()
        .prefix(())
        .map(|(key, reading)| format!("{key:?} {:?}", reading.to_item()))
        .collect()
}

#[test]
fn readers_fingerprints_and_context_stay_as_they_are() {
    let (mut a, b) = full();
    let (before, context) = (shown(&a), a.acknowledgement());
    let fingerprint = |peer: &Peer| peer.document.store().view().fingerprint(&KeyRange::full());
    let proof = fingerprint(&a);
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    let counts = (collected.tombstones, collected.resets, collected.range_tombstones);
    assert_eq!(counts, (9, 3, 1));
    assert_eq!((shown(&a), a.acknowledgement()), (before, context));
    assert_eq!((fingerprint(&a), fingerprint(&b)), (proof, proof));
}

#[test]
fn a_view_that_was_taken_before_still_has_everything() {
    let (mut a, b) = full();
    let view = a.view();
    a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert_eq!(view.cells().cell_count(), 24);
    assert_eq!(a.cell_count(), 12);
}

#[test]
fn a_transaction_that_was_prepared_before_is_stale() {
    let (mut a, b) = full();
    let hlc = a.document.tick(2_000);
    let mut tx = a.document.transaction(a.replica, hlc);
    tx.set("set").add(1).unwrap();
    let staged = tx.finish().unwrap();
    assert!(!a.collect(&members([a.acknowledgement(), b.acknowledgement()])).is_empty());
    assert_eq!(a.document.commit(staged), Err(StaleTransaction));
}

#[test]
fn a_feed_that_starts_before_a_collected_removal_learns_that_something_is_missing() {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    a.change(|tx| tx.set("set").add(1).unwrap());
    let since = a.document.store().view().context().clone();
    a.change(|tx| tx.set("set").remove(1).unwrap());
    b.pull(&a);
    let before = a.document.changes_since(&since);
    assert!(before.is_complete && before.cells.len() == 1);
    a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    let after = a.document.changes_since(&since);
    assert!(!after.is_complete && after.cells.is_empty());
    assert!(a.document.changes_since(&after.upto).is_complete);
}
