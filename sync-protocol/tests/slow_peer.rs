use rejoin_sync::document::Context;
use rejoin_sync::{CloseReason, Config, Event, Kind, Output, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net, Site, context};

const WINDOW: u64 = 4_096;

#[test]
fn a_peer_that_does_not_read_gets_its_credit_and_no_byte_more() {
    let mut net = Net::new(2);
    let link = net.connect_with(0, 1, |_, config| config.bounds.credit_bytes = WINDOW);
    net.end(link, 1).is_stalled = true;
    for round in 0..200 {
        net.write(0, round % 20, &"z".repeat(200));
    }
    let sent = net.changes_sent(link, 0);
    assert!(sent < WINDOW * 11 / 10, "{sent} bytes of deltas for a window of {WINDOW}");
    net.end(link, 1).is_stalled = false;
    net.advance(1_000);
    net.assert_converged();
    let sent = net.changes_sent(link, 0);
    assert!(sent < 3 * WINDOW, "caught up from the state: {sent} bytes for 200 writes to 20 cells");
}

#[test]
fn a_store_that_is_slow_holds_back_credit() {
    let mut net = Net::new(2);
    let link = net.connect_with(0, 1, |_, config| config.bounds.credit_bytes = WINDOW);
    net.end(link, 1).is_store_stalled = true;
    for round in 0..200 {
        net.write(0, round, &"z".repeat(200));
    }
    let sent = net.changes_sent(link, 0);
    assert!(sent < 4 * WINDOW, "{sent} bytes of deltas for a window of {WINDOW}");
    net.end(link, 1).is_store_stalled = false;
    let (store, now_ms) = (net.sites[1].store.clone(), net.now_ms);
    net.end(link, 1).session.delta_applied(&store, now_ms);
    net.run();
    net.advance(1_000);
    net.assert_converged();
}

#[test]
fn a_delta_larger_than_the_whole_window_arrives() {
    let mut net = Net::new(2);
    (0..100).for_each(|key| net.sites[0].write(key, &"w".repeat(1_000)));
    let link = net.connect_with(0, 1, |_, config| config.bounds.credit_bytes = WINDOW);
    net.assert_converged();
    assert_eq!(net.end(link, 1).count(|e| matches!(e, Event::Applied { .. })), 1);
}

#[test]
fn what_waits_behind_a_busy_store_is_not_unfolded() {
    // A delta may take a thousand times its length in memory, so those that wait stay as they came.
    let mut author = Site::new(5);
    author.write(1, "first");
    let delta = author.store.delta_since(&Context::default());
    let hello = Hello { context: context(&author), ..Hello::default() };
    let no_delta = raw::frame(Kind::Delta.number(), &[0x92, 0x00, 0xc4, 0x01, 0xff]);
    let stream = [hello.stream(), raw::delta(0, &delta), no_delta].concat();
    let mut site = Site::new(1);
    let mut session = Session::new(Config::new(CLUSTER), &site.store, 0);
    session.handle_bytes(&stream, &site.store, 0).unwrap();
    let given = std::iter::from_fn(|| session.poll_output()).find_map(|output| match output {
        Output::Apply(delta) => Some(delta),
        _ => None,
    });
    site.store.join(given.unwrap(), site.id).unwrap();
    session.delta_applied(&site.store, 1);
    let closed = std::iter::from_fn(|| session.poll_output()).find_map(|output| match output {
        Output::Close(reason) => Some(reason),
        _ => None,
    });
    assert!(matches!(closed, Some(CloseReason::Error(SessionError::Delta(_)))), "{closed:?}");
}
