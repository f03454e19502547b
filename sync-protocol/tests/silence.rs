use rejoin_sync::{CloseReason, Event, Kind, SessionError, State, Times};

use crate::common::Net;

#[test]
fn a_silent_peer_is_pinged_then_suspect_then_given_up() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.end(link, 0).is_stalled = true;
    net.advance(9_999);
    assert_eq!(net.status(link, 0).sent.of(Kind::Ping), 0);
    net.advance(1);
    assert!(net.status(link, 0).sent.of(Kind::Ping) > 0);
    net.advance(29_999);
    assert_eq!(net.status(link, 0).state, State::Up);
    net.advance(1);
    assert_eq!(net.status(link, 0).state, State::Suspect);
    assert_eq!(net.end(link, 0).count(|e| matches!(e, Event::PeerSuspect { missed: 3 })), 1);
    net.advance(20_000);
    let silent = CloseReason::Error(SessionError::Silent { missed: 5 });
    assert_eq!(net.end(link, 0).closed, Some(silent));
    assert_eq!(net.status(link, 0).state, State::Down);
}

#[test]
fn a_suspect_peer_that_is_heard_again_is_up() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.end(link, 0).is_stalled = true;
    net.advance(45_000);
    assert_eq!(net.status(link, 0).state, State::Suspect);
    net.end(link, 0).is_stalled = false;
    net.run();
    assert_eq!(net.status(link, 0).state, State::Up);
    assert_eq!(net.end(link, 0).count(|e| matches!(e, Event::PeerBack)), 1);
}

#[test]
fn a_quiet_session_stays_up_and_measures_the_round_trip() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.advance(3_600_000);
    net.assert_converged();
    assert_eq!(net.status(link, 0).state, State::Up);
    assert_eq!(net.status(link, 0).round_trip_ms, Some(0));
}

#[test]
fn closing_in_good_order_is_told_to_the_peer() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.end(link, 0).session.close();
    net.run();
    assert_eq!(net.end(link, 0).closed, Some(CloseReason::Local));
    assert_eq!(net.end(link, 1).closed, Some(CloseReason::Remote { code: 0 }));
}

#[test]
fn before_the_hello_of_the_peer_nothing_is_due_but_that() {
    let mut net = Net::new(3);
    let link = net.connect_stalled(0, 1);
    let hello_ms = net.now_ms + Times::default().hello_ms;
    net.write(2, 1, "to be announced to everybody");
    net.connect(0, 2);
    net.write(0, 2, "to be pushed to everybody");
    net.advance(1_000);
    assert_eq!(net.end(link, 0).session.poll_deadline(), Some(hello_ms));
    (0..2).for_each(|side| net.end(link, side).is_stalled = false);
    net.advance(1_000);
    net.assert_converged();
}
