use rejoin_sync::Event;

use crate::common::Net;

#[test]
fn two_sessions_to_the_same_peer_do_no_harm() {
    let mut net = Net::new(2);
    (0..20).for_each(|key| net.sites[0].write(key, "left"));
    let first = net.connect(0, 1);
    let second = net.connect(0, 1);
    (0..10).for_each(|key| {
        net.write(0, key, "left again");
        net.write(1, key + 100, "right");
    });
    net.advance(5_000);
    net.assert_converged();
    net.cut(first);
    net.write(1, 5, "over the one that is left");
    net.advance(5_000);
    net.assert_converged();
    let end = net.end(second - 1, 1);
    assert!(end.count(|e| matches!(e, Event::Redundant { .. })) > 0, "seen, and dropped");
}
