use rejoin_sync::Kind;

use crate::common::Net;

#[test]
fn a_new_session_carries_on_with_the_difference_only() {
    let mut net = Net::new(2);
    (0..500).for_each(|key| net.sites[0].write(key, &"v".repeat(100)));
    let link = net.connect(0, 1);
    net.advance(1_000);
    net.cut(link);
    net.sites[0].write(1, "while apart");
    net.sites[1].write(2, "while apart");
    let link = net.connect(0, 1);
    net.assert_converged();
    let deltas = net.changes_sent(link, 0) + net.changes_sent(link, 1);
    assert!(deltas < 400, "{deltas} bytes for two small changes");
}

#[test]
fn a_connection_that_breaks_at_any_byte_loses_nothing() {
    for kept in (0..3_000).step_by(97) {
        let mut net = Net::new(2);
        (0..40).for_each(|key| net.sites[0].write(key, &"v".repeat(50)));
        (40..80).for_each(|key| net.sites[1].write(key, &"v".repeat(50)));
        let link = net.connect_with(0, 1, |_, config| config.bounds.credit_bytes = 500);
        // Cut in the middle of a stream: give one side only the first bytes of what comes next.
        net.end(link, 0).is_stalled = true;
        net.sites[1].write(7, &"late".repeat(400));
        net.tell(1);
        net.run();
        let end = net.end(link, 0);
        end.inbound.truncate(kept);
        end.is_stalled = false;
        net.run();
        net.cut(link);
        net.connect(0, 1);
        net.assert_converged();
    }
}

#[test]
fn peers_that_remember_each_other_greet_with_a_hash() {
    let mut net = Net::new(2);
    for author in 10..60 {
        let mut other = crate::common::Site::new(author);
        other.write(u32::try_from(author).unwrap(), "by one of many replicas");
        net.sites.push(other);
        let last = net.sites.len() - 1;
        let link = net.connect(0, last);
        net.cut(link);
    }
    net.sites.truncate(2);
    let link = net.connect(0, 1);
    net.advance(2_000);
    let first = net.status(link, 0).sent.of(Kind::Hello);
    let memories = [0, 1].map(|side| net.end(link, side).session.remember());
    net.cut(link);
    let link = net.connect_with(0, 1, |side, config| config.remembered = memories[side].clone());
    let hello = net.status(link, 0).sent.of(Kind::Hello);
    println!("hello: {first} bytes, with a memory {hello}");
    assert!(hello < 150 && first > 1_000, "{first} and {hello} bytes");
    net.assert_converged();
    assert!(net.status(link, 0).is_in_sync && net.status(link, 1).is_in_sync);
    // The first difference after a hash must still be understood.
    net.write(0, 99, "afterwards");
    net.write(1, 98, "afterwards");
    net.advance(2_000);
    net.assert_converged();
}

#[test]
fn a_hash_that_means_nothing_to_the_peer_is_no_obstacle() {
    let mut net = Net::new(3);
    net.sites[0].write(1, "value");
    net.sites[1].write(2, "value");
    let link = net.connect(0, 1);
    net.advance(2_000);
    let memory = net.end(link, 0).session.remember();
    // The third replica never heard of what the first one remembers.
    net.sites[2].write(3, "value");
    let link = net.connect_with(0, 2, |side, config| {
        config.remembered = if side == 0 { memory.clone() } else { None };
    });
    net.advance(2_000);
    net.assert_converged();
    assert!(net.status(link, 0).is_in_sync && net.status(link, 1).is_in_sync);
}
