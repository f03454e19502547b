//! A store does not remember for ever what it once held.

use crate::{Peer, members};
use rejoin_crdt::{Context, KeyRange, VersionVector, wire};

/// How many elements there are at most; half of them are removed.
const ELEMENTS: u32 = 100_000;

/// Everything that `peer` holds beside what `base` has seen, as bytes, without contexts and horizon.
fn content(peer: &Peer, base: VersionVector) -> Vec<u8> {
    let base = Context::from(base);
    let mut delta = peer.document.store().delta_since(&base);
    let (_, seen) = peer.acknowledgement();
    delta.horizon = VersionVector::new();
    for part in &mut delta.parts {
        part.upto = seen.iter().filter(|(replica, _)| *replica != peer.replica).collect();
        part.base = VersionVector::new();
    }
    wire::encode_delta(&delta)
}

#[test]
fn after_collection_a_store_is_as_if_the_removed_elements_had_never_been_there() {
    let (mut keeper, mut churner, mut untouched) = (Peer::new(9), Peer::new(1), Peer::new(1));
    keeper.change(|tx| {
        (0..ELEMENTS).step_by(2).for_each(|n| assert!(tx.set("set").add(n).is_ok()));
    });
    untouched.pull(&keeper);
    churner.pull(&keeper);
    churner.change(|tx| {
        (1..ELEMENTS).step_by(2).for_each(|n| assert!(tx.set("set").add(n).is_ok()));
    });
    churner.change(|tx| {
        (1..ELEMENTS).step_by(2).for_each(|n| assert!(tx.set("set").remove(n).is_ok()));
    });
    keeper.pull(&churner);
    assert_eq!(churner.cell_count(), ELEMENTS as usize);

    let stability = members([keeper.acknowledgement(), churner.acknowledgement()]);
    let collected = churner.collect(&stability);
    assert_eq!(collected.tombstones, ELEMENTS as usize / 2);
    assert_eq!(churner.cell_count(), untouched.cell_count());
    assert_eq!(churner.range_tombstone_count(), 0);
    let fingerprint = |peer: &Peer| peer.document.store().view().fingerprint(&KeyRange::full());
    assert_eq!(fingerprint(&churner), fingerprint(&untouched));
    let own = [(churner.replica, u64::from(ELEMENTS))].into_iter().collect();
    assert_eq!(content(&churner, own), content(&untouched, VersionVector::new()));
}
