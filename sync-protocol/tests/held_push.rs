use rejoin_sync::{Event, Kind};

use crate::common::Net;

/// Two connections to the same peer, the first of which is stalled: what is written meanwhile
/// arrives over the second one first. A third replica's change is what makes the base differ.
fn overtaken() -> (Net, usize, usize) {
    let mut net = Net::new(3);
    let (slow, fast) = (net.connect(0, 2), net.connect(1, 2));
    net.connect(0, 1);
    net.advance(2_000);
    net.end(slow, 1).is_stalled = true;
    // Replica 1 gets the change of replica 0 at once, and builds on it.
    net.write(0, 1, "the base");
    net.write(1, 2, "what builds on it");
    (net, slow, fast)
}

#[test]
fn a_push_that_overtakes_its_base_is_held_and_then_applied() {
    let (mut net, slow, fast) = overtaken();
    assert_eq!(net.end(fast, 1).count(|e| matches!(e, Event::Held { .. })), 1);
    assert!(net.status(fast, 1).held_bytes > 0);
    assert_eq!(net.sites[2].store.view().cell_count(), 0, "holding changes nothing");
    net.end(slow, 1).is_stalled = false;
    net.run();
    assert_eq!(net.sites[2].store.view().cell_count(), 2);
    assert_eq!(net.status(fast, 1).held_bytes, 0);
    assert_eq!(net.status(fast, 1).sent.of(Kind::Pull), 0, "nothing was asked for again");
    net.advance(1_000);
    net.assert_converged();
}

#[test]
fn a_push_whose_base_does_not_come_is_dropped_and_pulled() {
    let (mut net, slow, fast) = overtaken();
    // Announcements would bring the base earlier: this is about the hold alone.
    net.end(fast, 1).is_stalled = true;
    net.advance(499);
    assert_eq!(net.end(fast, 1).count(|e| matches!(e, Event::HeldDropped { .. })), 0);
    net.advance(1);
    assert_eq!(net.end(fast, 1).count(|e| matches!(e, Event::HeldDropped { .. })), 1);
    net.end(fast, 1).is_stalled = false;
    net.run();
    assert_eq!(net.sites[2].store.view().cell_count(), 2, "the pull brought both");
    net.end(slow, 1).is_stalled = false;
    net.advance(1_000);
    net.assert_converged();
}

#[test]
fn what_does_not_fit_into_the_hold_is_pulled_at_once() {
    let mut net = Net::new(3);
    let slow = net.connect(0, 2);
    let fast = net.connect_with(1, 2, |_, config| config.bounds.hold_bytes = 100);
    net.connect(0, 1);
    net.advance(2_000);
    net.end(slow, 1).is_stalled = true;
    net.write(0, 1, "the base");
    net.write(1, 2, &"longer than the hold ".repeat(10));
    assert_eq!(net.end(fast, 1).count(|e| matches!(e, Event::HeldDropped { .. })), 1);
    assert_eq!(net.sites[2].store.view().cell_count(), 2);
    net.end(slow, 1).is_stalled = false;
    net.advance(1_000);
    net.assert_converged();
}
