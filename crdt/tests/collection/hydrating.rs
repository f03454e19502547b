//! A replica in the middle of a catch-up has not all that its context speaks of.

use crate::{Peer, members};
use rejoin_crdt::KeyRange;
use rejoin_crdt::path::{IntoPath, Key, TypeTag};

#[test]
fn a_replica_that_is_hydrating_collects_nothing() {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    for name in ["apples", "pears"] {
        a.change(|tx| tx.register(name).set(1).unwrap());
        a.change(|tx| tx.register(name).delete().unwrap());
    }
    let border = Key::new("pears".into_path(), TypeTag::Register).unwrap();
    let (low, high) =
        (KeyRange::new(None, Some(border.clone())), KeyRange::new(Some(border), None));
    b.pull_range(&a, &low);
    // Even if somebody claims that everybody has everything.
    let claimed = members([a.acknowledgement()]);
    assert!(b.collect(&claimed).is_empty());
    b.pull_range(&a, &high);
    assert_eq!((b.collect(&claimed).tombstones, b.cell_count()), (2, 0));
}
