//! Range tombstones take what they have seen, whatever the types below them.

use crate::{Peer, members};

#[test]
fn a_range_tombstone_goes_when_every_member_has_acknowledged_it() {
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    a.change(|tx| {
        tx.register(("inbox", 1)).set("first").unwrap();
        tx.remove_wins_set(("inbox", 2)).add("second").unwrap();
    });
    b.pull(&a);
    a.change(|tx| tx.delete("inbox").unwrap());
    assert_eq!(a.range_tombstone_count(), 1);
    assert!(a.collect(&members([a.acknowledgement(), b.acknowledgement()])).is_empty());
    b.change(|tx| tx.register(("inbox", 3)).set("third").unwrap());
    b.pull(&a);
    let collected = a.collect(&members([a.acknowledgement(), b.acknowledgement()]));
    assert_eq!((collected.range_tombstones, a.range_tombstone_count()), (1, 0));
    // What was written concurrently survives where the range tombstone is gone, too.
    a.pull(&b);
    for peer in [&a, &b] {
        assert_eq!(peer.view().prefix("inbox").count(), 1);
        assert_eq!(peer.view().register(("inbox", 3)).get::<String>().unwrap().unwrap(), "third");
    }
}
